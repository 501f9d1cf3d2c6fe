"""repository-v0: a package's own tests notice a planted bug, and that it has been mended."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from forethought.envs.base import Step
from forethought.envs.calls import render_call
from forethought.envs.suite.code.repository import Repository
from forethought.envs.suite.code.sdist import read_sdist
from forethought.envs.suite.code.seeding import seeded
from forethought.envs.task import Task
from forethought.sandbox import Cause, Outcome, Verdict

WORDS = '''
"""Words."""

def count(text):
    # how many
    return len(text.split())

def longest(text):
    best = ''
    for word in text.split():
        if len(word) > len(best):
            best = word
    return best
'''
NUMBERS = """
def clamp(x, low, high):
    if x < low:
        return low
    if x > high:
        return high
    return x
"""
TESTS = {
    "tests/test_words.py": """
from tiny.words import count, longest

def test_count():
    assert count("a bb c") == 3
    assert count("") == 0

def test_longest():
    assert longest("a bbb cc") == "bbb"

def test_first_longest():
    assert longest("aa bb") == "aa"
""",
    "tests/test_numbers.py": """
from tiny.numbers import clamp

def test_low():
    assert clamp(-5, 0, 9) == 0

def test_high():
    assert clamp(50, 0, 9) == 9

def test_inside():
    assert clamp(5, 0, 9) == 5
""",
    "tests/test_skipped.py": "import pytest\n\n@pytest.mark.skip\ndef test_never():\n    pass\n",
}
FILES = {
    "setup.py": "raise SystemExit('never run')",
    "src/tiny/__init__.py": "",
    "src/tiny/words.py": WORDS,
    "src/tiny/numbers.py": NUMBERS,
    "docs/conf.py": "1 / 0",
    **TESTS,
}


def archive(folder: Path, files: dict[str, str], name: str = "tiny-1.0") -> Path:
    path = folder / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sdists")
    archive(path, FILES)
    return path


def played(env: Repository, *, mends: bool) -> Step:
    env.reset(seed=1)
    while True:
        action = env.oracle()
        if not mends and "edit_file" in action:
            action = render_call("bash", {"command": "true"})
        step = env.step(action)
        if step[2] or step[3]:
            env.close()
            return step


def test_the_package_is_read_without_its_comments_and_its_tests(folder: Path) -> None:
    sdist = read_sdist(folder / "tiny-1.0.tar.gz")
    assert sorted(sdist.modules) == ["tiny/__init__.py", "tiny/numbers.py", "tiny/words.py"]
    assert "how many" not in sdist.modules["tiny/words.py"]
    assert sorted(sdist.tests) == ["test_numbers.py", "test_skipped.py", "test_words.py"]


def test_a_mended_package_scores_one_and_a_broken_one_nothing(folder: Path) -> None:
    env = Repository(path=str(folder), backend="local", horizon=1)
    _, _, _, _, info = played(env, mends=True)
    assert (info["score"], info["metrics"]["tests_mended"]) == (1.0, 1.0)
    assert env.planted is not None
    assert len(env.planted.suite.passing) == 6
    assert 1 <= len(env.planted.seeded.failing) <= 3
    changed = env.planted.seeded.modules[env.planted.seeded.paths[0]]
    assert changed != env.planted.sdist.modules[env.planted.seeded.paths[0]]
    _, _, _, _, info = played(env, mends=False)
    assert (info["score"], info["metrics"]["tests_mended"]) == (0.0, 0.0)


def test_several_bugs_are_in_files_of_their_own(folder: Path) -> None:
    env = Repository(path=str(folder), backend="local", horizon=2)
    prompt, _ = env.reset(seed=3)
    assert env.planted is not None
    assert sorted(env.planted.seeded.paths) == ["tiny/numbers.py", "tiny/words.py"]
    assert "It has 2 bugs. Files: tiny/__init__.py, tiny/numbers.py, tiny/words.py" in prompt
    env.close()


def test_the_agent_finds_the_package_and_not_the_tests(folder: Path) -> None:
    env = Repository(path=str(folder), backend="local", horizon=1)
    env.reset(seed=1)
    text, *_ = env.step(render_call("bash", {"command": "find . -type f | sort"}))
    assert text.splitlines() == ["./tiny/__init__.py", "./tiny/numbers.py", "./tiny/words.py"]
    env.close()


@pytest.mark.docker
@pytest.mark.slow
def test_it_runs_in_a_container(folder: Path) -> None:
    env = Repository(path=str(folder), backend="docker", horizon=1)
    assert played(env, mends=True)[4]["score"] == 1.0


def test_a_bug_that_no_test_notices_is_not_taken() -> None:
    modules = {"m.py": "def f(x):\n    return x + 1\n"}

    async def nobody_notices(given: object) -> Verdict:
        return Verdict(outcomes=(Outcome(case="t"),))

    async def everything_fails(given: object) -> Verdict:
        failed = [Outcome(case=str(n), cause=Cause.RAISED) for n in range(9)]
        return Verdict(outcomes=tuple(failed))

    for judge in (nobody_notices, everything_fails):
        with pytest.raises(ValueError, match="no 1 bugs that the tests notice in 40 tries"):
            anyio.run(lambda judge=judge: seeded(modules, num_bugs=1, seed=0, judge=judge))  # type: ignore[misc]


def test_a_task_belongs_to_its_archive(folder: Path, tmp_path: Path) -> None:
    env = Repository(path=str(folder), backend="local", horizon=1)
    env.reset(seed=1)
    task, env.image = env.task, None
    env.close()
    archive(tmp_path, {**FILES, "src/tiny/more.py": "x = 1"})
    with pytest.raises(ValueError, match="not the archive that the task was made from"):
        Repository(path=str(tmp_path), backend="local").reset(options={"task": task})
    (tmp_path / "tiny-1.0.tar.gz").rename(tmp_path / "other-1.0.tar.gz")
    with pytest.raises(ValueError, match=r"tiny-1\.0\.tar\.gz, which is not in"):
        Repository(path=str(tmp_path), backend="local").reset(options={"task": task})
    with pytest.raises(ValueError, match="task 'x' holds no bug"):
        env.reset(options={"task": Task(id="x", prompt="x")})


def climbing(path: Path) -> None:
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("tiny/../../etc/evil.py")
        tar.addfile(member, io.BytesIO(b""))


def huge(path: Path) -> None:
    archive(path.parent, {**FILES, "src/tiny/big.py": "#" * (513 << 10)}, path.name[:-7])


def torn(path: Path) -> None:
    whole = archive(path.parent, FILES, path.name[:-7]).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def no_tar(path: Path) -> None:
    path.write_bytes(gzip.compress(b"nothing of the kind"))


def without_tests(path: Path) -> None:
    archive(path.parent, {k: v for k, v in FILES.items() if "test" not in k}, path.name[:-7])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (climbing, "climbs out of the archive"),
        (huge, "at most 524288"),
        (torn, r"no whole \.tar\.gz"),
        (no_tar, r"no whole \.tar\.gz"),
        (without_tests, "no test files in it"),
    ],
)
def test_hostile_and_broken_archives_are_refused(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    path = tmp_path / "x-1.tar.gz"
    make(path)
    with pytest.raises(ValueError, match=message):
        read_sdist(path)


def test_without_a_folder_it_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORETHOUGHT_DATA", raising=False)
    with pytest.raises(ValueError, match="a folder is needed: --option path=FOLDER"):
        Repository(backend="local").reset(seed=0)
    with pytest.raises(ValueError, match="no source distribution"):
        Repository(backend="local", path=str(tmp_path)).reset(seed=0)
