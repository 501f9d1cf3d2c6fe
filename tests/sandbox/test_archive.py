"""Archives are those of GNU tar, whatever the names; what points outside is refused."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forethought.sandbox.inside import archive, files

NAMES = st.binary(min_size=1, max_size=240).filter(
    lambda name: not {0, ord("/")} & set(name) and name not in (b".", b"..")
)
CONTENTS = st.binary(max_size=2000)


def packed(top: Path) -> bytes:
    return b"".join(archive.pieces(str(top)))


def unpacked(data: bytes, top: Path) -> None:
    archive.unpack(str(top), io.BytesIO(data).read)


def tar_of(*members: tarfile.TarInfo, data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@settings(deadline=None)
@given(st.dictionaries(NAMES, CONTENTS, max_size=5), NAMES)
def test_any_names_and_contents_come_back(contents: dict[bytes, bytes], directory: bytes) -> None:
    with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as after:
        inner = os.path.join(os.fsencode(before), directory)  # noqa: PTH118 - names are bytes
        Path(os.fsdecode(inner)).mkdir()
        for name, data in contents.items():
            Path(os.fsdecode(os.path.join(inner, name))).write_bytes(data)  # noqa: PTH118
        data = packed(Path(before))
        unpacked(data, Path(after))
        restored = Path(after, os.fsdecode(directory))
        assert {
            os.fsencode(path.name): path.read_bytes() for path in restored.iterdir()
        } == contents
        assert packed(Path(after)) == data


def test_tarfile_reads_what_is_packed(tmp_path: Path) -> None:
    long = "x" * 150
    (tmp_path / "d" / long).mkdir(parents=True)
    (tmp_path / "d" / long / "f").write_bytes(b"content")
    (tmp_path / "d" / long / "f").chmod(0o640)
    os.link(tmp_path / "d" / long / "f", tmp_path / "hard")
    (tmp_path / "soft").symlink_to("/etc/" + long)
    os.utime(tmp_path / "d", (1, 981173106))
    with tarfile.open(fileobj=io.BytesIO(packed(tmp_path))) as tar:
        seen = {each.name: each for each in tar}
        content = tar.extractfile(f"d/{long}/f")
        assert content is not None
        assert content.read() == b"content"
    assert list(seen) == ["d", f"d/{long}", f"d/{long}/f", "hard", "soft"]
    assert (seen["d"].mtime, seen[f"d/{long}/f"].mode) == (981173106, 0o640)
    assert (seen["hard"].type, seen["hard"].linkname) == (tarfile.LNKTYPE, f"d/{long}/f")
    assert seen["soft"].linkname == "/etc/" + long


def test_what_tarfile_packs_is_unpacked_parents_that_it_leaves_out_too(tmp_path: Path) -> None:
    info = member("a/b/" + "y" * 120)
    info.size, info.mode, info.mtime = 3, 0o755, 981173106
    unpacked(tar_of(info, data=b"abc"), tmp_path)
    path = tmp_path / "a" / "b" / ("y" * 120)
    assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (b"abc", 0o755)
    assert path.stat().st_mtime == 981173106


def test_a_deep_tree_needs_no_recursion(tmp_path: Path) -> None:
    deep = tmp_path / "before"
    deep.mkdir()
    for _ in range(1050):
        deep /= "d"
        deep.mkdir()
    (deep / "leaf").write_text("down here")
    (tmp_path / "after").mkdir()
    unpacked(packed(tmp_path / "before"), tmp_path / "after")
    assert (tmp_path / "after" / deep.relative_to(tmp_path / "before") / "leaf").exists()
    # Others that clean up after us do need it.
    for top in ("before", "after"):
        files.empty(str(tmp_path / top))


def test_a_file_that_shrinks_meanwhile_keeps_the_archive_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1" * (3 << 20))
    (tmp_path / "b").write_bytes(b"after it")
    pieces = archive.pieces(str(tmp_path))
    data = next(pieces)
    (tmp_path / "a").write_bytes(b"1" * (1 << 20))
    data += b"".join(pieces)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [(each.name, each.size) for each in tar] == [("a", 3 << 20), ("b", 8)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (tar_of(member("../out")), "outside: ../out"),
        (tar_of(member("/out")), "outside: /out"),
        (tar_of(member("a/../../out")), "outside: a/../../out"),
        (tar_of(member("l", kind=tarfile.LNKTYPE, target="../secret")), "outside: ../secret"),
        (tar_of(member("l", kind=tarfile.SYMTYPE, target=".."), member("l/out")), "exists"),
        (tar_of(member("null", kind=tarfile.CHRTYPE)), "kind b'3'"),
        (tar_of(member("null", kind=tarfile.BLKTYPE)), "kind b'4'"),
        (b"garbage!" * 64, "no tar archive"),
        (tar_of(member("x")).replace(b"00000000000", b"00000001000", 1), "middle of a file"),
    ],
    ids=[
        "parent",
        "absolute",
        "hidden parent",
        "hard link",
        "through a link",
        "device",
        "disk",
        "garbage",
        "cut off",
    ],
)
def test_hostile_archives_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(OSError, match=message):
        unpacked(data[: 512 if message == "middle of a file" else None], inside)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inside", "secret"]
