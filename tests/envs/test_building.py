"""Code written from a specification: one file of functions, or a package of several files."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from forethought.envs import Env, make
from forethought.envs.base import Step
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.suite.code.bugs import FAMILIES, whole_functions
from forethought.envs.suite.code.package import Package
from forethought.envs.suite.code.stubs import stub_of
from forethought.envs.suite.code.synthesis import Synthesis
from forethought.envs.task import Task
from forethought.sandbox import Cause

local_synthesis: Callable[..., Synthesis] = partial(Synthesis, backend="local", horizon=2)
local_package: Callable[..., Package] = partial(Package, backend="local", horizon=2)
ENVS = pytest.mark.parametrize("kind", [Synthesis, Package])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Synthesis, Package])
def test_it_keeps_the_promises_of_an_environment(kind: type[Synthesis | Package]) -> None:
    def factory(**options: str) -> Env:
        return kind(backend="local", **options)  # type: ignore[arg-type]

    report = check_env(factory, num_seeds=2)
    assert report.ok, str(report)


@pytest.mark.docker
@pytest.mark.parametrize("env_id", ["synthesis-v0", "package-v0"])
def test_the_expert_is_right_in_a_container(env_id: str) -> None:
    env = make(env_id, horizon=3, backend="docker")
    assert played(env)[4]["score"] == 1.0


def played(env: Env, *, without_turn: int | None = None, seed: int = 1) -> Step:
    """The expert's episode, one of its turns left out if asked."""
    env.reset(seed=seed)
    while True:
        action = env.oracle()
        if env.num_steps == without_turn:
            action = render_call("bash", {"command": "true"})
        step = env.step(action)
        if step[2] or step[3]:
            env.close()
            return step


def test_a_stub_has_head_and_docstring_and_no_body() -> None:
    source = 'def f(x):\n    """Twice.\n\n    >>> f(1)\n    2\n    """\n    return 2 * x'
    assert stub_of(source) == 'def f(x):\n    """Twice.\n\n    >>> f(1)\n    2\n    """\n    ...'


def test_functions_have_names_of_their_own_and_run_dry_only_far_above_what_is_asked() -> None:
    assert sum(len(family.names) for family in FAMILIES) >= 1.3 * Synthesis.card.horizons[1]
    for count in (1, 5, 64):
        functions = whole_functions(np.random.default_rng(count), count=count)
        assert len({function.name for function in functions}) == count
        assert all(ast.parse(function.whole).body for function in functions)


def test_what_was_not_written_is_not_right() -> None:
    _, _, _, _, info = played(local_synthesis(), without_turn=1)
    assert (info["score"], info["metrics"]["functions_right"]) == (0.0, 0.0)
    _, _, _, _, info = played(local_package(), without_turn=1)
    assert (info["score"], info["metrics"]["modules_right"]) == (0.0, 0.0)


def test_one_right_function_of_two_is_half() -> None:
    env = local_synthesis()
    env.reset(seed=2)
    first, second = str(env.task.answer).split("\n\n\n")
    text = f"{first}\n\n\n{stub_of(second)}\n"
    env.step(render_call("write_file", {"path": "solution.py", "text": text}))
    info = env.step("submit")[4]
    env.close()
    assert (info["score"], info["metrics"]["functions_right"]) == (0.0, 0.5)


def submitted(env: Package, files: dict[str, str]) -> Step:
    for path, text in files.items():
        env.step(render_call("write_file", {"path": path, "text": text}))
    step = env.step(render_call("submit", {"confidence": 0.9}))
    env.close()
    return step


def whole(env: Package) -> dict[str, str]:
    assert isinstance(env.task.answer, dict)
    return {path: str(text) for path, text in env.task.answer.items()}


def test_a_pipeline_that_does_not_join_the_modules_costs_its_share() -> None:
    env = local_package()
    env.reset(seed=3)
    files = whole(env) | {"kit/pipeline.py": "def run(steps):\n    return []\n"}
    info = submitted(env, files)[4]
    assert info["score"] == 0.0
    assert info["metrics"]["modules_right"] == pytest.approx(2 / 3)
    assert info["metrics"]["calibration"] == pytest.approx(1 - 0.9**2)


def test_a_missing_module_is_a_failure_that_is_named() -> None:
    env = local_package()
    env.reset(seed=3)
    files = whole(env)
    del files[f"kit/{env.work.modules[0]}.py"]
    assert submitted(env, files)[4]["score"] == 0.0
    assert env.verdict is not None
    assert env.verdict.cause is Cause.MISSING_ARTEFACT


def test_the_pipeline_says_what_is_unknown_and_what_raised() -> None:
    env = local_package(horizon=3)
    env.reset(seed=4)
    runs = [call for call in env.work.calls if call.function == "kit.pipeline:run"]
    assert len(runs) == 6
    for run in runs:
        assert isinstance(run.value, list)
        assert run.value[-1] == "unknown"
        assert len(run.value) == 5
    assert submitted(env, whole(env))[4]["score"] == 1.0


@ENVS
def test_a_task_of_another_environment_is_refused(kind: type[Synthesis | Package]) -> None:
    env = kind(backend="local")
    with pytest.raises(ValueError, match=r"task .x. holds no (wanted|plan)"):
        env.reset(options={"task": Task(id="x", prompt="x")})
    with pytest.raises(ValueError, match="no sandbox backend named 'cloud'"):
        kind(backend="cloud")  # type: ignore[arg-type]
