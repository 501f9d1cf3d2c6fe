"""Summaries of hand-made episodes: success, coverage, spending and calibration."""

from statistics import fmean

import pytest

from forethought.agents.record.events import Call, Edit, End, Event, Reward, Start, ToolEvent
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.benchmarks.facts import facts_of
from forethought.benchmarks.results import summarise
from forethought.benchmarks.stats import clustered_wilson, wilson
from forethought.envs import Task


def episode(
    name: str,
    score: float | None,
    *,
    stop: Stop = Stop.SUBMITTED,
    horizon: int = 2,
    group: str = "",
    tokens: int = 3,
    confidence: float | None = None,
    model: str = "m",
) -> Trajectory:
    """An episode of one call; a score of None leaves the reward unknown."""
    task = Task(id=name, prompt="?", horizon=horizon, traits=("strategy",))
    events: list[Event] = [
        Start(agent="0", t=0, env="e", task=task, model=model, group=group, turns=9, tokens=99),
        Call(
            agent="0",
            t=1,
            id=0,
            purpose="act",
            prompt=(1,),
            completion=(7,) * tokens,
            finish="stop",
            message=0,
            plan_tokens=1,
            answer_tokens=tokens - 1,
        ),
        Reward(agent="0", t=2, value=score, rewards={"right": score}, metrics={"cost": 5.0}),
        End(agent="0", t=2.5, stop=stop, confidence=confidence, turns=1, tokens=tokens),
    ]
    return Trajectory(name, events)


def test_success_counts_full_rewards_and_the_mean_reward_counts_all() -> None:
    summary = summarise([episode("a", 1.0), episode("b", 0.5), episode("c", 0.0)])
    assert (summary.success, summary.mean_reward) == (pytest.approx(1 / 3), pytest.approx(0.5))
    assert summary.ci == wilson(1, 3)
    assert (summary.env, summary.model, summary.n, summary.num_tasks) == ("e", "m", 3, 3)
    assert summary.warnings == ()


def test_episodes_that_a_limit_of_the_run_cut_short_are_told() -> None:
    stops = [Stop.CONTEXT_LIMIT, Stop.CONTEXT_LIMIT, Stop.TURN_LIMIT, Stop.ENV_LIMIT, Stop.STUCK]
    cut = [episode(stop.value + str(at), 0.0, stop=stop) for at, stop in enumerate(stops)]
    assert summarise(cut).warnings == (
        "3 of 5 episodes were cut short by a limit of the run (2 context_limit, 1 turn_limit) and "
        "count as they stood; a higher limit may change the score",
    )
    rare = [episode(str(at), 1.0) for at in range(19)]
    assert summarise([*rare, *cut[:1]]).warnings == ()


def test_a_small_set_drawn_again_and_again_is_told() -> None:
    few = summarise([episode("ab"[n % 2], 1.0, group=str(n)) for n in range(4)])
    assert few.num_tasks == 4
    assert few.warnings == (
        "only 2 of the 4 tasks differ, so the interval is too narrow; "
        "take fewer with -n, or more data",
    )
    samples = [episode("ab"[n % 2], 1.0, group="ab"[n % 2]) for n in range(8)]
    assert summarise(samples).warnings == ()


def test_a_reward_of_one_may_have_a_rounding_error() -> None:
    assert summarise([episode("a", 1 - 1e-10), episode("b", 1 - 1e-6)]).success == 0.5


@pytest.mark.parametrize("stop", [Stop.SANDBOX_ERROR, Stop.PROVIDER_ERROR, Stop.CANCELLED])
def test_what_the_policy_is_not_to_blame_for_is_missing_and_not_zero(stop: Stop) -> None:
    lost = episode("lost", 0.0, stop=stop, tokens=1000)
    summary = summarise([episode("a", 1.0), episode("b", 1.0), episode("c", 0.0), lost])
    assert (summary.success, summary.n, summary.coverage) == (pytest.approx(2 / 3), 3, 0.75)
    assert summary.bounds == (0.5, 0.75)
    assert summary.tokens_mean == 3.0
    assert summary.stops == {"submitted": 3, stop.value: 1}
    assert summary.warnings == (
        f"only 75 % of episodes are scored (1 {stop.value}); read the bounds too",
    )


@pytest.mark.parametrize("stop", [Stop.TOKEN_LIMIT, Stop.FORMAT_ERRORS, Stop.STUCK])
def test_what_the_policy_is_to_blame_for_counts(stop: Stop) -> None:
    assert summarise([episode("a", 1.0), episode("b", 0.0, stop=stop)]).success == 0.5


def test_below_half_coverage_no_success_is_given() -> None:
    summary = summarise([episode("a", 1.0), episode("b", None)], planned=3)
    assert (summary.success, summary.ci, summary.mean_reward) == (None, None, None)
    assert summary.coverage == pytest.approx(1 / 3)
    assert summary.warnings == (
        "only 33 % of episodes are scored (1 submitted, 1 not finished); success is withheld",
    )


