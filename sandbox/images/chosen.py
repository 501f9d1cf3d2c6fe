"""Images to make sandboxes from: the default one, with more in it or not, and your Dockerfiles'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltImage:
    """An image that the engine holds now."""

    reference: str
    """For SandboxSpec.image; another one where the content is another."""
    id: str
    num_bytes: int
    workdir: str | None
    """Its WORKDIR, for SandboxSpec.workdir; None where that is the root."""


def build_image(packages: Sequence[str] = (), *, with_git: bool = False) -> BuiltImage:
    """The default image with more in it, made from this machine's files unless it is there.

    `packages` are names of distributions, copied from beside this interpreter with what they
    require, or requirements such as "numpy==2.1", which pip is asked for. Raises ValueError for
    what is neither, ImageBuildFailed and SandboxUnavailable.
    """
    from forethought.sandbox.images.provide import provide_with

    return provide_with(packages, with_git=with_git)


def build_dockerfile(
    directory: str | Path,
    *,
    build_args: Mapping[str, str] | None = None,
    bases: Mapping[str, str] | None = None,
    timeout_s: float = 3600.0,
) -> BuiltImage:
    """Build the Dockerfile of a directory, or of its `environment` as Harbor lays tasks out.

    `bases` puts images that are here in place of those that FROM and COPY --from name, and the
    label `forethought.bases` tells of it; "default" is the default image. Links out of the
    directory stay links, and what .dockerignore names stays here. `timeout_s` bounds the time in
    which a step says nothing. A build is no sandbox: its RUN steps are root in a container of the
    engine's, with the engine's network. Raises ValueError without a Dockerfile and for a
    substitute that nothing uses, ImageBuildFailed and SandboxUnavailable.
    """
    from forethought.sandbox.images.build import build

    return build(
        Path(directory), build_args=build_args or {}, bases=bases or {}, timeout_s=timeout_s
    )
