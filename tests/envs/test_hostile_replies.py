"""Whatever a model writes, an environment answers: a crash would be missing data, and no 0."""

from __future__ import annotations

import anyio
import pytest

from forethought.envs.base import Env
from forethought.envs.builtin import BUILTIN
from forethought.envs.calls import render_call
from forethought.envs.registry import env_class, make

REPLIES = {
    "a number of thousands of digits": "9" * 5000,
    "the same, numbered": f"{'9' * 5000}. yes",
    "a product of such": f"{'1' * 20_000}*{'1' * 20_000}",
    "a tower of powers": "9**9**9**9",
    "parentheses": "(" * 5000 + "1" + ")" * 5000,
    "brackets": "[" * 20_000,
    "backslashes": "\\" * 10_000,
    "boxes": "\\boxed{" * 3000,
    "a fraction by zero": "\\boxed{\\frac{1}{0}}",
    "no number": "nan",
    "too large": "1e999",
    "other digits": "٣²３",
    "half a character": "\ud800",
    "no date": "2024-99-99",
    "one long word": "a" * 200_000,
    "code": "__import__('os').system('true')",
}
VALUES: dict[str, list[object]] = {
    "string": ["", "../../etc/passwd", "\x00", "a" * 100_000, '"', "\ud800", "9" * 5000],
    "integer": [-1, 10**30],
    "number": [-1.0, 1e308],
    "array": [[], ["x"] * 5000, [10**30]],
    "boolean": [True],
}
ALONE = sorted(
    name
    for name in BUILTIN
    if not env_class(name).needs() and not env_class(name).card.needs_sandbox
)


def hostile(env: Env) -> list[str]:
    """Replies, and calls of each tool with one hostile argument."""
    found = [prefix + text for text in REPLIES.values() for prefix in ("", "answer: ", "plan: x\n")]
    for tool in env.tools.values():
        properties = tool.schema.get("properties", {})
        assert isinstance(properties, dict)
        kinds = {name: kind.get("type", "string") for name, kind in properties.items()}  # type: ignore[union-attr]
        usual = {name: VALUES[str(kind)][0] for name, kind in kinds.items()}
        for name, kind in kinds.items():
            found += [
                render_call(tool.name, {**usual, name: value})  # type: ignore[dict-item]
                for value in VALUES[str(kind)]
            ]
    return found


@pytest.mark.parametrize("env_id", ALONE)
def test_no_reply_breaks_an_environment_or_floods_its_reader(env_id: str) -> None:
    async def run() -> None:
        env = make(env_id)
        for reply in hostile(env):
            await env.areset(seed=3)
            observation, _, _, _, info = await env.astep(reply)
            assert len(observation) < 40_000, reply[:100]
            assert not info.get("score"), reply[:100]
        await env.aclose()

    anyio.run(run)
