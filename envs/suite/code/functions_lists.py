"""Functions on lists and intervals: merge, cut, count, choose."""

from __future__ import annotations

import numpy as np
from pydantic import JsonValue

from forethought.envs.suite.code.functions import Choices, Family, ints, number


def _intervals(rng: np.random.Generator, most: int = 6) -> list[JsonValue]:
    starts = ints(rng, 0, 20, most=most)
    return [[start, int(start) + number(rng, 0, 6)] for start in starts if isinstance(start, int)]


def _covered(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    low = number(rng, 0, 10)
    return [_intervals(rng, 5), low, low + number(rng, 0, 12)]


def _sorted(rng: np.random.Generator) -> list[JsonValue]:
    return sorted(ints(rng, 0, 9, most=8), key=str)


def _rows(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    width = number(rng, 1, 4)
    return [[[number(rng, 0, 9) for _ in range(width)] for _ in range(number(rng, 1, 4))]]


LISTS = (
    Family(
        names=("merge_intervals", "join_ranges", "union_of_spans"),
        choices={"gap": ("0", "1", "2", "3")},
        source='''
def $name(intervals):
    """Merge [start, end] pairs that overlap or lie at most $gap apart; sorted by start."""
    merged = []
    for start, end in sorted(intervals):
        if len(merged) > 0 and start - merged[-1][1] <= $gap:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged
''',
        edges=(([],), ([[0, 9], [2, 3], [20, 20]],)),
        inputs=lambda rng, chosen: [_intervals(rng)],
    ),
    Family(
        names=("covered_length", "length_inside", "measure_cover"),
        source='''
def $name(intervals, low, high):
    """Length of what the [start, end] pairs cover between low and high, overlaps once."""
    total = 0
    reached = low
    for start, end in sorted(intervals):
        start = max(start, reached)
        end = min(end, high)
        if end > start:
            total += end - start
            reached = end
    return total
''',
        edges=(([], 0, 5), ([[0, 9]], 2, 5), ([[0, 4], [2, 6]], 1, 9)),
        inputs=_covered,
    ),
    Family(
        names=("overlapping_chunks", "windows", "cut_pieces"),
        choices={"overlap": ("1", "2", "3")},
        source='''
def $name(values, size):
    """Cut values into pieces of size elements that overlap by $overlap; size is greater than that.

    The last piece may be shorter, but holds something new.
    """
    pieces = []
    start = 0
    while start < len(values):
        pieces.append(values[start:start + size])
        if start + size >= len(values):
            break
        start += size - $overlap
    return pieces
''',
        edges=(([], 5), ([1, 2, 3, 4, 5, 6, 7, 8], 4)),
        inputs=lambda rng, chosen: [
            ints(rng, 0, 9, most=12),
            number(rng, 1, 4) + int(chosen["overlap"]),
        ],
    ),
    Family(
        names=("rotate_left", "turn_list", "cycle_left"),
        choices={"every": ("2", "3", "4")},
        source='''
def $name(values, steps):
    """Rotate values left by $every times steps places; right where steps is negative."""
    if len(values) == 0:
        return []
    cut = steps * $every % len(values)
    return values[cut:] + values[:cut]
''',
        edges=(([], 3), ([1, 2, 3, 4, 5], 1), ([1, 2, 3, 4, 5], -1)),
        inputs=lambda rng, chosen: [ints(rng, 0, 9, most=8), number(rng, -6, 6)],
    ),
    Family(
        names=("limit_repeats", "keep_few", "thin_out"),
        choices={"most": ("1", "2", "3")},
        source='''
def $name(values):
    """The values in their order, of equal ones only the first $most."""
    counts = {}
    kept = []
    for value in values:
        seen = counts.get(value, 0)
        if seen < $most:
            kept.append(value)
        counts[value] = seen + 1
    return kept
''',
        edges=(([],), ([1, 1, 1, 1, 1, 2],)),
        inputs=lambda rng, chosen: [ints(rng, 0, 2, most=10)],
    ),
    Family(
        names=("most_frequent", "top_values", "rank_values"),
        choices={"least": ("1", "2")},
        source='''
def $name(values, count):
    """The count most frequent values, the smaller first of equally frequent ones.

    Values that occur fewer than $least times are left out.
    """
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    ranked = []
    for value in counts:
        if counts[value] >= $least:
            ranked.append([-counts[value], value])
    ranked.sort()
    return [pair[1] for pair in ranked[:count]]
''',
        edges=(([], 2), ([3, 3, 1, 1, 2, 2, 2], 2)),
        inputs=lambda rng, chosen: [ints(rng, 0, 4, most=12), number(rng, 0, 4)],
    ),
    Family(
        names=("best_stretch", "richest_part", "largest_sum"),
        source='''
def $name(values):
    """[sum, start, end] of the stretch values[start:end] with the largest sum, not empty.

    Of several the one that ends first counts, and starts first; an empty list gives [0, 0, 0].
    """
    best = [0, 0, 0]
    total = 0
    start = 0
    for place in range(len(values)):
        if total < 0:
            total = 0
            start = place
        total += values[place]
        if place == 0 or total > best[0]:
            best = [total, start, place + 1]
    return best
''',
        edges=(([],), ([-3, -2, -5],), ([2, -1, 3, -9, 4],)),
        inputs=lambda rng, chosen: [ints(rng, -5, 5, most=9)],
    ),
    Family(
        names=("insert_position", "lower_bound", "place_for"),
        source='''
def $name(values, wanted):
    """How many of the values, which are sorted, are smaller than wanted; by halving."""
    low = 0
    high = len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
''',
        edges=(([], 3), ([1, 3, 3, 5], 3), ([1, 3, 3, 5], 9)),
        inputs=lambda rng, chosen: [_sorted(rng), number(rng, -1, 10)],
    ),
    Family(
        names=("turn_clockwise", "rotate_grid", "turn_right"),
        choices={"turns": ("1", "2", "3")},
        source='''
def $name(rows):
    """The rows of a grid turned clockwise $turns times by a right angle."""
    for turn in range($turns):
        turned = []
        for column in range(len(rows[0])):
            line = []
            for row in range(len(rows) - 1, -1, -1):
                line.append(rows[row][column])
            turned.append(line)
        rows = turned
    return rows
''',
        edges=(([[1, 2, 3], [4, 5, 6]],),),
        inputs=_rows,
    ),
    Family(
        names=("running_means", "smooth", "moving_average"),
        choices={"reach": ("1", "2", "3")},
        source='''
def $name(values):
    """For each value the mean of it and its up to $reach neighbours on either side."""
    means = []
    for place in range(len(values)):
        low = max(0, place - $reach)
        high = min(len(values), place + $reach + 1)
        means.append(sum(values[low:high]) / (high - low))
    return means
''',
        edges=(([],), ([1, 2, 4, 8, 16, 32],)),
        inputs=lambda rng, chosen: [ints(rng, 0, 20, most=8)],
    ),
)
