"""Hybrid retrieval: several rankings made one, so that each finds what the others miss."""

from __future__ import annotations

from collections.abc import Sequence

from forethought.envs.search.retrieval import Catalogue, Document, Ranker

CONSTANT = 60
"""Of Cormack et al.; the larger it is, the less the first places of one ranking count."""


def fused(
    rankings: Sequence[Sequence[int]],
    *,
    weights: Sequence[float] | None = None,
    constant: int = CONSTANT,
) -> list[int]:
    """Reciprocal rank fusion: what stands high in many rankings comes first.

    score(d) = sum over rankings of weight / (constant + rank of d), with ranks from 1 and nothing
    where d is missing (Cormack, Clarke and Buettcher, SIGIR 2009). Equal scores go by number.
    Raises ValueError unless there is a weight for each ranking.
    """
    weights = [1.0] * len(rankings) if weights is None else weights
    if len(weights) != len(rankings):
        raise ValueError(f"{len(rankings)} rankings need as many weights, not {len(weights)}")
    scores: dict[int, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + weight / (constant + rank)
    return sorted(scores, key=lambda number: (-scores[number], number))


class HybridIndex:
    """A catalogue that several rankers search; each of them was built from the same documents.

    It owns none of them: whoever built them closes them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        rankers: Sequence[Ranker],
        *,
        weights: Sequence[float] | None = None,
        depth: int = 50,
    ) -> None:
        if not rankers:
            raise ValueError("a hybrid index needs at least one ranker")
        self.catalogue = catalogue
        self._rankers = tuple(rankers)
        self._weights = weights
        self._depth = depth
        """How far down each ranking is read."""

    def __len__(self) -> int:
        return len(self.catalogue)

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` best documents of all rankings together."""
        return [self.catalogue.documents[index] for index in self.rank(query, k)]

    def rank(self, query: str, k: int) -> list[int]:
        """Numbers of the `k` best documents."""
        if k < 1:
            return []
        rankings = [ranker.rank(query, max(k, self._depth)) for ranker in self._rankers]
        return fused(rankings, weights=self._weights)[:k]

    def open(self, title: str) -> Document:
        """See `Catalogue.open`."""
        return self.catalogue.open(title)

    def find(self, title: str, pattern: str) -> list[str]:
        """See `Catalogue.find`."""
        return self.catalogue.find(title, pattern)
