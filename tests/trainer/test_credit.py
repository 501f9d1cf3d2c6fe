"""Credit: what each sampled token is worth, and what is left out of it."""

from __future__ import annotations

import pytest
from desk import call, play
from hypothesis import given
from hypothesis import strategies as st

from forethought.agents.budget import Limits
from forethought.agents.record.events import Call, Edit, End, Event, Reward, Start, Vote
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.envs.task import Task
from forethought.trainer.credit import (
    ESTIMATORS,
    Credited,
    Overlong,
    credit,
    episode_rows,
    informative,
)
from forethought.trainer.tree import tree_batches

TASK = Task(id="t", prompt="p")


def made(
    name: str, reward: float | None, *, stop: Stop = Stop.SUBMITTED, completion: str = "ok"
) -> Trajectory:
    """An episode of one call on the prompt "p"."""
    events: list[Event] = [
        Start(agent="0", t=0, env="e", task=TASK, turns=1, tokens=9),
        Call(
            agent="0", t=0, id=0, purpose="act", prompt=(112,), finish="stop",
            completion=tuple(completion.encode()), logprobs=(-0.5,) * len(completion),
        ),
        End(agent="0", t=1, stop=stop),
    ]  # fmt: skip
    if reward is not None:
        events.insert(2, Reward(agent="0", t=1, value=reward))
    return Trajectory(name, events)


def advantages(found: Credited) -> dict[str, list[float]]:
    """By episode."""
    rows: dict[str, list[float]] = {}
    for row in found.rows:
        for draw in row.draws:
            rows.setdefault(draw.key[0], []).append(draw.advantage)
    return rows


@pytest.mark.parametrize(
    ("name", "rewards", "expected"),
    [
        ("centred", [1.0, 0.0, 0.0, 0.0], [0.75, -0.25, -0.25, -0.25]),
        ("centred", [0.3], [0.0]),
        ("standardised", [1.0, 0.0, 1.0, 0.0], [1.0, -1.0, 1.0, -1.0]),
        ("standardised", [3.0, 1.0], [1.0, -1.0]),
        ("standardised", [0.5, 0.5], [0.0, 0.0]),
        ("leave_one_out", [1.0, 0.0, 0.0], [1.0, -0.5, -0.5]),
        ("leave_one_out", [0.7], [0.0]),
    ],
)
def test_an_estimator_gives_what_is_worked_out_by_hand(
    name: str, rewards: list[float], expected: list[float]
) -> None:
    assert ESTIMATORS[name](rewards) == pytest.approx(expected)


@given(st.sampled_from(sorted(ESTIMATORS)), st.lists(st.floats(-9, 9), min_size=1, max_size=9))
def test_advantages_of_a_group_sum_to_zero(name: str, rewards: list[float]) -> None:
    assert sum(ESTIMATORS[name](rewards)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [([], False), ([1.0], False), ([0.0, 0.0], False), ([1.0, 1.0], False), ([0.0, 0.1], True)],
)
def test_a_group_teaches_something_if_its_rewards_differ(
    rewards: list[float], expected: bool
) -> None:
    assert informative(rewards) is expected


def test_groups_without_variance_are_dropped() -> None:
    groups = [
        [made("a0", 1.0), made("a1", 1.0)],
        [made("b0", 1.0), made("b1", 0.0)],
        [made("c0", 0.0), made("c1", 0.0)],
    ]
    found = credit(groups, estimator="centred", overlong="keep")
    assert advantages(found) == {"b0": [0.5, 0.5], "b1": [-0.5, -0.5]}
    assert (found.num_groups, found.num_informative) == (3, 1)
    assert (found.num_sampled, found.num_trained, found.coverage) == (4, 4, 1.0)


@pytest.mark.parametrize(
    "lost",
    [
        made("x", 0.0, stop=Stop.SANDBOX_ERROR),
        made("x", 0.0, stop=Stop.CANCELLED),
        made("x", None, stop=Stop.GRADER_ERROR),
        made("x", None),
        Trajectory("x", [Start(agent="0", t=0, env="e", task=TASK, turns=1, tokens=9)]),
    ],
    ids=["sandbox died", "cancelled", "grader failed", "unscored", "still open"],
)
def test_an_episode_without_a_score_has_no_part_in_its_group(lost: Trajectory) -> None:
    found = credit([[made("a", 1.0), lost, made("b", 0.0)]], estimator="centred", overlong="keep")
    assert advantages(found) == {"a": [0.5, 0.5], "b": [-0.5, -0.5]}
    assert found.num_unscored == 1


def test_a_group_of_one_scored_episode_teaches_nothing() -> None:
    group = [made("a", 1.0), made("b", 0.0, stop=Stop.PROVIDER_ERROR)]
    found = credit([group], estimator="centred", overlong="keep")
    assert (found.rows, found.num_informative, found.coverage) == ((), 0, 1.0)


