"""A backend is chosen knowingly: by name, or the best one with a word about what it lacks."""

from __future__ import annotations

import logging
import subprocess
import sys

import anyio
import pytest

from forethought.sandbox import Backend, SandboxSpec, SandboxUnavailable, backends, open_sandbox
from forethought.sandbox import select as selection

NO_ENGINE = "unix:///nonexistent/docker.sock"


async def first_uname(backend: Backend, spec: SandboxSpec | None = None) -> str:
    async with open_sandbox(spec, backend=backend) as sandbox:
        return (await sandbox.exec(["cat", "/proc/1/cmdline"])).text


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no sandbox backend named 'podman'; there are: auto, docker"
    ):
        open_sandbox(backend="podman")  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", ["bwrap", "local"])
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SandboxSpec(image="debian:12"), "has no image, and the spec asks for 'debian:12'"),
        (SandboxSpec(agent="shell"), "has no agent, and the spec asks for 'shell'"),
        (SandboxSpec(runtime="runsc"), "has no runtime, and the spec asks for 'runsc'"),
    ],
    ids=["image", "agent", "runtime"],
)
def test_what_only_containers_have_is_refused(
    backend: Backend, spec: SandboxSpec, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        open_sandbox(spec, backend=backend)


def test_statuses_are_best_first_and_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    monkeypatch.setenv("PATH", "/nonexistent")
    docker, bwrap, local = backends()
    assert (docker.name, docker.usable) == ("docker", False)
    assert docker.reason.endswith("start Docker, or run .ci/engine as root on Debian")
    assert (bwrap.name, bwrap.usable) == ("bwrap", False)
    assert bwrap.reason.startswith("there is no bwrap on PATH: apt-get install bubblewrap")
    assert (local.name, local.usable, local.reason) == ("local", True, "")
    assert local.isolation.startswith("none")


def test_without_isolation_auto_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SandboxUnavailable, match=r"no sandbox for untrusted code: docker: .*bwrap"):
        anyio.run(first_uname, "auto")


def test_auto_never_gives_up_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    with pytest.raises(SandboxUnavailable, match=r"bwrap: backend 'bwrap' has no image"):
        anyio.run(first_uname, "auto", SandboxSpec(image="debian:12"))


@pytest.mark.skipif(not backends()[1].usable, reason=backends()[1].reason)
def test_auto_takes_bubblewrap_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    selection._warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="forethought"):
        for _ in range(2):
            assert "forethought.sandbox.wire.frames" in anyio.run(first_uname, "auto")
    (record,) = caplog.records
    assert "memory per process only" in record.message


def test_local_is_announced_loudly(caplog: pytest.LogCaptureFixture) -> None:
    from forethought.sandbox.backend import local

    local._warn.cache_clear()
    with caplog.at_level(logging.WARNING, logger="forethought"):
        anyio.run(first_uname, "local")
    assert [record.message for record in caplog.records] == [
        "LOCAL SANDBOX: commands run as you, with your files and your network"
    ]


def test_a_local_sandbox_does_not_see_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")

    async def variables() -> str:
        async with open_sandbox(backend="local") as sandbox:
            return (await sandbox.exec(["env"])).text

    assert "hunter2" not in anyio.run(variables)


def test_importing_the_room_brings_in_no_docker() -> None:
    script = "import sys, forethought.sandbox; print('docker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"False\n"
