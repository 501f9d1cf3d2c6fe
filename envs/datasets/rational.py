r"""The value of a rational number in LaTeX: digits, \frac, + - * /, integer powers, square roots.

A recursive descent that calls nothing but Fraction's arithmetic. It knows no names, so what holds a
letter, a constant or an irrational root has no value here. Sizes are bounded, and so is the time:
a tower of powers has no value either.

    sum    = ["-"] term (("+" | "-") term)*
    term   = power (("*" | "/") power)*
    power  = atom ["^" (digit | "{" sum "}")]
    atom   = number [fraction] | fraction | "\sqrt{" sum "}" | "(" sum ")" | "{" sum "}"
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

MAX_CHARS = 200
MAX_DEPTH = 20
MAX_POWER = 64
MAX_BITS = 4096
"""Of a numerator or denominator."""

_TOKEN = re.compile(r"\d+\.\d+|\d+|\\frac|\\sqrt|[-+*/^(){}]")


def rational(text: str) -> Fraction | None:
    """The exact value of a text without spaces; None for one that has none, or is too large."""
    tokens = _TOKEN.findall(text) if len(text) <= MAX_CHARS else []
    if not tokens or "".join(tokens) != text:
        return None
    reader = _Reader(tokens)
    try:
        value = reader.sum()
    except (_NoValue, ZeroDivisionError):
        return None
    return value if reader.is_done else None


class _NoValue(Exception):
    """The text is no rational number, or too large a one."""


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    @property
    def is_done(self) -> bool:
        """Whether all tokens were read."""
        return self._at == len(self._tokens)

    def sum(self) -> Fraction:
        """Terms, added and subtracted."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _NoValue
        value = -self._term() if self._took("-") else self._term()
        while True:
            if self._took("+"):
                value = _bounded(value + self._term())
            elif self._took("-"):
                value = _bounded(value - self._term())
            else:
                self._depth -= 1
                return value

    def _term(self) -> Fraction:
        value = self._power()
        while True:
            if self._took("*"):
                value = _bounded(value * self._power())
            elif self._took("/"):
                value = _bounded(value / self._power())
            else:
                return value

    def _power(self) -> Fraction:
        base = self._atom()
        if not self._took("^"):
            return base
        exponent = self._group() if self._peek() == "{" else Fraction(self._digit())
        if exponent.denominator != 1 or abs(exponent) > MAX_POWER:
            raise _NoValue
        if abs(exponent) * max(base.numerator.bit_length(), base.denominator.bit_length()) > (
            MAX_BITS
        ):
            raise _NoValue
        return Fraction(base ** int(exponent))

    def _atom(self) -> Fraction:
        token = self._peek()
        if token == "(":
            return self._group("(", ")")
        if token == "{":
            return self._group()
        if token == "\\frac":
            return self._fraction()
        if token == "\\sqrt":
            self._at += 1
            return _root(self._group())
        value = self._number()
        if self._peek() == "\\frac":  # a mixed number
            return value + self._fraction()
        return value

    def _fraction(self) -> Fraction:
        self._expect("\\frac")
        return _bounded(self._group() / self._group())

    def _group(self, opening: str = "{", closing: str = "}") -> Fraction:
        self._expect(opening)
        value = self.sum()
        self._expect(closing)
        return value

    def _number(self) -> Fraction:
        token = self._peek()
        if not token[:1].isdigit():
            raise _NoValue
        self._at += 1
        return Fraction(token)

    def _digit(self) -> str:
        """An exponent without braces is one digit, as in LaTeX."""
        token = self._peek()
        if len(token) != 1 or not token.isdigit():
            raise _NoValue
        self._at += 1
        return token

    def _peek(self) -> str:
        return "" if self.is_done else self._tokens[self._at]

    def _took(self, token: str) -> bool:
        took = self._peek() == token
        self._at += took
        return took

    def _expect(self, token: str) -> None:
        if not self._took(token):
            raise _NoValue


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise _NoValue
    return value


def _root(value: Fraction) -> Fraction:
    """The square root of a square. Raises _NoValue for any other."""
    if value < 0:
        raise _NoValue
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if root * root != value:
        raise _NoValue
    return root
