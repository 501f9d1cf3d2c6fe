"""Distributions are copied with what they require, or got by pip, or refused in one line."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from forethought.sandbox import ImageBuildFailed
from forethought.sandbox.images import distributions


def test_what_pytest_requires_comes_along_and_nothing_else() -> None:
    found = distributions.installed_closure("pytest")
    assert sorted(found) == ["iniconfig", "packaging", "pluggy", "pygments", "pytest"]


@pytest.mark.parametrize(
    "name", ["no-such-distribution", "forethought"], ids=["absent", "editable"]
)
def test_what_cannot_be_copied_is_not(name: str) -> None:
    assert distributions.installed_closure(name) == {}


def test_files_are_those_of_the_record_without_bytecode_and_scripts() -> None:
    names = [name for name, _ in distributions.files(distribution("iniconfig"))]
    assert "iniconfig/__init__.py" in names
    assert any(name.endswith(".dist-info/METADATA") for name in names)
    assert not any(name.endswith(".pyc") or ".." in name for name in names)


def test_a_launcher_runs_the_entry_point_by_the_interpreter_named() -> None:
    launchers = dict(distributions.launchers(distribution("pytest"), python="/a/python3"))
    first, *rest = launchers["pytest"].decode().splitlines()
    assert first == "#!/a/python3"
    assert rest[0] == "import sys"
    assert rest[1].startswith("from ")
    assert rest[2].startswith("sys.exit(")


def test_pip_gets_what_is_not_here_from_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "tiny"
    source.mkdir()
    wheel = source / "tiny_wheel-1.5-py3-none-any.whl"
    write_wheel(wheel)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(source))
    with distributions.gathered(["tiny-wheel==1.5", "iniconfig"]) as found:
        assert [(each.name, each.version) for each in found][1] == ("tiny-wheel", "1.5")
        assert "tiny_wheel.py" in dict(distributions.files(found[1]))
        first = [distributions.fingerprint(each) for each in found]
    with distributions.gathered(["tiny-wheel==1.5", "iniconfig"]) as found:
        assert [distributions.fingerprint(each) for each in found] == first
    message = "pip cannot get tiny-wheel==2 for the image: ERROR"
    with (
        pytest.raises(ImageBuildFailed, match=message),
        distributions.gathered(["tiny-wheel==2"]),
    ):
        pass


@pytest.mark.parametrize(
    "requirement", ["", "--index-url=x", "a b", "/etc/passwd", "git+https://x"]
)
def test_what_is_no_requirement_is_refused(requirement: str) -> None:
    message = "is no name of a distribution, such as 'numpy'"
    with pytest.raises(ValueError, match=message), distributions.gathered([requirement]):
        pass


def write_wheel(path: Path) -> None:
    about = "tiny_wheel-1.5.dist-info"
    content = {
        "tiny_wheel.py": "VALUE = 42\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tiny-wheel\nVersion: 1.5\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*content, f"{about}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**content, f"{about}/RECORD": record}.items():
            wheel.writestr(name, text)
