"""Cheats whose function takes or returns more than anybody may."""

from __future__ import annotations

from cheats import Cheat, called

from forethought.sandbox import Cause

EXCESSES: tuple[Cheat, ...] = (
    called(
        "a fork bomb",
        Cause.RAISED,
        r"""
import os, time
def trick(x):
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
""",
    ),
    called(
        "a memory bomb",
        Cause.OUT_OF_MEMORY,
        r"""
def trick(x):
    return len(bytearray(4 << 30))
""",
    ),
    called(
        "a disk filled",
        Cause.RAISED,
        r"""
def trick(x):
    with open('big', 'wb') as file:
        while True: file.write(bytes(1 << 20))
""",
    ),
    called(
        "a flood of output",
        Cause.TOO_MUCH_OUTPUT,
        r"""
def trick(x):
    while True: print('x' * 10000)
""",
    ),
    called(
        "an answer of ten megabytes",
        Cause.TOO_MUCH_OUTPUT,
        r"""
def trick(x): return 'x' * (10 << 20)
""",
    ),
    called(
        "a sleep past the limit",
        Cause.TIMEOUT,
        r"""
import time
def trick(x):
    time.sleep(60)
    return x + x
""",
    ),
    called(
        "a clock that stands still",
        Cause.TIMEOUT,
        r"""
import time
real_sleep = time.sleep
time.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0
def trick(x):
    real_sleep(60)
    return x + x
""",
    ),
    called(
        "not a number",
        Cause.WRONG_ANSWER,
        r"""
def trick(x): return float('nan')
""",
    ),
    called(
        "infinity",
        Cause.WRONG_ANSWER,
        r"""
def trick(x): return float('inf')
""",
    ),
    called(
        "an integer of many digits",
        Cause.WRONG_ANSWER,
        r"""
import sys
sys.set_int_max_str_digits(0)
def trick(x): return 10 ** 20000
""",
    ),
    called(
        "lists in lists in lists",
        Cause.WRONG_ANSWER,
        r"""
import sys
sys.setrecursionlimit(10 ** 6)
def trick(x):
    nest = []
    for _ in range(3000): nest = [nest]
    return nest
""",
    ),
    called(
        "a list that holds itself",
        Cause.WRONG_ANSWER,
        r"""
def trick(x):
    loop = []
    loop.append(loop)
    return loop
""",
    ),
)
