"""Every backend passes the conformance suite, and the suite notices one that does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio
import pytest

from forethought.sandbox import (
    MAX_FORK,
    MAX_SNAPSHOT,
    Backend,
    Contact,
    ExecResult,
    Finding,
    Sandbox,
    SandboxFileError,
    SandboxSpec,
    backends,
    check_sandbox,
    open_sandbox,
)


def skipped_without_bubblewrap() -> pytest.MarkDecorator:
    (status,) = (status for status in backends() if status.name == "bwrap")
    return pytest.mark.skipif(not status.usable, reason=status.reason)


def failures(backend: Backend, spec: SandboxSpec | None = None) -> list[Finding]:
    async def check() -> list[Finding]:
        factory = partial(open_sandbox, spec, backend=backend)
        return await check_sandbox(factory, isolated=backend != "local")

    findings = anyio.run(check)
    assert len(findings) == (49 if backend == "local" else 65)
    return [finding for finding in findings if not finding.ok]


@pytest.mark.docker
@pytest.mark.slow
def test_docker_keeps_the_contract() -> None:
    assert failures("docker") == []


@pytest.mark.docker
@pytest.mark.gvisor
@pytest.mark.slow
def test_gvisor_keeps_the_contract() -> None:
    # A fork costs it so much that the bomb has to be a smaller one to end in its time.
    assert failures("docker", SandboxSpec(runtime="runsc", pids=32)) == []


@skipped_without_bubblewrap()
@pytest.mark.slow
def test_bubblewrap_keeps_the_contract() -> None:
    assert failures("bwrap") == []


@pytest.mark.slow
def test_local_keeps_the_contract_but_for_isolation() -> None:
    assert failures("local") == []


class Careless:
    """A sandbox with faults of the kind that the suite is there to find."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        """Forgets the variables, mixes output and errors, never counts what is left."""
        result = await self._sandbox.exec(
            argv, stdin=stdin, cwd=cwd, timeout_s=timeout_s, max_output=max_output
        )
        stdout = result.stdout + result.stderr
        return replace(result, stdout=stdout, stderr=b"", leftovers=0, rc=min(result.rc, 1))

    async def python(
        self,
        source: str,
        *,
        stdin: bytes = b"",
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_output: int = 1 << 20,
    ) -> ExecResult:
        """Forgets the input."""
        return await self._sandbox.python(
            source, cwd=cwd, env=env, timeout_s=timeout_s, max_output=max_output
        )

    async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
        """Takes a missing file for an empty one."""
        try:
            return await self._sandbox.read(path, max_bytes=max_bytes)
        except SandboxFileError:
            return b""

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Forgets the mode."""
        await self._sandbox.write(path, data)

    async def reset(self) -> None:
        """Does nothing."""

    async def snapshot(self, *, max_bytes: int = MAX_SNAPSHOT) -> bytes:
        """Knows no bound."""
        return await self._sandbox.snapshot()

    async def restore(self, snapshot: bytes) -> None:
        """Does nothing."""

    @property
    def contacts(self) -> Sequence[Contact]:
        return ()

    async def fork(self, n: int, *, max_bytes: int = MAX_FORK) -> list[Sandbox]:
        """Gives itself out as its children."""
        return [self] * n

    async def close(self) -> None:
        """Does nothing."""


@asynccontextmanager
async def careless() -> AsyncIterator[Sandbox]:
    async with open_sandbox(backend="local") as sandbox:
        yield Careless(sandbox)


def test_the_suite_finds_the_faults_of_a_careless_sandbox() -> None:
    findings = anyio.run(partial(check_sandbox, careless, isolated=False))
    sound = {finding.name for finding in findings if finding.ok}
    faulty = {finding.name for finding in findings if not finding.ok}
    assert {
        "A command's exit status is reported",
        "Death by signal n is exit status 128 + n",
        "Output and errors stay apart",
        "Variables are added to the environment, unicode included",
        "Children in the background do not stall a command; they are counted and killed",
        "Files come back as written: binary, mode, odd names, shorter on the second time",
        "What cannot be read is a SandboxFileError that names the path",
        "Reset empties the directory, whatever is in it, and kills what runs",
        "A snapshot brings back files, modes and links, and nothing else stays",
        "A snapshot longer than allowed is a SandboxFileError that says how long",
        "A fork has the same files, and then its own; the original goes on undisturbed",
        "A sandbox closes twice, and runs nothing after",
    } <= faulty
    assert {
        "Two commands run at the same time",
        "A flood of output ends at the time limit",
        "Commands and file requests share the working directory",
    } <= sound
    assert all(finding.detail for finding in findings if not finding.ok)
