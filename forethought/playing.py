"""`forethought play`: a person acts in an environment, one action at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import anyio
from pydantic import JsonValue
from rich.console import Console
from rich.text import Text

from forethought.envs.base import Env
from forethought.envs.registry import make

_HELP = (
    'An action is text, or a call: {"name": "tool", "arguments": {...}}. An empty line sends what '
    "you typed. /expert shows the expert's action, /tools the tools, /quit ends."
)


def play_by_hand(
    env_id: str, options: Mapping[str, JsonValue], *, seed: int, console: Console
) -> dict[str, JsonValue]:
    """Play one instance on the terminal; returns the score and the number of actions."""
    env = make(env_id, **options)

    async def run() -> dict[str, JsonValue]:
        try:
            return await _play(env, seed, console, lambda: console.input("> "))
        finally:
            await env.aclose()

    return anyio.run(run)


async def _play(
    env: Env, seed: int, console: Console, read: Callable[[], str]
) -> dict[str, JsonValue]:
    observation, _ = await env.areset(seed=seed)
    if env.instructions:
        console.print(f"{env.instructions}\n", markup=False)
    _show_tools(env, console)
    console.print(_HELP, style="dim", markup=False)
    num_actions = 0
    while True:
        console.print(f"\n{observation}\n", markup=False)
        action = await _action(env, console, read)
        if action is None:
            return {"env": _name(env), "actions": num_actions, "score": None, "finished": False}
        num_actions += 1
        observation, _, terminated, truncated, info = await env.astep(action)
        if terminated or truncated:
            console.print(f"\n{observation}\n", markup=False)
            score = info["score"]
            shown = "could not be scored" if score is None else f"{score:g}"
            console.print(Text(f"score {shown} after {num_actions} actions", style="bold"))
            return {"env": _name(env), "actions": num_actions, "score": score, "finished": True}


async def _action(env: Env, console: Console, read: Callable[[], str]) -> str | None:
    """The next action; None when the player leaves."""
    lines: list[str] = []
    while True:
        try:
            line = await anyio.to_thread.run_sync(read)
        except EOFError:
            return "\n".join(lines) or None
        if line == "/quit":
            return None
        if line == "/expert":
            action = env.oracle() if env.has_oracle() else "it has no expert"
            console.print(action, style="dim", markup=False)
        elif line == "/tools":
            _show_tools(env, console)
        elif line:
            lines.append(line)
        elif lines:
            return "\n".join(lines)


def _show_tools(env: Env, console: Console) -> None:
    for tool in env.tools.values():
        console.print(tool.signature, style="dim", markup=False)


def _name(env: Env) -> str:
    return env.spec.id if env.spec is not None else type(env).__name__
