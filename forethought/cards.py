"""Cards for people: what a description says, by label, and all of them as one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import anyio

from forethought.envs.card import UNMEASURED, Card
from forethought.envs.describe import Description, Named
from forethought.envs.registry import make

_HEAD = """# Environments

The card of each built-in environment, by family. This page is written by

    forethought envs --markdown docs/environments.md

so edit the environment and write it anew. `forethought envs ID` shows one card with a sample task,
`forethought check ID` tries what it promises.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """How an episode begins."""

    instructions: str
    prompt: str
    max_steps: int
    action: str | None
    """The expert's first; None where there is no expert."""


def sample(env_id: str) -> Sample:
    """The beginning of the episode of seed 0. Raises what the environment raises."""
    env = make(env_id)

    async def begin() -> Sample:
        try:
            prompt, _ = await env.areset(seed=0)
            action = env.oracle() if env.has_oracle() else None
            return Sample(
                instructions=env.instructions,
                prompt=prompt,
                max_steps=env.max_steps(),
                action=action,
            )
        finally:
            await env.aclose()

    return anyio.run(begin)


def card(found: Description) -> dict[str, str]:
    """What is stated and what is read off the class, by label."""
    stated = {
        "Traits": ", ".join(found.card.traits),
        "Horizon": f"{found.horizon}; usually {_usual(found)}",
        "Limit": found.limit,
        "Tools": _lines(found.tools),
        "Reward": _lines(found.rewards),
        "Metrics": _lines(found.metrics),
        "Proxy": _lines(found.proxies),
        "Options": ", ".join(f"{item.name}={item.meaning}" for item in found.options),
        "Expert": "yes" if found.has_oracle else "no",
        "Floor": _floor(found.card),
        "Can be forked": "yes" if found.can_fork else "no",
        "Prompt": f"at most {found.card.prompt_chars:,} characters",
        "Needs": "\n".join(f"{need.what} ({need.get})" for need in found.needs),
        "Licence": found.card.licence,
        "Source": found.card.source,
    }
    return {label: text for label, text in stated.items() if text}


def _floor(card: Card) -> str:
    if card.floor is None:
        return f"not measured; at most {UNMEASURED:g} on average is expected of knowing nothing"
    return f"{card.floor:g} on average for knowing or doing nothing"


def _usual(found: Description) -> str:
    low, high = found.card.horizons
    usual = found.card.usual_horizons or range(low, min(high, low + 3) + 1)
    return ", ".join(map(str, usual))


def _lines(named: tuple[Named, ...]) -> str:
    return "\n".join(f"{item.name}: {item.meaning}" for item in named)


def document(found: Iterable[Description]) -> str:
    """One page of Markdown, sorted by family and name; samples of those that need nothing."""
    parts = [_HEAD]
    family = ""
    for item in sorted(found, key=lambda item: (item.family, item.env_id)):
        if item.family != family:
            family = item.family
            parts.append(f"## {family}\n")
        parts.append(_section(item))
    return "\n".join(parts)


def _section(found: Description) -> str:
    lines = [f"### {found.env_id.rpartition('/')[2]}\n", f"{found.summary}\n"]
    for label, text in card(found).items():
        first, *more = text.splitlines()
        if more or label in ("Tools", "Reward", "Metrics", "Proxy"):
            lines += [f"- **{label}**:", *(f"  - {line}" for line in (first, *more))]
        else:
            lines.append(f"- **{label}**: {first}")
    if not found.needs:
        shown = sample(found.env_id)
        texts = {"A task (seed 0)": shown.prompt, "The expert's first action": shown.action}
        lines += _blocks({label: text for label, text in texts.items() if text})
    return "\n".join([*lines, ""])


def _blocks(texts: Mapping[str, str]) -> Iterable[str]:
    """Texts as they are, each under its label."""
    for label, text in texts.items():
        yield f"\n{label}:\n"
        yield from (f"    {line}".rstrip() for line in text.splitlines())
