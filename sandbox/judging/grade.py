"""Grading: what an agent leaves behind is judged where the agent has never been.

    files leave its sandbox as data       `collect`: plain files at paths named beforehand
    a judge tries them in a fresh one     `Calls` (prefer it) or `Suite`
    the verdict is made here              never a file, an exit status or a line that work can write

Hidden inputs and tests reach the fresh sandbox only, which ends with the judging. A judge's
docstring says what it does not protect from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from forethought.sandbox.base import Sandbox
from forethought.sandbox.judging.artefacts import MAX_BYTES, ArtefactRefused, collect
from forethought.sandbox.judging.verdict import Cause, Verdict


class Judge(Protocol):
    """Tries files in a fresh sandbox."""

    async def judge(self, files: Mapping[str, bytes]) -> Verdict:
        """The verdict on files by path. Raises SandboxUnavailable where they are not to blame."""
        ...

    def failed(self, cause: Cause, detail: str) -> Verdict:
        """The verdict on work that cannot be tried."""
        ...


async def grade(
    sandbox: Sandbox, paths: Sequence[str], *, judge: Judge, max_bytes: int = MAX_BYTES
) -> Verdict:
    """Judge the files that an agent left at `paths` in its sandbox, as they are now.

    A file that is missing or refused is a failed verdict that names it. Raises SandboxUnavailable
    when either sandbox is gone: then nothing is known of the work, and it is no failure.
    """
    try:
        files = await collect(sandbox, paths, max_bytes=max_bytes)
    except ArtefactRefused as refused:
        return judge.failed(refused.cause, str(refused))
    return await judge.judge(files)
