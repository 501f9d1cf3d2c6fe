"""Tasks that can be cut into parts are won alone and by many hands; the control only alone."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from forethought.agents.budget import Limits
from forethought.agents.engines.models import OracleModel
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.rollout import Job, run_jobs
from forethought.envs import Env, make
from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.suite.wide.chain import MACHINES, Chain, made
from forethought.envs.suite.wide.corpus import Corpus, merged, records_of, result
from forethought.envs.suite.wide.directory import PRODUCTS, directory
from forethought.envs.suite.wide.objectives import KINDS, Objectives, numbered
from forethought.envs.suite.wide.report import FACTS, Report, statement
from forethought.envs.suite.wide.survey import Survey
from forethought.envs.task import Task

IDS = ["survey-v0", "objectives-v0", "report-v0", "corpus-v0", "chain-v0"]
CUTTABLE = ["survey-v0", "objectives-v0", "report-v0", "corpus-v0"]


@pytest.mark.parametrize("env_id", IDS)
def test_it_keeps_the_promises_of_an_environment(env_id: str) -> None:
    report = check_env(env_id, num_seeds=4)
    assert report.ok, str(report)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize("horizon", [1, 2, 64])
def test_the_expert_wins_at_every_horizon(env_id: str, horizon: int) -> None:
    env = make(env_id, horizon=horizon)
    env.reset(seed=horizon)
    while not env.over:
        _, reward, _, truncated, _ = env.step(env.oracle())
        assert not truncated
    assert reward == 1.0
    assert env.task.horizon == horizon


def rolled(env_id: str, **options: object) -> Trajectory:
    jobs = [Job(id="e", env_id=env_id, options=options, seed=3)]
    limits = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=1 << 14, turns=400)

    async def scene() -> list[Trajectory]:
        with EventLog(None) as log:
            return await run_jobs(jobs, OracleModel(), log=log, limits=limits)

    (found,) = anyio.run(scene)
    return found


@pytest.mark.parametrize("env_id", CUTTABLE)
def test_sub_agents_shorten_the_critical_path_and_not_the_reward(env_id: str) -> None:
    alone = rolled(env_id, horizon=24)
    together = rolled(env_id, horizon=24, oracle_children=4)
    assert (alone.reward, together.reward) == (1.0, 1.0)
    assert len(together.agents) == 5
    assert together.metrics.get("pages_read", together.metrics.get("shards_read")) == 1.0
    assert together.num_critical_turns <= alone.num_critical_turns + 1
    if env_id == "corpus-v0":
        assert together.num_critical_turns < alone.num_critical_turns / 2


def submitted(env: Env, answer: str) -> dict[str, float | None]:
    """Score and metrics of an answer given at once."""
    _, reward, over, _, info = env.step(render_call("submit", {"answer": answer}))
    assert over
    return {"score": reward, **info["metrics"]}


def survey(rows: Callable[[list[str]], list[str]]) -> dict[str, float | None]:
    env = Survey(horizon=4)
    env.reset(seed=1)
    return submitted(env, "\n".join(rows(str(env.task.answer).splitlines())))


def test_a_survey_is_scored_by_its_rows() -> None:
    assert survey(lambda rows: rows)["score"] == 1.0
    assert survey(lambda rows: [f"- {row}" for row in rows])["score"] == 1.0
    for spoil in (
        lambda rows: rows[:-1],
        lambda rows: [*rows[:-1], rows[-1].partition(":")[0] + ": nothing"],
        lambda rows: [*rows, "Nobody Works: 1"],
        lambda rows: [],
    ):
        found = survey(spoil)
        assert found["score"] == 0.0
        assert found["pages_read"] == 0.0
    assert survey(lambda rows: rows[:3])["rows_right"] == 0.75


def test_pages_that_are_not_needed_are_told_as_waste() -> None:
    env = Report(horizon=1)
    env.reset(seed=1)
    asked, other = env.firms.firms[0].name, env.firms.firms[1].name
    env.step(render_call("open", {"name": asked.upper()}))
    env.step(render_call("open", {"name": other}))
    text, *_ = env.step(render_call("open", {"name": asked[:-2]}))
    assert f"did you mean {asked}?" in text
    found = submitted(env, str(env.task.answer))
    assert (found["score"], found["pages_read"], found["wasted"]) == (1.0, 1.0, 1.0)


def reported(*lines: str) -> dict[str, float | None]:
    env = Report(horizon=2)
    env.reset(seed=1)
    return submitted(env, "\n".join(lines))


def test_a_report_is_worth_what_its_sources_support() -> None:
    env = Report(horizon=2)
    env.reset(seed=1)
    one, two, other = env.firms.firms[:3]
    whole = [statement(firm, field) for firm in (one, two) for field in FACTS]
    assert reported(*whole)["score"] == 1.0
    assert reported(*whole[:3]) == pytest.approx(
        {"score": 0.5, "recall": 0.5, "precision": 1.0, "pages_read": 0.0, "wasted": 0.0}
    )
    without_source = [line.partition(" [")[0] for line in whole]
    assert reported(*without_source)["score"] == 0.0
    wrong_source = [
        line.replace("[", f"[{other.name}][").partition("][")[0] + "]" for line in whole
    ]
    assert reported(*wrong_source)["score"] == 0.0
    padded = [*whole, f"{one.name} has 17 lakes [{one.name}]", "It is a fine town."]
    assert reported(*padded)["precision"] == pytest.approx(6 / 8)
    invented = f"{one.name} makes {one.product} since {one.founded - 1} [{one.name}]"
    assert reported(invented)["precision"] == 0.0
    assert reported()["score"] == 0.0


def test_a_report_that_names_everything_without_reading_is_worth_nothing() -> None:
    env = Report(horizon=2)
    env.reset(seed=1)
    one, two = env.firms.firms[:2]
    goods = " ".join(PRODUCTS)
    assert reported(*(f"{firm.name} makes {goods} [{firm.name}]" for firm in (one, two))) == (
        pytest.approx(
            {"score": 0.0, "recall": 0.0, "precision": 0.0, "pages_read": 0.0, "wasted": 0.0}
        )
    )


def test_what_a_report_throws_in_is_not_paid_for_by_a_truth_said_often() -> None:
    env = Report(horizon=2)
    env.reset(seed=1)
    one, two = env.firms.firms[:2]
    figures = " ".join(map(str, range(1, 6000)))
    all_at_once = f"{one.name}, {two.name}: {' '.join(PRODUCTS)} {figures} [{one.name}][{two.name}]"
    found = reported(all_at_once, *[statement(one, "product")] * 500)
    assert found["recall"] == pytest.approx(1 / 6)
    assert found["precision"] == pytest.approx(1 / 2)


def test_rows_are_asked_for_in_an_order() -> None:
    env = make("survey-v0", horizon=4)
    env.reset(seed=1)
    rows = str(env.task.answer).splitlines()
    assert submitted(env, "\n".join(rows))["score"] == 1.0
    env.reset(seed=1)
    found = submitted(env, "\n".join(reversed(rows)))
    assert (found["score"], found["rows_right"]) == (0.0, 1.0)


def test_questions_are_answered_by_number() -> None:
    assert numbered("1. a\n2: b\n 3) c d\nx. y\n1. z\n²: no") == {"1": "a", "2": "b", "3": "c d"}
    env = Objectives(horizon=3)
    env.reset(seed=2)
    lines = str(env.task.answer).splitlines()
    assert submitted(env, "\n".join(reversed(lines)))["score"] == 1.0
    env.reset(seed=2)
    found = submitted(env, "\n".join(lines[:2]))
    assert (found["score"], found["answered"]) == (0.0, pytest.approx(2 / 3))


def test_each_kind_of_question_has_its_answer() -> None:
    one, two = directory(1, 2).firms
    one = one._replace(name="A", founded=1800, staff=30, head="Ada X")
    two = two._replace(name="B", founded=1850, staff=100, head="Bram Y")
    answers = {name: kind.answer(one, two) for name, kind in KINDS.items()}
    assert answers == {"older": "A", "larger": "70", "heads": "Ada and Bram", "years": "50"}
    assert KINDS["older"].answer(one, two._replace(founded=1800)) == "both"


def test_a_corpus_adds_up_over_all_its_shards() -> None:
    for seed in range(12):
        env = Corpus(horizon=3)
        env.reset(seed=seed)
        data = env.task.data
        amounts = [
            record.amount
            for number in (1, 2, 3)
            for record in records_of(int(str(data["seed"])), number)
            if (record.town, record.goods) == (data["town"], data["goods"])
        ]
        wanted = {"sum": sum(amounts), "count": len(amounts), "max": max(amounts, default=0)}
        assert env.task.answer == str(wanted[str(data["kind"])])
    assert merged([2, 5], "max") == 5
    assert merged([], "max") == 0
    assert result(1, 1, "count", "Arden", "bells") == sum(
        (each.town, each.goods) == ("Arden", "bells") for each in records_of(1, 1)
    )


def test_a_corpus_is_far_larger_than_what_is_read_at_once() -> None:
    env = Corpus(horizon=64)
    env.reset(seed=0)
    text, *_ = env.step(render_call("open", {"shard": 64}))
    assert 800 < len(text) < 2500
    text, *_ = env.step(render_call("open", {"shard": 65}))
    assert "no shard 65; there are 1 to 64" in text
    found = submitted(env, f"{int(str(env.task.answer)):,}")
    assert (found["score"], found["error"], found["shards_read"]) == (1.0, 0.0, 1 / 64)


def test_a_chain_cannot_be_taken_out_of_order() -> None:
    env = Chain(horizon=3)
    env.reset(seed=5)
    machines, first = env.machines, str(env.task.data["first"])
    env.step(render_call("apply", {"machine": machines[1], "word": first}))
    assert env.found == (machines[1] == machines[0])
    word = first
    for machine in machines:
        text, *_ = env.step(render_call("apply", {"machine": machine, "word": word.upper()}))
        word = made(int(str(env.task.data["seed"])), machine, word)
        assert text == word
    assert env.found == 3
    assert submitted(env, word)["score"] == 1.0


def test_machines_give_away_nothing_about_each_other() -> None:
    words = {made(seed, machine, "word") for seed in range(50) for machine in MACHINES}
    assert len(words) == 50 * len(MACHINES)
    assert all(len(word) == 6 and word.isalpha() for word in words)


@pytest.mark.parametrize("env_id", IDS)
def test_a_task_of_another_environment_is_refused(env_id: str) -> None:
    env = make(env_id)
    with pytest.raises(ValueError, match="task 'x'"):
        env.reset(options={"task": Task(id="x", prompt="x")})
    env.close()


def test_the_expert_helps_only_with_its_own_parts() -> None:
    env = Survey(horizon=4, oracle_children=2)
    env.reset(seed=0)
    child = Survey(horizon=4)
    child.reset(options={"task": env.task})
    with pytest.raises(ValueError, match="only the parts that it hands out itself"):
        env.child_oracle(child)
    for kind in (Survey, Corpus):
        with pytest.raises(ValueError, match="0 sub-agents or more, not -1"):
            kind(oracle_children=-1)
