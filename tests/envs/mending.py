"""Repairs for tests, small enough to read."""

from __future__ import annotations

from forethought.envs.base import Step
from forethought.envs.calls import render_call
from forethought.envs.suite.code.repair import PATH, Judging, Repair
from forethought.envs.task import Task
from forethought.sandbox import Backend

WHOLE = "def double(x):\n    return x + x\n\n\ndef half(x):\n    return x // 2\n"
BROKEN = WHOLE.replace("x + x", "x - x")
CALLS = [
    *({"function": "double", "arguments": [n], "value": 2 * n} for n in range(1, 6)),
    *({"function": "half", "arguments": [n], "value": n // 2} for n in range(5)),
]
TASK = Task.model_validate(
    {
        "id": "two",
        "prompt": "Mend solution.py.",
        "answer": WHOLE,
        "data": {"source": BROKEN, "calls": CALLS},
    }
)


def started(
    *, backend: Backend = "local", judging: Judging = "calls", image: str | None = None
) -> Repair:
    env = Repair(backend=backend, judging=judging, image=image)
    env.reset(seed=0, options={"task": TASK})
    return env


def submitted(env: Repair, *commands: str, source: str | None = None) -> Step:
    """Write the file, if there is one, run shell commands, submit, and close."""
    if source is not None:
        env.step(render_call("write_file", {"path": PATH, "text": source}))
    for command in commands:
        env.step(render_call("bash", {"command": command}))
    step = env.step(render_call("submit", {}))
    env.close()
    return step
