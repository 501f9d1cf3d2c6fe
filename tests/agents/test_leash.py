"""What is on a leash ends with the process that holds it, unless it is let go before."""

from __future__ import annotations

import signal
import subprocess
import sys

from forethought.agents.engines.leash import Leash

HOLDER = """
import os, signal, sys
from forethought.agents.engines.leash import Leash
leash = Leash([int(sys.argv[1])])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_takes_along_what_it_has_on_a_leash() -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    holder = subprocess.run([sys.executable, "-c", HOLDER, str(sleeper.pid)], check=False)
    assert holder.returncode == -signal.SIGKILL
    assert sleeper.wait(timeout=60) == -signal.SIGKILL


def test_what_is_let_go_lives_on() -> None:
    sleeper = subprocess.Popen(["sleep", "600"])
    Leash([sleeper.pid]).let_go()
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait()
