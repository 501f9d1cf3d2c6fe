"""The agent starts in any image, and an episode in the image's own directory."""

from __future__ import annotations

import shutil
import sysconfig
from functools import partial
from pathlib import Path

import anyio
import pytest
from left import wait_until

from forethought.sandbox import (
    Sandbox,
    SandboxSpec,
    as_snapshot,
    build_dockerfile,
    check_sandbox,
    open_sandbox,
)
from forethought.sandbox.engine import connect
from forethought.sandbox.images import image as default_image
from forethought.sandbox.images import runtime
from forethought.sandbox.images.host import busybox

pytestmark = pytest.mark.docker

OWN_WAYS = """\
ARG BASE
FROM $BASE
USER 0
WORKDIR /app
RUN mkdir -p src/deep && echo one > src/a && chmod 400 src/a && ln -s src/a link && ln src/a hard \\
 && echo run > tool && chmod 4755 tool && chown -R 77:77 /app && chmod 555 src/deep
RUN mkdir /big && head -c 2000000 /dev/zero > /big/file
ENV COLOUR=blue PATH=/app/bin:/usr/local/bin:/bin
VOLUME /data
HEALTHCHECK --interval=1s CMD touch /tmp/checked
USER 77:77
ENTRYPOINT ["/bin/false"]
CMD ["--nothing"]
"""
WITHOUT_PYTHON = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""


@pytest.fixture(scope="module")
def own_ways(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("own-ways")
    (directory / "Dockerfile").write_text(OWN_WAYS)
    return build_dockerfile(directory, build_args={"BASE": default_image.tag()}).reference


@pytest.fixture(scope="module")
def without_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("without-python")
    (directory / "Dockerfile").write_text(WITHOUT_PYTHON)
    shutil.copy(busybox(), directory / "busybox")
    return build_dockerfile(directory).reference


@pytest.mark.parametrize(
    "workdir", ["app", "/", "/usr", "/app/", "/app/../etc", "/tmp/x", "/proc/1", ""]
)
def test_a_directory_that_cannot_be_worked_in_is_refused(workdir: str) -> None:
    with pytest.raises(ValueError, match="cannot be worked in; name a directory such as '/app'"):
        SandboxSpec(workdir=workdir)


async def told(sandbox: Sandbox, script: str) -> str:
    return (await sandbox.exec(["sh", "-c", script])).text.strip()


def test_an_entrypoint_a_user_and_a_health_check_do_not_count_and_variables_do(
    own_ways: str,
) -> None:
    async def look() -> list[str]:
        async with open_sandbox(SandboxSpec(image=own_ways), backend="docker") as sandbox:
            await anyio.sleep(2)
            script = "id -u; echo $COLOUR $HOME $PATH; pwd; ls -A /tmp; touch /data/x"
            return (await told(sandbox, script)).splitlines()

    assert anyio.run(look) == [
        "1000",
        "blue /workspace /app/bin:/usr/local/bin:/bin",
        "/workspace",
        "touch: /data/x: Read-only file system",
    ]


def test_an_episode_starts_in_the_images_directory_and_a_reset_brings_it_back(
    own_ways: str,
) -> None:
    files = "ls -lAnR . | grep -v '^total' | awk '{ print $1, $3, $9, $10, $11 }'"

    async def use() -> None:
        spec = SandboxSpec(image=own_ways, workdir="/app", disk_mb=8)
        async with open_sandbox(spec, backend="docker") as sandbox:
            first = await told(sandbox, files)
            assert "lrwxrwxrwx 1000 link -> src/a" in first
            assert "-rwxr-xr-x 1000 tool" in first
            assert "-rw------- 1000 a" in first
            assert await told(sandbox, "pwd; echo $HOME; cat src/a link hard") == (
                "/app\n/app\none\none\none"
            )
            script = "echo two > hard; cat src/a; rm -r tool src/deep; echo > new; chmod 0 src"
            assert await told(sandbox, script) == "two"
            await sandbox.write("src2/b", b"x")
            await sandbox.reset()
            assert await told(sandbox, files) == first
            assert await told(sandbox, "cat link") == "one"
            full = await sandbox.exec(["dd", "if=/dev/zero", "of=big", "bs=1M", "count=9"])
            assert (full.rc, b"No space left" in full.stderr) == (1, True)
            await sandbox.reset()
            assert await told(sandbox, files) == first

    anyio.run(use)


def test_a_fork_has_the_files_of_now_and_a_reset_those_of_the_image(own_ways: str) -> None:
    async def use() -> None:
        spec = SandboxSpec(image=own_ways, workdir="/app", disk_mb=8)
        async with open_sandbox(spec, backend="docker") as sandbox:
            await sandbox.write("src/a", b"two")
            (twin,) = await sandbox.fork(1)
            try:
                assert await told(twin, "pwd; cat link") == "/app\ntwo"
                await twin.reset()
                assert await told(twin, "cat link") == "one"
            finally:
                await twin.close()
            assert await told(sandbox, "cat link") == "two"

    anyio.run(use)


@pytest.mark.parametrize(
    ("workdir", "disk_mb", "message"),
    [
        ("/nowhere", 8, r"has no directory /nowhere"),
        ("/etc/passwd", 8, r"the image .* has no directory /etc/passwd"),
        ("/big", 1, r"/big of the image .* holds 1\.9 MiB, more than disk_mb=1"),
    ],
    ids=["absent", "a file", "too large"],
)
def test_a_directory_that_cannot_be_started_in_is_named(
    own_ways: str, workdir: str, disk_mb: int, message: str
) -> None:
    async def open_once() -> None:
        spec = SandboxSpec(image=own_ways, workdir=workdir, disk_mb=disk_mb)
        async with open_sandbox(spec, backend="docker"):
            pass

    with pytest.raises(ValueError, match=message):
        anyio.run(open_once)


def test_an_image_without_python_runs_it_all_the_same(without_python: str) -> None:
    async def use() -> None:
        async with open_sandbox(SandboxSpec(image=without_python), backend="docker") as sandbox:
            program = "import sys, ssl, sqlite3, ctypes; print(sys.executable)"
            assert (await sandbox.python(program)).text == "/forethought/bin/python3\n"
            child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])"
            assert (await sandbox.exec(["python3", "-c", child])).text == "1\n"
            await sandbox.write("test_x.py", b"def test_x(): assert 1 == 2")
            assert "1 failed" in (await sandbox.exec(["pytest", "-q"])).text
            assert await told(sandbox, "echo x > /forethought/planted") == (
                "sh: can't create /forethought/planted: Read-only file system"
            )
            assert await told(sandbox, "env | grep LD_") == ""

    anyio.run(use)


