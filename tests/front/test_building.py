"""`forethought sandbox build` prints what it made, and a failure is one line with code 1."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminal import result, run

from forethought.cli import main
from forethought.sandbox.images import image

pytestmark = pytest.mark.docker


def test_the_default_image_is_made_once_and_told_in_either_way(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = result(capsys, "sandbox", "build")
    assert found["image"] == image.tag()
    assert sorted(found) == ["id", "image", "megabytes", "seconds", "workdir"]
    assert main(["sandbox", "--json", "build"]) == 0
    again = capsys.readouterr()
    assert f'"id": "{found["id"]}"' in again.out
    code, out, err = run(capsys, "sandbox", "build")
    assert (code, err) == (0, "")
    assert f"image: {image.tag()}\n" in out


def test_a_folder_is_built_with_another_base(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM no.example/base:1\nARG A\nENV A=$A\n")
    arguments = ("sandbox", "build", str(tmp_path))
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "builds upon no.example/base:1, which is not here and cannot be pulled" in err
    options = ("--base", "no.example/base:1=default", "--build-arg", "A=b")
    assert str(result(capsys, *arguments, *options)["image"]).startswith("forethought-test-")
