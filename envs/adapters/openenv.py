"""OpenEnv: environments that a server offers over a WebSocket, as ours.

The protocol is that of OpenEnv 0.10 (github.com/huggingface/OpenEnv, BSD-3-Clause): one connection
is one episode, `reset` and `step` messages are answered by an observation, a reward and `done`.
What an action looks like is the server's own schema: a reply that is a JSON object is sent as it
is, and other text goes into the one text field that an action must have, if there is just one. A
server that is full or gone is infrastructure, and no fault of the agent's.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any, ClassVar

import httpx
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from forethought.envs.adapters.library import library
from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.lines import without_plan
from forethought.envs.needs import given, package
from forethought.envs.scoring import metric, reward
from forethought.envs.task import Split, Task

INSTALL = "forethought[openenv]"
MAX_STEPS = 100
MAX_MESSAGE = 16 << 20
OPEN_S = 10.0
NUM_SEEDS = 1 << 31
REFUSALS = ("EXECUTION_ERROR", "VALIDATION_ERROR")
"""Errors about an action; every other one is about the server."""


class Observed(BaseModel):
    """What a server answers to reset and step."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    observation: dict[str, JsonValue] = Field(default_factory=dict)
    reward: float | None = None
    done: bool = False


class OpenEnv(Env):
    """The environment at `url`, such as http://localhost:8000."""

    card: ClassVar[Card] = Card(
        traits=("skills",),
        horizon_unit="games",
        horizons=(1, 1),
        licence="the server's own",
        source="OpenEnv, github.com/huggingface/OpenEnv",
        needs=(
            package("websockets", install=INSTALL),
            given("url", what="an OpenEnv server"),
        ),
    )

    def __init__(
        self,
        *,
        horizon: int | None = None,
        split: Split = "train",
        url: str = "",
        max_turns: int = MAX_STEPS,
    ) -> None:
        super().__init__(horizon=horizon, split=split)
        self.url = url.rstrip("/")
        self.max_turns = max_turns
        self.total = 0.0
        self._field: str | None = None
        self._connection: Any = None

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        """A seed; whether it means anything is up to the server."""
        seed = int(rng.integers(NUM_SEEDS))
        return Task(
            id=f"openenv-{seed}",
            prompt=f"instance {seed} of the server",
            data={"seed": seed},
            traits=self.card.traits,
            horizon=1,
        )

    async def begin(self) -> str:
        """Connect and reset. Raises ValueError without a URL, ConnectionError without a server."""
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"a server is needed: --option url=http://..., not {self.url!r}")
        self._field = text_field(await self._schema())
        client = library("websockets.asyncio.client", install=INSTALL)
        broken = library("websockets", install=INSTALL).WebSocketException
        try:
            self._connection = await client.connect(
                f"ws{self.url.removeprefix('http')}/ws",
                open_timeout=OPEN_S,
                max_size=MAX_MESSAGE,
                proxy=None,
            )
        except (OSError, TimeoutError, broken) as error:
            raise ConnectionError(f"no OpenEnv server at {self.url}: {error}") from error
        self.resources.push_async_callback(self._connection.close)
        self.total = 0.0
        observed = await self._ask("reset", {"seed": self.task.data.get("seed")})
        if isinstance(observed, str):
            raise ConnectionError(f"{self.url} refuses to reset: {observed}")
        return shown(observed)

    async def reply(self, text: str) -> str:
        """Send the reply as an action."""
        action = as_action(without_plan(text), field=self._field)
        if action is None:
            self.info["format_error"] = True
            return "An action is a JSON object in the form that the server's schema gives."
        observed = await self._ask("step", action)
        if isinstance(observed, str):
            return f"The action was refused: {observed}"
        self.total += observed.reward or 0.0
        self.over = observed.done
        return shown(observed)

    def max_steps(self) -> int:
        """`max_turns`; the protocol has no truncation of its own."""
        return self.max_turns

    def floor(self, rng: np.random.Generator) -> str:
        """A letter."""
        return chr(ord("a") + int(rng.integers(26)))

    @reward
    def score(self) -> float:
        """The sum of the server's rewards."""
        return self.total

    @metric
    def finished(self) -> float:
        """1 if the server said that the episode is over."""
        return float(self.over)

    async def _schema(self) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=OPEN_S, trust_env=False) as client:
                answer = await client.get(f"{self.url}/schema")
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ConnectionError(f"no OpenEnv server at {self.url}: {error}") from error
        return found if isinstance(found, dict) else {}

    async def _ask(self, kind: str, data: dict[str, JsonValue]) -> Observed | str:
        """The observation, or why an action was refused. Raises ConnectionError."""
        closed = library("websockets", install=INSTALL).ConnectionClosed
        # A full server says so and closes; its word is there to be read when sending is too late.
        with contextlib.suppress(closed):
            await self._connection.send(json.dumps({"type": kind, "data": data}))
        try:
            message = json.loads(await self._connection.recv())
        except (closed, ValueError) as error:
            raise ConnectionError(f"{self.url} broke the connection: {error}") from error
        told = message.get("data", {}) if isinstance(message, dict) else {}
        if message.get("type") == "error":
            reason, code = str(told.get("message", "no reason")), told.get("code")
            if code in REFUSALS:
                return reason
            raise ConnectionError(f"{self.url}: {reason} ({code})")
        try:
            return Observed.model_validate(told)
        except ValidationError as error:
            raise ConnectionError(f"{self.url} does not speak OpenEnv: {error}") from error


def text_field(schema: dict[str, Any]) -> str | None:
    """The one text that an action must have, by the server's schema; None if it is not one."""
    action = schema.get("action", {})
    properties = action.get("properties", {})
    required = [name for name in action.get("required", []) if name != "metadata"]
    if len(required) == 1 and properties.get(required[0], {}).get("type") == "string":
        return str(required[0])
    return None


def as_action(text: str, *, field: str | None) -> dict[str, JsonValue] | None:
    """A reply as an action; None if it has no form that the server could take."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return None if field is None else {field: text}


def shown(observed: Observed) -> str:
    """An observation as text: the one text in it, else its JSON."""
    fields = {name: value for name, value in observed.observation.items() if name != "metadata"}
    texts = [value for value in fields.values() if isinstance(value, str)]
    if len(fields) == 1 and texts:
        return texts[0]
    return json.dumps(fields, ensure_ascii=False)
