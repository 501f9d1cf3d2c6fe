"""An environment on which any two episodes differ: two replies, scored by how long they are."""

from __future__ import annotations

import numpy as np

from forethought.envs import Env, Task, proxy, register, reward

LENGTH = 12


class Lean(Env):
    """Say twelve characters, twice."""

    instructions = (
        "Say exactly twelve characters, whatever they are; then, when you are asked, say twelve "
        "characters again. Every character more or less costs something."
    )

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        number = int(rng.integers(1 << 20))
        return Task(id=f"lean-{number}", prompt=f"number {number}", horizon=horizon)

    async def begin(self) -> str:
        self.error = self.num_chars = 0
        return self.task.prompt

    async def reply(self, text: str) -> str:
        self.num_chars += len(text)
        self.error += abs(len(text) - LENGTH)
        return self.submit(text) if self.num_steps else "again"

    @reward
    def close(self) -> float:
        return 1 / (1 + self.error)

    @proxy
    def long(self) -> float:
        return min(1.0, self.num_chars / (2 * LENGTH))

    def oracle(self) -> str:
        return "twelve chars"

    def floor(self, rng: np.random.Generator) -> str:
        return "?" * int(rng.integers(1, 5))


register("test/lean-v0", Lean)
