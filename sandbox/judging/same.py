"""Whether two JSON values are the same, judged by types that nobody can redefine."""

from __future__ import annotations

import math

from pydantic import JsonValue

RELATIVE, ABSOLUTE = 1e-9, 1e-12


def same(given: JsonValue, wanted: JsonValue) -> bool:
    """Equality of JSON: true is not 1, numbers are equal by value.

    Where one number has a fraction or an exponent, they may differ by the rounding of a sum.
    """
    match given, wanted:
        case (bool() | None, _) | (_, bool() | None):
            return given is wanted
        case int(), int():
            return given == wanted
        case int() | float(), int() | float():
            return _close(given, wanted)
        case list(), list():
            return len(given) == len(wanted) and all(map(same, given, wanted))
        case dict(), dict():
            return given.keys() == wanted.keys() and all(same(given[k], wanted[k]) for k in wanted)
    return given == wanted


def _close(given: float, wanted: float) -> bool:
    try:
        return math.isclose(given, wanted, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except OverflowError:
        return False
