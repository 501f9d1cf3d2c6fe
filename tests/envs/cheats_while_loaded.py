"""Cheats that act while their module is loaded."""

from __future__ import annotations

from cheats import Cheat, loaded

from forethought.sandbox import Cause

LOADED: tuple[Cheat, ...] = (
    loaded(
        "exit while it is loaded",
        Cause.CRASHED,
        r"""
import sys
sys.exit(0)
""",
    ),
    loaded(
        "a hard exit while it is loaded",
        Cause.CRASHED,
        r"""
import os
os._exit(0)
""",
    ),
    loaded(
        "another program in its place",
        Cause.CRASHED,
        r"""
import os
os.execv('/bin/true', ['true'])
""",
    ),
    loaded(
        "a stop that nobody ends",
        Cause.TIMEOUT,
        r"""
import os, signal
os.kill(os.getpid(), signal.SIGSTOP)
""",
    ),
    loaded(
        "a loop while it is loaded",
        Cause.TIMEOUT,
        r"""
while True: pass
""",
    ),
    loaded(
        "an exit handler that reports success",
        Cause.WRONG_ANSWER,
        r"""
import atexit, os
atexit.register(lambda: os._exit(0))
""",
    ),
    loaded(
        "every descriptor closed",
        Cause.CRASHED,
        r"""
import os
os.closerange(0, 256)
""",
    ),
    loaded(
        "a json module that says what is wanted",
        Cause.WRONG_ANSWER,
        r"""
import json, json.encoder
json.JSONEncoder.encode = lambda self, value: '{"value": 2}'
json.dumps = lambda *a, **k: '{"value": 2}'
""",
    ),
    loaded(
        "builtins and operators that find all things equal",
        Cause.WRONG_ANSWER,
        r"""
import builtins, operator
operator.eq = operator.is_ = lambda a, b: True
builtins.all = builtins.any = builtins.bool = lambda *a: True
builtins.AssertionError = builtins.Exception
""",
    ),
    loaded(
        "a thread that changes the function's answers",
        Cause.WRONG_ANSWER,
        r"""
import threading, sys
def run():
    while True: sys.modules['solution'].trick = lambda x: True
threading.Thread(target=run, daemon=True).start()
""",
    ),
)
