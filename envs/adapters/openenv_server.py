"""Ours as OpenEnv: a server that offers an environment to OpenEnv's clients and trainers.

One connection is one episode in an environment of its own; `max_sessions` bounds how many there
are, and one more is told so and closed, as OpenEnv's own servers do it. An action is
`{"text": ...}`; an observation has the text and, at the end, the score (null if unscored), its
parts and whether the episode was truncated. The server trusts who reaches it: it listens on
localhost unless told otherwise.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from forethought.envs.adapters.library import library
from forethought.envs.base import Env
from forethought.envs.first_error import first_error
from forethought.envs.task import Task

INSTALL = "forethought[openenv]"
logger = logging.getLogger(__name__)

MAX_MESSAGE = 16 << 20
MAX_SESSIONS = 256


class Action(BaseModel):
    """What a client sends to `step`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    metadata: dict[str, JsonValue] = Field(default_factory=dict)


class Observation(BaseModel):
    """What it gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    truncated: bool = False
    score: float | None = None
    rewards: dict[str, float | None] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)


class State(BaseModel):
    """The answer to `state`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    episode_id: str | None = None
    step_count: int = 0


class Reset(BaseModel):
    """What may be asked of `reset`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seed: int | None = None
    task: Task | None = None


class _Refused(Exception):
    """A message that cannot be done; the code is OpenEnv's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Session:
    """One client's episode."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self._has_begun = False
        self._is_over = False

    async def answer(self, message: dict[str, Any]) -> dict[str, JsonValue]:
        """The reply to a message of type reset, step or state. Raises _Refused."""
        kind, data = message.get("type"), message.get("data", {})
        try:
            if kind == "reset":
                return await self._reset(Reset.model_validate(data))
            if kind == "step":
                return await self._step(Action.model_validate(data))
            if kind == "state":
                return self._state()
        except ValidationError as error:
            raise _Refused("VALIDATION_ERROR", first_error(error)) from None
        raise _Refused("UNKNOWN_TYPE", f"Unknown message type: {kind}")

    async def _reset(self, wanted: Reset) -> dict[str, JsonValue]:
        text, _ = await self._env.areset(seed=wanted.seed, options={"task": wanted.task})
        self._has_begun, self._is_over = True, False
        return _observed(Observation(text=text), reward=None, is_over=False)

    async def _step(self, action: Action) -> dict[str, JsonValue]:
        if not self._has_begun or self._is_over:
            raise _Refused("EXECUTION_ERROR", "there is no episode under way; reset first")
        text, reward, terminated, truncated, info = await self._env.astep(action.text)
        self._is_over = terminated or truncated
        ending = {key: info[key] for key in ("score", "rewards", "metrics") if key in info}
        observation = Observation(text=text, truncated=truncated, **ending)
        return _observed(observation, reward=reward, is_over=self._is_over)

    def _state(self) -> dict[str, JsonValue]:
        name = self._env.task.id if self._has_begun else None
        state = State(episode_id=name, step_count=self._env.num_steps)
        return {"type": "state", "data": state.model_dump(mode="json")}


@asynccontextmanager
async def serving(
    make_env: Callable[[], Env],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    max_sessions: int = MAX_SESSIONS,
) -> AsyncIterator[int]:
    """Serve for as long as the context lasts; the port. Raises OSError if it is taken.

    Raises ValueError without the library websockets.
    """
    server = library("websockets.asyncio.server", install=INSTALL)
    closed = library("websockets", install=INSTALL).ConnectionClosed
    num_sessions = 0

    async def session(connection: Any) -> None:
        nonlocal num_sessions
        if num_sessions >= max_sessions:
            full = {"message": f"all {max_sessions} sessions are taken", "code": "CAPACITY_REACHED"}
            await connection.send(json.dumps({"type": "error", "data": full}))
            return
        num_sessions += 1
        env = make_env()
        try:
            await _converse(connection, Session(env))
        except closed:
            logger.debug("a client went away")
        finally:
            num_sessions -= 1
            await env.aclose()

    def answer_http(connection: Any, request: Any) -> Any:
        """Plain GETs; None lets the WebSocket handshake go on."""
        path = request.path.partition("?")[0]
        if path == "/ws":
            return None
        if path not in PAGES:
            return connection.respond(404, "not found\n")
        response = connection.respond(200, json.dumps(PAGES[path]) + "\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    async with server.serve(
        session, host, port, process_request=answer_http, max_size=MAX_MESSAGE
    ) as running:
        yield int(next(iter(running.sockets)).getsockname()[1])


async def _converse(connection: Any, session: Session) -> None:
    """Answer each message until the client closes."""
    async for raw in connection:
        try:
            message = json.loads(raw)
        except ValueError as error:
            await connection.send(_error("INVALID_JSON", f"Invalid JSON: {error}"))
            continue
        if not isinstance(message, dict):
            await connection.send(_error("VALIDATION_ERROR", "a message is a JSON object"))
            continue
        if message.get("type") == "close":
            return
        try:
            reply = json.dumps(await session.answer(message))
        except _Refused as refused:
            reply = _error(refused.code, str(refused))
        except (ValueError, OSError) as error:
            reply = _error("EXECUTION_ERROR", str(error))
        await connection.send(reply)


def _error(code: str, message: str) -> str:
    return json.dumps({"type": "error", "data": {"message": message, "code": code}})


def _observed(
    observation: Observation, *, reward: float | None, is_over: bool
) -> dict[str, JsonValue]:
    told = observation.model_dump(mode="json")
    return {"type": "observation", "data": {"observation": told, "reward": reward, "done": is_over}}


PAGES: dict[str, JsonValue] = {
    "/health": {"status": "healthy"},
    "/metadata": {"name": "forethought", "description": "an environment of Forethought"},
    "/schema": {
        "action": Action.model_json_schema(),
        "observation": Observation.model_json_schema(),
        "state": State.model_json_schema(),
    },
}
