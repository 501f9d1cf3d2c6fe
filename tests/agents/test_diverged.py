"""Records that cannot be gone on with: it is told why, and nothing is written."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import pytest
from crew import Crew, call
from cutting import Play, Rest, live, run

from forethought.agents.past import Diverged, Past
from forethought.agents.record.events import End, Start
from forethought.agents.record.log import EventLog
from forethought.agents.record.stop import Stop
from forethought.envs import tool

VOTES = Play(
    scripts={
        "main": [call("ask", prompts=["?"], n=2, reduce="majority"), call("echo", text="a"), "42"],
        "aside": ["one", "two", "three"],
    }
)


@pytest.mark.parametrize("stop", [Stop.PROVIDER_ERROR, Stop.CANCELLED, Stop.TIME_LIMIT])
def test_what_the_world_ended_is_not_gone_on_with(stop: Stop) -> None:
    lost = End(agent="0.0", t=1.0, stop=stop)
    with pytest.raises(Diverged, match=rf"agent 0\.0 had ended by {stop.value}"):
        Past([*run(Rest(VOTES)).events[:4], lost])


class Moody(Crew):
    """Says something else each time that it is made."""

    def __init__(self, mood: str) -> None:
        super().__init__()
        self.mood = mood
        self.is_asleep = anyio.Event()

    @tool
    async def feel(self) -> str:
        """how it is"""
        if self.mood == "gone":
            raise ConnectionError("the sandbox is gone")
        if self.mood == "asleep":
            self.is_asleep.set()
            await anyio.sleep_forever()
        return self.mood


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        ("glad", "agent 0: the message on record has text 'sad', but now it is 'glad'"),
        ("gone", "agent 0: the tool on record has error 'None', but now it is 'cancelled'"),
    ],
)
def test_a_world_that_has_changed_is_told_and_nothing_written(
    mood: str, why: str, tmp_path: Path
) -> None:
    play = Play(scripts={"main": [call("feel"), call("feel"), "42"]})
    done = run(Rest(play), env=Moody("sad")).events[:-4]
    with EventLog(tmp_path / "log") as log, pytest.raises(Diverged) as error:
        run(Rest(play, done), env=Moody(mood), log=log, past=Past(done))
    assert str(error.value) == why
    assert (tmp_path / "log").read_bytes() == b""


def test_another_model_or_another_task_is_not_gone_on_with() -> None:
    done = run(Rest(VOTES)).events[:5]
    start = done[0]
    assert isinstance(start, Start)
    other = start.model_copy(update={"model": "another"})
    with pytest.raises(Diverged, match="the start on record has model 'another', but now it is ''"):
        run(Rest(VOTES, done), past=Past([other, *done[1:]]))


def test_what_the_record_has_and_the_episode_does_not_do_again_is_told() -> None:
    whole = run(Rest(VOTES))
    place = whole.events.index(next(each for each in whole.calls[1:] if each.thread == ""))
    strange = whole.calls[1].model_copy(update={"thread": "ask.7.0.0", "id": 99})
    done = [*whole.events[:place], strange, *whole.events[place : place + 2]]
    with pytest.raises(Diverged, match=r"agent 0: a call on ask\.7\.0\.0 did not come again"):
        run(Rest(VOTES, done), past=Past(done))


def test_being_interrupted_while_catching_up_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    play = Play(scripts={"main": [call("feel"), call("feel"), "42"]})
    done = run(Rest(play), env=Moody("sad")).events[:8]
    asleep = Moody("asleep")

    async def main() -> None:
        with EventLog(tmp_path / "log") as log:
            async with anyio.create_task_group() as group:
                going_on = partial(live, log=log, past=Past(done), env=asleep)
                group.start_soon(going_on, Rest(play, done))
                await asleep.is_asleep.wait()
                group.cancel_scope.cancel()

    anyio.run(main)
    assert (tmp_path / "log").read_bytes() == b""
