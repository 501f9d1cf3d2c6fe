"""The expert that mends a file: it reads, edits one place after the other, tries the examples."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from forethought.envs.calls import render_call

SUBMITTING = render_call("submit", {"confidence": 1.0})


def turns(source: str, wanted: str, *, path: str) -> list[str]:
    """All turns that make `wanted` of the file `source`."""
    edits = list(_edits(source, wanted))
    plan = f"plan: read {path}; mend {len(edits)}; run the examples; submit"
    mending = [
        render_call("edit_file", {"path": path, "old": old, "new": new}) for old, new in edits
    ]
    return [f"{plan}\n{reading(path)}", *mending, checking(path), SUBMITTING]


def reading(path: str) -> str:
    """The call that shows the file."""
    return render_call("read_file", {"path": path})


def checking(path: str) -> str:
    """The call that runs the examples in the docstrings."""
    return render_call("bash", {"command": f"python3 -m doctest {path}"})


def _edits(source: str, wanted: str) -> Iterator[tuple[str, str]]:
    """Pairs of a text that occurs once in the file, as it is by then, and what to put there."""
    lines, target = source.splitlines(keepends=True), wanted.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, lines, target, autojunk=False)
    # From the end: then the lines before an edit are still those of the source.
    for kind, low, high, from_, to in reversed(matcher.get_opcodes()):
        if kind != "equal":
            start, end = _unique(lines, low, high)
            new = [*lines[start:low], *target[from_:to], *lines[high:end]]
            yield "".join(lines[start:end]), "".join(new)
            lines[start:end] = new


def _unique(lines: list[str], low: int, high: int) -> tuple[int, int]:
    """The lines widened, first by those before, until their text occurs once."""
    text = "".join(lines)
    while high == low or text.count("".join(lines[low:high])) > 1:
        if low > 0:
            low -= 1
        else:
            high += 1
    return low, high
