"""Calibration: what thought costs, what confidence earns, and effort that is asked for."""

from __future__ import annotations

import anyio
import numpy as np
import pytest

from forethought.agents.budget import Limits
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.facts import facts_of
from forethought.benchmarks.results import summarise
from forethought.envs import Task
from forethought.envs.context import Context, Spent
from forethought.envs.rewards import adapt_think, log_score
from forethought.envs.suite.puzzles.confidence import UNKNOWN, Confidence, without_key
from forethought.envs.suite.puzzles.effort import Effort
from forethought.envs.suite.puzzles.families import FAMILIES, KEYED
from forethought.envs.suite.puzzles.graded import Graded
from forethought.envs.suite.puzzles.program import PROGRAM
from forethought.envs.suite.puzzles.puzzle import Puzzle

LIMITS = Limits(tokens=1 << 16, reply_tokens=2048, context=1 << 16)
QUESTION = PROGRAM.draw(np.random.default_rng(0), horizon=2, difficulty=1)


def asked(env: Puzzle, **changes: object) -> Puzzle:
    """The environment with one small question, whose answer is 7 unless `changes` say otherwise."""
    question = QUESTION.model_copy(update={"answer": "7", **changes})
    data = question.model_dump(mode="json", exclude={"answer"})
    task = Task(id="t", prompt="?", answer=question.answer, data=data, horizon=2)
    env.reset(options={"task": task})
    return env


def run(env: Puzzle, *replies: str) -> Trajectory:
    """An episode of the agent loop on the question that `env` has; a byte is a token."""
    log = EventLog(None)
    engine = ScriptedEngine(replies)

    async def play() -> Trajectory:
        return await run_episode(
            env, engine, id="e", log=log, limits=LIMITS, task=env.task, seed=0, compressor=None
        )

    return anyio.run(play)


def test_the_loop_tells_what_was_spent_by_phase() -> None:
    env = asked(Graded())
    run(env, "<think>hm</think>so", "plan: look\nanswer: 7")
    assert env.context.spent == Spent(plan=11, think=17, answer=3 + 10)


def test_what_was_spent_goes_with_a_fork() -> None:
    env = asked(Graded(cost="lcpo_max"))
    env.context.spent = Spent(think=5)
    (twin,) = env.fork(1)
    assert twin.context.spent == Spent(think=5)
    assert twin.context.spent is not env.context.spent


def test_thought_costs_nothing_by_default() -> None:
    trajectory = run(asked(Graded()), "x" * 900 + "\nanswer: 7")
    assert trajectory.reward == 1.0
    assert trajectory.metrics["tokens_per_dependent_step"] == (900 + 1 + 10) / 2


@pytest.mark.parametrize(
    ("cost", "answer", "expected"),
    [
        ("lcpo_exact", "7", 1 - 0.0003 * 110),
        ("lcpo_exact", "8", -0.0003 * 110),
        ("lcpo_max", "7", 0.5 - 0.0003 * 110),
        ("lcpo_max", "8", 0.0),
    ],
)
def test_tokens_off_the_target_cost_as_in_l1(cost: str, answer: str, expected: float) -> None:
    env = asked(Graded(cost=cost, tokens_per_step=50))  # type: ignore[arg-type]
    filler = "x" * (210 - len(f"\nanswer: {answer}") - 1)
    trajectory = run(env, f"{filler}\nanswer: {answer}")
    assert env.context.spent == Spent(answer=210)
    assert trajectory.reward == pytest.approx(expected)
    assert trajectory.metrics["correct"] == float(answer == "7")


def test_an_lcpo_form_names_its_tokens_and_is_unscored_where_nobody_counts() -> None:
    env = Graded(cost="lcpo_max", horizon=3, tokens_per_step=10)
    prompt, _ = env.reset(seed=0)
    assert prompt.endswith("\nThink for at most 30 tokens.")
    assert env.step(env.oracle())[4]["score"] is None
    exact = Graded(cost="lcpo_exact", horizon=3, tokens_per_step=10)
    assert exact.reset(seed=0)[0].endswith("\nThink for about 30 tokens.")
    assert exact.task == env.task


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("answer: 7", 1.05),
        ("<think></think>answer: 7", 1.05),
        ("<think>hm</think>answer: 7", 1.0),
        ("hm</think>answer: 7", 1.0),
        ("answer: 8", 0.05),
        ("<think>hm</think>answer: 8", 0.0),
    ],
)
def test_an_answer_without_thought_is_worth_a_little_more(reply: str, expected: float) -> None:
    env = asked(Graded(cost="adapt_think"))
    assert env.step(reply)[1] == pytest.approx(expected)


