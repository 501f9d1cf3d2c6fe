"""Rows of a data file: JSON Lines or one JSON array, plain or gzipped, and nothing is trusted.

A file comes from elsewhere, so whatever is wrong with it is a ValueError that begins with
`file:line` (`file[item]` in an array). Nothing in it is ever unpickled or run.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from forethought.envs.first_error import first_error

MAX_LINE = 16 << 20
"""Bytes of one line."""
MAX_ARRAY = 256 << 20
"""Bytes of a file that is one JSON array, unpacked; it has to be held whole."""

_HEAD = 264
_TAR_MARK = slice(257, 262)
_STRANGERS = {
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"version https://git-lfs": "a Git LFS pointer, so the file itself was not fetched",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}

Row = TypeVar("Row", bound=BaseModel)


def read_rows(file: Path, model: type[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with where it stands. Raises ValueError at the first that is not as it should be."""
    with opened(file) as stream:
        if _first_byte(stream) == b"[":
            yield from _items(file, stream, model)
        else:
            yield from _rows(file, stream, model)


@contextmanager
def located(where: str) -> Iterator[None]:
    """What is wrong with a row is told with where it stands: a ValueError inside begins with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Each line of a text file with its number, from 1. Raises ValueError as `read_rows` does."""
    with opened(file) as stream:
        yield from _lines(file, stream)


def read_json(file: Path, model: type[Row]) -> Row:
    """A file that is one JSON object. Raises ValueError as `read_rows` does."""
    try:
        return model.model_validate_json(read_text(file))
    except ValidationError as error:
        raise ValueError(f"{file}: {first_error(error)}") from None


def read_text(file: Path, *, max_bytes: int = MAX_ARRAY) -> str:
    """A whole text file. Raises ValueError if it is no text, is broken or too long."""
    with opened(file) as stream:
        return _decoded(_whole(file, stream, max_bytes), str(file))


def required(file: Path) -> Path:
    """The file, or `file.gz` in its place. Raises FileNotFoundError."""
    for candidate in (file, file.with_name(f"{file.name}.gz")):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"no file {file}")


@contextmanager
def opened(file: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, unpacked if they are gzipped.

    Raises ValueError for what is no text by its first bytes, and for a broken gzip while it is
    read.
    """
    try:
        with _unpacked(file) as stream:
            head = stream.peek(_HEAD)[:_HEAD]
            if stranger := _stranger(head):
                raise ValueError(f"{file}: it is {stranger}; JSON or JSON Lines is expected")
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{file}: it is a broken gzip file: {error}; fetch it again") from None


@contextmanager
def _unpacked(file: Path) -> Iterator[io.BufferedReader]:
    with file.open("rb") as raw:
        if raw.peek(2)[:2] != b"\x1f\x8b":
            yield raw
            return
        with gzip.open(raw) as packed:
            yield io.BufferedReader(cast("io.RawIOBase", packed))


def _stranger(head: bytes) -> str:
    if head[_TAR_MARK] == b"ustar":
        return "a tar archive"
    return next((what for mark, what in _STRANGERS.items() if head.startswith(mark)), "")


def _first_byte(stream: io.BufferedReader) -> bytes:
    return stream.peek(_HEAD)[:_HEAD].lstrip()[:1]


def _rows(file: Path, stream: BinaryIO, model: type[Row]) -> Iterator[tuple[str, Row]]:
    for number, text in _lines(file, stream):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        try:
            yield where, model.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(f"{where}: {first_error(error)}") from None


def _lines(file: Path, stream: BinaryIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := stream.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise ValueError(f"{file}:{number}: the line is longer than {MAX_LINE >> 20} MiB")
        yield number, _decoded(line, f"{file}:{number}")


def _items(file: Path, stream: BinaryIO, model: type[Row]) -> Iterator[tuple[str, Row]]:
    data = _whole(file, stream, MAX_ARRAY)
    try:
        rows = TypeAdapter(list[model]).validate_json(_decoded(data, str(file)))  # type: ignore[valid-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        item, *field = first["loc"] or ("",)
        where = f"{file}[{item}]" if item != "" else str(file)
        what = ".".join(map(str, field))
        told = f"{what}: {first['msg']}" if what else first["msg"]
        raise ValueError(f"{where}: {told}") from None
    for index, row in enumerate(rows):
        yield f"{file}[{index}]", row


def _whole(file: Path, stream: BinaryIO, max_bytes: int) -> bytes:
    data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ValueError(f"{file}: longer than {max_bytes >> 20} MiB; make it JSON Lines")
    return data


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start)
        told = f" in line {line + 1}" if line else ""
        raise ValueError(f"{where}: byte {error.start}{told} is no UTF-8") from None
