"""HotpotQA and 2WikiMultiHopQA: questions over two pages or more of Wikipedia.

Yang et al., arXiv 1809.09600; Ho et al., arXiv 2011.01060. See `multihop` for what they train and
how they are scored. Data: the official files (`hotpot_train_v1.1.json` of hotpotqa.github.io,
`train.json` of github.com/Alab-NII/2wikimultihop), whose contexts are the corpus; or JSON Lines of
`id, question, answer, type, level, gold_docs` with `corpus` naming the numbered paragraphs. A file
longer than 256 MiB has to be made JSON Lines first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, RootModel, Tag

from forethought.envs.card import Card
from forethought.envs.datasets.library import Paragraph
from forethought.envs.datasets.multihop import MultiHop, row_kind
from forethought.envs.datasets.rows import located, read_rows
from forethought.envs.task import Split, Task


class Official(BaseModel):
    """An item of an official file; 2Wiki's have fields that HotpotQA's have not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(alias="_id")
    question: str
    answer: str
    type: str
    level: str = ""
    supporting_facts: tuple[tuple[str, int], ...] = Field(min_length=1)
    context: tuple[tuple[str, tuple[str, ...]], ...]
    evidences: JsonValue = None
    evidences_id: JsonValue = None
    entity_ids: JsonValue = None
    answer_id: JsonValue = None


class Indexed(BaseModel):
    """A line whose evidence is told by numbers of a corpus."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    question: str
    answer: str
    type: str
    level: str = ""
    gold_docs: tuple[int, ...] = Field(min_length=1)


class Row(
    RootModel[
        Annotated[
            Annotated[Official, Tag("official")] | Annotated[Indexed, Tag("indexed")],
            Discriminator(row_kind),
        ]
    ]
):
    """An item of either kind."""


def read_contexts(file: Path) -> Iterator[Paragraph]:
    """The paragraphs that official items come with. Raises ValueError for one without."""
    for where, row in read_rows(file, Row):
        if isinstance(row.root, Indexed):
            raise ValueError(f"{where}: the item has no context; pass corpus=FILE")
        for title, sentences in row.root.context:
            yield Paragraph(title=title, text="".join(sentences))


class HotpotQA(MultiHop):
    """Bridges and comparisons over two pages."""

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="pages with evidence",
        horizons=(1, 16),
        usual_horizons=(2,),
        floor=0.0,
        licence="CC BY-SA 4.0 (HotpotQA; paragraphs from Wikipedia)",
        source="Yang et al., arXiv 1809.09600",
    )
    folder = "hotpotqa"
    files: Mapping[Split, str] = {
        "train": "hotpot_train_v1.1.json",
        "eval": "hotpot_dev_distractor_v1.json",
    }
    origin = "https://hotpotqa.github.io"
    contexts = read_contexts

    @classmethod
    def load(cls, file: Path) -> Iterable[Task]:
        """All questions. Raises ValueError naming the item that is broken."""
        return _read(file)


class TwoWiki(HotpotQA):
    """2WikiMultiHopQA: the same file format, two to four pages."""

    card: ClassVar[Card] = Card(
        traits=("skills", "strategy", "calibration"),
        horizon_unit="pages with evidence",
        horizons=(1, 16),
        usual_horizons=(2, 4),
        licence="Apache-2.0 (2WikiMultiHopQA; paragraphs from Wikipedia, CC BY-SA)",
        source="Ho et al., arXiv 2011.01060",
    )
    folder = "2wikimultihopqa"
    files: Mapping[Split, str] = {"train": "train.json", "eval": "dev.json"}
    origin = "https://github.com/Alab-NII/2wikimultihop"


def _read(file: Path) -> Iterator[Task]:
    for where, row in read_rows(file, Row):
        item = row.root
        with located(where):
            pages: list[JsonValue] = [
                *(item.gold_docs if isinstance(item, Indexed) else _pages(item))
            ]
        yield Task(
            id=item.id,
            prompt=item.question,
            answer=item.answer,
            data={"answers": [item.answer], "pages": pages, "steps": []},
            traits=HotpotQA.card.traits,
            horizon=len(pages),
        )


def _pages(item: Official) -> list[str]:
    """Titles of the supporting paragraphs."""
    titles = [*dict.fromkeys(title.strip() for title, _ in item.supporting_facts)]
    known = {title.strip() for title, _ in item.context}
    strange = [title for title in titles if title not in known]
    if strange:
        raise ValueError(f"no paragraph has the supporting title {strange[0]!r}")
    return titles
