"""`forethought envs`: what environments there are, and what one of them looks like."""

from __future__ import annotations

import inspect

import anyio
from pydantic import JsonValue
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forethought.envs.base import Env
from forethought.envs.registry import make, names


def show_all(console: Console) -> dict[str, JsonValue]:
    """A row for each environment."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("id", no_wrap=True)
    for name in ("traits", "horizon", "tools", "sandbox", "licence"):
        table.add_column(name)
    described: list[JsonValue] = []
    for env_id in names():
        env = make(env_id)
        described.append(_describe(env_id, env))
        low, high = env.card.horizons
        table.add_row(
            env_id,
            ", ".join(env.card.traits),
            f"{low} to {high} {env.card.horizon_unit}",
            ", ".join(env.tools),
            "needed" if env.card.needs_sandbox else "",
            env.card.licence,
        )
    console.print(table)
    return {"envs": described}


def show_one(env_id: str, console: Console) -> dict[str, JsonValue]:
    """Everything about one environment, with a sample task and what its expert does first."""
    env = make(env_id)
    described = _describe(env_id, env)
    prompt, action = anyio.run(_sample, env)
    low, high = env.card.horizons
    console.print(Text(env_id, style="bold"))
    console.print(str(described["summary"]), markup=False)
    for label, text in (
        ("Traits", ", ".join(env.card.traits)),
        ("Horizon", f"{low} to {high} {env.card.horizon_unit}"),
        ("Sandbox", "needed" if env.card.needs_sandbox else "not needed"),
        ("Licence", env.card.licence),
        ("Tools", "\n".join(tool.signature for tool in env.tools.values()) or "none"),
        ("Instructions", env.instructions or "none"),
        ("A task (seed 0)", prompt),
        ("The expert's first action", "it has no expert" if action is None else action),
    ):
        console.print(Text(f"\n{label}", style="bold"))
        console.print(text, markup=False)
    sample: dict[str, JsonValue] = {"prompt": prompt, "oracle": action}
    return {**described, "instructions": env.instructions, "sample": sample}


async def _sample(env: Env) -> tuple[str, str | None]:
    """A prompt and the expert's first action; None where there is no expert."""
    try:
        prompt, _ = await env.areset(seed=0)
        return prompt, env.oracle() if env.has_oracle() else None
    finally:
        await env.aclose()


def _describe(env_id: str, env: Env) -> dict[str, JsonValue]:
    return {
        "id": env_id,
        "summary": inspect.cleandoc(type(env).__doc__ or "").partition("\n\n")[0],
        "traits": list(env.card.traits),
        "horizon_unit": env.card.horizon_unit,
        "horizons": list(env.card.horizons),
        "tools": list(env.tools),
        "needs_sandbox": env.card.needs_sandbox,
        "licence": env.card.licence,
    }
