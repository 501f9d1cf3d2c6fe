"""TreeBatch: many sequences that share beginnings, packed into one row without repeating them.

The token trie of all rows is laid out depth first. A token may attend to itself and its ancestors,
which in this order are the earlier tokens whose subtree it lies in: `k <= q < subtree_end[k]`. One
vector thus describes the whole attention pattern.

A draw is one sampled token, named by its episode, its call and its place in it. Where a history
is shared, by forks or by several segments of an episode, its draws are the same draws and are
trained once; two draws that happen to be the same token share a row of the trie and keep a term
each.

Legend: N distinct tokens, M draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from forethought.agents.templates.tokens import common_prefix

Key = tuple[str, int, int]
"""Episode, call within it, position within the call's completion."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """A sampled token at `position` of its row, and what the loss needs to know of it."""

    key: Key
    position: int
    logprob: float
    """Under the policy that sampled it (mu)."""
    advantage: float
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A sequence of tokens, some of which were sampled."""

    ids: tuple[int, ...]
    draws: tuple[Draw, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeBatch:
    """What one forward and backward pass takes."""

    ids_N: Tensor
    position_N: Tensor
    subtree_end_N: Tensor
    source_M: Tensor
    """Row of the trie whose hidden state predicts the draw: its parent."""
    target_M: Tensor
    logprob_M: Tensor
    advantage_M: Tensor
    weight_M: Tensor
    sequence_M: Tensor
    """Episode of the draw, counted from 0; for losses that average over a sequence."""
    episodes: tuple[str, ...]
    """Episode of the draw, by name (M)."""
    num_row_tokens: int
    """Tokens of the rows before sharing."""

    @property
    def num_tokens(self) -> int:
        """Distinct tokens, N."""
        return self.ids_N.shape[0]

    @property
    def num_draws(self) -> int:
        """Trained tokens, M."""
        return self.target_M.shape[0]

    def to(self, device: torch.device) -> TreeBatch:
        """The same batch on a device."""
        return replace(
            self,
            ids_N=self.ids_N.to(device),
            position_N=self.position_N.to(device),
            subtree_end_N=self.subtree_end_N.to(device),
            source_M=self.source_M.to(device),
            target_M=self.target_M.to(device),
            logprob_M=self.logprob_M.to(device),
            advantage_M=self.advantage_M.to(device),
            weight_M=self.weight_M.to(device),
            sequence_M=self.sequence_M.to(device),
        )


def tree_batches(rows: Iterable[Row], *, max_tokens: int | None = None) -> list[TreeBatch]:
    """Pack rows into batches of at most `max_tokens` distinct tokens (a longer row stands alone).

    A draw that appears in several rows is trained once, with the mean of its advantages and of its
    weights there; rows that are left without a draw are left out. Raises ValueError for a draw at
    position 0: nothing predicts it.
    """
    batches: list[_Builder] = []
    useful = (row for row in each_draw_once(rows) if row.draws)
    for row in sorted(useful, key=lambda row: row.ids):
        if not batches or not batches[-1].has_room(row, max_tokens):
            batches.append(_Builder())
        batches[-1].add(row)
    return [builder.build() for builder in batches]


def pulling(rows: Iterable[Row]) -> list[Row]:
    """Rows with the draws of non-zero advantage alone, each cut after its last one.

    What is left out has no part in the gradient of a loss that is zero where the advantage is, and
    is not computed. Every draw has to stand in one row only, see `each_draw_once`.
    """
    found = []
    for row in rows:
        draws = tuple(draw for draw in row.draws if draw.advantage != 0)
        if draws:
            end = max(draw.position for draw in draws) + 1
            found.append(Row(ids=row.ids[:end], draws=draws))
    return found


class _Builder:
    """A trie that grows by rows in lexicographic order.

    In that order rows with a common beginning are neighbours, so new tokens arrive depth first and
    a subtree is complete as soon as a row leaves it.
    """

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.subtree_end: list[int] = []
        self.path: list[int] = []
        self.row: tuple[int, ...] = ()
        self.sources: list[int] = []
        self.targets: list[int] = []
        self.draws: list[Draw] = []
        self.num_row_tokens = 0

    def has_room(self, row: Row, max_tokens: int | None) -> bool:
        fresh = len(row.ids) - common_prefix(self.row, row.ids)
        return max_tokens is None or fresh == 0 or len(self.ids) + fresh <= max_tokens

    def add(self, row: Row) -> None:
        shared = common_prefix(self.row, row.ids)
        for node in self.path[shared:]:
            self.subtree_end[node] = len(self.ids)
        self.path[shared:] = range(len(self.ids), len(self.ids) + len(row.ids) - shared)
        self.ids.extend(row.ids[shared:])
        self.positions.extend(range(shared, len(row.ids)))
        self.subtree_end.extend([-1] * (len(row.ids) - shared))
        self.row = row.ids
        self.num_row_tokens += len(row.ids)
        for draw in row.draws:
            self.sources.append(self.path[draw.position - 1])
            self.targets.append(row.ids[draw.position])
            self.draws.append(draw)

    def build(self) -> TreeBatch:
        for node in self.path:
            self.subtree_end[node] = len(self.ids)
        episodes = {draw.key[0]: None for draw in self.draws}
        numbers = {episode: number for number, episode in enumerate(episodes)}
        return TreeBatch(
            ids_N=torch.tensor(self.ids),
            position_N=torch.tensor(self.positions),
            subtree_end_N=torch.tensor(self.subtree_end),
            source_M=torch.tensor(self.sources, dtype=torch.long),
            target_M=torch.tensor(self.targets, dtype=torch.long),
            logprob_M=torch.tensor([draw.logprob for draw in self.draws]),
            advantage_M=torch.tensor([draw.advantage for draw in self.draws]),
            weight_M=torch.tensor([draw.weight for draw in self.draws]),
            sequence_M=torch.tensor(
                [numbers[draw.key[0]] for draw in self.draws], dtype=torch.long
            ),
            episodes=tuple(draw.key[0] for draw in self.draws),
            num_row_tokens=self.num_row_tokens,
        )


def each_draw_once(rows: Iterable[Row]) -> list[Row]:
    """Each draw in the first row that has it alone, with its mean advantage and weight.

    Raises ValueError for a draw at position 0: nothing predicts it.
    """
    rows = list(rows)
    seen: dict[Key, list[Draw]] = {}
    for row in rows:
        for draw in row.draws:
            if draw.position == 0:
                raise ValueError(f"draw {draw.key}: the first token of a row cannot be trained")
            seen.setdefault(draw.key, []).append(draw)
    merged = {key: _mean(draws) for key, draws in seen.items()}
    return [
        replace(row, draws=tuple(merged.pop(d.key) for d in row.draws if d.key in merged))
        for row in rows
    ]


def _mean(draws: list[Draw]) -> Draw:
    advantage = sum(draw.advantage for draw in draws) / len(draws)
    weight = sum(draw.weight for draw in draws) / len(draws)
    return replace(draws[0], advantage=advantage, weight=weight)
