"""What each scheme of compression does to a context, message by message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
from desk import Desk, call, play

from forethought.agents.budget import Limits
from forethought.agents.compress.clear import CLEARED
from forethought.agents.compress.folding import FOLDED
from forethought.agents.compress.offload import pointer
from forethought.agents.compress.summary import Retell
from forethought.agents.compress.window import LEFT_OUT
from forethought.agents.engines.engine import Completion, ContextOverflow, Sampling
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Edit, Message, Origin
from forethought.agents.record.log import EventLog
from forethought.agents.record.replay import views
from forethought.agents.record.stop import Stop
from forethought.agents.record.trajectory import Trajectory
from forethought.agents.templates.template import ByteTemplate, Role
from forethought.agents.view import Entry, View
from forethought.envs.card import Card
from forethought.envs.context import Plan
from forethought.sandbox import open_sandbox

TIGHT = Limits(context=4600, reply_tokens=300, tokens=1 << 20, turns=60)
ROOMY = Limits(context=9000, reply_tokens=300, tokens=1 << 20, turns=60)
WIDE = Limits(context=1 << 20, tokens=1 << 20, reply_tokens=1024)


def echoes(count: int, *, chars: int) -> list[str]:
    return [call("echo", text=chr(97 + n % 26), times=chars) for n in range(count)]


def edits(trajectory: Trajectory) -> list[Edit]:
    return [event for event in trajectory.events if isinstance(event, Edit)]


def last_view(trajectory: Trajectory) -> list[Message]:
    return list(views(trajectory))[-1][1]


def results(trajectory: Trajectory) -> list[str]:
    return [m.text for m in trajectory.messages() if m.call_id is not None]


def test_clear_leaves_the_actions_and_a_note_for_each_old_result() -> None:
    trajectory = play(*echoes(9, chars=400), "42", limits=TIGHT, compressor="clear")
    texts = [m.text for m in last_view(trajectory)]
    assert texts.count(CLEARED) >= 4
    assert [text for text in texts if text.startswith("<tool_call>")] == echoes(9, chars=400)


def test_what_an_environment_without_tools_says_is_cleared_too() -> None:
    class Talk(Desk):
        async def reply(self, text: str) -> str:
            return self.submit(text) if text == "42" else f"{text}? " + "blah " * 90

    says = [f"word {n}" for n in range(12)]
    trajectory = play(*says, "42", env=Talk(), limits=TIGHT, compressor="clear")
    assert edits(trajectory)[0].strategy == "clear"
    cleared = [m for m in trajectory.messages() if m.text == CLEARED]
    assert {m.role for m in cleared} == {"user"}


def test_window_drops_whole_pairs_from_the_oldest_on() -> None:
    trajectory = play(*echoes(12, chars=400), "42", limits=TIGHT, compressor="window")
    view = last_view(trajectory)
    assert [m.origin for m in view[:3]] == ["harness", "task", "harness"]
    assert view[2].text == LEFT_OUT
    assert [m.origin for m in view[3:]] == ["policy", "env"] * ((len(view) - 3) // 2)
    kept = [m.text for m in view if m.origin == "policy"]
    assert kept == echoes(12, chars=400)[-len(kept) :]


def test_window_says_the_plan_word_for_word() -> None:
    steps = call("plan", steps=["find it", "submit it"])
    trajectory = play(steps, *echoes(12, chars=400), "42", limits=TIGHT, compressor="window")
    assert last_view(trajectory)[2].text == f"{LEFT_OUT}\nPlan:\n[ ] find it\n[ ] submit it"


def test_a_summary_that_the_engine_has_no_room_for_is_done_without() -> None:
    class Narrow(ScriptedEngine):
        async def generate(self, prompt: object, sampling: Sampling) -> Completion:
            if sampling.purpose == "summarise":
                raise ContextOverflow("too long")
            return await super().generate((), sampling)

    engine = Narrow([*echoes(12, chars=400), "42"])

    async def main() -> Trajectory:
        with EventLog(None) as log:
            return await run_episode(
                Desk(), engine, id="e", log=log, limits=TIGHT, compressor="summarise"
            )

    trajectory = anyio.run(main)
    assert trajectory.stop is Stop.SUBMITTED
    assert {edit.strategy for edit in edits(trajectory)} == {"window"}
    assert {made.purpose for made in trajectory.calls} == {"act"}


def test_offload_leaves_a_pointer_and_recall_reads_the_whole_result() -> None:
    first = call("echo", text="the code is 4417; ", times=50)
    reads = call("recall", path=".kept/0-3.txt")
    trajectory = play(
        first, *echoes(12, chars=900), reads, "42", limits=ROOMY, compressor="offload"
    )
    text = "the code is 4417; " * 50
    pointers = [m.text for m in trajectory.messages() if m.text.startswith("[kept in .kept/0-3.")]
    assert pointers[0] == (
        "[kept in .kept/0-3.txt, 900 characters; recall reads it] "
        "the code is 4417; the code is 4417; the code is 4417; the code is 4417; the code..."
    )
    assert results(trajectory)[-1] == text


def test_what_is_offloaded_is_read_in_parts_and_errors_say_what_there_is() -> None:
    first = call("echo", text="0123456789", times=250)
    replies = [
        *(call("recall", path=".kept/0-3.txt"), call("recall", path=".kept/0-3.txt", start=2000)),
        *(call("recall", path=".kept/0-3.txt", start=2500), call("recall", path="x")),
    ]
    limits = Limits(context=14_000, reply_tokens=300, tokens=1 << 20, turns=60)
    trajectory = play(
        *(first, *echoes(9, chars=1200), *replies, "42"), limits=limits, compressor="offload"
    )
    whole, part, beyond, unknown = results(trajectory)[-4:]
    assert whole == "0123456789" * 200 + "\n(2000 of 2500 characters; go on with start=2000)"
    assert part == "0123456789" * 50
    assert beyond == "recall: .kept/0-3.txt has 2500 characters, so none at 2500"
    assert unknown.startswith("recall: there is no 'x'; there are: .kept/0-3.txt (2500 characters)")


def test_what_no_longer_fits_as_pointers_is_offloaded_as_one_transcript() -> None:
    says = [f"{chr(97 + n % 26) * 180} {call('echo', text=str(n))}" for n in range(30)]
    trajectory = play(*says, "42", limits=TIGHT, compressor="offload")
    (note,) = [m for m in last_view(trajectory) if m.origin == "harness" and m.role == "user"]
    assert note.text.startswith("[kept in .kept/0-")
    assert trajectory.stop is Stop.SUBMITTED


def test_in_a_sandbox_the_offloaded_results_lie_as_files() -> None:
    class Workshop(Desk):
        card = Card(traits=("skills",), horizon_unit="steps", needs_sandbox=True)
        seen = b""

        def open_sandbox(self):  # type: ignore[no-untyped-def]
            return open_sandbox(backend="local")

        async def aclose(self) -> None:
            if self.context.sandbox is not None and not self.seen:
                type(self).seen = await self.context.sandbox.read(".kept/0-3.txt")
            await super().aclose()

    trajectory = play(
        *echoes(12, chars=900), "42", env=Workshop(), limits=ROOMY, compressor="offload"
    )
    assert trajectory.stop is Stop.SUBMITTED
    assert Workshop.seen == b"a" * 900


def test_a_pointer_shows_the_first_line_alone() -> None:
    assert pointer("p", "\none\ntwo") == "[kept in p, 8 characters; recall reads it] one"


def test_a_branch_leaves_only_its_message_and_its_tokens_stay_segments() -> None:
    begin, end = call("branch", description="look"), call("return", message="It is 42.")
    trajectory = play(begin, *echoes(3, chars=200), end, "42", limits=WIDE, compressor="fold")
    (edit,) = edits(trajectory)
    assert (edit.strategy, edit.trigger) == ("fold", "requested")
    assert [m.text for m in last_view(trajectory)][2:] == [begin, f"{FOLDED}\nIt is 42."]
    inside, after = trajectory.segments()
    assert [len(inside.spans), len(after.spans)] == [5, 1]
    assert trajectory.num_drifts == 0


def test_branches_do_not_nest_and_nothing_returns_without_one() -> None:
    begin, end = call("branch", description="look"), call("return", message="done")
    trajectory = play(end, begin, begin + " ", end, end + " ", "42", limits=WIDE, compressor="fold")
    assert results(trajectory) == [
        "return: there is no branch to return from",
        "You are in the branch now. End it with return and all that must be remembered of it.",
        "branch: you are in a branch already (look); return first",
        "The branch is done.",
        "return: there is no branch to return from",
    ]
    assert last_view(trajectory)[5].text == f"{FOLDED}\ndone"


def test_a_plan_that_changed_inside_a_branch_comes_out_of_it() -> None:
    begin, end = call("branch", description="look"), call("return", message="done")
    steps = call("plan", steps=["find it", "submit it"])
    trajectory = play(
        begin, steps, *echoes(2, chars=200), end, "42", limits=WIDE, compressor="fold"
    )
    assert last_view(trajectory)[-1].text == (f"{FOLDED}\ndone\nPlan:\n[ ] find it\n[ ] submit it")


def test_a_context_that_fills_up_inside_a_branch_keeps_its_beginning() -> None:
    begin, end = call("branch", description="look"), call("return", message="It is 42.")
    trajectory = play(begin, *echoes(20, chars=400), end, "42", limits=TIGHT, compressor="fold")
    assert {edit.strategy for edit in edits(trajectory)} == {"window", "fold"}
    assert [m.text for m in last_view(trajectory)][-2:] == [begin, f"{FOLDED}\nIt is 42."]


def test_memory_stays_when_the_context_goes_and_is_shown_on_demand() -> None:
    trajectory = play(
        call("memory", action="write", path="codes", text="north: 4417"),
        *echoes(12, chars=400),
        call("memory", action="view"),
        call("memory", action="append", path="codes", text="south: 12"),
        call("memory", action="view", path="codes"),
        call("memory", action="delete", path="codes"),
        call("memory", action="delete", path="codes") + " ",
        call("memory", action="write", path="big", text="x"),
        "42",
        limits=TIGHT,
        compressor="memory",
    )
    assert edits(trajectory)
    assert results(trajectory)[-6:] == [
        "there are: codes (11 characters)",
        "codes has 21 characters",
        "north: 4417\nsouth: 12",
        "deleted codes",
        "memory: there is no 'codes'; there are no files",
        "big has 1 characters",
    ]


def test_an_earlier_summary_is_retold_even_where_not_all_old_messages_fit() -> None:
    template = ByteTemplate()
    view = View(template)
    said: list[tuple[Role, Origin, str]] = [
        ("user", "task", "Do it."),
        ("user", "summary", "The code is 17."),
        *[("assistant", "policy", "x" * 99), ("user", "env", "y" * 99)] * 8,
    ]
    for number, (role, origin, text) in enumerate(said):
        ids = tuple(template.render(role, text))
        view.add(Entry(id=number, role=role, text=text, origin=origin, ids=ids))
    asked: list[str] = []

    async def summarise(prompt: Sequence[int]) -> str:
        asked.append(template.decode(list(prompt)))
        return "Still 17."

    room = len(view) - 570
    rewrite = anyio.run(
        partial(Retell().propose, view, room=room, plan=Plan(), summarise=summarise)
    )
    assert rewrite is not None
    assert "The code is 17." in asked[0]
    assert len(asked[0]) <= room < len(view)
    assert 0 < asked[0].count("x" * 99) < 5, "and of the others the newest"
    assert rewrite.summary.endswith("Still 17.")
