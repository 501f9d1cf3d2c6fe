"""How a submitted table is judged in workbench-v0."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from bench import HEADER, changed, gold, started, submitted

from forethought.envs.calls import render_call
from forethought.envs.lazy import LazySandbox
from forethought.envs.portal import run_sync
from forethought.envs.suite.long.workbench import MAX_TABLE


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


@pytest.mark.parametrize(
    "command",
    [
        "mv table.csv real; ln -s real table.csv",
        "mv table.csv real; ln real table.csv",
        "mkdir d; mv table.csv d; ln -s d e",
        "rm table.csv; mkfifo table.csv",
        "rm table.csv; mkdir table.csv",
        "truncate -s 20G table.csv",
        "python3 -c 'import socket; socket.socket(1).bind(\"s.csv\")'; mv s.csv table.csv",
    ],
    ids=["link", "second name", "below a link", "pipe", "directory", "huge", "socket"],
)
def test_cheating_with_what_is_no_plain_file_scores_nothing(command: str) -> None:
    env = started()
    env.step(render_call("write_file", {"path": "table.csv", "text": gold(env)}))
    env.step(render_call("bash", {"command": command}))
    path = "e/table.csv" if "ln -s d e" in command else "table.csv"
    step = submitted(env, None, path)
    assert (step[1], step[4]["metrics"]["rows_right"]) == (0.0, 0.0)


@pytest.mark.docker
def test_cheating_by_a_daemon_that_writes_the_table_later_scores_nothing() -> None:
    env = started(backend="docker")
    table = gold(env).replace("\n", "\\n")
    loop = f"while :; do printf '{table}' > table.csv; sleep 0.01; done"
    wait = "until test -e go; do sleep 0.01; done"
    start = f'(setsid sh -c "{wait}; {loop}" > /dev/null 2>&1 &); echo begun > table.csv'
    assert "background processes killed" in env.step(render_call("bash", {"command": start}))[0]
    env.step(render_call("bash", {"command": "touch go; sleep 0.2"}))
    step = submitted(env, None)
    assert (step[1], step[4]["metrics"]["rows_right"]) == (0.0, 0.0)


def test_a_table_that_changes_between_reward_and_metric_is_judged_as_it_was() -> None:
    env = started()
    env.step(render_call("write_file", {"path": "table.csv", "text": gold(env)}))
    env.submit("table.csv")

    async def judge() -> tuple[float, float]:
        assert env.context.sandbox is not None
        right = await env.correct()
        await env.context.sandbox.write("table.csv", b"")
        return right, await env.rows_right()

    assert run_sync(judge()) == (1.0, 1.0)
    env.close()
