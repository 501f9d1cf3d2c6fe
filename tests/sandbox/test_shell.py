"""The agent of images without Python that cannot be given one: what it keeps, and what it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.sandbox import (
    ExecResult,
    Sandbox,
    SandboxFileError,
    SandboxSpec,
    SandboxUnavailable,
    build_dockerfile,
    check_sandbox,
    open_sandbox,
)
from forethought.sandbox.backend.shell import EXCEPTIONS, quote
from forethought.sandbox.images import image as default_image
from forethought.sandbox.images.host import busybox, libraries_of

BARE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /etc /app/sub && echo nobody:x:65534:65534::/:/bin/false > /etc/passwd && \\
 echo one > /app/sub/file && ln -s sub/file /app/link
ENV COLOUR=blue
USER 77
WORKDIR /app
ENTRYPOINT ["/bin/false"]
"""
WITH_BASH = """\
ARG BASE
FROM $BASE
USER 0
COPY libcap-ng* /usr/lib/
COPY setpriv /usr/local/bin/setpriv
RUN ln -sf /bin/bash /bin/sh
"""
UNREACHABLE_PYTHON = """
import sys, anyio, logging
from forethought.sandbox import SandboxSpec, open_sandbox
from forethought.sandbox.backend import docker
async def main():
    spec = SandboxSpec(image=sys.argv[1], agent=sys.argv[2])
    async with open_sandbox(spec, backend="docker") as sandbox:
        print((await sandbox.exec(["sh", "-c", "echo $COLOUR"])).text, flush=True)
logging.basicConfig(format="%(message)s")
sys.platform = "a machine without an interpreter to bring"
anyio.run(main)
"""
"""A controller on another system than Linux, as far as the making of images is concerned."""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("bare")
    (directory / "Dockerfile").write_text(BARE)
    shutil.copy(busybox(), directory / "busybox")
    return build_dockerfile(directory).reference


@pytest.fixture(scope="module")
def with_bash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its shell is bash, and setpriv is util-linux's."""
    directory = tmp_path_factory.mktemp("with-bash")
    (directory / "Dockerfile").write_text(WITH_BASH)
    setpriv = Path("/usr/bin/setpriv")
    for path in {setpriv, *libraries_of({setpriv})}:
        shutil.copy(path, directory)
    return build_dockerfile(directory, build_args={"BASE": default_image.tag()}).reference


@pytest.mark.parametrize("shell", [["sh"], ["bash"], [str(busybox()), "sh"]], ids=lambda a: a[-1])
@given(text=TEXT)
@settings(max_examples=30, deadline=None)
def test_a_word_reaches_every_shell_as_it_is(shell: list[str], text: str) -> None:
    script = "nl='\n'; IFS= read -r line; eval \"printf %s $line\""
    line = quote(text).encode() + b"\nmore"
    done = subprocess.run([*shell, "-c", script], input=line, capture_output=True, check=True)
    assert done.stdout == text.encode()


async def told(sandbox: Sandbox, script: str) -> str:
    return (await sandbox.exec(["sh", "-c", script])).text.strip()


@pytest.mark.docker
def test_a_bare_image_is_worked_in_by_its_own_shell(bare: str) -> None:
    async def use() -> None:
        spec = SandboxSpec(image=bare, agent="shell", workdir="/app")
        async with open_sandbox(spec, backend="docker") as sandbox:
            assert await told(sandbox, "echo $COLOUR $HOME; pwd; id -u; cat link") == (
                "blue /app\n/app\n65534\none"
            )
            result = await sandbox.python("print(1)")
            assert (result.rc, b"python3" in result.stderr) == (127, True)
            await sandbox.write("sub/file", b"two")
            assert await told(sandbox, "cat link; echo > new; chmod 0 sub") == "two"
            await sandbox.reset()
            assert await told(sandbox, "cat link; ls") == "one\nlink\nsub"

    anyio.run(use)


