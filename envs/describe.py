"""Description: an environment in full, its card and what is read off its class.

Nothing is made or played for it, so it is the same with and without data, packages and engines.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MethodType

from forethought.envs.base import Env
from forethought.envs.card import Card
from forethought.envs.needs import Need
from forethought.envs.registry import env_class, full_id
from forethought.envs.tools import as_tool


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A name and what it means, in a line."""

    name: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a reader wants to know before using an environment."""

    env_id: str
    family: str
    """Folder of the suite that it stands in, or the package that brings it."""
    summary: str
    card: Card
    needs: tuple[Need, ...]
    has_oracle: bool
    can_fork: bool
    limit: str
    """How many steps an episode may take."""
    options: tuple[Named, ...]
    """Beside horizon and split, with their defaults."""
    tools: tuple[Named, ...]
    """By signature."""
    rewards: tuple[Named, ...]
    metrics: tuple[Named, ...]
    proxies: tuple[Named, ...]

    @property
    def horizon(self) -> str:
        """The range that it can make, and the unit."""
        low, high = self.card.horizons
        return f"{low}{f' to {high}' if high > low else ''} {self.card.horizon_unit}"


def describe(env_id: str) -> Description:
    """Describe a registered environment. Raises ValueError as `env_class` does."""
    cls = env_class(env_id)
    scored = {
        kind: tuple(_named(cls, name) for name in names)
        for kind, names in _by_kind(cls.scorers).items()
    }
    return Description(
        env_id=full_id(env_id),
        family=_family(cls),
        summary=_paragraph(cls.__doc__),
        card=cls.card,
        needs=cls.needs(),
        has_oracle=cls.has_oracle(),
        can_fork=cls.metadata["can_fork"],
        limit=_paragraph(cls.max_steps.__doc__),
        options=_options(cls),
        tools=tuple(_tools(cls)),
        rewards=scored["reward"],
        metrics=scored["metric"],
        proxies=scored["proxy"],
    )


def _family(cls: type[Env]) -> str:
    parts = cls.__module__.split(".")
    if parts[:2] != ["forethought", "envs"]:
        return parts[0]
    return parts[3] if parts[2] == "suite" else parts[2]


def _by_kind(scorers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"reward": [], "metric": [], "proxy": []}
    for name, kind in scorers:
        found[kind].append(name)
    return found


def _named(cls: type[Env], name: str) -> Named:
    return Named(name=name, meaning=_paragraph(getattr(cls, name).__doc__))


def _options(cls: type[Env]) -> tuple[Named, ...]:
    return tuple(
        Named(
            name=name,
            meaning="required" if parameter.default is parameter.empty else f"{parameter.default}",
        )
        for name, parameter in inspect.signature(cls).parameters.items()
        if name not in ("horizon", "split")
    )


def _tools(cls: type[Env]) -> Iterable[Named]:
    # bound to the class, for the sake of their signatures alone
    methods = (MethodType(getattr(cls, name), cls) for name in cls.tool_names)
    functions: list[Callable[..., object]] = [*methods, *cls.grants]
    for function in functions:
        signature, _, meaning = as_tool(function).signature.partition("): ")
        yield Named(name=f"{signature})", meaning=meaning)


def _paragraph(text: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(text or "").partition("\n\n")[0].split())
