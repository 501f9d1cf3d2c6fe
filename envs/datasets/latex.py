"""Answers in LaTeX: taking them out of a box, and whether two of them are the same.

Two answers are the same if they are written alike once spelling is set aside (after `is_equiv` of
Hendrycks et al., arXiv 2103.03874), or are rational numbers of the same value (see `rational`), or
are lists, tuples, sets or unions whose parts are the same. Nothing is evaluated by Python or by a
computer algebra system, so what it does not do is algebra: x+1 and 1+x differ, sqrt(8) and
2 sqrt(2), sin(0) and 0. Rounded decimals are not the exact value: 0.33 is not 1/3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from forethought.envs.datasets.rational import rational

MAX_CHARS = 2000
"""An answer that is longer is compared by its spelling alone."""
MAX_PARTS = 32
"""Of a list or set; a longer one is compared by its spelling alone."""

_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_DROPPED = re.compile(
    r"\\(?:left|right|big[lrgm]?|Big[lrgm]?|displaystyle|limits)(?![a-zA-Z])"
    r"|(?<!\\)\\[!,;:> ]|\\q?quad(?![a-zA-Z])|~|\\\$|\$|\\?%|\^\{?\\circ\}?|\\degree(?![a-zA-Z])|°"
    r"|\\\(|\\\)|\\\[|\\\]"
)
_UNIT = re.compile(r"(?<=[\d})])\s*\\(?:text|mbox|mathrm|textrm)\s*\{[^{}]*\}(?:\^\{?\d\}?)?$")
_WORDS = re.compile(r"\\(?:text|mbox|mathrm|textrm|textbf|mathbf)\s*\{([^{}]*)\}")
_SPELLINGS = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\cfrac": r"\frac",
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\neq": r"\ne",
    r"\cdot": "*",
    r"\times": "*",
    r"\div": "/",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    "\N{MINUS SIGN}": "-",
    "\\\n": "",
}
_NAMED = re.compile(r"^(?:[a-zA-Z]{1,2}|[a-zA-Z]\([a-zA-Z]\))(?:=|\\in(?![a-zA-Z]))(?=[^=]+$)")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:(?:,|\{,\})\d{3})+(?:\.\d+)?")
_SHORT_FRACTION = re.compile(r"\\frac(?:(\d)(\d)(?!\d)|(\d)\{|(\{[^{}]*\})(\d))")
_SHORT_ROOT = re.compile(r"\\sqrt(\d)")
_PLAIN_FRACTION = re.compile(r"(-?)(\d+)/(\d+)")
_BRACKETS = {"(": ")", "[": "]", r"\{": r"\}"}
_MIXED_BRACKETS = {"(": (")", "]"), "[": ("]", ")"), r"\{": (r"\}",)}


def last_boxed(text: str) -> str | None:
    r"""What the last `\boxed{...}` holds, its braces balanced; None if there is none."""
    for box in reversed(list(_BOX.finditer(text))):
        if text[box.end() : box.end() + 1] == "{":
            return _braced(text, box.end())
        if text[box.start() : box.end()] != text[box.start() : box.end()].rstrip():
            return re.split(r"[$\s]", text[box.end() :], maxsplit=1)[0]
    return None


def same_answer(given: str, wanted: str) -> bool:
    """Whether two answers say the same; see the module for what is not seen."""
    if max(len(given), len(wanted)) > MAX_CHARS:
        return given.strip() == wanted.strip()
    return _same(canonical(given), canonical(wanted))


def canonical(text: str) -> str:
    """An answer in one spelling: no spaces, units, sizes or dollars, fractions written out."""
    text = text.strip().rstrip(".")
    for spelling, usual in _SPELLINGS.items():
        text = text.replace(spelling, usual)
    text = _UNIT.sub("", _DROPPED.sub("", text).strip())
    text = re.sub(r"\s+", "", _WORDS.sub(r"\1", text))
    text = _NAMED.sub("", text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace("{,}", "").replace(",", "")
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", _SHORT_FRACTION.sub(_written_out, text))
    if plain := _PLAIN_FRACTION.fullmatch(text):
        text = f"{plain[1]}\\frac{{{plain[2]}}}{{{plain[3]}}}"
    return re.sub(r"(?<!\d)\.(?=\d)", "0.", text)


def _same(given: str, wanted: str) -> bool:
    if given == wanted:
        return True
    for split in (_union, _listed):
        parts, others = split(given), split(wanted)
        if len(parts) > 1 or len(others) > 1:
            return _same_parts(parts, others, ordered=False)
    if (inner := _inside(given)) and (other := _inside(wanted)):
        same_kind = (inner[0], inner[2]) == (other[0], other[2])
        return same_kind and _same_parts(
            _listed(inner[1]), _listed(other[1]), ordered=inner[0] != r"\{"
        )
    value = rational(given)
    return value is not None and value == rational(wanted)


def _same_parts(parts: Sequence[str], others: Sequence[str], *, ordered: bool) -> bool:
    if len(parts) != len(others) or len(parts) > MAX_PARTS:
        return False
    if ordered:
        return all(map(_same, parts, others))
    left = list(others)
    for part in parts:
        found = next((other for other in left if _same(part, other)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _inside(text: str) -> tuple[str, str, str] | None:
    """Opening bracket, content and closing bracket of a text that is all in one pair."""
    opening = next((mark for mark in _BRACKETS if text.startswith(mark)), None)
    if opening is None:
        return None
    closing = next((mark for mark in _MIXED_BRACKETS[opening] if text.endswith(mark)), None)
    if closing is None or len(text) < len(opening) + len(closing):
        return None
    content = text[len(opening) : len(text) - len(closing)]
    return (opening, content, closing) if _depths(content) is not None else None


def _listed(text: str) -> list[str]:
    return _parts(text, lambda at: 1 if text[at] == "," else 0)


def _union(text: str) -> list[str]:
    mark = r"\cup"
    return _parts(text, lambda at: len(mark) if text.startswith(mark, at) else 0)


def _parts(text: str, width: Callable[[int], int]) -> list[str]:
    """A text cut where a separator stands outside of all brackets; whole if they do not match."""
    depths = _depths(text)
    if depths is None:
        return [text]
    parts, start = [], 0
    for at, depth in enumerate(depths):
        if depth == 0 and at >= start and (skipped := width(at)):
            parts.append(text[start:at])
            start = at + skipped
    return [*parts, text[start:]]


def _depths(text: str) -> list[int] | None:
    """How many brackets are open at each character; None if one closes that was not opened."""
    depth, depths = 0, []
    for character in text:
        depth -= character in ")]}"
        if depth < 0:
            return None
        depths.append(depth)
        depth += character in "([{"
    return depths if depth == 0 else None


def _written_out(short: re.Match[str]) -> str:
    if short[1]:
        return f"\\frac{{{short[1]}}}{{{short[2]}}}"
    return f"\\frac{{{short[3]}}}{{" if short[3] else f"\\frac{short[4]}{{{short[5]}}}"


def _braced(text: str, start: int) -> str | None:
    """What stands between the brace at `start` and the one that closes it."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start + 1 : at]
    return None