def test_an_interpreter_that_cannot_run_the_agent_is_stood_in_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "ARG BASE\nFROM $BASE\nARG LIBRARY\nUSER 0\nRUN rm -r $LIBRARY/ctypes\n"
    (tmp_path / "Dockerfile").write_text(text)
    arguments = {"BASE": default_image.tag(), "LIBRARY": sysconfig.get_path("stdlib")}
    image = build_dockerfile(tmp_path, build_args=arguments).reference

    async def use() -> None:
        for _ in range(2):
            async with open_sandbox(SandboxSpec(image=image), backend="docker") as sandbox:
                program = "import ctypes, sys; print(sys.prefix)"
                assert (await sandbox.python(program)).text == "/forethought\n"
                own = await sandbox.exec(["python3", "-c", program])
                assert b"No module named 'ctypes'" in own.stderr

    anyio.run(use)
    assert [record.getMessage() for record in caplog.records] == [
        f"{image}: its Python cannot run the agent (ModuleNotFoundError: No module named 'ctypes')"
    ]


@pytest.mark.parametrize("is_half_full", [False, True], ids=["removed", "left half full"])
def test_a_volume_that_is_not_whole_is_filled_again(
    without_python: str, is_half_full: bool
) -> None:
    async def use() -> str:
        async with open_sandbox(SandboxSpec(image=without_python), backend="docker") as sandbox:
            return (await sandbox.python("print('here')")).text

    assert anyio.run(use) == "here\n"
    with connect() as engine:
        # It is the machine's: no test in another file may use it, and somebody else has it perhaps.
        volume = f"{runtime.REPOSITORY}-{runtime.name()}"
        wait_until(lambda: runtime.remove_unused(engine, volume))
        if is_half_full:
            mount = engine.create_host_config(binds={volume: {"bind": "/half", "mode": "rw"}})
            container = engine.create_container(default_image.tag(), host_config=mount)["Id"]
            engine.put_archive(container, "/half", as_snapshot({"file": b"one of many"}))
            engine.remove_container(container)
    assert anyio.run(use) == "here\n"


@pytest.mark.slow
def test_an_image_without_python_keeps_the_contract(without_python: str) -> None:
    factory = partial(open_sandbox, SandboxSpec(image=without_python), backend="docker")
    findings = anyio.run(check_sandbox, factory)
    assert [finding for finding in findings if not finding.ok] == []
