"""Metrics: one JSON line a step, appended; a step that is done again replaces its earlier line."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import JsonValue

Metrics = dict[str, JsonValue]


def append(path: Path, stage: str, step: int, values: Metrics) -> None:
    """Add the line of a step."""
    line = json.dumps({"stage": stage, "step": step, **values}, allow_nan=False)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path, stage: str) -> list[Metrics]:
    """The lines of a stage by step, the last line of each; a torn last line is left out."""
    found: dict[int, Metrics] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            loaded = json.loads(line)
        except json.JSONDecodeError:
            if number == len(lines):
                break
            raise ValueError(f"{path}:{number}: not a line of metrics") from None
        if loaded["stage"] == stage:
            found[loaded["step"]] = loaded
    return [found[step] for step in sorted(found)]
