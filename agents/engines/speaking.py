"""Speaking: models that write their tool calls in a protocol of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from forethought.agents.engines.engine import Engine
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.rollout import Model
from forethought.envs.base import Env
from forethought.envs.protocols import NATIVE, ToolProtocol


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakingModel:
    """A model whose calls are text in the form of its protocol."""

    name: str
    inner: Model
    protocol: ToolProtocol

    def engine(self, env: Env) -> Engine:
        """The model's own engine; `env` is told how its calls are to be read."""
        env.protocol = self.protocol
        return self.inner.engine(env)

    async def aclose(self) -> None:
        """Close the model."""
        await self.inner.aclose()


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeModel:
    """A model behind a chat server that is given the tools as the API has them."""

    name: str
    shared: HTTPEngine

    def engine(self, env: Env) -> Engine:
        """An engine that tells the server of the environment's tools."""
        env.protocol = NATIVE
        return self.shared.with_tools(list(env.tools.values()))

    async def aclose(self) -> None:
        """Close the connections."""
        await self.shared.aclose()


def chat_template_of(path: str) -> str:
    """The chat template in a model's folder; empty if it is no folder or has none."""
    alone, config = Path(path) / "chat_template.jinja", Path(path) / "tokenizer_config.json"
    if alone.is_file():
        return alone.read_text(encoding="utf-8")
    if not config.is_file():
        return ""
    return str(json.loads(config.read_text(encoding="utf-8")).get("chat_template") or "")
