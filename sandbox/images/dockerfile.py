"""What a Dockerfile builds upon, and how to have it build upon something else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

FROM = re.compile(
    r"\s*FROM\s+(?:--platform=\S+\s+)?(?P<base>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*", re.I
)
COPY = re.compile(r"\s*COPY\s+(?:--\S+\s+)*?--from=(?P<base>\S+)\s", re.I)
ARG = re.compile(r"\s*ARG\s+(?P<name>\w+)(?:=(?P<value>\S*))?\s*", re.I)
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")
ESCAPE = re.compile(r"#\s*escape\s*=\s*(\S)\s*", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """One mention of an image to build upon, or to copy from."""

    image: str
    """With variables put in."""
    start: int
    end: int
    """Where in the text it is mentioned."""


def bases(text: str, *, build_args: Mapping[str, str]) -> list[Base]:
    """The images that a Dockerfile mentions, but for its own stages and "scratch", in order."""
    found, stages, variables = [], {"scratch"}, dict(build_args)
    is_before_from, num_stages = True, 0
    for start, instruction in _instructions(text):
        if (match := ARG.fullmatch(instruction)) and is_before_from:
            variables.setdefault(match["name"], (match["value"] or "").strip("\"'"))
        begins_stage = FROM.fullmatch(instruction)
        match = begins_stage or COPY.match(instruction)
        if match is None:
            continue
        image = _expanded(match["base"], variables)
        if image.lower() not in stages and not (image.isdecimal() and int(image) < num_stages):
            first = start + match.start("base")
            found.append(Base(image=image, start=first, end=first + len(match["base"])))
        if begins_stage:
            is_before_from, num_stages = False, num_stages + 1
            stages |= {(begins_stage["stage"] or "scratch").lower()}
    return found


def substituted(text: str, found: list[Base], *, by: Mapping[str, str]) -> str:
    """The Dockerfile with other images in place of those that `by` names."""
    for base in reversed(found):
        if base.image in by:
            text = text[: base.start] + by[base.image] + text[base.end :]
    return text


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """First lines of instructions and where they start: what follows an escaped line end is none.

    A line that goes on counts with what stands before its end: FROM and ARG fit one line.
    """
    escape, is_inside, offset = "\\", False, 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if offset == 0 and (directive := ESCAPE.fullmatch(stripped)):
            escape = directive[1]
        if stripped and not stripped.startswith("#"):
            if not is_inside:
                yield offset, line.rstrip().removesuffix(escape) + "\n"
            is_inside = stripped.endswith(escape)
        offset += len(line)


def _expanded(image: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        return variables.get(match[1] or match[3]) or match[2] or ""

    return VARIABLE.sub(value, image)
