"""The cheating suite: every cheat fails and its cause is named; honest work beside it passes."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from cheats import PLANTED, REFUSED, Cheat
from cheats_by_deceit import DECEITS
from cheats_by_excess import EXCESSES
from cheats_while_loaded import LOADED
from cheats_with_tests import TEST_FILE_CHEATS
from mending import BROKEN, TASK, WHOLE, started, submitted

from forethought.envs.calls import render_call
from forethought.envs.suite.code.repair import PATH, Repair
from forethought.sandbox import (
    Calls,
    Cause,
    Sandbox,
    SandboxFileError,
    Verdict,
    grade,
    open_sandbox,
)

pytestmark = pytest.mark.docker

DOCKER = partial(open_sandbox, backend="docker")
PICKLE = Cheat(
    name="a pickle in the place of the module",
    cause=Cause.RAISED,
    source="cos\nsystem\n(S'touch /tmp/owned'\ntR.",
)
FILES = (*LOADED, *DECEITS, *EXCESSES, PICKLE)


def name(cheat: Cheat) -> str:
    return cheat.name


def judge(*, case_s: float = 20.0) -> Calls:
    calls = started(backend="docker").judge()
    assert isinstance(calls, Calls)
    return replace(calls, case_s=case_s)


def judged(source: str, *, case_s: float = 20.0) -> Verdict:
    return anyio.run(judge(case_s=case_s).judge, {PATH: source.encode()})


def test_the_cheating_suite_is_large_and_no_name_is_used_twice() -> None:
    names = [cheat.name for cheat in (*PLANTED, *REFUSED, *FILES)]
    assert len(names) == len(set(names)) >= 50


@pytest.mark.parametrize("cheat", [*PLANTED, *REFUSED], ids=name)
def test_a_cheating_agent_scores_nothing(cheat: Cheat) -> None:
    env = started(backend="docker")
    _, score, terminated, _, info = submitted(env, cheat.commands)
    assert (score, terminated) == (0.0, True)
    assert env.verdict is not None
    assert env.verdict.cause is cheat.cause
    assert info["metrics"]["tampered"] == float(cheat.cause is Cause.REFUSED_ARTEFACT)


def test_what_cheats_plant_does_not_hurt_honest_work() -> None:
    env = started(backend="docker")
    commands = [cheat.commands for cheat in PLANTED]
    _, score, _, _, _ = submitted(env, *commands, source=WHOLE)
    assert (score, env.verdict and env.verdict.cause) == (1.0, None)


@pytest.mark.parametrize("cheat", FILES, ids=name)
def test_a_cheating_file_fails_for_the_reason_named(cheat: Cheat) -> None:
    # Those that never end are waited for briefly, all others long: machines may be busy.
    limits_s = {Cause.TIMEOUT: 1.5, Cause.TOO_MUCH_OUTPUT: 5.0}
    verdict = judged(cheat.source, case_s=limits_s.get(cheat.cause, 20.0))
    assert (verdict.cause, verdict.passed) == (cheat.cause, False), verdict.detail


@pytest.mark.parametrize(
    "extra",
    [
        "",
        "print('x' * 1000)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60]).start()",
        "import subprocess\nsubprocess.run(['echo', 'hello'], check=True)",
        "import os\nopen('notes.txt', 'w').write('mine')\nos.environ['X'] = '1'",
        "import sys\nprint('lost', file=sys.stderr)\nsys.stdout = None",
    ],
    ids=["alone", "prints", "thread", "subprocess", "file", "no stdout"],
)
def test_honest_work_passes_where_cheats_fail(extra: str) -> None:
    verdict = judged(f"{extra}\n{WHOLE}")
    assert (verdict.passed, verdict.num_passed) == (True, 10), verdict.detail


def test_cheats_find_nothing_hidden_in_the_sandbox_of_the_agent() -> None:
    call = {"function": "double", "arguments": ["marker-8171"], "value": "marker-8171marker-8171"}
    task = TASK.model_copy(update={"data": {"source": BROKEN, "calls": [call]}})
    env = Repair(backend="docker")
    env.reset(seed=0, options={"task": task})
    search = """
