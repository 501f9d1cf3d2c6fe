"""workbench-v0: a table worked out from documents with code, files and sub-agents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio
import numpy as np
import pytest

import forethought.envs as envs
from forethought.agents.budget import Limits
from forethought.agents.log import EventLog
from forethought.agents.models import open_model
from forethought.agents.rollout import Job, run_jobs
from forethought.agents.stop import Stop
from forethought.agents.trajectory import Trajectory
from forethought.envs import clerk
from forethought.envs.base import Step
from forethought.envs.calls import Action, render_call
from forethought.envs.check import check_env
from forethought.envs.child import ChildEnv
from forethought.envs.lazy import LazySandbox
from forethought.envs.portal import run_sync
from forethought.envs.task import Split, Task, load_tasks, save_tasks, split_of
from forethought.envs.workbench import MAX_TABLE, Workbench, task_of
from forethought.sandbox import backends

HEADER = "station,total_mm,wettest_month\n"


def started(*, num_rows: int = 2, oracle_children: int = 0) -> Workbench:
    env = Workbench(backend="local", oracle_children=oracle_children)
    env.reset(seed=0, options={"task": task_of(7, num_rows=num_rows)})
    return env


def gold(env: Workbench) -> str:
    assert isinstance(env.task.answer, str)
    return env.task.answer


def submitted(env: Workbench, table: str | None, path: str = "table.csv") -> Step:
    """Write a table, if there is one, submit the path, and close."""
    if table is not None:
        env.step(render_call("write_file", {"path": path, "text": table}))
    step = env.step(render_call("submit", {"answer": path}))
    env.close()
    return step


def rolled(
    *, horizon: int, num: int = 2, model: str = "oracle", **options: int
) -> list[Trajectory]:
    """Whole episodes through the agent loop, within the limits that hold by default."""
    env_id = "forethought/workbench-v0"
    given = {"backend": "local", "horizon": horizon, **options}
    jobs = [Job(id=str(n), env_id=env_id, options=given, seed=n) for n in range(num)]

    async def run() -> list[Trajectory]:
        return await run_jobs(jobs, open_model(model), log=EventLog(None), limits=Limits())

    return anyio.run(run)


def changed(table: str, *, row: int, cell: int, to: str) -> str:
    lines = [line.split(",") for line in table.splitlines()]
    lines[row][cell] = to
    return "".join(",".join(line) + "\n" for line in lines)


def test_the_task_names_the_stations_the_columns_and_what_to_submit() -> None:
    env = started(num_rows=3)
    prompt = env.task.prompt
    assert ", ".join(station.name for station in env.archive.asked) in prompt
    assert HEADER in prompt
    assert str(env.archive.year) in prompt
    assert "1 inch is 25.4 mm" in prompt
    assert not [row[1] for row in env.archive.table if row[1] in prompt]


@pytest.mark.parametrize("horizon", [1, 2, 3, 4, 7])
def test_the_expert_is_right_alone(horizon: int) -> None:
    for trajectory in rolled(horizon=horizon):
        assert (trajectory.reward, trajectory.stop) == (1.0, Stop.SUBMITTED)
        assert trajectory.metrics["recall"] == 1.0
        assert trajectory.metrics["documents_opened"] == 2 * horizon


@pytest.mark.parametrize(("horizon", "children"), [(4, 2), (6, 2)])
def test_the_expert_is_right_with_sub_agents_who_share_its_sandbox(
    horizon: int, children: int
) -> None:
    for trajectory in rolled(horizon=horizon, oracle_children=children):
        assert (trajectory.reward, trajectory.stop) == (1.0, Stop.SUBMITTED)
        assert trajectory.agents == ["0", *(f"0.{n}" for n in range(children))]
        assert trajectory.metrics["recall"] == 1.0


def test_the_expert_plans_first_and_uses_many_tools() -> None:
    env = started(num_rows=4)
    used: list[str] = []
    turns = clerk.alone(env.archive, at_a_time=3)
    for turn in turns:
        assert env.oracle() == turn
        used.extend(call.name for call in Action.of(turn).calls)
        env.step(turn)
    assert env.over
    assert turns[0].startswith("plan: script; 2 x (open pages, search codes, open logs, add rows)")
    assert set(used) == {"plan", "bash", "write_file", "open", "search", "read_file", "submit"}
    assert [item.status for item in env.context.plan.items] == ["done", "done", "doing", "open"]
    env.close()


def test_the_experts_replies_are_short_at_the_usual_horizons() -> None:
    for seed in range(20):
        env = Workbench(horizon=4, backend="local")
        env.reset(seed=seed)
        turns = [
            *clerk.alone(env.archive, at_a_time=3),
            *clerk.leading(env.archive, num_parts=2),
        ]
        assert max(len(turn) for turn in turns) < 512


def test_random_actions_are_never_right() -> None:
    for trajectory in rolled(horizon=1, num=10, model="floor"):
        assert trajectory.reward == 0.0


def test_the_expected_table_scores_one() -> None:
    env = started()
    _, score, terminated, _, info = submitted(env, gold(env))
    assert (score, terminated) == (1.0, True)
    assert info["metrics"]["rows_right"] == 1.0


@pytest.mark.parametrize(
    ("alter", "score", "rows"),
    [
        (lambda t: t.replace(",", " , "), 1.0, 1.0),
        (lambda t: t.replace("\n", "\r\n"), 1.0, 1.0),
        (lambda t: t.rstrip("\n"), 1.0, 1.0),
        (lambda t: t.removeprefix(HEADER), 0.0, 1.0),
        (lambda t: t + "Extra,1.00,May\n", 0.0, 1.0),
        (lambda t: HEADER + "".join(sorted(t.splitlines(True)[1:], reverse=True)), None, 1.0),
        (lambda t: changed(t, row=1, cell=1, to="nan"), 0.0, 0.5),
        (lambda t: changed(t, row=1, cell=1, to="sNaN"), 0.0, 0.5),
        (lambda t: changed(t, row=2, cell=1, to="0.01"), 0.0, 0.5),
        (lambda t: changed(t, row=1, cell=2, to="Smarch"), 0.0, 0.5),
        (lambda t: changed(t, row=1, cell=0, to="Nowhere"), 0.0, 0.5),
        (lambda t: changed(t, row=0, cell=1, to="total"), 0.0, 1.0),
        (lambda t: changed(t, row=1, cell=2, to=""), 0.0, 0.5),
        (lambda t: t.replace(",", ";"), 0.0, 0.0),
        (lambda t: "", 0.0, 0.0),
        (lambda t: '"', 0.0, 0.0),
        (lambda t: t + " " * MAX_TABLE, 0.0, 0.0),
    ],
    ids=[
        "spaces",
        "line ends",
        "no last newline",
        "no header",
        "extra row",
        "order",
        "nan",
        "signalling nan",
        "wrong number",
        "wrong month",
        "wrong name",
        "wrong header",
        "empty cell",
        "semicolons",
        "empty file",
        "broken quote",
        "too large",
    ],
)
def test_a_table_is_compared_cell_by_cell(
    alter: Callable[[str], str], score: float | None, rows: float
) -> None:
    env = started()
    table = alter(gold(env))
    expected = score if score is not None else float(table == gold(env))
    step = submitted(env, table)
    assert (step[1], step[4]["metrics"]["rows_right"]) == (expected, rows)


@pytest.mark.parametrize("form", ["{}0", "+{}", "0{}"])
def test_numbers_are_compared_by_value(form: str) -> None:
    env = started(num_rows=1)
    number = env.archive.table[0][1]
    assert submitted(env, changed(gold(env), row=1, cell=1, to=form.format(number)))[1] == 1.0


def test_a_table_is_never_executed() -> None:
    env = started(num_rows=1)
    env.step(
        render_call("write_file", {"path": "x.csv", "text": "=cmd|'touch ran'!A1\n$(touch ran)"})
    )
    env.step(render_call("submit", {"answer": "x.csv"}))

    async def names() -> bytes:
        assert env.context.sandbox is not None
        return (await env.context.sandbox.exec(["ls"])).stdout

    assert run_sync(names()) == b"x.csv\n"
    env.close()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../table.csv",
        "table.txt",
        "table.csv; ls",
        "a//b.csv",
        "",
        "x" * 100 + ".csv",
    ],
)
def test_only_the_path_of_a_table_can_be_submitted(path: str) -> None:
    env = started()
    observation, _, terminated, _, info = env.step(render_call("submit", {"answer": path}))
    assert observation.startswith("submit: not the path of a .csv file in the sandbox: ")
    assert info["results"][0].error == "tool"
    assert not terminated


def test_the_table_may_have_another_name_and_folder() -> None:
    env = started()
    assert submitted(env, gold(env), path="out/rain-2.csv")[1] == 1.0


def test_a_file_that_is_not_there_scores_zero_and_opens_no_sandbox() -> None:
    env = started()
    assert submitted(env, None)[1] == 0.0
    assert isinstance(env.context.sandbox, LazySandbox)
    assert not env.context.sandbox.is_open


def test_a_table_that_was_never_submitted_does_not_count() -> None:
    env = started()
    env.step(render_call("write_file", {"path": "table.csv", "text": gold(env)}))
    score, rewards, metrics = anyio.run(env.ascore)
    assert (score, rewards, metrics["rows_right"]) == (0.0, {"correct": 0.0}, 0.0)
    env.close()


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("table.csv", True),
        ("plan: submit\ntable.csv", True),
        ("I wrote table.csv.", False),
        ("", False),
        ("/etc/passwd", False),
    ],
)
def test_plain_text_submits_only_if_it_is_a_path(text: str, ends: bool) -> None:
    env = started()
    info = env.step(text)[4]
    assert env.over is ends
    assert info.get("format_error", False) is not ends


@pytest.mark.parametrize(("confidence", "score"), [(1.0, 0.0), (0.25, 0.9375), (None, None)])
def test_a_stated_confidence_is_scored(confidence: float | None, score: float | None) -> None:
    env = started()
    arguments = {"answer": "table.csv", "confidence": confidence}
    info = env.step(render_call("submit", arguments))[4]  # type: ignore[arg-type]
    assert info["metrics"]["calibration"] == score


def test_pages_that_sub_agents_read_count_for_the_episode() -> None:
    env = started()
    child = ChildEnv(env, "read")
    child.reset()
    child.step(render_call("open", {"title": env.archive.asked[0].name}))
    child.step(render_call("find", {"title": env.archive.asked[1].name, "pattern": "unit"}))
    child.step(render_call("find", {"title": env.archive.others[0].name, "pattern": "zzz"}))
    assert (env.documents_opened(), env.recall()) == (2.0, 0.5)


def test_search_shows_to_which_code_and_year_a_log_belongs() -> None:
    env = started()
    log = env.archive.asked[0].log
    found = env.search(f"{log.code} {log.year}")
    assert f"{log.title}: Code {log.code}, year {log.year}. Rainfall: January" in found
    assert env.search("zzz") == "nothing found for 'zzz'"


def test_an_experts_sub_agent_knows_only_its_own_parts() -> None:
    env = started(num_rows=4, oracle_children=2)
    prompts = clerk.part_prompts(env.archive, 2)
    assert clerk.helping(env.archive, prompts[1], num_parts=2, at_a_time=3)[-1] == (
        "part2.csv has 2 rows."
    )
    with pytest.raises(ValueError, match="only the parts that it hands out itself"):
        clerk.helping(env.archive, "Do something.", num_parts=2, at_a_time=3)


def test_there_are_no_more_parts_than_rows() -> None:
    env = started(num_rows=2)
    assert len(clerk.part_prompts(env.archive, 5)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"oracle_rows": 0}, "oracle_rows=0"),
        ({"oracle_children": -1}, "oracle_children=-1"),
        ({"horizon": 65}, "horizon 65 is outside 1..64"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        envs.make("workbench-v0", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {}}, "needs archive_seed and num_rows"),
        ({"answer": HEADER}, "its archive no longer gives its answer"),
    ],
)
def test_a_task_that_does_not_fit_its_archive_is_refused(
    change: dict[str, object], message: str
) -> None:
    task = task_of(7, num_rows=2).model_copy(update=change)
    with pytest.raises(ValueError, match=message):
        Workbench(backend="local").reset(options={"task": task})


def test_a_task_file_starts_the_same_episode(tmp_path: Path) -> None:
    env = Workbench(horizon=2, backend="local")
    env.reset(seed=3)
    save_tasks(tmp_path / "tasks.jsonl", [env.task])
    again = Workbench(backend="local")
    again.reset(options={"task": load_tasks(tmp_path / "tasks.jsonl")[0]})
    assert (again.task, again.archive) == (env.task, env.archive)


def test_splits_have_no_instance_in_common() -> None:
    splits: tuple[Split, Split] = ("train", "eval")
    tasks: dict[Split, list[Task]] = {"train": [], "eval": []}
    for split in splits:
        for seed in range(20):
            env = Workbench(horizon=1, split=split, backend="local")
            env.reset(seed=seed)
            assert split_of(env.task) == split
            tasks[split].append(env.task)
    assert {t.prompt for t in tasks["train"]}.isdisjoint(t.prompt for t in tasks["eval"])


def test_sixty_four_rows_can_be_asked_for() -> None:
    env = started(num_rows=64)
    assert len(gold(env).splitlines()) == 65
    total = sum(len(document.text) for document in env.archive.documents())
    assert total > 40_000, "far more characters than a window of 4,096 tokens holds"
    rng = np.random.default_rng(0)
    assert env.floor(rng)


def test_the_workbench_keeps_the_promises_of_an_environment() -> None:
    def make(*, split: Split = "train") -> Workbench:
        return Workbench(horizon=1, split=split, backend="local")

    assert [finding for finding in check_env(make, num_seeds=3).findings if not finding.ok] == []


def test_the_workbench_is_registered() -> None:
    env = envs.make("workbench-v0", backend="local", horizon=1)
    assert isinstance(env, Workbench)


def solved_in(backend: str) -> Step:
    env = envs.make("workbench-v0", backend=backend, horizon=2)
    env.reset(seed=1)
    step = env.step(env.oracle())
    while not env.over:
        step = env.step(env.oracle())
    env.close()
    return step


@pytest.mark.docker
def test_the_expert_is_right_in_a_container() -> None:
    assert solved_in("docker")[1] == 1.0


def test_the_expert_is_right_under_bubblewrap() -> None:
    status = next(each for each in backends() if each.name == "bwrap")
    if not status.usable:
        pytest.skip(f"bwrap: {status.reason}")
    assert solved_in("bwrap")[1] == 1.0