@pytest.mark.docker
def test_bash_and_setpriv_do_as_well(with_bash: str) -> None:
    async def use() -> None:
        spec = SandboxSpec(image=with_bash, agent="shell")
        async with open_sandbox(spec, backend="docker") as sandbox:
            assert await told(sandbox, "id -u; grep CapEff /proc/self/status") == (
                "1000\nCapEff:\t0000000000000000"
            )
            result = await sandbox.exec(["sh", "-c", "sleep 60 & echo done"], env={"A-B": "x y"})
            assert (result.rc, result.stdout, result.leftovers) == (0, b"done\n", 1)
            slow = await sandbox.exec(["sh", "-c", "(setsid sleep 60 &); sleep 60"], timeout_s=0.5)
            assert (slow.rc, slow.timed_out, slow.leftovers) == (137, True, 0)
            await sandbox.restore(await sandbox.snapshot())
            await sandbox.reset()

    anyio.run(use)


@pytest.mark.docker
def test_files_larger_than_a_piece_go_in_and_out(bare: str) -> None:
    async def use() -> None:
        data = bytes(range(256)) * 10_000
        async with open_sandbox(
            SandboxSpec(image=bare, agent="shell"), backend="docker"
        ) as sandbox:
            await sandbox.write("data", data)
            (child,) = await sandbox.fork(1)
            try:
                assert await child.read("data") == data
                snapshot = await sandbox.snapshot()
                assert len(snapshot) > len(data)
                with pytest.raises(SandboxFileError, match="more than the 1000000 bytes allowed"):
                    await sandbox.snapshot(max_bytes=1_000_000)
                with pytest.raises(SandboxFileError, match="cannot restore: tar: "):
                    await child.restore(b"no archive" * 1000)
                await child.restore(snapshot)
                assert await child.read("data") == data
            finally:
                await child.close()

    anyio.run(use)


@pytest.mark.docker
def test_commands_wait_for_each_other_and_a_reset_ends_those_that_wait(bare: str) -> None:
    results: list[ExecResult] = []

    async def use() -> None:
        spec = SandboxSpec(image=bare, agent="shell")
        async with open_sandbox(spec, backend="docker") as sandbox:

            async def run() -> None:
                results.append(await sandbox.exec(["sleep", "60"], timeout_s=30))

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(run)
                await anyio.sleep(0.5)
                with anyio.fail_after(25):
                    await sandbox.reset()
            assert await told(sandbox, "echo alive") == "alive"

    anyio.run(use)
    assert [(result.rc, result.timed_out) for result in results] == [(137, False)] * 3


@pytest.mark.docker
def test_a_program_that_the_agent_needs_is_named(with_bash: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {with_bash}\nUSER 0\nRUN rm /bin/tar\n")
    reference = build_dockerfile(tmp_path).reference

    async def open_once() -> None:
        async with open_sandbox(SandboxSpec(image=reference, agent="shell"), backend="docker"):
            pass

    with pytest.raises(SandboxUnavailable, match="the image has no tar, which its shell agent"):
        anyio.run(open_once)


@pytest.mark.docker
def test_a_network_is_refused(bare: str) -> None:
    async def open_once() -> None:
        spec = SandboxSpec(image=bare, agent="shell", network=("example.org:443",))
        async with open_sandbox(spec, backend="docker"):
            pass

    with pytest.raises(ValueError, match=r"the shell agent has no network, and the spec asks for"):
        anyio.run(open_once)


@pytest.mark.docker
@pytest.mark.parametrize("agent", ["auto", "python"])
def test_where_ours_cannot_be_brought_the_shell_stands_in_unless_it_is_forbidden(
    bare: str, agent: str
) -> None:
    command = [sys.executable, "-c", UNREACHABLE_PYTHON, bare, agent]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if agent == "auto":
        assert (done.returncode, done.stdout) == (0, "blue\n\n")
        assert "cannot be given our Python" in done.stderr
        assert done.stderr.count("its shell stands in") == 1
    else:
        assert done.returncode == 1
        assert "SandboxUnavailable: " in done.stderr


@pytest.mark.docker
@pytest.mark.slow
def test_the_shell_keeps_the_contract_but_for_what_it_says() -> None:
    # The default image, since checks ask for python3; the agent makes no use of that.
    spec = SandboxSpec(image=default_image.tag(), agent="shell")
    check = partial(check_sandbox, without=EXCEPTIONS)
    findings = anyio.run(check, partial(open_sandbox, spec, backend="docker"))
    assert len(findings) == 65 - len(EXCEPTIONS)
    assert [finding for finding in findings if not finding.ok] == []
