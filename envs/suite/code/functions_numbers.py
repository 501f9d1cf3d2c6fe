"""Functions on numbers, grids and graphs: divide, count, search."""

from __future__ import annotations

import numpy as np
from pydantic import JsonValue

from forethought.envs.suite.code.functions import Choices, Family, ints, number


def _edges(rng: np.random.Generator, nodes: int, most: int) -> list[JsonValue]:
    return [
        [number(rng, 0, nodes - 1), number(rng, 0, nodes - 1)] for _ in range(number(rng, 0, most))
    ]


def _graph(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    nodes = number(rng, 1, 6)
    return [nodes, _edges(rng, nodes, 7)]


def _walk(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    nodes = number(rng, 1, 6)
    return [nodes, _edges(rng, nodes, 8), number(rng, 0, nodes - 1)]


def _order(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    nodes = number(rng, 1, 5)
    pairs: list[JsonValue] = []
    for _ in range(number(rng, 0, 5)):
        one, other = number(rng, 0, nodes - 1), number(rng, 0, nodes - 1)
        if one != other:
            pairs.append([min(one, other), max(one, other)] if rng.random() < 0.8 else [one, other])
    return [nodes, pairs]


def _roads(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    nodes = number(rng, 2, 5)
    roads: list[JsonValue] = [
        [number(rng, 0, nodes - 1), number(rng, 0, nodes - 1), number(rng, 1, 9)]
        for _ in range(number(rng, 1, 8))
    ]
    return [nodes, roads, 0, nodes - 1]


def _lake(rng: np.random.Generator, chosen: Choices) -> list[JsonValue]:
    height, width = number(rng, 1, 4), number(rng, 1, 4)
    grid: list[JsonValue] = [
        "".join(".#"[int(rng.random() < 0.4)] for _ in range(width)) for _ in range(height)
    ]
    return [grid, number(rng, 0, height - 1), number(rng, 0, width - 1)]


NUMBERS = (
    Family(
        names=("digit_sum", "cross_sum", "add_digits"),
        choices={"base": ("3", "5", "7", "8", "12", "16")},
        source='''
def $name(value):
    """[sum, count] of the digits of value, 0 or more, in base $base; 0 has one digit."""
    total = value % $base
    count = 1
    value = value // $base
    while value > 0:
        total += value % $base
        count += 1
        value = value // $base
    return [total, count]
''',
        edges=((0,), (1,)),
        inputs=lambda rng, chosen: [number(rng, 0, 5000)],
    ),
    Family(
        names=("primes_below", "list_primes", "sieve"),
        choices={"least": ("2", "5", "10")},
        source='''
def $name(limit):
    """All primes from $least on that are smaller than limit, in order."""
    is_prime = [True] * max(limit, 2)
    found = []
    for value in range(2, limit):
        if is_prime[value]:
            if value >= $least:
                found.append(value)
            for multiple in range(value * value, limit, value):
                is_prime[multiple] = False
    return found
''',
        edges=((0,), (2,), (3,), (50,)),
        inputs=lambda rng, chosen: [number(rng, 0, 60)],
    ),
    Family(
        names=("add_fractions", "sum_of_fractions", "total_fraction"),
        source='''
def $name(fractions):
    """Sum of [numerator, denominator] pairs, denominators positive, in lowest terms."""
    top = 0
    bottom = 1
    for numerator, denominator in fractions:
        top = top * denominator + numerator * bottom
        bottom = bottom * denominator
    first = abs(top)
    second = bottom
    while second > 0:
        remainder = first % second
        first = second
        second = remainder
    return [top // first, bottom // first]
''',
        edges=(([],), ([[1, 2], [1, 3]],), ([[1, 2], [-1, 2]],)),
        inputs=lambda rng, chosen: [
            [[number(rng, -5, 5), number(rng, 1, 6)] for _ in range(number(rng, 0, 4))]
        ],
    ),
    Family(
        names=("middle_value", "median_of", "find_median"),
        source='''
def $name(values):
    """Median of whole numbers, the mean of the two in the middle if their number is even.

    An empty list gives 0.
    """
    if len(values) == 0:
        return 0
    ranked = sorted(values)
    middle = len(ranked) // 2
    if len(ranked) % 2 == 1:
        return ranked[middle]
    return (ranked[middle - 1] + ranked[middle]) / 2
''',
        edges=(([],), ([3],), ([4, 1],)),
        inputs=lambda rng, chosen: [ints(rng, -9, 20, most=8)],
    ),
    Family(
        names=("graded_fee", "price_by_tier", "stepped_charge"),
        choices={"low": ("10", "20", "50"), "first": ("2", "3", "4"), "rest": ("5", "6", "7")},
        source='''
def $name(units):
    """Price of some units: $first each up to $low units, $rest each for those above; at least 1.

    Nothing costs nothing, and a negative number of units raises ValueError.
    """
    if units < 0:
        raise ValueError("negative")
    if units == 0:
        return 0
    price = min(units, $low) * $first
    if units > $low:
        price += (units - $low) * $rest
    return max(price, 1)
''',
        edges=((-1,), (0,), (1,), (10,), (50,), (51,)),
        inputs=lambda rng, chosen: [number(rng, -3, 80)],
    ),
    Family(
        names=("steps_to_one", "collatz_steps", "halving_steps"),
        choices={"most": ("20", "30", "50")},
        source='''
def $name(value):
    """Steps from value, 1 or more, to 1: halve what is even, else take it three times plus one.

    -1 if it takes more than $most steps.
    """
    steps = 0
    while value != 1:
        if steps == $most:
            return -1
        if value % 2 == 0:
            value = value // 2
        else:
            value = 3 * value + 1
        steps += 1
    return steps
''',
        edges=((1,), (2,), (27,)),
        inputs=lambda rng, chosen: [number(rng, 1, 60)],
    ),
    Family(
        names=("hop_counts", "distances_from", "steps_away"),
        source='''
def $name(count, edges, start):
    """Fewest edges from start to each of the nodes 0 to count - 1, -1 where no way leads.

    Edges [a, b] can be gone both ways.
    """
    distances = [-1] * count
    distances[start] = 0
    waiting = [start]
    while len(waiting) > 0:
        node = waiting.pop(0)
        for first, second in edges:
            if first == node and distances[second] < 0:
                distances[second] = distances[node] + 1
                waiting.append(second)
            if second == node and distances[first] < 0:
                distances[first] = distances[node] + 1
                waiting.append(first)
    return distances
''',
        edges=((3, [[0, 1], [1, 2]], 0), (3, [[0, 1], [1, 2]], 2), (2, [], 1)),
        inputs=_walk,
    ),
    Family(
        names=("group_sizes", "island_sizes", "component_sizes"),
        source='''
def $name(count, edges):
    """Sizes of the groups into which edges [a, b] join the nodes 0 to count - 1; largest first."""
    group = list(range(count))
    for first, second in edges:
        old = group[second]
        new = group[first]
        for node in range(count):
            if group[node] == old:
                group[node] = new
    sizes = []
    for label in range(count):
        size = group.count(label)
        if size > 0:
            sizes.append(size)
    return sorted(sizes, reverse=True)
''',
        edges=((1, []), (5, [[0, 1], [2, 1], [3, 4]])),
        inputs=_graph,
    ),
    Family(
        names=("build_order", "sort_by_need", "order_of_work"),
        source='''
def $name(count, needs):
    """An order of the tasks 0 to count - 1 in which a comes before b for each pair [a, b].

    Of the tasks that could be next the smallest is; an empty list if there is no such order.
    """
    order = []
    while len(order) < count:
        ready = -1
        for task in range(count):
            if task in order:
                continue
            if all(first in order for first, second in needs if second == task):
                ready = task
                break
        if ready < 0:
            return []
        order.append(ready)
    return order
''',
        edges=((3, [[2, 0]]), (2, [[0, 1], [1, 0]])),
        inputs=_order,
    ),
    Family(
        names=("cheapest_way", "least_cost", "shortest_road"),
        choices={"toll": ("0", "1", "2")},
        source='''
def $name(count, roads, start, goal):
    """Least cost from start to goal by roads [a, b, length] that lead from a to b only.

    Each road costs its length and a toll of $toll; -1 if no way leads there.
    """
    costs = [-1] * count
    costs[start] = 0
    for turn in range(count):
        for first, second, length in roads:
            if costs[first] < 0:
                continue
            cost = costs[first] + length + $toll
            if costs[second] < 0 or cost < costs[second]:
                costs[second] = cost
    return costs[goal]
''',
        edges=((2, [[0, 1, 4], [0, 1, 3]], 0, 1), (3, [[0, 1, 1], [1, 2, 1], [0, 2, 9]], 0, 2)),
        inputs=_roads,
    ),
    Family(
        names=("lake_size", "filled_cells", "reach_of_water"),
        source='''
def $name(grid, row, column):
    """Cells that water reaches from a cell of a grid of '.' and '#', which stops it.

    Water flows up, down, left and right; a start in '#' reaches nothing.
    """
    reached = []
    waiting = [[row, column]]
    while len(waiting) > 0:
        cell = waiting.pop()
        row, column = cell
        if row < 0 or row >= len(grid) or column < 0 or column >= len(grid[0]):
            continue
        if grid[row][column] == "#" or cell in reached:
            continue
        reached.append(cell)
        waiting.append([row - 1, column])
        waiting.append([row + 1, column])
        waiting.append([row, column - 1])
        waiting.append([row, column + 1])
    return len(reached)
''',
        edges=((["..", ".#"], 0, 0), (["#"], 0, 0)),
        inputs=_lake,
    ),
)
