"""Plan: which episodes an evaluation consists of, fixed before the first one runs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from forethought.agents.budget import Limits, check_effort
from forethought.agents.compress.compressors import compressor_named
from forethought.agents.compress.context import DEFAULT
from forethought.agents.engines.prices import Price
from forethought.agents.rollout import Job
from forethought.envs.task import Split

_CONDITIONS = frozenset({"temperature", "limits", "compress", "nudge", "effort", "minds", "prices"})
"""How the model was run: may differ between two runs that are compared, and is told."""


class Plan(BaseModel):
    """Tasks, samples and conditions of an evaluation; equal plans have equal tasks.

    Task i is drawn from seed * 1,000,000 + i, so a longer plan begins with the shorter one's tasks
    and plans of different seeds share none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str
    model: str
    n: int = Field(ge=1, le=1_000_000)
    """Tasks."""
    k: int = Field(default=1, ge=1)
    """Samples a task."""
    seed: int = Field(default=0, ge=0)
    split: Split = "eval"
    horizons: tuple[int, ...] = ()
    """Task i has horizon `horizons[i % len]`; empty leaves the choice to the environment."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the environment is made with."""
    temperature: float = Field(default=1.0, ge=0)
    limits: Limits = Limits()
    effort: int | None = Field(default=None, ge=1)
    """Tokens that each reply is asked to take."""
    minds: dict[str, str] = Field(default_factory=dict)
    """Other models that may be asked: the name that the agent is told -> the model's."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Of a million tokens, by the name of the model or of a mind."""
    compress: str = DEFAULT
    """How room is made in a full context: a name of `forethought.agents.compress.compressors`."""
    nudge: bool = True
    """Whether an agent that goes in circles is told before it is stopped."""

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
    def num_episodes(self) -> int:
        """Tasks times samples."""
        return self.n * self.k

    def jobs(self) -> list[Job]:
        """Every episode, task by task; samples of one task share its group."""
        return [self._job(index, sample) for index in range(self.n) for sample in range(self.k)]

    def differences(self, other: Plan) -> list[str]:
        """Names and values of the fields in which two plans differ, as a reader wants them."""
        return self._differences(other, set(type(self).model_fields))

    def task_differences(self, other: Plan) -> list[str]:
        """`differences` that make the tasks others; none if only the model is run otherwise."""
        return self._differences(other, set(type(self).model_fields) - _CONDITIONS - {"model"})

    def condition_differences(self, other: Plan) -> list[str]:
        """`differences` in how the models were run."""
        return self._differences(other, set(_CONDITIONS))

    def _differences(self, other: Plan, names: set[str]) -> list[str]:
        ours, theirs = self.model_dump(), other.model_dump()
        return [
            f"{name} {ours[name]!r} and {theirs[name]!r}"
            for name in ours
            if name in names and ours[name] != theirs[name]
        ]

    def _job(self, index: int, sample: int) -> Job:
        seed = self.seed * 1_000_000 + index
        options: dict[str, object] = {**self.options, "split": self.split}
        if self.horizons:
            options["horizon"] = self.horizons[index % len(self.horizons)]
        name = f"{index:06d}"
        return Job(
            id=name if self.k == 1 else f"{name}.{sample}",
            env_id=self.env,
            options=options,
            seed=seed,
            group=str(seed),
            compress=self.compress,
            nudge=self.nudge,
            effort=self.effort,
        )
