"""An environment of your own in twenty lines, and a training run on it.

    python examples/custom_env.py [FOLDER]

A small model made from scratch is measured, imitates a few of the expert's episodes, takes a step
of RL on its own, and is measured again: some seconds on one CPU core. `FOLDER` (a temporary one if
none is given) keeps the record; `forethought train` does the same from a TOML file.
"""

import sys
import tempfile
from pathlib import Path

# The environment: from here to `register`.
from forethought import Env, Task, register, reward, tool
from forethought.envs.calls import render_call


class Ledger(Env):
    """Add up amounts that can only be looked up one at a time."""

    def make_task(self, rng, *, horizon):
        amounts = [int(amount) for amount in rng.integers(1, 7, size=horizon)]
        prompt, answer = f"Add up entries 1 to {horizon}.", str(sum(amounts))
        return Task(id=str(amounts), prompt=prompt, answer=answer, data={"amounts": amounts})

    @tool
    def entry(self, number: int) -> str:
        """amount of one entry"""
        return str(dict(enumerate(self.task.data["amounts"], 1)).get(number, "no such entry"))

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)

    def oracle(self) -> str:
        number = self.num_steps + 1
        is_done = number > self.task.horizon
        return self.task.answer if is_done else render_call("entry", {"number": number})


register("example/ledger-v0", Ledger)


def main(out: Path) -> None:
    from forethought import Limits
    from forethought.trainer.config import (
        EvaluationConfig,
        RLConfig,
        RunConfig,
        SFTConfig,
        TasksConfig,
    )
    from forethought.trainer.run import execute

    config = RunConfig(
        model="tiny",
        out=out,
        tasks=TasksConfig(env="example/ledger-v0", horizons=(2,)),
        limits=Limits(turns=4, tokens=96, reply_tokens=32, context=256),
        evaluation=EvaluationConfig(tasks=16),
        sft=SFTConfig(steps=120, batch_size=8, learning_rate=3e-3),
        rl=RLConfig(steps=1, groups=4, group_size=8, learning_rate=1e-3),
        max_tokens=4096,
    )
    found = execute(config, resume=False)
    for stage in ("base", "sft", "rl"):
        print(stage, found[stage])
    print(f"metrics, episodes and model: {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()) / "ledger")
