from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real import data

from forethought.envs import Task
from forethought.envs.check import check_env
from forethought.envs.datasets.planbench import PlanBench
from forethought.envs.suite.planning.blocks import Instance, place, solve
from forethought.envs.suite.planning.blocksworld import (
    Blocksworld,
    from_planbench,
    task_of,
)
from forethought.envs.suite.planning.strips import Operator
from forethought.envs.suite.planning.strips_env import read_moves
from forethought.envs.suite.planning.words import PLAIN, draw_words

SUSSMAN = Instance(
    blocks=("a", "b", "c"),
    init=place({"a": "table", "b": "table", "c": "a"}),
    goal=frozenset({("on", "a", "b"), ("on", "b", "c")}),
)


def run(env: Blocksworld, actions: Sequence[str]) -> tuple[str, float, bool, dict[str, Any]]:
    for action in actions:
        observation, reward, terminated, _, info = env.step(action)
    return observation, reward, terminated, info


def sussman(**options: Any) -> Blocksworld:
    env = Blocksworld(**options)
    env.reset(options={"task": task_of(SUSSMAN, horizon=6)})
    return env


def test_prompt_and_plan_are_terse() -> None:
    env = sussman()
    assert env.task.prompt == "a b on table; c on a\ngoal: b on c; a on b"
    assert env.oracle() == "plan: c down; b on c; a on b\nunstack c a"


def test_the_expert_acts_move_by_move_and_sees_each_state() -> None:
    env = sussman()
    seen, done = [], False
    while not done:
        observation, reward, done, _, info = env.step(env.oracle())
        seen.append(observation)
    assert seen == [
        "a b on table; holding c",
        "a b c on table",
        "a c on table; holding b",
        "a c on table; b on c",
        "c on table; b on c; holding a",
        "goal reached",
    ]
    assert reward == 1.0
    assert info["metrics"] == {"illegal": 0.0, "optimality": 1.0}


@pytest.mark.parametrize(
    ("action", "observation"),
    [
        ("pick-up a", "cannot pick-up a: c on a"),
        ("unstack c b", "cannot unstack c b: not c on b"),
        ("pick-up c", "cannot pick-up c: not c on table"),
        ("put-down c", "cannot put-down c: not holding c"),
        ("stack b c", "cannot stack b c: not holding b"),
        ("pick-up d", "cannot pick-up d: no block d"),
        ("stack b", "cannot stack b: needs 2 blocks"),
        ("pick-up a b", "cannot pick-up a b: needs 1 block"),
    ],
)
def test_an_illegal_move_changes_nothing_and_is_told_why(action: str, observation: str) -> None:
    env = sussman()
    text, reward, terminated, info = run(env, [action])
    assert text == f"{observation}\na b on table; c on a"
    assert (reward, terminated) == (0.0, False)
    assert "format_error" not in info
    assert env.illegal() == 1


def test_a_full_hand_is_told_by_what_it_holds() -> None:
    env = sussman()
    text, *_ = run(env, ["unstack c a", "pick-up b"])
    assert text == "cannot pick-up b: holding c\na b on table; holding c"
    text, *_ = run(env, ["stack c c"])
    assert text == "cannot stack c c: holding c\na b on table; holding c"


def test_several_moves_stop_at_the_first_illegal_one() -> None:
    env = sussman()
    text, *_ = run(env, ["unstack c a; put-down c\npick-up c; pick-up b; stack b c"])
    assert text == "cannot pick-up b: holding c\na b on table; holding c"
    assert (env.num_moves, env.illegal()) == (3, 1)


def test_moves_after_the_goal_are_not_made() -> None:
    env = sussman()
    expert = "unstack c a; put-down c; pick-up b; stack b c; pick-up a; stack a b"
    text, reward, terminated, _ = run(env, [f"{expert}; unstack a b"])
    assert (text, reward, terminated) == ("goal reached", 1.0, True)
    assert env.num_moves == 6


