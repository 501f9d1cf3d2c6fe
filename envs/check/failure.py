"""What an environment raised, told in a line with the place in its author's code."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from pydantic import ValidationError

from forethought.envs.base import Env
from forethought.envs.first_error import first_error

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def told(error: Exception, env: type[Env] | None) -> str:
    """`KeyError: 'x' (maze.py:12 in move)`; the place is the last one in the package of `env`."""
    cause = _first(error)
    what = first_error(cause) if isinstance(cause, ValidationError) else str(cause)
    line = " ".join(_COLOUR.sub("", what).split())
    package = "" if env is None else env.__module__.partition(".")[0]
    return f"{type(cause).__name__}: {line}{_place(cause, package)}"


def _first(error: Exception) -> Exception:
    """What failed first, where several tools of one turn ran together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _place(error: Exception, package: str) -> str:
    places = [
        f" ({Path(frame.f_code.co_filename).name}:{line} in {frame.f_code.co_name})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").partition(".")[0] == package
    ]
    return places[-1] if places else ""
