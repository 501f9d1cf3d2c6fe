"""RunConfig: everything that a training run is told, read from TOML and `key=value` words."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from forethought.agents.budget import Limits, check_effort
from forethought.agents.compress.compressors import compressor_named
from forethought.agents.compress.context import DEFAULT
from forethought.envs import registry
from forethought.trainer.corrections import CORRECTIONS
from forethought.trainer.credit import ESTIMATORS, Overlong, Spread
from forethought.trainer.learner import Denominator
from forethought.trainer.losses import LOSSES


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TasksConfig(_Part):
    """What is practised and measured on."""

    env: str
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """What the environment is made with, its horizon excepted."""
    horizons: tuple[int, ...] = ()
    """Taken in turn; empty leaves the choice to the environment."""


class EvaluationConfig(_Part):
    """How each stage is measured, on held-out tasks that are the same for every stage."""

    tasks: int = Field(default=64, ge=1)
    temperature: float = Field(default=1.0, ge=0)
    """That of training by default: 0 would measure another policy than the one being trained."""
    every: int = Field(default=0, ge=0)
    """RL steps between evaluations; 0 measures at the ends of the stages alone."""
    base: bool = True
    """Whether the untrained model is measured first."""


class SFTConfig(_Part):
    """Warm start: imitate the expert's episodes, plan text included."""

    steps: int = Field(default=24, ge=1)
    batch_size: int = Field(default=8, ge=1)
    """Episodes a step."""
    learning_rate: float = Field(default=1e-4, gt=0)
    warmup_steps: int = Field(default=4, ge=0)
    horizons: tuple[int, ...] = ()
    """Of the imitated episodes; empty takes those of the tasks. Short plans teach the form."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """What the expert's environments are made with beside the tasks' options."""


class FilterConfig(_Part):
    """Difficulty filter: drop tasks that the model always or never solves."""

    tasks: int = Field(default=32, ge=1)
    samples: int = Field(default=4, ge=2)


class RLConfig(_Part):
    """Reinforcement learning over full episodes."""

    steps: int = Field(default=12, ge=1)
    groups: int = Field(default=4, ge=1)
    """Tasks a step."""
    group_size: int = Field(default=8, ge=2)
    """Episodes a task."""
    horizons: tuple[int, ...] = ()
    """Of the tasks practised and filtered; empty takes those of the tasks."""
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_steps: int = Field(default=0, ge=0)
    loss: str = "dapo"
    corrections: tuple[str, ...] = ()
    denominator: Denominator = "token"
    estimator: str = "centred"
    spread: Spread = "episode"
    """episode: every token gets its episode's advantage; branch: those where siblings part."""
    overlong: Overlong = "keep"
    """keep: a cut-off episode is a failure like others; mask: no loss; penalise: less reward."""

    @model_validator(mode="after")
    def _known(self) -> RLConfig:
        _check("loss", self.loss, LOSSES)
        _check("estimator", self.estimator, ESTIMATORS)
        for name in self.corrections:
            _check("correction", name, CORRECTIONS)
        return self


