"""Metrics: one JSON line a step, appended; a step that is done again replaces its earlier line.

A kill or a full disk leaves at most one torn line, at the end; reading drops it and the next
append takes its place.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import JsonValue

Metrics = dict[str, JsonValue]


def append(path: Path, stage: str, step: int, values: Metrics) -> None:
    """Add the line of a step. Raises ValueError for a value that is not finite."""
    line = json.dumps({"stage": stage, "step": step, **values}, allow_nan=False)
    path.touch()
    with path.open("rb+") as file:
        whole = file.read().rpartition(b"\n")
        file.truncate(file.seek(len(whole[0]) + len(whole[1])))
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, stage: str) -> list[Metrics]:
    """The lines of a stage by step, the last line of each.

    Raises ValueError, with file and line, for a line that is broken and not just torn.
    """
    found: dict[int, Metrics] = {}
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            loaded = json.loads(line)
        except ValueError:
            raise ValueError(f"{path}:{number}: not a line of metrics") from None
        if loaded["stage"] == stage:
            found[loaded["step"]] = loaded
    return [found[step] for step in sorted(found)]