def test_detours_are_allowed_and_show_in_optimality() -> None:
    env = sussman()
    detour = "unstack c a; stack c b; unstack c b; put-down c"
    _, reward, terminated, info = run(env, [detour, "pick-up b; stack b c; pick-up a; stack a b"])
    assert (reward, terminated) == (1.0, True)
    assert info["metrics"]["optimality"] == 6 / 8


def test_a_reply_without_a_move_is_a_format_error_and_costs_only_a_step() -> None:
    env = sussman()
    text, reward, terminated, info = run(env, ["I would like to think."])
    assert text == "No move found. Write one per line, like: unstack b a"
    assert (reward, terminated, info["format_error"]) == (0.0, False, True)
    _, _, _, info = run(env, ["unstack c a"])
    assert "format_error" not in info


def test_an_episode_without_success_is_cut_off_and_scores_zero() -> None:
    env = sussman()
    for _ in range(19):
        *_, terminated, truncated, info = env.step("pick-up b; put-down b")
        assert (terminated, truncated) == (False, False)
    _, reward, terminated, truncated, info = env.step("pick-up b; put-down b")
    assert (reward, terminated, truncated, info["score"]) == (0.0, False, True, 0.0)
    assert info["metrics"]["optimality"] is None


PLAN = "unstack c a\nput-down c\npick-up b\nstack b c\npick-up a\nstack a b"


@pytest.mark.parametrize(
    ("text", "score"),
    [
        (PLAN, 1.0),
        (PLAN.rpartition("\n")[0], 0.0),
        (PLAN + "\npick-up b", 0.0),
        ("pick-up a\n" + PLAN, 0.0),
        (PLAN + "\nunstack a b", 0.0),
    ],
    ids=["right", "too short", "illegal after the goal", "illegal at first", "past the goal"],
)
def test_a_submitted_plan_is_simulated_to_its_last_move(text: str, score: float) -> None:
    env = sussman(mode="plan")
    _, reward, terminated, _ = run(env, [text])
    assert (reward, terminated) == (score, True)


def test_the_expert_submits_all_moves_at_once_in_plan_mode() -> None:
    assert sussman(mode="plan").oracle() == "plan: c down; b on c; a on b\n" + PLAN


def test_an_unreadable_plan_may_be_tried_again() -> None:
    env = sussman(mode="plan")
    _, _, terminated, info = run(env, ["Sure!"])
    assert (terminated, info["format_error"]) == (False, True)
    assert run(env, [PLAN])[1] == 1.0


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("unstack b a", ["unstack b a"]),
        ("(unstack b a)", ["unstack b a"]),
        ("1. pick-up a\n2) stack a c.", ["pick-up a", "stack a c"]),
        ("- Pick-Up A", ["pick-up a"]),
        ("`put-down b`", ["put-down b"]),
        ("plan: b down; a on c\nunstack b a", ["unstack b a"]),
        ("<plan>\npick-up a\nstack a c\n</plan>unstack b a", ["unstack b a"]),
        ("<think>pick-up z; stack z y</think>\nunstack b a", ["unstack b a"]),
        ("<think>pick-up z", []),
        ("I pick-up a", []),
        ("", []),
    ],
)
def test_moves_are_read_and_plans_and_thoughts_passed_over(text: str, moves: list[str]) -> None:
    assert read_moves(text, PLAIN) == moves


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), horizon=st.integers(1, 24), turns=st.integers(0, 6))
def test_the_expert_wins_from_wherever_a_beginner_left_off(
    seed: int, horizon: int, turns: int
) -> None:
    env = Blocksworld(horizon=horizon, oracle_moves=0)
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(turns):
        if env.over:
            return
        env.step(env.floor(rng))
    if not env.over:
        assert env.step(env.oracle())[1:3] == (1.0, True)


