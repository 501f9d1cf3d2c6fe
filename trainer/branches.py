"""Branch credit: an episode's advantage goes to the tokens where it parted from its siblings.

Episodes of a group that began alike are one path in the trie of their tokens. The value of a node
is the mean advantage of the episodes that pass it, and a sampled token is worth the difference it
made: the value after it minus the value before it. Where all siblings did the same, nothing can be
told and nothing is changed; along an episode the credits add up to what sets it apart from the
group. This is a Monte Carlo estimate of the turn-level advantage on a tree of rollouts (as in
VinePPO, arXiv 2410.01679, without its extra rollouts), and with a confident policy it is far less
noisy than giving each token the whole of it.

Legend: G episodes of a group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from forethought.trainer.tree import Draw, Row


def branch_credit(
    rows_G: Sequence[Sequence[Row]], advantages_G: Sequence[float]
) -> list[list[Row]]:
    """The rows of each episode of a group, each draw's advantage taken from the trie."""
    trie = _Trie()
    paths = [[trie.path(row.ids, episode) for row in rows] for episode, rows in enumerate(rows_G)]
    values = [
        sum(advantages_G[episode] for episode in members) / len(members) for members in trie.members
    ]
    return [
        [
            replace(row, draws=tuple(_credited(draw, path, values) for draw in row.draws))
            for row, path in zip(rows, row_paths, strict=True)
        ]
        for rows, row_paths in zip(rows_G, paths, strict=True)
    ]


def _credited(draw: Draw, path: Sequence[int], values: Sequence[float]) -> Draw:
    before, after = path[draw.position - 1], path[draw.position]
    return replace(draw, advantage=values[after] - values[before])


class _Trie:
    """Nodes by number, and which episodes pass each."""

    def __init__(self) -> None:
        self.members: list[set[int]] = []
        self._nodes: dict[tuple[int, int], int] = {}

    def path(self, ids: Sequence[int], episode: int) -> list[int]:
        """The nodes that a sequence passes, made where they are new."""
        path: list[int] = []
        for token in ids:
            key = (path[-1] if path else -1, token)
            node = self._nodes.setdefault(key, len(self.members))
            if node == len(self.members):
                self.members.append(set())
            self.members[node].add(episode)
            path.append(node)
        return path
