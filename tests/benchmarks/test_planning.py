"""Plans that change, and whether what was done was the plan."""

from __future__ import annotations

import pytest

from forethought.agents.record.events import Event, PlanEvent, ToolEvent
from forethought.benchmarks.planning import done_in_order, followed, num_replans, plan_changes


def plan(text: str, agent: str = "0") -> PlanEvent:
    """`look+ open- done` reads: look is done, open and done are not."""
    words = text.split()
    return PlanEvent(
        agent=agent,
        t=0,
        items=tuple(word.rstrip("+").replace("_", " ") for word in words),
        statuses=tuple("done" if word.endswith("+") else "open" for word in words),
    )


def tool(name: str, agent: str = "0", **arguments: str) -> ToolEvent:
    return ToolEvent(agent=agent, t=0, call_id="0.0", name=name, arguments={**arguments})


def test_ticking_off_is_progress_and_no_other_plan() -> None:
    events: list[Event] = [plan("a b c"), plan("a+ b c"), plan("a+ b+ c")]
    assert [change.done for change in plan_changes(events)] == [("a",), ("b",)]
    assert num_replans(events) == 0


@pytest.mark.parametrize(
    ("before", "after", "added", "dropped", "is_reordered"),
    [
        ("a b", "a b c", ("c",), (), False),
        ("a b c", "a c", (), ("b",), False),
        ("a b", "c", ("c",), ("a", "b"), False),
        ("a b c", "c a b", (), (), True),
        ("a b", "x a b", ("x",), (), False),
    ],
)
def test_another_plan_says_what_is_new_and_what_is_gone(
    before: str, after: str, added: tuple[str, ...], dropped: tuple[str, ...], is_reordered: bool
) -> None:
    (change,) = plan_changes([plan(before), plan(after)])
    assert (change.added, change.dropped, change.is_reordered) == (added, dropped, is_reordered)
    assert num_replans([plan(before), plan(after)]) == 1


def test_an_item_that_is_open_again_was_reopened() -> None:
    (change,) = plan_changes([plan("a+ b"), plan("a b")])
    assert (change.reopened, change.is_replan) == (("a",), False)


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        (["a b"], 0.0),
        (["a b", "a+ b", "a+ b+"], 1.0),
        (["a b", "a+ b+"], 1.0),
        (["a b", "a b+", "a+ b+"], 0.5),
        (["a b c", "a+ b c", "a+ c"], 0.5),
        (["a+ b", "a+ b c d", "a+ b+ c d"], 0.5),
        ([], None),
        (["a", ""], None),
    ],
    ids=[
        "none",
        "all",
        "at once",
        "the second first",
        "dropped",
        "replanned",
        "no plan",
        "emptied",
    ],
)
def test_the_share_done_in_order(plans: list[str], expected: float | None) -> None:
    assert done_in_order([plan(text) for text in plans]) == expected


def test_calls_that_the_present_item_names_follow_the_plan() -> None:
    events: list[Event] = [
        tool("search", query="before there is a plan"),
        plan("search_for_Paris write_the_file"),
        tool("search", query="x"),
        tool("open", title="Paris"),
        tool("bash", command="ls"),
        tool("plan"),
        plan("search_for_Paris+ write_the_file"),
        tool("write_file", path="out.csv"),
        tool("search", query="x"),
        tool("search", agent="0.0", query="another agent's"),
        plan("search_for_Paris+ write_the_file+"),
        tool("submit"),
    ]
    assert followed(events) == 2 / 5
    assert followed([plan("a"), tool("plan")]) is None
    assert followed([]) is None


def test_a_name_counts_as_a_whole() -> None:
    assert followed([plan("research_it"), tool("search")]) == 0.0
    assert followed([plan("read_file_now"), tool("read_file")]) == 1.0
    assert followed([plan("do_it"), tool("run", empty="")]) == 0.0
