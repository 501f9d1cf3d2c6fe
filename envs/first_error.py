"""What pydantic refuses, told in one line."""

from __future__ import annotations

from pydantic import ValidationError


def first_error(error: ValidationError, *, whole: str = "") -> str:
    """What is wrong first: `answer: Field required`; `whole` names what is wrong as a whole."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg']}" if where else first["msg"]