env > /tmp/all
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline >> /tmp/all 2> /dev/null
for place in /workspace /tmp /dev/shm /etc /usr/local; do grep -rls 'marker-81[7]1' $place; done
grep -c double solution.py
"""
    found, *_ = env.step(render_call("bash", {"command": search}))
    assert found == "1", "it has looked, and the one thing it saw is its own file"
    _, score, _, _, _ = submitted(env)
    assert (score, env.verdict and env.verdict.cause) == (0.0, Cause.RAISED)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../etc/passwd", "a/../../etc/passwd", "/proc/1/environ", "./solution.py"],
)
def test_a_cheating_path_that_leads_out_is_refused(path: str) -> None:
    async def main() -> Verdict:
        async with DOCKER() as sandbox:
            return await grade(sandbox, [path], judge=judge())

    verdict = anyio.run(main)
    assert verdict.cause is Cause.REFUSED_ARTEFACT
    assert verdict.detail.startswith(f"{path}: not ")


def archive_of(*members: tuple[str, str]) -> bytes:
    """Links by path and target, and where there is no target a good module."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, target in members:
            member = tarfile.TarInfo(path)
            member.size = 0 if target else len(WHOLE)
            member.type, member.linkname = tarfile.SYMTYPE if target else tarfile.REGTYPE, target
            tar.addfile(member, io.BytesIO(WHOLE.encode()))
    return archive.getvalue()


def test_a_cheating_archive_leads_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    paths = f"../..{target}", str(target), f"out{target}"
    climbing = archive_of(("out", "/"), *((path, "") for path in paths))

    async def main() -> Verdict:
        async with DOCKER() as sandbox:
            with contextlib.suppress(SandboxFileError):
                await sandbox.restore(climbing)
            await sandbox.write(PATH, BROKEN.encode())
            return await grade(sandbox, [PATH], judge=judge())

    assert anyio.run(main).cause is Cause.WRONG_ANSWER
    assert not target.exists()


def test_a_cheating_archive_that_holds_a_link_is_seen_through() -> None:
    async def main() -> Verdict:
        async with DOCKER() as sandbox:
            await sandbox.restore(archive_of((PATH, "good.py"), ("good.py", "")))
            return await grade(sandbox, [PATH], judge=judge())

    assert anyio.run(main).cause is Cause.REFUSED_ARTEFACT


def test_cheats_leave_nothing_for_whoever_has_the_sandbox_next() -> None:
    (daemon,) = (cheat for cheat in DECEITS if "daemon" in cheat.name)

    async def main() -> tuple[Verdict, bytes]:
        async with DOCKER() as sandbox:

            @contextlib.asynccontextmanager
            async def leased() -> AsyncIterator[Sandbox]:
                yield sandbox

            verdict = await replace(judge(), fresh=leased).judge({PATH: daemon.source.encode()})
            await sandbox.reset()
            # The agent, a worker and the command's own three; who has done the reset ends soon.
            with anyio.fail_after(60):
                count = "ls -d /proc/[0-9]* | wc -l"
                while int((await sandbox.exec(["sh", "-c", count])).stdout) > 5:
                    pass
            return verdict, (await sandbox.exec(["ls", "-A", ".", "/tmp", "/dev/shm"])).stdout

    verdict, left = anyio.run(main)
    assert verdict.cause is Cause.WRONG_ANSWER
    assert left == b".:\n\n/dev/shm:\n\n/tmp:\n"


def test_honest_work_passes_by_test_files_too() -> None:
    env = started(backend="docker", judging="tests")
    commands = [cheat.commands for cheat in PLANTED if "disk" not in cheat.name]
    _, score, *_ = submitted(env, *commands, source=WHOLE)
    assert (score, env.verdict and env.verdict.detail) == (1.0, "")


@pytest.mark.parametrize("cheat", TEST_FILE_CHEATS, ids=name)
def test_cheating_by_test_files_fails_for_the_reason_named(cheat: Cheat) -> None:
    env = started(backend="docker", judging="tests")
    verdict = anyio.run(env.judge().judge, {PATH: cheat.source.encode()})
    assert (verdict.cause, verdict.num_passed) == (cheat.cause, 0), verdict.detail
