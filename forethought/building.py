"""`forethought sandbox build`: images to make sandboxes from."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence

from pydantic import JsonValue

from forethought.sandbox import BuiltImage, build_dockerfile, build_image
from forethought.sandbox.images.image import PACKAGES, default_distributions


def build_default(args: Namespace) -> dict[str, JsonValue]:
    """The default image, with what `--with` names."""
    for option, given in (("--build-arg", args.build_arg), ("--base", args.base)):
        if given:
            raise ValueError(f"{option} is for a folder with a Dockerfile, and none is named")
    wanted = [name for group in args.extras for name in group.split(",") if name]
    began = time.monotonic()
    packages = [name for name in wanted if name != "git"]
    built = build_image(packages, with_git="git" in wanted)
    here = {each.name for each in default_distributions()}
    absent: list[JsonValue] = [name for name in PACKAGES if name not in {*here, *packages}]
    result = _told(built, began)
    if absent:
        result["without"] = absent
    return result


def build_directory(args: Namespace) -> dict[str, JsonValue]:
    """The image of a folder with a Dockerfile."""
    if args.extras:
        raise ValueError("--with is for the default image; put it into the Dockerfile instead")
    began = time.monotonic()
    built = build_dockerfile(
        args.directory,
        build_args=_pairs(args.build_arg, option="--build-arg"),
        bases=_pairs(args.base, option="--base"),
    )
    return _told(built, began)


def _pairs(given: Sequence[str], *, option: str) -> dict[str, str]:
    pairs = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise ValueError(f"{option} {each!r} should read NAME=VALUE")
        pairs[name] = value
    return pairs


def _told(built: BuiltImage, began: float) -> dict[str, JsonValue]:
    return {
        "image": built.reference,
        "id": built.id,
        "workdir": built.workdir,
        "megabytes": round(built.num_bytes / 1e6, 1),
        "seconds": round(time.monotonic() - began, 1),
    }
