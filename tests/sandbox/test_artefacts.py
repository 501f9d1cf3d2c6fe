"""What may leave an agent's sandbox to be judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import anyio
import pytest

from forethought.sandbox import ArtefactRefused, Cause, as_snapshot, collect, open_sandbox
from forethought.sandbox.backend.local import LocalSandbox


def collected(script: str, paths: Sequence[str], *, max_bytes: int = 100) -> dict[str, bytes]:
    async def run() -> dict[str, bytes]:
        async with open_sandbox(backend="local") as sandbox:
            result = await sandbox.exec(["sh", "-c", script])
            assert result.stderr == b""
            return await collect(sandbox, paths, max_bytes=max_bytes, max_total_bytes=150)

    return anyio.run(run)


def test_plain_files_come_out_as_they_are() -> None:
    files = collected("mkdir -p a/b; printf one > a/b/x; printf two > y", ["a/b/x", "y"])
    assert files == {"a/b/x": b"one", "y": b"two"}


@pytest.mark.parametrize(
    ("script", "path", "message"),
    [
        ("echo > other", "x", "x: there is no such file"),
        ("echo > d", "d/x", "d/x: there is no such file"),
        ("ln -s /etc/passwd x", "x", "x: a link and not a file"),
        ("ln -s nowhere x", "x", "x: a link and not a file"),
        ("ln -s /etc d", "d/passwd", "d/passwd: a link and not a file"),
        ("mkdir x", "x", "x: a directory and not a file"),
        ("mkfifo x", "x", "x: a pipe and not a file"),
        ("echo > y; ln y x", "x", "x: one of 2 names of the same file"),
        ("head -c 101 /dev/zero > x", "x", "x: 101 bytes; at most 100 are taken"),
        ("truncate -s 9000G x", "x", "x: 9663676416000 bytes; at most 100 are taken"),
        ("", "../x", "../x: not a plain path below the working directory"),
        ("", "a/../../x", "a/../../x: not a plain path below"),
        ("", "/etc/passwd", "/etc/passwd: not relative to the working directory"),
        ("", "", "'': not a plain path"),
        ("", "a//b", "a//b: not a plain path"),
        ("", "a\0b", r"'a\x00b': a path cannot hold a NUL character"),
    ],
)
def test_what_is_no_plain_file_in_its_place_is_refused_by_name(
    script: str, path: str, message: str
) -> None:
    with pytest.raises(ArtefactRefused, match=re.escape(message)) as caught:
        collected(script or "true", [path])
    is_missing = "no such file" in message
    assert caught.value.cause is (Cause.MISSING_ARTEFACT if is_missing else Cause.REFUSED_ARTEFACT)


def test_an_unreadable_file_is_refused() -> None:
    class Unreadable(LocalSandbox):
        async def read(self, path: str, *, max_bytes: int = 16 << 20) -> bytes:
            return (await super().read(path, max_bytes=max_bytes))[:-1]

    async def run() -> None:
        sandbox = await Unreadable.open()
        try:
            await sandbox.write("x", b"one")
            with pytest.raises(ArtefactRefused, match="x: changed while it was read"):
                await collect(sandbox, ["x"])
        finally:
            await sandbox.close()

    anyio.run(run)


def test_files_that_are_too_large_together_are_refused() -> None:
    script = "head -c 80 /dev/zero > x; head -c 80 /dev/zero > y"
    with pytest.raises(ArtefactRefused, match="y: 160 bytes with the files before it; at most 150"):
        collected(script, ["x", "y"])


def test_more_files_than_are_ever_taken_is_the_authors_mistake() -> None:
    with pytest.raises(ValueError, match="129 artefacts are too many; at most 128"):
        collected("true", [str(number) for number in range(129)])


def test_a_snapshot_of_files_is_restored_as_these_files_and_nothing_else() -> None:
    async def run() -> tuple[bytes, bytes]:
        async with open_sandbox(backend="local") as sandbox:
            await sandbox.write("old", b"")
            await sandbox.restore(as_snapshot({"a/b": b"one", "c": b""}))
            listing = await sandbox.exec(
                ["sh", "-c", "find . -type f | sort | xargs stat -c '%n %a'"]
            )
            return listing.stdout, await sandbox.read("a/b")

    assert anyio.run(run) == (b"./a/b 644\n./c 644\n", b"one")


@pytest.mark.parametrize("path", ["/a", "../a", "a/./b", ""])
def test_a_snapshot_holds_nothing_outside_of_its_directory(path: str) -> None:
    with pytest.raises(ArtefactRefused):
        as_snapshot({path: b""})


def test_the_same_files_make_the_same_snapshot() -> None:
    make: Callable[[], bytes] = lambda: as_snapshot({"b": b"2", "a": b"1"})  # noqa: E731
    assert make() == as_snapshot({"a": b"1", "b": b"2"})
