"""Folders with a Dockerfile become images without a registry, or one line says why not."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from pathlib import Path

import anyio
import pytest

from forethought.sandbox import (
    ExecResult,
    ImageBuildFailed,
    SandboxSpec,
    build_dockerfile,
    build_image,
    open_sandbox,
)
from forethought.sandbox.engine import connect
from forethought.sandbox.images import image as default_image

pytestmark = pytest.mark.docker

NOWHERE = "no.example/python:3.12"


def folder(tmp_path: Path, dockerfile: str, *, at: str = "Dockerfile") -> Path:
    file = tmp_path / "task" / at
    file.parent.mkdir(parents=True)
    file.write_text(dockerfile)
    return tmp_path / "task"


def run(image: str, *argv: str) -> ExecResult:
    async def once() -> ExecResult:
        async with open_sandbox(SandboxSpec(image=image), backend="docker") as sandbox:
            return await sandbox.exec(argv)

    return anyio.run(once)


def labels(image: str) -> dict[str, str]:
    with connect() as engine:
        found: dict[str, str] = engine.inspect_image(image)["Config"]["Labels"]
    return found


def test_a_dockerfile_is_built_with_its_arguments_and_the_same_again(tmp_path: Path) -> None:
    text = "ARG BASE\nFROM $BASE\nARG WORD=none\nUSER 0\nWORKDIR /app\nRUN echo $WORD > /word\n"
    directory = folder(tmp_path, text, at="environment/Dockerfile")
    arguments = {"BASE": NOWHERE, "WORD": "yes"}
    built = build_dockerfile(directory, build_args=arguments, bases={NOWHERE: "default"})
    again = build_dockerfile(directory, build_args=arguments, bases={NOWHERE: "default"})
    assert built == again
    assert built.reference == f"forethought-task:{built.id.removeprefix('sha256:')[:16]}"
    assert (built.num_bytes > 40e6, built.workdir) == (True, "/app")
    assert run(built.reference, "cat", "/word").stdout == b"yes\n"


def test_a_label_tells_which_base_stood_for_which(tmp_path: Path) -> None:
    directory = folder(tmp_path, f"FROM {NOWHERE}\nENV A=b\n")
    built = build_dockerfile(directory, bases={NOWHERE: "default"})
    told = labels(built.reference)["forethought.bases"]
    assert told.startswith(f"{NOWHERE}={default_image.tag()}@sha256:")


def test_a_base_that_is_nowhere_is_named_with_what_to_do(tmp_path: Path) -> None:
    directory = folder(tmp_path, f"FROM {NOWHERE}\n")
    message = (
        rf"Dockerfile builds upon {NOWHERE}, which is not here and cannot be pulled; .*"
        rf"--base {NOWHERE}=IMAGE, or =default"
    )
    with pytest.raises(ImageBuildFailed, match=message):
        build_dockerfile(directory)


def test_a_substitute_has_to_be_here_and_of_use(tmp_path: Path) -> None:
    directory = folder(tmp_path, f"FROM {NOWHERE}\n")
    with pytest.raises(ImageBuildFailed, match="'gone:1' is to stand for another one and is not"):
        build_dockerfile(directory, bases={NOWHERE: "gone:1"})
    with pytest.raises(ValueError, match=rf"Dockerfile builds upon {NOWHERE}, not python:3"):
        build_dockerfile(directory, bases={"python:3": "default"})


def test_a_step_that_fails_is_told_with_its_last_lines(tmp_path: Path) -> None:
    text = f"FROM {NOWHERE}\nRUN echo before\nRUN echo one; echo two >&2; exit 7\n"
    directory = folder(tmp_path, text)
    message = (
        r"step 3/4 \(RUN .* exit 7\) failed: .* non-zero code: 7; it said: (one \| two|two \| one)$"
    )
    with pytest.raises(ImageBuildFailed, match=message):
        build_dockerfile(directory, bases={NOWHERE: "default"})


def test_what_is_no_dockerfile_is_told_by_its_line(tmp_path: Path) -> None:
    directory = folder(tmp_path, f"FROM {NOWHERE}\nFLY away\n")
    with pytest.raises(ImageBuildFailed, match=r"cannot be built: .*line 2: unknown instr.*FLY"):
        build_dockerfile(directory, bases={NOWHERE: "default"})


def test_links_do_not_lead_out_of_the_folder_and_what_is_ignored_stays(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("hidden")
    directory = folder(tmp_path, f"FROM {NOWHERE}\nCOPY . /copied/\n")
    (directory / "file").symlink_to(secret / "key")
    (directory / "directory").symlink_to(secret)
    (directory / "notes.txt").write_text("private")
    (directory / "kept.txt").write_text("public")
    os.mkfifo(directory / "pipe")
    (directory / ".dockerignore").write_text("# comment\n*.txt\n!kept.txt\npipe\n")
    built = build_dockerfile(directory, bases={NOWHERE: "default"})
    with connect() as engine:
        container = engine.create_container(built.reference)["Id"]
        stream, _ = engine.get_archive(container, "/copied")
        archive = io.BytesIO(b"".join(stream))
        engine.remove_container(container)
    with tarfile.open(fileobj=archive) as tar:
        found = {member.name: member for member in tar}
    wanted = {"copied", *(f"copied/{name}" for name in ("directory", "file", "kept.txt"))}
    assert set(found) == wanted | {"copied/.dockerignore", "copied/Dockerfile"}
    assert found["copied/file"].issym()
    assert found["copied/directory"].issym()


def test_a_dockerfile_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "task"
    directory.mkdir()
    (tmp_path / "outside").write_text("FROM scratch\n")
    (directory / "Dockerfile").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="Dockerfile is a link out of "):
        build_dockerfile(directory)


def test_a_folder_without_a_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds neither Dockerfile nor environment/Dockerfile"):
        build_dockerfile(tmp_path)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_git_and_a_binary_wheel_work_in_an_image_that_has_them() -> None:
    built = build_image(["numpy"], with_git=True)
    script = (
        "set -e; python3 -c 'import numpy; print(numpy.ones(3) @ numpy.ones(3))'\n"
        "git init -q one; cd one; git config user.email a@b; git config user.name c\n"
        "echo 1 > f; git add f; git commit -qm first; cd ..; git clone -q one two\n"
        "git -C two submodule status; git -C two log --format=%s; pytest --version"
    )
    result = run(built.reference, "sh", "-c", script)
    lines = result.text.splitlines()
    assert lines[:2] == ["3.0", "first"]
    assert lines[2].startswith("pytest ")
    assert build_image(["numpy"], with_git=True) == built
