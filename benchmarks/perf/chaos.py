"""What a controller leaves behind that is killed at a random moment.

Again and again a process keeps some containers busy (boots, commands with daemons, Python programs,
resets, ends), is sent SIGKILL at a random moment, and two seconds later everything that bears its
name is counted: containers in any state, commands in them, helpers of its own.

    python benchmarks/perf/chaos.py [--kills 50] [--workers 4] [--seed 0] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import anyio

from forethought.sandbox import Sandbox, open_sandbox
from forethought.sandbox.backend.owner import owner
from forethought.sandbox.backend.removal import OWNER_LABEL
from forethought.sandbox.engine import connect

GRACE_S = 2.0
SHORTEST_S, LONGEST_S = 0.1, 5.0
MARK = "FORETHOUGHT_CHAOS"
DAEMONS = "(setsid sleep 900 &) ; sleep 900 & echo begun"


async def keep_busy(mark: str, number: int) -> None:
    """Open a sandbox, use it in every way, close it, and start again, for ever."""
    rng = random.Random(number)
    while True:
        async with open_sandbox(backend="docker") as sandbox:
            for _ in range(rng.randrange(1, 8)):
                await use(sandbox, rng, env={MARK: mark})


async def use(sandbox: Sandbox, rng: random.Random, *, env: dict[str, str]) -> None:
    """One thing that an episode might do."""
    way = rng.randrange(5)
    if way == 0:
        await sandbox.exec(["sh", "-c", DAEMONS], env=env)
    elif way == 1:
        await sandbox.exec(["sleep", "900"], env=env, timeout_s=rng.uniform(0.05, 0.5))
    elif way == 2:
        await sandbox.python("import time; time.sleep(0.1); print('x' * 100000)", env=env)
    elif way == 3:
        await sandbox.write("data", bytes(1 << 20))
        await sandbox.restore(await sandbox.snapshot())
    else:
        await sandbox.reset()


async def control(mark: str, workers: int) -> None:
    """The process that will be killed."""
    print(owner(), flush=True)
    async with anyio.create_task_group() as group:
        for number in range(workers):
            group.start_soon(keep_busy, mark, number)


def kill_one(*, after_s: float, workers: int, mark: str) -> list[str]:
    """Start a controller, kill it, and name what is left of it two seconds later."""
    command = [sys.executable, __file__, "--control", mark, "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, MARK: mark}) as child:
        assert child.stdout is not None
        label = f"{OWNER_LABEL}={child.stdout.readline().decode().strip()}"
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)
    time.sleep(GRACE_S)
    left = left_behind(label, mark)
    wait_until_gone(label, mark)
    return left


def left_behind(label: str, mark: str) -> list[str]:
    """Containers with the label, and processes that bear the label or the mark."""
    with connect() as engine:
        found = [
            f"container {container['State']}"
            for container in engine.containers(all=True, filters={"label": label})
        ]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if label.encode() in command or f"{MARK}={mark}".encode() in environment.split(b"\0"):
            found.append("process " + command.split(b"\0")[0].decode())
    return found


def wait_until_gone(label: str, mark: str) -> None:
    """The next round is not to be disturbed by this one."""
    end = time.monotonic() + 60
    while left_behind(label, mark) and time.monotonic() < end:
        time.sleep(0.2)


def run_chaos(*, kills: int, workers: int, seed: int) -> dict[str, object]:
    """Kill so many controllers, one after the other."""
    rng = random.Random(seed)
    left: Counter[str] = Counter()
    for number in range(kills):
        after_s = rng.uniform(SHORTEST_S, LONGEST_S)
        left.update(kill_one(after_s=after_s, workers=workers, mark=f"{os.getpid()}-{number}"))
    return {"kills": kills, "left": left.total(), "of_what": dict(left), "after_s": GRACE_S}


def main() -> None:
    """Kill and count, or be the one who is killed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4, help="sandboxes that each keeps busy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print a JSON object last")
    parser.add_argument("--control", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.control:
        anyio.run(control, options.control, options.workers)
    found = run_chaos(kills=options.kills, workers=options.workers, seed=options.seed)
    print(f"{found['kills']} kills; left after {GRACE_S:.0f} s: {found['left']} {found['of_what']}")
    if options.json:
        print(json.dumps({"chaos": found}))


if __name__ == "__main__":
    main()
