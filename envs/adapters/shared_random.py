"""Shared randomness: libraries that draw from the process's one generator, kept apart.

TextArena and GEM call `random.seed` and draw from `random`, so that two of their games at once
disturb each other and whoever else draws. Here each game has a state of its own, which is put in
place while it runs and taken out again, one game at a time.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

_one_at_a_time = threading.Lock()


class SharedRandom:
    """The state of `random` and of NumPy's legacy generator, as one game left it."""

    def __init__(self, seed: int) -> None:
        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed % (1 << 32)).get_state()

    def run(self, call: Callable[[], Result]) -> Result:
        """What a call gives that draws from them; afterwards they are as they were before."""
        with _one_at_a_time:
            python, numpy = random.getstate(), np.random.get_state()
            random.setstate(self._python)
            np.random.set_state(self._numpy)
            try:
                return call()
            finally:
                self._python, self._numpy = random.getstate(), np.random.get_state()
                random.setstate(python)
                np.random.set_state(numpy)
