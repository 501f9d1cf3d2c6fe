"""Images from Dockerfile directories, by the engine; no registry is asked for what is here."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import docker
from docker.errors import APIError, ImageNotFound
from docker.utils.build import create_archive, exclude_paths

from forethought.sandbox.base import ImageBuildFailed, SandboxUnavailable
from forethought.sandbox.engine import connect
from forethought.sandbox.images import dockerfile, image
from forethought.sandbox.images.chosen import BuiltImage
from forethought.sandbox.images.dockerfile import Base
from forethought.sandbox.images.provide import described, provide

logger = logging.getLogger(__name__)

PLACES = "Dockerfile", "environment/Dockerfile"
BASES_LABEL = "forethought.bases"
NUM_LAST_LINES = 5
STEP = re.compile(r"Step (\d+/\d+) : (.*)")
NOISE = re.compile(r"\x1b\[[0-9;]*m")
OF_THE_ENGINE = "---> ", "Removing intermediate container "


def build(
    directory: Path,
    *,
    build_args: Mapping[str, str],
    bases: Mapping[str, str],
    timeout_s: float,
) -> BuiltImage:
    """See `forethought.sandbox.build_dockerfile`."""
    file = _dockerfile(directory)
    with connect(timeout_s=int(timeout_s)) as engine:
        by = {name: _substitute(engine, other) for name, other in bases.items()}
        text = file.read_text(encoding="utf-8")
        found = dockerfile.bases(text, build_args=build_args)
        _require_used(by, found, file)
        for base in found:
            _require_here(engine, by.get(base.image, base.image), file)
        with TemporaryFile() as context:
            _pack(context, file, dockerfile.substituted(text, found, by=by))
            identity = _build(engine, context, build_args=build_args, labels=_labels(engine, by))
        repository, name = f"forethought-{_slug(directory)}", identity.partition(":")[2][:16]
        engine.tag(identity, repository, name)
        return described(engine, f"{repository}:{name}")


def _dockerfile(directory: Path) -> Path:
    for place in PLACES:
        file = directory / place
        if file.is_file():
            if not file.resolve().is_relative_to(directory.resolve()):
                raise ValueError(f"{file} is a link out of {directory}; put the file there")
            return file
    raise ValueError(f"{str(directory)!r} holds neither {PLACES[0]} nor {PLACES[1]}")


def _substitute(engine: docker.APIClient, reference: str) -> str:
    """The image to put in another's place, which has to be here."""
    if reference == "default":
        provide(engine, None)
        return image.tag()
    try:
        engine.inspect_image(reference)
    except ImageNotFound:
        raise ImageBuildFailed(
            f"image {reference!r} is to stand for another one and is not here itself; "
            "load or build it first, or take 'default'"
        ) from None
    return reference


def _require_used(by: Mapping[str, str], found: Sequence[Base], file: Path) -> None:
    there_are = list(dict.fromkeys(base.image for base in found))
    for name in by:
        if name not in there_are:
            raise ValueError(f"{file} builds upon {', '.join(there_are) or 'nothing'}, not {name}")


def _require_here(engine: docker.APIClient, reference: str, file: Path) -> None:
    try:
        engine.inspect_image(reference)
    except ImageNotFound:
        try:
            provide(engine, None if reference == image.tag() else reference)
        except SandboxUnavailable as error:
            raise ImageBuildFailed(
                f"{file} builds upon {reference}, which is not here and cannot be pulled; load it "
                f"with docker, or have it built upon an image that is here: --base {reference}="
                f"IMAGE, or =default ({error.__cause__})"
            ) from error


def _labels(engine: docker.APIClient, by: Mapping[str, str]) -> dict[str, str]:
    """What stands for what: each a name, the substitute and its id."""
    told = [f"{name}={other}@{engine.inspect_image(other)['Id']}" for name, other in by.items()]
    return {BASES_LABEL: " ".join(told)} if told else {}


def _pack(context: IO[bytes], file: Path, text: str) -> None:
    """The directory as an archive: links as links, without what .dockerignore names."""
    root, ignoring = file.parent, file.parent / ".dockerignore"
    lines = ignoring.read_text(encoding="utf-8").splitlines() if ignoring.is_file() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    create_archive(
        str(root),
        files=sorted(exclude_paths(str(root), patterns, dockerfile=file.name)),
        fileobj=context,
        extra_files=[(file.name, text)],
    )


def _build(
    engine: docker.APIClient,
    context: IO[bytes],
    *,
    build_args: Mapping[str, str],
    labels: Mapping[str, str],
) -> str:
    """Id of the image."""
    step, last = "the Dockerfile", deque[str](maxlen=NUM_LAST_LINES)
    try:
        for event in engine.build(
            fileobj=context,
            custom_context=True,
            dockerfile="Dockerfile",
            buildargs=dict(build_args),
            labels=dict(labels),
            rm=True,
            forcerm=True,
            decode=True,
        ):
            for line in event.get("stream", "").splitlines():
                logger.debug("docker build: %s", line)
                if begun := STEP.fullmatch(line):
                    step = f"step {begun[1]} ({begun[2]})"
                    last.clear()
                elif (said := NOISE.sub("", line).strip()) and not said.startswith(OF_THE_ENGINE):
                    last.append(said)
            if "error" in event:
                rest = f"; it said: {' | '.join(last)}" if last else ""
                raise ImageBuildFailed(f"{step} failed: {event['error'].strip()}{rest}")
            if "ID" in event.get("aux", {}):
                identity = str(event["aux"]["ID"])
    except APIError as error:
        raise ImageBuildFailed(f"the Dockerfile cannot be built: {error.explanation}") from error
    return identity


def _slug(directory: Path) -> str:
    """The directory's name as a repository may be called."""
    return re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-") or "image"
