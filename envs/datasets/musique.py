"""MuSiQue-Ans: two to four hops that cannot be skipped (Trivedi et al., arXiv 2108.00573).

See `multihop` for what it trains and how it is scored. Its questions come with the sub-questions
that they were composed of, which are the expert's plan. Data: the official
`musique_ans_v1.0_train.jsonl` and `_dev.jsonl` (github.com/StonyBrookNLP/musique), whose paragraphs
are the corpus; or JSON Lines of `id, question, answer, aliases, hops, gold_docs, decomposition,
answerable` with `corpus` naming the numbered paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, RootModel, Tag

from forethought.envs.card import Card
from forethought.envs.datasets.library import Paragraph
from forethought.envs.datasets.multihop import MultiHop, row_kind
from forethought.envs.datasets.rows import located, read_rows
from forethought.envs.task import Split, Task

_EARLIER = re.compile(r"#(\d+)")
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Context(BaseModel):
    """A paragraph that an official question comes with."""

    model_config = _STRICT

    idx: int
    title: str
    paragraph_text: str
    is_supporting: bool


class Step(BaseModel):
    """A sub-question; `#1` in it stands for the answer to the first."""

    model_config = _STRICT

    id: int
    question: str
    answer: str
    paragraph_support_idx: int


class ShortStep(BaseModel):
    """A sub-question in an indexed file."""

    model_config = _STRICT

    question: str = Field(alias="q")
    answer: str = Field(alias="a")


class Official(BaseModel):
    """A line of an official file."""

    model_config = _STRICT

    id: str
    paragraphs: tuple[Context, ...]
    question: str
    question_decomposition: tuple[Step, ...] = Field(min_length=1)
    answer: str
    answer_aliases: tuple[str, ...]
    answerable: bool


class Indexed(BaseModel):
    """A line whose evidence is told by numbers of a corpus."""

    model_config = _STRICT

    id: str
    question: str
    answer: str
    aliases: tuple[str, ...]
    hops: int
    gold_docs: tuple[int, ...] = Field(min_length=1)
    decomposition: tuple[ShortStep, ...] = Field(min_length=1)
    answerable: bool


class Row(
    RootModel[
        Annotated[
            Annotated[Official, Tag("official")] | Annotated[Indexed, Tag("indexed")],
            Discriminator(row_kind),
        ]
    ]
):
    """A line of either kind."""


def read_contexts(file: Path) -> Iterator[Paragraph]:
    """The paragraphs that official lines come with. Raises ValueError for one without."""
    for where, row in read_rows(file, Row):
        if isinstance(row.root, Indexed):
            raise ValueError(f"{where}: the line has no paragraphs; pass corpus=FILE")
        for each in row.root.paragraphs:
            yield Paragraph(title=each.title, text=each.paragraph_text)


class MuSiQue(MultiHop):
    """Questions composed of sub-questions, each of which needs the answer to the one before."""

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="pages with evidence",
        horizons=(1, 16),
        usual_horizons=(2, 3, 4),
        floor=0.0,
        licence="CC BY 4.0 (MuSiQue; paragraphs from Wikipedia, CC BY-SA)",
        source="Trivedi et al., arXiv 2108.00573",
    )
    folder = "musique"
    files: Mapping[Split, str] = {
        "train": "musique_ans_v1.0_train.jsonl",
        "eval": "musique_ans_v1.0_dev.jsonl",
    }
    origin = "https://github.com/StonyBrookNLP/musique"
    contexts = read_contexts

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All questions. Raises ValueError naming the line that is broken."""
        return _read(file)


def _read(file: Path) -> Iterator[Task]:
    for where, row in read_rows(file, Row):
        item = row.root
        if not item.answerable:
            raise ValueError(f"{where}: answerable is false: MuSiQue-Ans is read, not MuSiQue-Full")
        steps = item.decomposition if isinstance(item, Indexed) else item.question_decomposition
        with located(where):
            pages: list[JsonValue] = [
                *(item.gold_docs if isinstance(item, Indexed) else _pages(item))
            ]
            asked = _filled([step.question for step in steps], [step.answer for step in steps])
        aliases = item.aliases if isinstance(item, Indexed) else item.answer_aliases
        yield Task(
            id=item.id,
            prompt=item.question,
            answer=item.answer,
            data={"answers": [item.answer, *aliases], "pages": pages, "steps": [*asked]},
            traits=MuSiQue.card.traits,
            horizon=len(pages),
        )


def _pages(item: Official) -> list[str]:
    """Titles of the paragraphs that the steps rest on."""
    titles = {each.idx: each.title.strip() for each in item.paragraphs}
    wanted = [step.paragraph_support_idx for step in item.question_decomposition]
    strange = [number for number in wanted if number not in titles]
    if strange:
        raise ValueError(f"paragraph_support_idx {strange[0]} is no paragraph's idx")
    return [titles[number] for number in wanted]


def _filled(questions: Sequence[str], answers: Sequence[str]) -> list[str]:
    """Sub-questions, each `#n` replaced by the answer to the n-th."""

    def earlier(found: re.Match[str]) -> str:
        number = int(found[1])
        if not 1 <= number <= len(answers):
            raise ValueError(f"{found[0]} in a sub-question stands for no answer")
        return answers[number - 1]

    return [_EARLIER.sub(earlier, question) for question in questions]
