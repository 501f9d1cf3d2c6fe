"""BrowseComp: short answers that are hard to find on the web (Wei et al., arXiv 2504.12516).

Trains strategy and calibration. Its file is encrypted so that it does not end up in training data,
and each row carries a canary; so keep the records of episodes to yourself, which hold questions and
answers in the clear, and the canary beside them. The published score comes from a model that
compares answers. Here the reward is exact match after SQuAD's normalisation, which is stricter: an
answer in other words is not seen, and scores do not compare with published ones. Data:
`browse_comp_test_set.csv` of github.com/openai/simple-evals, `problem, answer, problem_topic,
canary`, and others of that form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from forethought.envs.card import Card
from forethought.envs.datasets.dataset import Dataset
from forethought.envs.datasets.rows import located
from forethought.envs.datasets.tables import read_table
from forethought.envs.lines import without_plan
from forethought.envs.rewards import brier, exact_match, token_f1
from forethought.envs.scoring import metric, reward
from forethought.envs.search.tape import Mode
from forethought.envs.search.web_tools import web_tools
from forethought.envs.task import Split, Task
from forethought.envs.tools import as_tool, tool

BLOCKED = ("huggingface.co", "openaipublic.blob.core.windows.net")
"""Where copies of the set lie."""

_ANSWER = re.compile(r"^\W*Exact Answer:\W*(.+)$", re.IGNORECASE | re.MULTILINE)
_CONFIDENCE = re.compile(r"^\W*Confidence:\W*(\d{1,3})\s*%?", re.IGNORECASE | re.MULTILINE)
_MAX_TURNS = 100


class Row(BaseModel):
    """A row of the file; problem and answer are encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problem: str
    answer: str
    problem_topic: str
    canary: str = Field(min_length=1)


class BrowseComp(Dataset):
    """One question; `search` names the provider of the web tools, and without one there are none.

    `tape` is the folder where what the web said is kept, `tape_mode` whether only that is asked;
    see `forethought.envs.search.web_tools`.
    """

    card: ClassVar[Card] = Card(
        traits=("strategy", "calibration"),
        horizon_unit="questions",
        horizons=(1, 1),
        licence="MIT (OpenAI)",
        source="Wei et al., arXiv 2504.12516",
    )
    folder = "browsecomp"
    files: Mapping[Split, str] = {"eval": "browse_comp_test_set.csv"}
    origin = "https://github.com/openai/simple-evals (browsecomp_eval.py names the file)"
    state_fields = ()
    instructions = (
        "Find the answer and reply in this form, or submit it:\n"
        "Explanation: ...\nExact Answer: short and final\nConfidence: 0% to 100%"
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        path: str | None = None,
        whole: bool = False,
        search: str | None = None,
        tape: str | None = None,
        tape_mode: Mode = "cache",
    ) -> None:
        super().__init__(horizon=horizon, split=split, path=path, whole=whole)
        if search is None and tape is not None:
            raise ValueError(f"tape={tape!r} needs search=PROVIDER, whose answers it holds")
        if search is not None:
            granted = web_tools(search, folder=tape, mode=tape_mode, blocked_domains=BLOCKED)
            found = map(as_tool, granted)
            self.tools = {**self.tools, **{each.name: each for each in found}}

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All questions, decrypted. Raises ValueError for a row that its canary does not open."""
        return _read(file)

    def max_steps(self) -> int:
        """Room for a long search."""
        return _MAX_TURNS

    async def reply(self, text: str) -> str:
        """Text without a call is the answer, in the form that was asked for or as it is."""
        text = without_plan(text)
        answers, sure = _ANSWER.findall(text), _CONFIDENCE.findall(text)
        confidence = min(int(sure[-1]), 100) / 100 if sure else None
        return self.submit(answers[-1].strip() if answers else text, confidence)

    @tool
    def submit(self, answer: str, confidence: float | None = None) -> str:
        """give the final answer and, from 0 to 1, how sure you are"""
        return super().submit(answer, confidence)

    @reward
    def exact(self) -> float:
        """1 if the answer is the right one but for case, articles and punctuation."""
        return float(self.submitted is not None and exact_match(self._given(), [self._gold()]))

    @metric
    def f1(self) -> float:
        """Overlap of words with the right answer."""
        return 0.0 if self.submitted is None else token_f1(self._given(), self._gold())

    @metric
    def calibration(self) -> float | None:
        """Brier score of the stated confidence; None if none was stated."""
        if self.submitted is None or self.submitted.confidence is None:
            return None
        return brier(self.exact() == 1.0, self.submitted.confidence)

    def oracle(self) -> str:
        """The answer in the form that was asked for; nobody's way to it comes with the set."""
        return f"plan: answer\nExact Answer: {self._gold()}\nConfidence: 100%"

    def floor(self, rng: np.random.Generator) -> str:
        """A year."""
        return f"Exact Answer: {rng.integers(1900, 2025)}\nConfidence: 1%"

    def _given(self) -> str:
        assert self.submitted is not None
        return self.submitted.answer

    def _gold(self) -> str:
        return str(self.task.answer)


def decrypt(text: str, password: str) -> str:
    """A text that was XORed with the SHA-256 of a password, over and over, and put into base64.

    As `decrypt` in simple-evals. Raises ValueError if it is no base64 or the password is wrong.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from None
    key = cycle(hashlib.sha256(password.encode()).digest())
    try:
        return bytes(byte ^ mask for byte, mask in zip(data, key, strict=False)).decode()
    except UnicodeDecodeError:
        raise ValueError("the canary does not decrypt it") from None


def _read(file: Path) -> Iterator[Task]:
    for number, (where, row) in enumerate(read_table(file, Row)):
        with located(where):
            question, answer = decrypt(row.problem, row.canary), decrypt(row.answer, row.canary)
        yield Task(
            id=f"browsecomp-{number}",
            prompt=question,
            answer=answer,
            data={"canary": row.canary, "topic": row.problem_topic},
            traits=BrowseComp.card.traits,
        )
