"""The shape of the house: which room may import which, and where heavy imports stay."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("sandbox", "envs", "agents", "benchmarks", "trainer", "forethought")
"""Each room may import those before it."""

HEAVY: dict[str, set[str]] = {
    "torch": {
        "agents/engines/attention.py",
        "agents/engines/embedded.py",
        "agents/engines/engine_transformers.py",
        "agents/engines/slots.py",
        "envs/search/minilm.py",
        "forethought/doctor.py",
        "trainer/*",
    },
    "transformers": {
        "agents/engines/attention.py",
        "agents/templates/chat.py",
        "agents/engines/embedded.py",
        "agents/engines/engine_transformers.py",
        "agents/engines/engine_vllm.py",
        "envs/search/minilm.py",
        "trainer/*",
    },
    "docker": {
        "sandbox/backend/removal.py",
        "sandbox/images/build.py",
        "sandbox/images/contents.py",
        "sandbox/backend/docker.py",
        "sandbox/engine.py",
        "sandbox/backend/launch.py",
        "sandbox/images/pinned.py",
        "sandbox/images/provide.py",
        "sandbox/images/runtime.py",
    },
    "accelerate": set(),
    "gguf": set(),
    "ray": set(),
    "safetensors": {"trainer/checkpoint.py"},
    "tantivy": {"envs/search/tantivy.py"},
    "vllm": {"agents/engines/engine_vllm.py"},
}
"""Distributions that are slow to import or may be absent, and the files that are about them."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MODULES = sorted(
    path.relative_to(ROOT)
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if path.parts[-2] != "perf"
)
"""All modules of the rooms; the scripts in benchmarks/perf/ stand alone."""


def imported(source: str) -> Iterator[str]:
    """Full names of the modules that a source imports, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str | None:
    """The room that an imported name belongs to; None for what is not ours."""
    first, _, rest = module.partition(".")
    if first != "forethought":
        return None
    second = rest.partition(".")[0]
    return second if second in ROOMS else "forethought"


def breaches(room: str, source: str) -> list[str]:
    """What a source in a room imports from rooms that stand after it."""
    allowed = ROOMS[: ROOMS.index(room) + 1]
    return [name for name in imported(source) if (room_of(name) or room) not in allowed]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_room_imports_only_rooms_before_it(module: Path) -> None:
    assert breaches(module.parts[0], (ROOT / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("room", "source", "expected"),
    [
        ("sandbox", "from forethought.envs import Task", ["forethought.envs.Task"]),
        ("envs", "import forethought", ["forethought"]),
        ("agents", "def f():\n    from forethought import trainer", ["forethought.trainer"]),
        ("agents", "from forethought import __version__", ["forethought.__version__"]),
        ("trainer", "import forethought.sandbox, json", []),
    ],
    ids=["upwards", "front door", "inside a function", "name of the front door", "downwards"],
)
def test_the_check_of_the_import_order_sees_breaches(
    room: str, source: str, expected: list[str]
) -> None:
    assert breaches(room, source) == expected


def heavy(module: Path) -> set[str]:
    """The heavy distributions that a module imports."""
    source = (ROOT / module).read_text(encoding="utf-8")
    return {name.partition(".")[0] for name in imported(source)} & HEAVY.keys()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_heavy_imports_stay_in_the_files_that_are_about_them(module: Path) -> None:
    allowed = {name for name in HEAVY if any(module.match(pattern) for pattern in HEAVY[name])}
    assert heavy(module) - allowed == set()


def test_every_exception_for_a_heavy_import_is_in_use() -> None:
    used = [(name, module) for module in MODULES for name in heavy(module)]
    idle = [
        (name, pattern)
        for name, patterns in HEAVY.items()
        for pattern in patterns
        if not any(name == other and module.match(pattern) for other, module in used)
    ]
    assert idle == []


def test_the_packages_are_the_rooms() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    rooms = {"forethought": "forethought", **setuptools["package-dir"]}
    packages = {
        f"{rooms[room]}/{rest}".replace(".", "/").rstrip("/")
        for package in setuptools["packages"]
        for room, rest in [_room_and_rest(package)]
    }
    with_code = {
        str(path.parent.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert packages == with_code
    assert set(rooms.values()) == set(ROOMS)


def _room_and_rest(package: str) -> tuple[str, str]:
    """`forethought.envs.suite.code` as `forethought.envs` and `suite.code`."""
    first, _, rest = package.partition(".")
    room, _, folder = rest.partition(".")
    return (f"{first}.{room}", folder) if room else (first, "")


def test_bare_room_names_are_banned() -> None:
    banned = PROJECT["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) == set(ROOMS) - {"forethought"}


def test_the_core_has_at_most_six_dependencies() -> None:
    assert len(PROJECT["project"]["dependencies"]) <= 6


def test_no_file_hides_a_second_noun() -> None:
    folders = (*ROOMS, "tests", "examples")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 350
    }
    assert long == {}
