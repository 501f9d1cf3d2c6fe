"""The default image depends on the host's files and on nothing else."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from functools import cache

from forethought.sandbox.images import distributions, image


@cache
def archive() -> bytes:
    return image.build()


def test_two_builds_are_the_same_bytes() -> None:
    assert hashlib.sha256(image.build()).digest() == hashlib.sha256(archive()).digest()


def test_the_archive_names_the_image_and_its_layer_truly() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive())) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        content = {name: file.read() for name, file in files.items() if file is not None}
    (manifest,) = json.loads(content["manifest.json"])
    assert manifest["RepoTags"] == [image.tag()]
    config = content[manifest["Config"]]
    assert manifest["Config"] == hashlib.sha256(config).hexdigest() + ".json"
    (layer,) = manifest["Layers"]
    diff_id = "sha256:" + hashlib.sha256(content[layer]).hexdigest()
    assert json.loads(config)["rootfs"]["diff_ids"] == [diff_id]


def test_the_layer_holds_what_commands_need_and_no_times() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive())) as tar:
        layer_file = tar.extractfile("layer.tar")
        assert layer_file is not None
        with tarfile.open(fileobj=io.BytesIO(layer_file.read())) as layer:
            members = {member.name: member for member in layer}
    assert {member.mtime for member in members.values()} == {0}
    assert list(members) == sorted(members)
    assert members["usr/local/bin/python3"].issym()
    assert members["bin/sh"].linkname == "/bin/busybox"
    assert members["workspace"].mode == 0o1777
    assert members["usr/local/bin/pytest"].mode == 0o755
    assert any(name.endswith("/pytest/__init__.py") for name in members)
    assert not any("hypothesis" in name for name in members)


def test_the_tag_tells_what_is_in_the_image() -> None:
    plain = image.default_distributions()
    more = [*plain, *distributions.installed_closure("pydantic").values()]
    tags = [image.tag_with(plain), image.tag_with(more), image.tag_with(plain, with_git=True)]
    assert tags[0] == image.tag()
    assert len(set(tags)) == 3
    assert image.tag_with(more) == tags[1]
