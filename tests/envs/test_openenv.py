"""OpenEnv's protocol in both directions, spoken over real sockets."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import httpx
import pytest

from forethought.envs import Env, make
from forethought.envs.adapters.openenv import (
    Observed,
    OpenEnv,
    as_action,
    shown,
    text_field,
)
from forethought.envs.adapters.openenv_server import PAGES, serving

needs_websockets = pytest.mark.skipif(
    importlib.util.find_spec("websockets") is None, reason="websockets is not installed"
)
blocks: Callable[[], Env] = partial(make, "blocksworld-v0", horizon=2)


@needs_websockets
def test_ours_served_and_played_as_openenv_scores_what_it_scores_here() -> None:
    async def scene() -> None:
        async with serving(blocks) as port:
            there = OpenEnv(url=f"http://127.0.0.1:{port}")
            here = make("blocksworld-v0", horizon=2)
            observation, _ = await there.areset(seed=4)
            expected, _ = await here.areset(seed=int(str(there.task.data["seed"])))
            assert json.loads(observation)["text"] == expected
            while not here.over:
                action = here.oracle()
                text, reward, over, _, info = await there.astep(action)
                own, own_reward, own_over, _, _ = await here.astep(action)
                assert (json.loads(text)["text"], reward, over) == (own, own_reward, own_over)
            assert info["score"] == 1.0
            assert info["metrics"]["finished"] == 1.0
            await there.aclose()

    anyio.run(scene)


@needs_websockets
def test_each_connection_has_an_episode_and_a_full_server_is_no_fault_of_the_agent() -> None:
    async def scene() -> None:
        async with serving(blocks, max_sessions=2) as port:
            url = f"http://127.0.0.1:{port}"
            envs = [OpenEnv(url=url) for _ in range(3)]
            first, _ = await envs[0].areset(seed=1)
            second, _ = await envs[1].areset(seed=2)
            assert first != second
            with pytest.raises(ConnectionError, match=r"all 2 sessions are taken \(CAPACITY"):
                await envs[2].areset(seed=3)
            await envs[0].aclose()
            with anyio.fail_after(120):
                while True:
                    try:
                        await envs[2].areset(seed=3)
                        break
                    except ConnectionError:
                        await anyio.sleep(0.05)
            for env in envs:
                await env.aclose()

    anyio.run(scene)


async def exchange(port: int, *messages: str) -> list[dict[str, Any]]:
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{port}/ws", proxy=None) as connection:
        replies = []
        for message in messages:
            await connection.send(message)
            replies.append(json.loads(await connection.recv()))
        return replies


@needs_websockets
def test_a_server_refuses_what_it_does_not_understand_and_goes_on() -> None:
    async def scene() -> None:
        async with serving(blocks) as port:
            replies = await exchange(
                port,
                "{",
                "[]",
                '{"type": "dance"}',
                '{"type": "step", "data": {"text": "x"}}',
                '{"type": "reset", "data": {"seed": "one"}}',
                '{"type": "reset", "data": {"seed": 1}}',
                '{"type": "step", "data": {"word": "x"}}',
                '{"type": "state"}',
            )
            codes = [reply["data"].get("code") for reply in replies]
            assert codes == [
                "INVALID_JSON",
                "VALIDATION_ERROR",
                "UNKNOWN_TYPE",
                "EXECUTION_ERROR",
                "VALIDATION_ERROR",
                None,
                "VALIDATION_ERROR",
                None,
            ]
            assert replies[-1]["data"]["step_count"] == 0
            async with httpx.AsyncClient(trust_env=False) as client:
                for path in PAGES:
                    page = await client.get(f"http://127.0.0.1:{port}{path}")
                    assert (page.status_code, page.json()) == (200, PAGES[path])
                assert (await client.get(f"http://127.0.0.1:{port}/no")).status_code == 404

    anyio.run(scene)


@needs_websockets
def test_an_action_that_the_server_refuses_is_told_to_the_agent() -> None:
    async def scene() -> None:
        async with serving(blocks) as port:
            env = OpenEnv(url=f"http://127.0.0.1:{port}")
            await env.areset(seed=1)
            text, reward, over, _, _ = await env.astep('{"word": 1}')
            assert text.startswith("The action was refused: text: Field required")
            assert (reward, over) == (0.0, False)
            await env.aclose()

    anyio.run(scene)


def test_without_a_server_nothing_is_scored() -> None:
    with pytest.raises(ConnectionError, match=r"no OpenEnv server at http://127\.0\.0\.1:1"):
        OpenEnv(url="http://127.0.0.1:1").reset(seed=0)
    with pytest.raises(ValueError, match="a server is needed: --option url=http"):
        OpenEnv().reset(seed=0)


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"properties": {"message": TEXT}, "required": ["message"]}, "message"),
        ({"properties": {"message": TEXT, "n": TEXT}, "required": ["message", "n"]}, None),
        ({"properties": {"number": {"type": "integer"}}, "required": ["number"]}, None),
        ({}, None),
    ],
    ids=["one text", "two texts", "a number", "nothing"],
)
def test_text_goes_into_the_one_text_field(action: dict[str, Any], field: str | None) -> None:
    assert text_field({"action": action}) == field
    assert as_action("go", field=field) == (None if field is None else {"message": "go"})
    assert as_action('{"n": 1}', field=field) == {"n": 1}


def test_an_observation_is_its_one_text_or_its_json() -> None:
    assert shown(Observed(observation={"message": "hello", "metadata": {}})) == "hello"
    assert shown(Observed(observation={"board": [1], "turn": 2})) == '{"board": [1], "turn": 2}'


@pytest.mark.skipif(importlib.util.find_spec("openenv") is None, reason="openenv is not installed")
def test_openenvs_own_client_plays_ours() -> None:
    from openenv.core import GenericEnvClient

    async def scene() -> None:
        async with serving(blocks) as port:
            client = GenericEnvClient(base_url=f"http://127.0.0.1:{port}")
            async with client:
                here = make("blocksworld-v0", horizon=2)
                result = await client.reset(seed=4)
                expected, _ = await here.areset(seed=4)
                assert result.observation["text"] == expected
                while not result.done:
                    action = here.oracle()
                    result = await client.step({"text": action})
                    await here.astep(action)
                assert (result.reward, result.observation["score"]) == (1.0, 1.0)

    anyio.run(scene)


@pytest.mark.skipif(importlib.util.find_spec("openenv") is None, reason="openenv is not installed")
def test_openenvs_own_server_is_played_as_ours() -> None:
    import uvicorn
    from openenv.core.env_server import create_fastapi_app
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class Say(Action):
        message: str

    class Heard(Observation):
        message: str = ""

    class Parrot(Environment):  # type: ignore[misc]
        SUPPORTS_CONCURRENT_SESSIONS = True

        def reset(self, seed: int | None = None, **kwargs: Any) -> Heard:
            return Heard(message=f"say {seed}", done=False, reward=None)

        def step(self, action: Say, **kwargs: Any) -> Heard:
            return Heard(message="heard", done=True, reward=float(action.message == "yes"))

        @property
        def state(self) -> State:
            return State()

    async def scene() -> None:
        app = create_fastapi_app(Parrot, Say, Heard)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            with anyio.fail_after(120):
                while not server.started:
                    await anyio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            env = OpenEnv(url=f"http://127.0.0.1:{port}")
            text, _ = await env.areset(seed=0)
            assert text == f"say {env.task.data['seed']}"
            assert (await env.astep("plan: agree\nyes"))[:3] == ("heard", 1.0, True)
            await env.aclose()
            server.should_exit = True

    anyio.run(scene)
