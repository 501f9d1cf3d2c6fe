"""A Python program in a fork of the agent's own interpreter: its start is what most of them cost.

The program sees what `python3 -` would show it: a fresh `__main__`, the working directory first on
the path, the installed packages, its standard streams, and nothing of the agent.
"""

from __future__ import annotations

import os
import signal
import sys
from types import CodeType, ModuleType
from typing import NoReturn

from forethought.sandbox.inside.processes import SET_DUMPABLE, prctl

NAME = "<stdin>"


def interpret(source: str, env: dict[str, str]) -> NoReturn:
    """Run a program and end with its status; limits, user and directory are set already."""
    _forget_the_agent()
    os.environ.update(env)
    status = 1
    try:
        import site

        site.main()
        sys.path.insert(0, "")
        status = _run(source)
    finally:
        os._exit(status)


def _forget_the_agent() -> None:
    """Close its descriptors, drop its handlers and modules, and be a process that may be looked at.

    The descriptors come first: through one of them an answer could be forged.
    """
    os.closerange(3, 1 << 16)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prctl(SET_DUMPABLE, 1)
    for name in [name for name in sys.modules if name.startswith("forethought")]:
        del sys.modules[name]
    sys.argv[:] = ["-"]


def _run(source: str) -> int:
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    try:
        exec(_compiled(source), main.__dict__)
        status = 0
    except SystemExit as ending:
        status = _status(ending)
    except BaseException as error:  # noqa: BLE001 - the program's own, told as Python tells it
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_globals is globals():
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        status = 1
    return status if _finish() else status or 1


def _compiled(source: str) -> CodeType:
    import linecache

    # Unlike `python3 -`, a traceback can show the lines that it speaks of.
    linecache.cache[NAME] = len(source), None, source.splitlines(keepends=True), NAME
    return compile(source, NAME, "exec", dont_inherit=True)


def _status(ending: SystemExit) -> int:
    if ending.code is None:
        return 0
    if isinstance(ending.code, int):
        return ending.code & 0xFF
    print(ending.code, file=sys.stderr)  # noqa: T201
    return 1


def _finish() -> bool:
    """What an interpreter does in the end: wait for threads, call handlers, flush; False if not."""
    import atexit

    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return False
    return True