@pytest.mark.parametrize("oracle_moves", [1, 2, 0])
def test_the_expert_makes_as_many_moves_a_turn_as_asked(oracle_moves: int) -> None:
    env = Blocksworld(horizon=6, oracle_moves=oracle_moves)
    env.reset(seed=0)
    turns = 0
    while not env.over:
        _, reward, *_ = env.step(env.oracle())
        turns += 1
    assert (reward, turns) == (1.0, {1: 6, 2: 3, 0: 1}[oracle_moves])


def test_mystery_words_are_drawn_per_instance_and_hide_the_plain_ones() -> None:
    env = Blocksworld(mystery=True, horizon=4)
    words = set()
    for seed in range(5):
        prompt, _ = env.reset(seed=seed)
        shown = prompt + env.instructions + env.oracle()
        words.add(env.words)
        assert not any(f"{word} " in shown for word in ("pick-up", "stack", "unstack", "table"))
        assert prompt.startswith(env.words.rules)
        while not env.over:
            _, reward, *_ = env.step(env.oracle())
        assert reward == 1.0
    assert len(words) == 5


def test_mystery_words_are_all_different() -> None:
    rng = np.random.default_rng(0)
    assert all(len(set(draw_words(rng))) == 7 for _ in range(50))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, r"horizon 0 is outside 1..256 \(moves\)"),
        ({"horizon": 257}, r"horizon 257 is outside 1..256 \(moves\)"),
        ({"mode": "talk"}, "mode is 'act' or 'plan', not 'talk'"),
        ({"split": "test"}, "split is 'train' or 'eval', not 'test'"),
        ({"oracle_moves": -1}, "oracle_moves is 0 .all at once. or more, not -1"),
    ],
)
def test_wrong_options_are_refused_with_what_to_do(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Blocksworld(**options)


def test_a_task_of_another_environment_is_refused() -> None:
    with pytest.raises(ValueError, match="task 'x' is no blocksworld task: blocks: Field required"):
        Blocksworld().reset(options={"task": Task(id="x", prompt="?")})


@pytest.mark.parametrize("name", ["blocksworld", "blocksworld_3"])
def test_planbench_problems_can_be_played_and_their_gold_plans_are_shortest(name: str) -> None:
    for task in [*PlanBench.load(data("planbench") / f"{name}.jsonl")][:40]:
        ours = from_planbench(task)
        assert (ours.id, ours.horizon) == (task.id, task.horizon)
        env = Blocksworld(mode="plan")
        env.reset(options={"task": ours})
        assert run(env, [str(task.answer)])[1] == 1.0


def test_a_planbench_problem_about_trucks_is_no_blocks_world() -> None:
    task = next(iter(PlanBench.load(data("planbench") / "logistics.jsonl")))
    with pytest.raises(ValueError, match=r"'logistics-2' is no blocks world: it has \(airplane"):
        from_planbench(task)


@pytest.mark.parametrize("mode", ["act", "plan"])
@pytest.mark.parametrize("mystery", [False, True], ids=["plain", "mystery"])
def test_every_promise_is_kept(mode: Any, mystery: bool) -> None:
    def factory(**options: Any) -> Blocksworld:
        return Blocksworld(mode=mode, mystery=mystery, **options)

    report = check_env(factory)
    assert report.ok, str(report)


def test_knowing_nothing_rarely_wins_at_usual_horizons() -> None:
    wins = 0.0
    for seed in range(100):
        env = Blocksworld(split="eval")
        env.reset(seed=seed)
        rng, done = np.random.default_rng(seed), False
        while not done:
            _, reward, terminated, truncated, _ = env.step(env.floor(rng))
            done = terminated or truncated
        wins += reward
    assert wins < 10


def test_a_plan_names_each_block_once_it_is_put_somewhere() -> None:
    moves: list[Operator] = solve(SUSSMAN.blocks, SUSSMAN.init, SUSSMAN.goal)
    assert PLAIN.plan(moves) == "plan: c down; b on c; a on b"
