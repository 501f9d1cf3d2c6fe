"""`forethought envs`: what environments there are, and the card of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forethought.cards import card, document, sample
from forethought.envs.builtin import BUILTIN
from forethought.envs.describe import Description, describe
from forethought.envs.registry import names

_WIDTH = 200
"""Of the table where no terminal says how wide it is, so that a search finds whole words."""
_NUM_TOOLS = 4
"""Tools named in a row of the table."""


def show_all(console: Console) -> dict[str, JsonValue]:
    """A row for each environment; what cannot be loaded is told below."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("id", no_wrap=True)
    for name in ("traits", "horizon", "tools", "needs"):
        table.add_column(name)
    described: list[JsonValue] = []
    unloaded: list[str] = []
    for env_id in names():
        try:
            found = describe(env_id)
        except ImportError as error:
            unloaded.append(str(error))
            described.append({"id": env_id, "error": str(error)})
            continue
        described.append(_as_json(found))
        table.add_row(
            env_id,
            ", ".join(found.card.traits),
            found.horizon,
            _few([tool.name.partition("(")[0] for tool in found.tools]),
            ", ".join(need.what for need in found.needs),
        )
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    console.print(table)
    for reason in unloaded:
        console.print(Text(reason, style="red"))
    return {"envs": described}


def show_one(env_id: str, console: Console) -> dict[str, JsonValue]:
    """The card of one environment, with a sample task and what its expert does first."""
    found = describe(env_id)
    missing = [told for need in found.needs if (told := need.missing()) is not None]
    shown = sample(env_id) if not missing else None
    sections = card(found)
    if shown is None:
        sections["No sample"] = "\n".join(missing)
    else:
        sections["Instructions"] = shown.instructions or "none"
        sections["A task (seed 0)"] = f"{shown.prompt}\n\n(at most {shown.max_steps} steps)"
        sections["The expert's first action"] = shown.action or "it has no expert"
    console.print(Text(env_id, style="bold"))
    console.print(found.summary, markup=False)
    for label, text in sections.items():
        console.print(Text(f"\n{label}", style="bold"))
        console.print(text, markup=False)
    return {
        **_as_json(found),
        "missing": list(missing),
        "instructions": shown.instructions if shown is not None else None,
        "sample": {"prompt": shown.prompt, "oracle": shown.action} if shown is not None else None,
    }


def write_markdown(path: Path, console: Console) -> dict[str, JsonValue]:
    """Write the cards of the built-in environments; nothing is made or played for it."""
    found = [describe(env_id) for env_id in BUILTIN]
    path.write_text(document(found), encoding="utf-8")
    console.print(f"{len(found)} environments: {path}", markup=False)
    return {"markdown": str(path), "envs": len(found)}


def _few(texts: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(texts) - _NUM_TOOLS
    return ", ".join(texts[:_NUM_TOOLS]) + (f" and {more} more" if more > 0 else "")


def _as_json(found: Description) -> dict[str, JsonValue]:
    return {
        "id": found.env_id,
        "family": found.family,
        "summary": found.summary,
        "traits": list(found.card.traits),
        "horizon_unit": found.card.horizon_unit,
        "horizons": list(found.card.horizons),
        "steps": found.limit,
        "tools": [tool.name.partition("(")[0] for tool in found.tools],
        "metrics": {item.name: item.meaning for item in found.metrics},
        "proxies": {item.name: item.meaning for item in found.proxies},
        "has_oracle": found.has_oracle,
        "can_fork": found.can_fork,
        "floor": found.card.floor,
        "prompt_chars": found.card.prompt_chars,
        "needs": [need.what for need in found.needs],
        "needs_sandbox": found.card.needs_sandbox,
        "licence": found.card.licence,
        "source": found.card.source,
    }