@pytest.mark.parametrize(
    ("overlong", "expected"),
    [
        ("keep", {"a": [0.5, 0.5], "b": [-0.5, -0.5]}),
        ("mask", {"a": [0.5, 0.5]}),
        ("penalise", {"a": [0.75, 0.75], "b": [-0.75, -0.75]}),
    ],
)
def test_an_episode_cut_off_is_kept_or_masked_or_penalised(
    overlong: Overlong, expected: dict[str, list[float]]
) -> None:
    group = [made("a", 1.0), made("b", 0.0, stop=Stop.TOKEN_LIMIT)]
    found = credit([group], estimator="centred", overlong=overlong)
    assert advantages(found) == expected
    assert found.num_overlong == 1
    assert found.coverage == 1.0


def test_a_penalty_alone_can_make_a_group_teach() -> None:
    group = [made("a", 0.0), made("b", 0.0, stop=Stop.TURN_LIMIT)]
    assert credit([group], estimator="centred", overlong="keep").rows == ()
    found = credit([group], estimator="centred", overlong="penalise")
    assert advantages(found) == {"a": [0.25, 0.25], "b": [-0.25, -0.25]}


def test_the_length_of_an_episode_has_no_say_in_its_groups_mean() -> None:
    group = [made("a", 1.0, completion="a long answer"), made("b", 0.0, completion="b")]
    found = credit([group], estimator="centred", overlong="keep")
    assert advantages(found) == {"a": [0.5] * 13, "b": [-0.5]}


def test_coverage_is_trained_over_sampled_tokens() -> None:
    counts = {"num_groups": 1, "num_informative": 1, "num_unscored": 0, "num_overlong": 0}
    assert Credited(rows=(), num_sampled=8, num_trained=6, **counts).coverage == 0.75
    assert Credited(rows=(), num_sampled=0, num_trained=0, **counts).coverage == 1.0


LONG = Limits(context=4000, tokens=8192, reply_tokens=200, turns=60, result_chars=1000)


def compressed() -> Trajectory:
    """So many long results that old ones are cleared, then summarised."""
    turns = [call("echo", text=f"{number}" * 8, times=60) for number in range(14)]
    asides = ("what came so far",)
    return play(*turns, "42", asides=asides, limits=LONG, compressor="chain")


def delegated() -> Trajectory:
    """Two sub-agents at once, then three parallel calls."""
    return play(
        call("spawn", tasks=["one part", "another part"]),
        "done by a child",
        "done by a child",
        call("ask", prompts=["which?"], n=3, reduce="majority"),
        "42",
        asides=("yes", "no", "yes"),
    )


@pytest.mark.parametrize("episode", [compressed(), delegated()], ids=["compressed", "delegated"])
def test_every_sampled_token_of_an_episode_is_trained_exactly_once(episode: Trajectory) -> None:
    rows = episode_rows(episode, 0.5)
    keys = [draw.key for row in rows for draw in row.draws]
    assert len(keys) == len(set(keys)) == episode.num_sampled
    for row in rows:
        for draw in row.draws:
            _, number, offset = draw.key
            sampled = next(call for call in episode.calls if call.id == number)
            assert row.ids[draw.position] == sampled.completion[offset]
    assert episode.num_drifts == 0
    assert sum(batch.num_draws for batch in tree_batches(rows)) == episode.num_sampled


def test_the_episodes_above_are_what_they_are_said_to_be() -> None:
    edits = [event for event in compressed().events if isinstance(event, Edit)]
    assert {edit.strategy for edit in edits} == {"clear", "summarise"}
    assert {call.purpose for call in compressed().calls} == {"act", "summarise"}
    assert delegated().agents == ["0", "0.0", "0.1"]
    assert sum(isinstance(event, Vote) for event in delegated().events) == 1
    assert sum(call.purpose == "sub_call" for call in delegated().calls) == 3


def test_sub_agents_and_summaries_inherit_the_advantage_of_their_episode() -> None:
    for episode in (compressed(), delegated()):
        group = [episode, made("other", 0.0)]
        found = credit([group], estimator="centred", overlong="keep")
        assert advantages(found)[episode.id] == [0.5] * episode.num_sampled
        assert found.coverage == 1.0


def test_replies_of_unknown_probability_are_neither_trained_nor_counted() -> None:
    episode = made("a", 1.0)
    (start, sampled, score, end) = episode.events
    assert isinstance(sampled, Call)
    unknown = sampled.model_copy(update={"id": 1, "logprobs": None, "thread": "judge"})
    frozen = sampled.model_copy(update={"id": 2, "trainable": False, "thread": "frozen"})
    mixed = Trajectory("a", [start, sampled, unknown, frozen, score, end])
    found = credit([[mixed, made("b", 0.0)]], estimator="centred", overlong="keep")
    assert advantages(found) == {"a": [0.5, 0.5], "b": [-0.5, -0.5]}
    assert (found.num_sampled, found.coverage) == (4, 1.0)