def test_nothing_scored_at_all_is_a_summary_and_no_crash() -> None:
    summary = summarise([episode("a", None, stop=Stop.GRADER_ERROR)])
    assert (summary.n, summary.coverage, summary.tokens_mean) == (0, 0.0, None)
    assert summary.by_horizon == ()


def test_samples_of_one_task_share_its_group_and_widen_the_interval() -> None:
    given = [
        episode(f"{task}.{sample}", float(task < 5), group=str(task))
        for task in range(10)
        for sample in range(4)
    ]
    summary = summarise(given)
    assert (summary.n, summary.num_tasks) == (40, 10)
    assert summary.ci == clustered_wilson([[float(task < 5)] * 4 for task in range(10)])
    assert summary.ci[0] < wilson(20, 40)[0]


def test_pass_at_k_rises_and_pass_hat_k_falls_with_k() -> None:
    scores = {"x": (1, 0, 0, 0), "y": (1, 1, 1, 0)}
    given = [
        episode(f"{task}.{i}", float(score), group=task)
        for task, row in scores.items()
        for i, score in enumerate(row)
    ]
    summary = summarise(given)
    assert summary.pass_at == {1: 0.5, 2: pytest.approx((0.5 + 1) / 2), 4: 1.0}
    assert summary.pass_hat == {1: 0.5, 2: pytest.approx((0 + 0.5) / 2), 4: 0.0}


def test_rows_stand_by_horizon() -> None:
    given = [episode("a", 1.0, horizon=1, tokens=2), episode("b", 0.0, horizon=4, tokens=8)]
    rows = summarise([*given, episode("c", 1.0, horizon=4, tokens=10)]).by_horizon
    assert [(row.horizon, row.n, row.success, row.tokens_mean) for row in rows] == [
        (1, 1, 1.0, 2.0),
        (4, 2, 0.5, 9.0),
    ]
    assert rows[0].tokens_ci is None
    assert rows[1].ci == wilson(1, 2)


def test_calibration_takes_only_answers_with_a_confidence() -> None:
    given = [
        episode("a", 1.0, confidence=0.9),
        episode("b", 0.0, confidence=0.4),
        episode("c", 1.0),
    ]
    calibration = summarise(given).calibration
    assert calibration is not None
    assert (calibration.n, calibration.accuracy) == (2, 0.5)
    assert calibration.brier == pytest.approx(fmean([0.01, 0.16]))
    assert calibration.ece == pytest.approx(fmean([0.1, 0.4]))
    assert summarise(given[2:]).calibration is None


def test_metrics_and_phases_are_means() -> None:
    summary = summarise([episode("a", 1.0, tokens=3), episode("b", 0.5, tokens=5)])
    assert summary.metrics == {"cost": 5.0, "right": 0.75}
    assert (summary.plan_tokens_mean, summary.answer_tokens_mean) == (1.0, 3.0)
    assert (summary.turns_mean, summary.agents_mean) == (1.0, 1.0)
    assert summary.traits == ("strategy",)


def test_facts_count_tools_errors_and_edits() -> None:
    trajectory = episode("a", 1.0)
    trajectory.events[2:2] = [
        ToolEvent(agent="0", t=1, call_id="0.0", name="search"),
        ToolEvent(agent="0", t=1, call_id="0.1", name="search", error="bad_arguments"),
        Edit(
            agent="0", t=1, strategy="window", trigger="threshold", tokens_before=9, tokens_after=4
        ),
    ]
    facts = facts_of(trajectory)
    assert facts is not None
    assert (facts.num_tools, facts.num_tool_errors, facts.num_edits) == (2, 1, 1)
    assert summarise([trajectory]).tool_error_rate == 0.5


def test_an_open_episode_has_no_facts_and_costs_coverage() -> None:
    unfinished = episode("b", 1.0)
    unfinished.events.pop()
    assert facts_of(unfinished) is None
    assert summarise([episode("a", 1.0), unfinished]).coverage == 0.5


def test_no_episodes_and_mixed_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="no episodes to summarise"):
        summarise([])
    with pytest.raises(ValueError, match=r"several runs .*'other'"):
        summarise([episode("a", 1.0), episode("b", 1.0, model="other")])


def test_a_summary_survives_json() -> None:
    summary = summarise([episode(f"{i}", float(i % 2), group=str(i // 2)) for i in range(8)])
    assert type(summary).model_validate_json(summary.model_dump_json()) == summary


def test_values_that_are_all_the_same_have_no_interval_for_their_mean() -> None:
    same = summarise([episode(f"{i}", 1.0, tokens=4) for i in range(9)])
    assert (same.mean_reward_ci, same.tokens_ci, same.ci) == (None, None, wilson(9, 9))
    spread = summarise([episode(f"{i}", 1.0, tokens=4 + i % 2) for i in range(8)])
    # mean 4.5, standard deviation sqrt(2/7), t(7) = 2.36462
    assert spread.tokens_ci == pytest.approx((4.05313, 4.94687), abs=1e-4)
