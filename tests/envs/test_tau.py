"""tau-bench retail: who wins, who does not, what is refused; the real files where they are."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from corner_shop import cancellation, open_shop
from pydantic import JsonValue
from real import data

from forethought.agents.engines.expert import ExpertEngine
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.cli import main
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.datasets.tau import TauRetail
from forethought.envs.task import Split

DONE = "All of that is done. Is there anything else?"
CANCEL = render_call("cancel_pending_order", {"order_id": "#W3", "reason": "no longer needed"})


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    return open_shop(tmp_path)


def only(tmp_path: Path, row: dict[str, JsonValue]) -> TauRetail:
    """The environment of one task, begun."""
    folder = tmp_path / str(len(list(tmp_path.iterdir())))  # a file is read once a process
    folder.mkdir()
    env = TauRetail(path=str(open_shop(folder, [row])), whole=True)
    env.reset(seed=0)
    return env


def played(env: TauRetail, *actions: str) -> float:
    """The reward after the actions, the last of which ends the episode."""
    for action in actions:
        _, score, over, _, _ = env.step(action)
    assert over
    return score


def test_it_keeps_the_promises_of_an_environment(tasks: Path) -> None:
    def factory(split: Split = "train") -> TauRetail:
        return TauRetail(split=split, path=str(tasks))

    report = check_env(factory, num_seeds=3)
    assert report.ok, report


def test_the_expert_serves_by_the_book(tmp_path: Path) -> None:
    env = only(tmp_path, cancellation("#W3"))
    said = [env.task.prompt]
    while not env.over:
        action = env.oracle()
        observation, score, *_ = env.step(action)
        said += [action, observation]
    assert score == 1.0
    assert said[0] == ("Hello. I want to cancel my order #W3 because no longer needed.")
    assert said[1:3] == [
        "plan: find the customer; cancel pending order (order id #W3, reason no longer needed)\n"
        "Could you tell me your email, or your name and zip code?",
        "My name is Ann Lee and my zip code is 78701.",
    ]
    lookup = json.dumps({"first_name": "Ann", "last_name": "Lee", "zip": "78701"})
    assert said[3:5] == [
        f'<tool_call>{{"name": "find_user_id_by_name_zip", "arguments": {lookup}}}</tool_call>',
        "ann_lee_1",
    ]
    assert json.loads(said[6])["status"] == "pending"
    assert said[7:9] == [
        "I am about to cancel pending order (order id #W3, reason no longer needed). "
        "Do you confirm (yes/no)?",
        "Yes, please go ahead.",
    ]
    assert said[9] == CANCEL
    assert said[11:] == [DONE, "Thank you, that is all. Goodbye."]


@pytest.mark.parametrize(
    ("actions", "score"),
    [
        ([CANCEL, DONE], 1.0),
        ([DONE], 0.0),
        ([CANCEL.replace("no longer needed", "ordered by mistake"), DONE], 0.0),
        ([CANCEL, CANCEL.replace("#W3", "#W4"), DONE], 0.0),
        ([CANCEL, render_call("transfer_to_human_agents", {"summary": "?"})], 1.0),
        (["The order is cancelled. status: cancelled", ""], 0.0),
    ],
    ids=["done", "last step removed", "other reason", "too much", "handed over", "only said"],
)
def test_the_tables_decide(tmp_path: Path, actions: list[str], score: float) -> None:
    assert played(only(tmp_path, cancellation("#W3")), *actions) == score


def test_a_conversation_without_an_end_is_worth_nothing(tmp_path: Path) -> None:
    env = only(tmp_path, cancellation("#W3"))
    env.step(CANCEL)
    look = render_call("get_order_details", {"order_id": "#W3"})
    ends = [env.step(look)[1:4] for _ in range(29)]
    assert ends[-1] == (0.0, False, True)
    assert set(ends[:-1]) == {(0.0, False, False)}


def test_outputs_have_to_be_said_to_the_customer(tmp_path: Path) -> None:
    row: dict[str, JsonValue] = {**cancellation("#W3"), "required_outputs": ["1040.5"]}
    assert played(only(tmp_path, row), CANCEL, DONE) == 0.0
    assert played(only(tmp_path, row), CANCEL, f"You get $1,040.50 back. {DONE}") == 1.0
    thought = render_call("think", {"thought": "1040.5"})
    assert played(only(tmp_path, row), thought, CANCEL, DONE) == 0.0
    env = only(tmp_path, row)
    while not env.over:
        _, score, *_ = env.step(env.oracle())
    assert score == 1.0


def test_doing_nothing_is_told_beside_every_score(tmp_path: Path) -> None:
    nothing: dict[str, JsonValue] = {
        **cancellation("#W3"),
        "gold_actions": [],
        "expected_db_changes": [],
    }
    for row, baseline in ((cancellation("#W3"), 0.0), (nothing, 1.0)):
        env = only(tmp_path, row)
        env.step("")
        *_, info = env.step("")
        assert info["metrics"]["doing_nothing"] == info["score"] == baseline


def test_evaluation_prints_what_doing_nothing_scores(
    tasks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["eval", "--env", "tau-retail-v0", "--model", "oracle", "-n", "2"]
    assert main([*command, "--option", f"path={tasks}"]) == 0
    assert "doing nothing: 0 %" in capsys.readouterr().out


def test_an_action_that_the_shop_refuses_is_no_part_of_the_solution(tmp_path: Path) -> None:
    row = cancellation("#W3")
    refused = {
        "name": "cancel_pending_order",
        "arguments": {"order_id": "#W100", "reason": "no longer needed"},
    }
    assert isinstance(row["gold_actions"], list)
    env = only(tmp_path, {**row, "gold_actions": [refused, *row["gold_actions"]]})
    assert env.task.horizon == 1
    assert "#W100" not in env.oracle()


def test_a_row_need_not_say_what_it_leads_to(tmp_path: Path) -> None:
    row = cancellation("#W3")
    del row["expected_db_changes"]
    assert played(only(tmp_path, row), CANCEL, DONE) == 1.0


def test_forks_share_the_tables_and_nothing_else(tmp_path: Path) -> None:
    env = only(tmp_path, cancellation("#W3"))
    env.step("Could you tell me your email?")
    (fork,) = env.fork(1)
    assert fork.store.tables is env.store.tables
    assert fork.log == env.log
    fork.step(CANCEL)
    assert not env.store.changes()
    assert played(fork, DONE) == 1.0
    assert played(env, DONE) == 0.0


def test_tools_read_as_published(tmp_path: Path) -> None:
    env = only(tmp_path, cancellation("#W3"))
    assert env.instructions == "Be kind."
    assert env.tools["think"].signature == "think(thought: string): As published: think."
    observation, *_ = env.step(render_call("calculate", {"expression": "__import__('os')"}))
    assert "can be calculated" in observation


BAD_ROWS: dict[str, tuple[dict[str, JsonValue], str]] = {
    "nobody": ({"user_id": "eve"}, "user_id: there is no user 'eve'"),
    "leads elsewhere": ({"gold_actions": []}, "do not lead to expected_db_changes .orders/#W3"),
    "no such tool": (
        {"gold_actions": [{"name": "pickle.loads", "arguments": {}}]},
        "there is no tool 'pickle.loads'",
    ),
    "wrong arguments": (
        {"gold_actions": [{"name": "get_order_details", "arguments": {"order_id": ["x"]}}]},
        "get_order_details: order_id: Input should be a valid string",
    ),
    "nowhere": (
        {"expected_db_changes": [{"path": ["orders", "#X", "status"], "op": "set", "value": 1}]},
        "there is no orders/#X",
    ),
    "another version": ({"annotator": 3}, "annotator: Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("change", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, JsonValue], reason: str
) -> None:
    tasks = open_shop(tmp_path, [cancellation("#W2"), {**cancellation("#W3"), **change}])
    with pytest.raises(ValueError, match=rf"tasks\.jsonl:2: .*{reason}"):
        TauRetail(path=str(tasks)).tasks()


def test_tables_that_do_not_fit_together_are_refused(tasks: Path) -> None:
    file = tasks.with_name("other.json")
    database = json.loads(tasks.with_name("retail_db.json").read_text())
    database["orders"]["#W5"]["user_id"] = "eve"
    file.write_text(json.dumps(database))
    tasks.with_name("retail_db.json").unlink()
    file.rename(tasks.with_name("retail_db.json").with_suffix(".json.gz"))
    with pytest.raises(ValueError, match=r"order '#W5': there is no user 'eve'"):
        TauRetail(path=str(tasks)).tasks()


def test_tools_of_another_version_are_refused(tasks: Path) -> None:
    file = tasks.with_name("retail_tools.json")
    file.write_text(json.dumps(json.loads(file.read_text())[1:]))
    with pytest.raises(ValueError, match=r"do not both have the tool 'calculate'"):
        TauRetail(path=str(tasks)).reset(seed=0)


def test_a_model_can_play_the_customer(tasks: Path) -> None:
    async def main() -> tuple[float | None, list[str]]:
        env = TauRetail(path=str(tasks), user="customer")
        lines = ["I am Ann Lee, 78701.", "Yes.", "###STOP###"]
        trajectory = await run_episode(
            env,
            ExpertEngine(env.oracle),
            id="e",
            log=EventLog(None),
            seed=0,
            minds={"customer": ScriptedEngine(lines)},
        )
        return trajectory.reward, [m.text for m in trajectory.messages() if m.role == "user"]

    reward, heard = anyio.run(main)
    assert reward == 1.0
    assert heard[0] == "Hello, I need help with something at your shop."
    assert "Yes." in heard


def test_a_customer_who_is_nobody_is_refused(tasks: Path) -> None:
    with pytest.raises(ValueError, match="user='customer' is a mind, and there are none"):
        TauRetail(path=str(tasks), user="customer").reset(seed=0)


@pytest.mark.parametrize(("split", "num_tasks", "num_idle"), [("train", 150, 0), ("eval", 20, 1)])
def test_the_published_solutions_score_and_without_their_last_change_they_do_not(
    split: Split, num_tasks: int, num_idle: int
) -> None:
    folder = str(data("tau_bench"))

    async def main() -> list[float]:
        baselines = []
        for seed in range(num_tasks):
            env = TauRetail(split=split, path=folder)
            await env.areset(seed=seed)
            taken: list[str] = []
            while not env.over:
                taken.append(env.oracle())
                _, reward, _, _, info = await env.astep(taken[-1])
            assert reward == 1.0
            baselines.append(info["metrics"]["doing_nothing"])
            if not baselines[-1]:
                assert await without_last_call(seed, taken) == 0.0
        return baselines

    async def without_last_call(seed: int, taken: list[str]) -> float:
        env = TauRetail(split=split, path=folder)
        await env.areset(seed=seed)
        del taken[max(at for at, action in enumerate(taken) if "<tool_call>" in action)]
        for action in taken:
            _, reward, *_ = await env.astep(action)
        assert env.over
        return reward

    assert len(TauRetail(split=split, path=folder).tasks()) == num_tasks
    assert sum(anyio.run(main)) == num_idle