def test_no_answer_at_all_earns_nothing_for_its_lack_of_thought() -> None:
    env = asked(Graded(cost="adapt_think"))
    for _ in range(env.max_steps()):
        _, reward, *_ = env.step("")
    assert reward == 0.0


def test_thought_is_noticed_in_any_turn() -> None:
    env = asked(Graded())
    env.step("<think>hm</think>")
    assert env.step("answer: 7")[4]["metrics"]["thought"] == 1.0


def test_adapt_think_weighs_against_a_reference() -> None:
    assert adapt_think(True, False, reference=0.75, delta=0.1) == pytest.approx(0.35)
    assert adapt_think(True, True, reference=0.75, delta=0.1) == pytest.approx(0.25)


def test_all_families_and_difficulties_are_mixed() -> None:
    rng = np.random.default_rng(0)
    tasks = [Graded().make_task(rng, horizon=4) for _ in range(200)]
    assert {task.data["family"] for task in tasks} == {family.name for family in FAMILIES}
    assert {task.difficulty for task in tasks} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("reply", "answer", "reward"),
    [
        ("answer: 7\nconfidence: 1", "7", 1.0),
        ("answer: 7\nconfidence: 0.6", "7", (1 + 0.84) / 2),
        ("confidence: 0.0\nanswer: 7", "7", 0.5),
        ("answer: 8\nconfidence: 0", "7", 0.5),
        ("answer: 8\nconfidence: 0.5", "7", 0.75 / 2),
        ("answer: 8\n**Confidence:** 1.0", "7", 0.0),
        ("answer: unknown", "7", 0.0),
        ("answer: Unknown", UNKNOWN, 1.0),
        ("answer: 8\nconfidence: 0.5", UNKNOWN, 0.75 / 2),
    ],
)
def test_confidence_earns_what_the_brier_score_says(reply: str, answer: str, reward: float) -> None:
    env = asked(Confidence(), answer=answer)
    _, earned, terminated, *_ = env.step(reply)
    assert (earned, terminated) == (pytest.approx(reward), True)


def test_the_log_score_is_harder_on_sure_mistakes_and_bounded() -> None:
    assert log_score(True, 1.0) == 1.0
    assert log_score(False, 1.0) == log_score(False, 0.99) == pytest.approx(0.0)
    assert log_score(True, 0.1) == pytest.approx(0.5)
    env = asked(Confidence(rule="log"))
    assert env.step("answer: 7\nconfidence: 0.1")[1] == pytest.approx(0.75)


@pytest.mark.parametrize("rule", ["brier", "log"])
@pytest.mark.parametrize("chance", [0.1, 0.35, 0.5, 0.8])
def test_the_true_chance_is_the_best_confidence_to_state(rule: str, chance: float) -> None:
    worth = {}
    for percent in range(1, 100):
        earned = []
        for answer in ("7", "8"):
            env = asked(Confidence(rule=rule))  # type: ignore[arg-type]
            earned.append(env.step(f"answer: {answer}\nconfidence: {percent / 100}")[1])
        worth[percent] = chance * earned[0] + (1 - chance) * earned[1]
    assert max(worth, key=lambda percent: worth[percent]) == round(100 * chance)
    if rule == "brier":
        assert max(worth.values()) == pytest.approx((1 + chance**2) / 2)


@pytest.mark.parametrize(
    "reply",
    ["answer: 7", "answer: 7\nconfidence: 1.2", "answer: 7\nconfidence: .", "confidence: 1"],
)
def test_an_answer_without_a_confidence_is_asked_again(reply: str) -> None:
    env = asked(Confidence())
    _, reward, terminated, _, info = env.step(reply)
    assert (reward, terminated, info["format_error"]) == (0.0, False, True)
    assert env.step("answer: 7\nconfidence: 1")[1] == 1.0


@pytest.mark.parametrize(
    ("reply", "answer", "expected"),
    [
        ("answer: 7\nconfidence: 0.5", "7", (1, 1, 0, None, 0)),
        ("answer: 8\nconfidence: 0.5", "7", (0, 1, 1, None, 0)),
        ("answer: unknown", "7", (None, 0, None, None, 1)),
        ("answer: unknown", UNKNOWN, (None, 0, None, 1, None)),
        ("answer: 8\nconfidence: 0.5", UNKNOWN, (0, 1, 1, 0, None)),
    ],
)
def test_coverage_risk_and_abstention_are_told_apart(
    reply: str, answer: str, expected: tuple[int | None, ...]
) -> None:
    env = asked(Confidence(), answer=answer)
    metrics = env.step(reply)[4]["metrics"]
    names = ("correct", "coverage", "risk", "abstained_rightly", "abstained_wrongly")
    assert tuple(metrics[name] for name in names) == expected