class RunConfig(_Part):
    """One training run: measure, warm start, filter, reinforce, measure again."""

    model: str = "smollm2"
    """smollm2, tiny (made from scratch), or a folder or hub name."""
    out: Path
    seed: int = Field(default=0, ge=0)
    tasks: TasksConfig
    limits: Limits = Limits()
    compress: str = DEFAULT
    """How room is made in a full context: a name of `forethought.agents.compress.compressors`."""
    nudge: bool = True
    """Whether an agent that goes in circles is told before it is stopped."""
    effort: int | None = Field(default=None, ge=1)
    """Tokens that each reply is asked to take; of the expert, who is imitated, nothing is asked."""
    evaluation: EvaluationConfig = EvaluationConfig()
    sft: SFTConfig | None = None
    filter: FilterConfig | None = None
    rl: RLConfig | None = None
    concurrency: int = Field(default=64, ge=1)
    """Episodes at once, and sequences whose keys the engine holds."""
    max_tokens: int = Field(default=512, ge=1)
    """Distinct tokens of one forward and backward pass."""
    trained_layers: int | None = Field(default=None, ge=1)
    """Train the last layers only; None trains all parameters."""
    save_every: int = Field(default=4, ge=1)
    """Optimiser steps between checkpoints."""
    minutes: float | None = Field(default=None, gt=0)
    """RL stops at the first step that ends later than this after the start of the session."""
    device: Literal["cpu", "cuda"] | None = None
    engine: Literal["transformers", "vllm"] = "transformers"
    """What samples: the trained model itself, or vLLM with copies of its weights."""

    @field_validator("compress")
    @classmethod
    def _known(cls, name: str) -> str:
        compressor_named(name)
        return name

    @field_validator("effort")
    @classmethod
    def _possible(cls, effort: int | None, info: ValidationInfo) -> int | None:
        check_effort(effort, info.data.get("limits", Limits()))
        return effort

    @property
    def expert_tasks(self) -> TasksConfig:
        """The tasks whose expert episodes are imitated."""
        assert self.sft is not None
        return TasksConfig(
            env=self.tasks.env,
            options={**self.tasks.options, **self.sft.options},
            horizons=self.sft.horizons or self.tasks.horizons,
        )

    @property
    def practice_tasks(self) -> TasksConfig:
        """The tasks that RL samples from, and that the filter rates."""
        assert self.rl is not None
        return self.tasks.model_copy(update={"horizons": self.rl.horizons or self.tasks.horizons})


def read_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """A config from a TOML file and `section.key=value` words, which win.

    Raises ValueError naming the file, the key and the nearest known one.
    """
    try:
        loaded = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid TOML: {error}") from None
    for word in overrides:
        _override(loaded, word)
    config = make_config(loaded, source=str(path))
    _check_tasks(config.tasks, path)
    return config


def make_config(values: Mapping[str, object], *, source: str) -> RunConfig:
    """A config from plain values. Raises ValueError naming `source` and what is wrong."""
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"{source}: {'; '.join(_problems(error))}") from None


def _check_tasks(tasks: TasksConfig, path: Path) -> None:
    """What cannot be made is told before anything is loaded."""
    for horizon in tasks.horizons or (None,):
        chosen = {} if horizon is None else {"horizon": horizon}
        try:
            registry.make(tasks.env, **tasks.options, **chosen)
        except TypeError as error:
            raise ValueError(f"{path}: tasks.options: {error}") from None


def _override(loaded: dict[str, object], word: str) -> None:
    key, equals, text = word.partition("=")
    if not equals or not key:
        raise ValueError(f"{word!r} should read key=value, for example rl.steps=20")
    *sections, name = key.split(".")
    place = loaded
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ValueError(f"{word!r}: {section} is a value, not a section")
        place = inner
    try:
        place[name] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        place[name] = text


def _problems(error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        path = [str(part) for part in item["loc"]]
        if item["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _known_keys(path[:-1])
            close = difflib.get_close_matches(path[-1], known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
            yield f"unknown key {'.'.join(path)!r}; {hint}"
        else:
            where = f"{'.'.join(path)}: " if path else ""
            yield f"{where}{item['msg'].removeprefix('Value error, ')}"


def _known_keys(path: Sequence[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "": RunConfig,
        "tasks": TasksConfig,
        "evaluation": EvaluationConfig,
        "sft": SFTConfig,
        "filter": FilterConfig,
        "rl": RLConfig,
    }
    if path == ["limits"]:
        return [field.name for field in fields(Limits)]
    return list(sections[".".join(path)].model_fields)


def _check(what: str, name: str, known: dict[str, object] | object) -> None:
    assert isinstance(known, dict)
    if name not in known:
        raise ValueError(f"no {what} named {name!r}; there are: {', '.join(known)}")
