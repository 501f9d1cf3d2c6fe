"""Script files: what stands behind `scripted:FILE`, one reply a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def read_script(path: Path) -> tuple[str, ...]:
    """The replies in a file; in one that ends in .jsonl each is a JSON string.

    Raises ValueError for a file that is not there, empty, or broken.
    """
    if not path.is_file():
        raise ValueError(f"scripted model: no file {str(path)!r}; it holds one reply a line")
    replies = tuple(_replies(path))
    if not replies:
        raise ValueError(f"scripted model: {path} is empty; it holds one reply a line")
    return replies


def _replies(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            is_json = path.suffix == ".jsonl"
            yield _string(line, where=f"{path}:{number}") if is_json else line


def _string(line: str, *, where: str) -> str:
    try:
        reply = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not JSON: {error.msg}") from None
    if not isinstance(reply, str):
        raise ValueError(f"{where}: each line is a JSON string, not {line.strip():.60}")
    return reply
