"""Commands run in this process, as a person would type them."""

from __future__ import annotations

import json

import pytest

from forethought.cli import main

BLOCKS = "forethought/blocksworld-v0"


CUSTOM = '''
from forethought.envs import Card, Env, Task, register, reward


class Sum(Env):
    """Add two numbers."""

    card = Card(traits=("skills",), horizon_unit="digits", horizons=(1, 4))

    def make_task(self, rng, *, horizon):
        a, b = (int(x) for x in rng.integers(1, 10**horizon, size=2))
        return Task(id=f"{a}+{b}", prompt=f"{a}+{b}=?", answer=str(a + b), horizon=horizon)

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self):
        return self.task.answer


register("mine/sum-v0", Sum)
'''


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command run in this process."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """The object that `--json` prints, which must be all there is on standard output."""
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    assert out.count("\n") == 1
    loaded: dict[str, object] = json.loads(out)
    return loaded
