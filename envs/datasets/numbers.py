"""The number that a worked solution ends with, read strictly."""

from __future__ import annotations

import re
from decimal import Decimal

MARK = "####"
_NUMBER = re.compile(r"([-+]?)\s*\$?\s*([-+]?)(\d{1,3}(?:,\d{3})+|\d+|(?=\.\d))(\.\d+)?\s*%?\.?")
_ANYWHERE = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_MAX_CHARS = 100


def read_number(text: str) -> Decimal | None:
    """A text that is one number and nothing else but `$`, `%` or a full stop; None for any other.

    Commas have to part thousands. The value is exact: 72, 72.0 and +72 are the same.
    """
    text = text.strip()
    found = _NUMBER.fullmatch(text) if len(text) <= _MAX_CHARS and text.isascii() else None
    if found is None or (found[1] and found[2]):
        return None
    return Decimal(f"{found[1]}{found[2]}{found[3].replace(',', '') or '0'}{found[4] or ''}")


def final_number(text: str) -> Decimal | None:
    """The number after the last `####`, to the end of its line; or the text, if it is one number.

    Nothing else is searched for a number, so a reply that lists many is worth nothing.
    """
    _, mark, after = text.rpartition(MARK)
    return read_number(after.partition("\n")[0] if mark else text)


def last_number(text: str) -> Decimal | None:
    """The last number anywhere in a text, as lenient scorers take it; None if there is none."""
    found = _ANYWHERE.findall(text)
    return read_number(found[-1]) if found else None
