"""Commands in a temporary directory of this machine, for code you trust and for unit tests.

This protects from nothing. A command runs as you: it reads your files and keys, writes wherever you
may, uses the network, and sees and signals your processes, the agent that watches over it included.
Memory, processor, processes, open files, network and disk have no limit. What it does keep is
order: a directory of its own, an environment without your variables, time limits, and no process
left behind. `auto` never chooses it.
"""

from __future__ import annotations

import functools
import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import anyio.to_thread

from forethought.sandbox.base import SandboxUnavailable
from forethought.sandbox.inside.files import empty
from forethought.sandbox.wire import process, program
from forethought.sandbox.wire.frames import Settings
from forethought.sandbox.wire.remote import RemoteSandbox
from forethought.sandbox.wire.stream import Wire

logger = logging.getLogger(__name__)

ISOLATION = "none: commands run as you, with your files and your network"


class LocalSandbox(RemoteSandbox):
    """A temporary directory; no isolation."""

    def __init__(self, wire: Wire, *, agent: subprocess.Popen[bytes], directory: Path) -> None:
        super().__init__(wire)
        self._agent = agent
        self._directory = directory

    @classmethod
    async def open(cls) -> LocalSandbox:
        """Make the directory and start the agent in it. Raises SandboxUnavailable."""
        if reason := unusable():
            raise SandboxUnavailable(reason)
        _warn()
        directory = Path(tempfile.mkdtemp(prefix="forethought-"))
        work, scratch = directory / "workspace", directory / "tmp"
        work.mkdir()
        scratch.mkdir()
        settings = Settings(str(work), scratch=[str(scratch)])
        agent, wire = process.start(
            [sys.executable, *program.arguments(settings)],
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "HOME": str(work),
                "TMPDIR": str(scratch),
            },
        )
        sandbox = cls(wire, agent=agent, directory=directory)
        try:
            await sandbox.greet()
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    async def _open_twin(self) -> LocalSandbox:
        return await self.open()

    async def _release(self) -> None:
        await process.end(self._agent)
        await anyio.to_thread.run_sync(_remove, self._directory)


def _remove(directory: Path) -> None:
    """Deeper trees than `shutil.rmtree` can remove, and those with locked directories, too."""
    empty(str(directory))
    directory.rmdir()


def unusable() -> str | None:
    """Why it cannot be used here; None if it can."""
    return None if sys.platform == "linux" else f"it needs Linux, and this is {sys.platform}"


@functools.cache
def _warn() -> None:
    """Once a process: a thousand episodes are one decision."""
    logger.warning("LOCAL SANDBOX: commands run as you, with your files and your network")
