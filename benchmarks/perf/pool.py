"""What it takes to get a sandbox from a warm pool, to keep a hundred of them, and to fork one.

Needs a Docker engine. Lease and first result are measured one after the other, with the machine
left alone for a moment between two; memory is the growth of this process; a fork is of a directory
with four big files or five thousand small ones into sandboxes that are warm already.

    python benchmarks/perf/pool.py [--leases 200] [--live 100] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import anyio

from forethought.sandbox import Sandbox, SandboxPool, SandboxSpec
from forethought.sandbox.backend.docker import unusable

TARGETS = {"first_result_ms": 10.0, "mb_each": 12.0, "fork_20_big_s": 1.0, "fork_20_small_s": 1.0}
SPEC = SandboxSpec(disk_mb=256)
BIG = "import os\nfor i in range(4):\n    open(f'f{i}', 'wb').write(os.urandom(%d * 250_000))"
SMALL = (
    "import os\nfor i in range(50):\n    os.mkdir(f'd{i}')\n"
    "    for j in range(100):\n        open(f'd{i}/f{j}', 'wb').write(os.urandom(%d * 200))"
)


async def leases(number: int) -> dict[str, float]:
    """Milliseconds until a sandbox is there, and until it has run a first command, medians."""
    waits, results = [], []
    async with SandboxPool(max_live=8, warm=4) as pool:
        async with pool.lease(SPEC, backend="docker"):
            pass
        await until_warm(pool, 4)
        for _ in range(number):
            began = time.perf_counter()
            async with pool.lease(SPEC, backend="docker") as sandbox:
                waits.append(time.perf_counter() - began)
                await sandbox.exec(["true"])
                results.append(time.perf_counter() - began)
            await anyio.sleep(0.03)
    return {
        "lease_ms": 1e3 * statistics.median(waits),
        "first_result_ms": 1e3 * statistics.median(results),
        "first_result_min_ms": 1e3 * min(results),
    }


async def memory(num_live: int) -> dict[str, float]:
    """MiB of this process that a live sandbox takes, and seconds until all were there."""
    async with SandboxPool(max_live=num_live, warm=0) as pool:
        async with pool.lease(SPEC, backend="docker") as sandbox:
            await sandbox.exec(["true"])
        before, began = resident_mb(), time.perf_counter()
        ready, done = [], anyio.Event()

        async def take() -> None:
            async with pool.lease(SPEC, backend="docker") as sandbox:
                await sandbox.exec(["true"])
                ready.append(sandbox)
                await done.wait()

        async with anyio.create_task_group() as group:
            for _ in range(num_live):
                group.start_soon(take)
            while len(ready) < num_live:
                await anyio.sleep(0.05)
            took_s, grown_mb = time.perf_counter() - began, resident_mb() - before
            done.set()
    return {"live": num_live, "mb_each": grown_mb / num_live, "all_live_s": took_s}


async def forks() -> dict[str, float]:
    """Seconds of a fork, medians of three, by MB, kind of tree and number of children."""
    found: dict[str, float] = {}
    async with (
        SandboxPool(max_live=5, warm=4) as pool,
        pool.lease(SPEC, backend="docker") as source,
    ):
        await until_warm(pool, 4)
        for size_mb in (1, 20, 100):
            for name, program in (("big", BIG), ("small", SMALL)):
                await source.reset()
                made = await source.exec(["python3", "-c", program % size_mb], timeout_s=120)
                assert made.rc == 0, made.text
                found[f"fork_{size_mb}_{name}_s"] = await fork_s(pool, source, 1)
                if size_mb == 20:
                    found[f"fork_{size_mb}_{name}_into_4_s"] = await fork_s(pool, source, 4)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


async def fork_s(pool: SandboxPool, source: Sandbox, n: int) -> float:
    """Seconds of a fork into `n` warm sandboxes, the median of three."""
    times = []
    for _ in range(3):
        await until_warm(pool, 4)
        began = time.perf_counter()
        children = await source.fork(n)
        times.append(time.perf_counter() - began)
        for child in children:
            await child.close()
    return statistics.median(times)


async def until_warm(pool: SandboxPool, num_idle: int) -> None:
    """Wait until so many sandboxes are idle."""
    while pool.stats().idle < num_idle:
        await anyio.sleep(0.02)


def resident_mb() -> float:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


def main() -> None:
    """Measure, then print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leases", type=int, default=200)
    parser.add_argument("--live", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if (reason := unusable()) is not None:
        print(f"pool: skipped: {reason}")
        return
    found = anyio.run(leases, arguments.leases)
    found |= anyio.run(memory, arguments.live)
    found |= anyio.run(forks)
    if arguments.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        target = f"  (reach: {TARGETS[name]:g})" if name in TARGETS else ""
        print(f"{name:<24}{value:>10.3f}{target}")


if __name__ == "__main__":
    main()
