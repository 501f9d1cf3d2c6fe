"""Retention: what is planted is needed once, and an expert that sees nothing knows nothing."""

from __future__ import annotations

from typing import Any

import pytest

from forethought.envs.calls import render_call
from forethought.envs.check import check_env
from forethought.envs.suite.long.retention import Retention, task_of
from forethought.envs.suite.long.retention_expert import Expert
from forethought.envs.suite.long.slips import (
    CLOSING,
    Script,
    script_of,
    told_errand,
    told_fact,
    told_rule,
)

FACT = "For later: the door code of the Toll house is 3131."
RULE = "Rule from now on: slips with the violet stamp go under shelf 14."
ERRAND = "To do at the end, not before: return the oak chest to Jan Kos."
OFF = "No longer to be done: return the oak chest to Jan Kos."
PLAIN = "Slip 7: a lost goose\nA mason writes. File it under shelf 33."
STAMPED = "Slip 8: a lost goose, violet stamp\nA mason writes. File it under shelf 33."
QUESTION = "Slip 9: a question\nWhat is the door code of the Toll house? Answer it."


def script(**measures: int) -> Script:
    return script_of(3, **{"things": 6, "rounds": 2, "gap": 4, "words": 20, **measures})


def play(env: Retention, *, actions: list[str]) -> dict[str, Any]:
    """Metrics after these actions; the last of them ends the day."""
    info: dict[str, Any] = {}
    for action in actions:
        *_, info = env.step(action)
    env.close()
    return {**info["rewards"], **info["metrics"]}


def started(**options: Any) -> Retention:
    env = Retention(horizon=6, **options)
    env.reset(seed=1)
    return env


def right_actions(env: Retention) -> list[str]:
    open_ones = [errand.what for errand in env.script.errands if not errand.is_off]
    return [*(slip.wanted for slip in env.script.slips), *(f"do {w}" for w in open_ones), "finish"]


def test_it_keeps_the_promises_of_an_environment() -> None:
    report = check_env("retention-v0", num_seeds=6)
    assert report.ok, str(report)


def test_everything_planted_is_told_once_and_needed_once() -> None:
    made = script()
    text = "\n".join(slip.text for slip in made.slips)
    assert [text.count(told_fact(fact)) for fact in made.facts] == [1, 1]
    assert [text.count(told_rule(rule)) for rule in made.rules] == [1, 1]
    assert [text.count(told_errand(errand.what)) for errand in made.errands] == [1, 1]
    assert sum(errand.is_off for errand in made.errands) == 1
    assert text.count("No longer to be done") == 1
    checks = [slip for slip in made.slips if slip.round]
    assert [slip.kind for slip in checks] == ["fact", "rule", "fact", "rule"]
    assert [slip.round for slip in checks] == [1, 1, 2, 2]


def test_between_planting_and_each_round_there_is_ordinary_work() -> None:
    kinds = [slip.kind for slip in script(things=3, gap=5, rounds=1).slips]
    assert kinds == ["work"] * 8 + ["fact", "rule"]


def test_a_rules_slip_names_another_shelf_than_the_rule() -> None:
    for seed in range(50):
        made = script_of(seed, things=9, rounds=3, gap=1, words=5)
        for slip in made.slips:
            if slip.kind == "rule":
                assert f"shelf {slip.wanted.split()[1]}." not in slip.text


def test_doing_everything_right_scores_one() -> None:
    env = started()
    found = play(env, actions=right_actions(env))
    assert set(found.values()) == {1.0}


def test_tool_calls_do_what_lines_do() -> None:
    env = started()
    verbs = {"file": "shelf", "answer": "text", "do": "errand"}
    actions = []
    for action in right_actions(env):
        verb, _, rest = action.partition(" ")
        value: Any = int(rest) if verb == "file" else rest
        actions.append(render_call(verb, {verbs[verb]: value} if rest else {}))
    assert set(play(env, actions=actions).values()) == {1.0}


def test_each_kind_of_forgetting_shows_in_its_own_number() -> None:
    env = started()
    slips = env.script.slips
    shelf_named = {
        index: f"file {slip.text.rpartition('shelf ')[2].rstrip('.')}"
        for index, slip in enumerate(slips)
        if slip.kind == "rule"
    }
    actions = right_actions(env)
    for index, action in shelf_named.items():
        actions[index] = action
    found = play(env, actions=actions)
    assert (found["facts"], found["rules"], found["errands"], found["filed"]) == (1, 0, 1, 1)
    assert found["kept"] == pytest.approx(3 / 5)
    assert (found["first_round"], found["last_round"]) == (0.5, 0.5)


