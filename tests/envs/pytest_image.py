"""The default image with this machine's own pytest in it, for tests that judge by test files."""

from __future__ import annotations

import importlib.util
import io
import sys
import sysconfig
import tarfile
from contextlib import closing
from pathlib import Path

import anyio

from forethought.sandbox import SandboxSpec, image, open_sandbox
from forethought.sandbox.engine import connect

MODULES = "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments"


def reference() -> str:
    """Its name, once the engine has it."""
    repository, tag = f"{image.REPOSITORY}-pytest", image.tag().partition(":")[2]
    with connect() as engine:
        if not engine.images(f"{repository}:{tag}", quiet=True):
            anyio.run(_have_the_default_image)
            made = engine.create_container(image.tag())
            try:
                engine.put_archive(made, "/", _packages())
                engine.commit(made, repository=repository, tag=tag)
            finally:
                engine.remove_container(made)
    return f"{repository}:{tag}"


async def _have_the_default_image() -> None:
    async with open_sandbox(SandboxSpec(), backend="docker"):
        pass


def _packages() -> bytes:
    site = sysconfig.get_path("purelib", vars={"base": sys.base_prefix})
    archive = io.BytesIO()
    with closing(tarfile.open(fileobj=archive, mode="w")) as tar:
        for name in MODULES:
            found = importlib.util.find_spec(name)
            assert found is not None
            assert found.origin is not None
            path = Path(found.origin)
            whole = path.parent if found.submodule_search_locations else path
            tar.add(whole, arcname=f"{site}/{whole.name}")
    return archive.getvalue()
