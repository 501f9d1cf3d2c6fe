"""Sampling and changing the weights exclude each other."""

from __future__ import annotations

import anyio

from forethought.agents.engines.gate import Gate


def test_a_change_waits_for_the_replies_under_way_and_later_ones_wait_for_it() -> None:
    said: list[str] = []

    async def main() -> None:
        gate, end = Gate(), anyio.Event()

        async def reply(name: str) -> None:
            async with gate.sampling():
                said.append(f"{name} begins")
                if name == "first":
                    await end.wait()
                said.append(f"{name} ends")

        async def change() -> None:
            async with gate.changing():
                said.append("change")

        async with anyio.create_task_group() as group:
            group.start_soon(reply, "first")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(change)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(reply, "second")
            await anyio.wait_all_tasks_blocked()
            assert said == ["first begins"]
            end.set()

    anyio.run(main)
    assert said == ["first begins", "first ends", "change", "second begins", "second ends"]


def test_a_reply_or_a_change_that_is_given_up_leaves_the_gate_open() -> None:
    async def main() -> None:
        gate = Gate()
        with anyio.CancelScope() as scope:
            async with gate.sampling():
                scope.cancel()
                await anyio.sleep_forever()
        with anyio.CancelScope() as scope:
            async with gate.sampling(), anyio.create_task_group() as group:

                async def change() -> None:
                    async with gate.changing():
                        raise AssertionError("a reply is under way")

                group.start_soon(change)
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
        async with gate.changing():
            pass
        async with gate.sampling():
            pass

    anyio.run(main)