def test_an_errand_that_was_called_off_counts_against_the_open_ones() -> None:
    env = started()
    off = next(errand.what for errand in env.script.errands if errand.is_off)
    actions = right_actions(env)
    found = play(env, actions=[*actions[:-1], f"do {off}", "finish"])
    assert found["errands"] == 0.0


def test_a_reply_that_cannot_be_read_leaves_its_slip_undone_and_the_day_goes_on() -> None:
    env = started()
    actions = ["That is a nice story.", *right_actions(env)[1:]]
    found = play(env, actions=actions)
    assert found["filed"] == pytest.approx(1 - 1 / 18)
    assert found["kept"] == 1.0


def test_numbers_count_and_the_words_around_them_do_not() -> None:
    env = started()
    fact = next(i for i, slip in enumerate(env.script.slips) if slip.kind == "fact")
    actions = right_actions(env)
    value = actions[fact].split()[1]
    actions[fact] = f"answer The code is {value}, I think."
    assert play(env, actions=actions)["facts"] == 1.0
    env = started()
    actions[fact] = f"answer {value} or 1234"
    assert play(env, actions=actions)["facts"] == 0.5


def test_the_day_ends_for_who_never_finishes_it() -> None:
    env = started()
    for action in [*(slip.wanted for slip in env.script.slips), *["hm"] * 20]:
        *_, terminated, _, _ = env.step(action)
        if terminated:
            break
    assert terminated
    env.close()


@pytest.mark.parametrize(
    ("prompt", "action"),
    [
        (f"{FACT} {RULE}\n{PLAIN}", "file 33"),
        (f"{FACT}\n{QUESTION}", "answer 3131"),
        (QUESTION, "answer unknown"),
        (f"{RULE}\n{STAMPED}", "file 14"),
        (STAMPED, "file 33"),
        (f"{ERRAND}\n{CLOSING}", "do return the oak chest to Jan Kos"),
        (f"{ERRAND}\n{OFF}\n{CLOSING}", "finish"),
        (f"{ERRAND}\n{CLOSING}\ndo return the oak chest to Jan Kos\nNoted. {CLOSING}", "finish"),
        (CLOSING, "finish"),
    ],
    ids=[
        *("files", "knows a fact", "lost a fact", "knows a rule", "lost a rule"),
        *("open", "called off", "done", "lost an errand"),
    ],
)
def test_the_expert_knows_what_its_prompt_shows_and_nothing_else(prompt: str, action: str) -> None:
    assert Expert(frozenset()).act(prompt) == action


def test_the_expert_retells_what_is_still_needed_word_for_word() -> None:
    told = Expert(frozenset()).retell(f"{FACT} blah {RULE} {ERRAND} {FACT} {PLAIN} {OFF}")
    assert told == f"{FACT}\n{RULE}\n{OFF}"


def test_the_expert_uses_the_tools_that_it_has() -> None:
    noting = Expert(frozenset({"memory"}))
    planted = f"Slip 1: a fact\nA mason writes. {FACT} File it under shelf 2."
    assert '"action": "append"' in noting.act(planted)
    assert noting.act(f"{planted}\ncall\nnotes has 51 characters") == "file 2"
    assert '"action": "view"' in noting.act(QUESTION)
    finding = Expert(frozenset({"recall"}))
    assert '"find": "the door code of the Toll house is"' in finding.act(QUESTION)


def test_a_task_from_elsewhere_that_does_not_fit_is_refused() -> None:
    task = task_of(5, things=3, rounds=1, gap=2, words=5)
    env = Retention()
    with pytest.raises(ValueError, match="its script no longer gives its answer"):
        env.reset(options={"task": task.model_copy(update={"answer": ["file 1"]})})
    with pytest.raises(ValueError, match="needs script_seed, things, rounds, gap, words"):
        env.reset(options={"task": task.model_copy(update={"data": {}})})
    with pytest.raises(ValueError, match="at least one round"):
        Retention(rounds=0)