def test_a_share_of_the_questions_lacks_what_all_rests_on() -> None:
    rng = np.random.default_rng(0)
    env = Confidence(unanswerable=0.5)
    tasks = [env.make_task(rng, horizon=4) for _ in range(200)]
    unknown = [task for task in tasks if task.answer == UNKNOWN]
    assert 70 <= len(unknown) <= 130
    assert {task.data["family"] for task in unknown} == {family.name for family in KEYED}
    assert all(
        Confidence(unanswerable=0).make_task(rng, horizon=2).answer != UNKNOWN for _ in range(50)
    )
    assert without_key(QUESTION).lines == QUESTION.lines[1:]


def test_reliability_goes_by_right_answers_and_leaves_abstentions_out() -> None:
    replies = ["answer: 7\nconfidence: 0.8", "answer: 8\nconfidence: 0.6", "answer: unknown"]
    trajectories = [run(asked(Confidence()), reply) for reply in replies]
    summary = summarise(trajectories)
    assert summary.success == 0.0
    assert summary.calibration is not None
    assert (summary.calibration.n, summary.calibration.accuracy) == (2, 0.5)
    assert summary.calibration.brier == pytest.approx((0.2**2 + 0.6**2) / 2)
    facts = [facts_of(trajectory) for trajectory in trajectories]
    assert [each and each.is_correct for each in facts] == [True, False, False]


@pytest.mark.parametrize(
    ("num", "form", "answer", "reward", "followed", "error"),
    [
        (100, "correct", "7", 1.0, 1.0, 0.0),
        (150, "correct", "7", 1.0, 0.0, 0.5),
        (100, "gated", "7", 1.0, 1.0, 0.0),
        (80, "gated", "7", 0.8, 1.0, -0.2),
        (300, "gated", "7", 0.0, 0.0, 2.0),
        (100, "gated", "8", 0.0, 1.0, 0.0),
    ],
)
def test_effort_is_followed_or_not_and_only_right_answers_earn(
    num: int,
    form: str,
    answer: str,
    reward: float,
    followed: float,
    error: float,
) -> None:
    env = asked(Effort(form=form), tokens=100)  # type: ignore[arg-type]
    ending = f"\nanswer: {answer}"
    trajectory = run(env, "x" * (num - 1 - len(ending)) + ending)
    assert trajectory.reward == pytest.approx(reward)
    assert trajectory.metrics["followed"] == followed
    assert trajectory.metrics["error"] == pytest.approx(error)


def test_effort_is_named_in_the_prompt_over_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    env = Effort(tokens=(50, 800))
    tasks = [env.make_task(rng, horizon=3) for _ in range(100)]
    asked_tokens = [int(str(task.data["tokens"])) for task in tasks]
    assert all(
        f"Take about {num} tokens" in task.prompt
        for num, task in zip(asked_tokens, tasks, strict=True)
    )
    assert min(asked_tokens) < 80
    assert max(asked_tokens) > 600
    assert all(50 <= num <= 800 for num in asked_tokens)


def test_where_nobody_counts_there_is_no_verdict_on_length() -> None:
    env = Effort(form="gated", horizon=2)
    env.reset(seed=0)
    _, _, _, _, info = env.step(env.oracle())
    assert info["score"] is None
    assert info["metrics"] == {"answered": 1.0, "correct": 1.0, "error": None, "followed": None}
    told = Effort(form="gated", horizon=2)
    told.reset(seed=0, options={"context": Context(rng=np.random.default_rng(0), spent=Spent())})
    assert told.step(told.oracle())[4]["score"] == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Graded(cost="free"), "cost is one of none, lcpo_exact, lcpo_max, adapt_think"),
        (lambda: Graded(tokens_per_step=0), "tokens_per_step is at least 1, not 0"),
        (lambda: Confidence(unanswerable=1.5), "unanswerable is a share from 0 to 1, not 1.5"),
        (lambda: Confidence(rule="linear"), "rule is one of brier, log, not 'linear'"),
        (lambda: Effort(tokens=(9, 3)), r"least <= most, not \(9, 3\)"),
        (lambda: Effort(form="nice"), "form is one of correct, gated, not 'nice'"),
    ],
)
def test_bad_options_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=message):
        make()


def test_a_task_without_a_number_of_tokens_is_no_effort_task() -> None:
    with pytest.raises(ValueError, match="task 't' asks for no number of tokens"):
        asked(Effort())
