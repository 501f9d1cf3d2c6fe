"""A default image of one's own is pinned by its digest, pulled, and stood in for elsewhere."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import tarfile

import anyio
import pytest
from registry import serving

from forethought.sandbox import SandboxSpec, open_sandbox
from forethought.sandbox.engine import connect
from forethought.sandbox.images import image
from forethought.sandbox.images.host import busybox
from forethought.sandbox.images.pinned import SETTING
from forethought.sandbox.images.provide import provide

pytestmark = pytest.mark.docker

NOWHERE = f"127.0.0.1:9/nothing@sha256:{'0' * 64}"

SHELL = SandboxSpec(agent="shell")
"""Lent our Python, the image would need a volume that is the machine's, and test_launch removes."""
PASSWD = b"nobody:x:65534:65534::/:/bin/false\n"


def layer() -> bytes:
    listed = subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(busybox(), "bin/busybox")
        for applet in {*listed.stdout.split()} - {"busybox"}:
            member = tarfile.TarInfo(f"bin/{applet}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(member)
        member = tarfile.TarInfo("etc/passwd")
        member.size = len(PASSWD)
        tar.addfile(member, io.BytesIO(PASSWD))
    return archive.getvalue()


async def colour(spec: SandboxSpec = SHELL) -> str:
    async with open_sandbox(spec, backend="docker") as sandbox:
        return (await sandbox.exec(["sh", "-c", "echo $COLOUR"])).text.strip()


def test_a_pinned_image_is_pulled_and_is_the_default_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shade = os.urandom(4).hex()
    with serving(layer(), env=["PATH=/bin", f"COLOUR={shade}"]) as reference:
        monkeypatch.setenv(SETTING, reference)
        assert anyio.run(colour) == shade
    try:
        # The registry is gone; the engine has the image.
        assert anyio.run(colour) == shade
    finally:
        with connect() as engine:
            engine.remove_image(reference)


def test_where_it_cannot_be_had_the_host_s_stands_in_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(SETTING, NOWHERE)
    with caplog.at_level(logging.WARNING, logger="forethought.sandbox.images.pinned"):
        assert [anyio.run(colour) for _ in range(2)] == ["", ""]
    (record,) = caplog.records
    assert record.message.startswith(f"image '{NOWHERE}' is not here and cannot be pulled")
    assert record.message.endswith("the image made from this machine's Python stands in")


def test_a_tag_does_not_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "python:3.12-slim")
    with pytest.raises(ValueError, match=r"it should read NAME@sha256:DIGEST"):
        anyio.run(colour)


def test_an_image_of_the_spec_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "python:3.12-slim")
    with connect() as engine:
        provide(engine, None)
    assert anyio.run(colour, SandboxSpec(image=image.tag())) == ""
