"""What a command in a sandbox costs, ours beside the ways that others go, in one run.

All run in containers of the same image under the same limits: our agent as PID 1; `docker exec` by
the command line and by docker-py; mini-swe-agent's Docker environment where it is installed
(`pip install mini-swe-agent`; without its own dependencies it needs python-dotenv). Then what a
sandbox costs to open, to fork and to hold, and what is left of controllers that are killed.

    python benchmarks/perf/sandbox.py [--execs 200] [--sandboxes 100] [--kills 50] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import anyio
import docker
from rich.console import Console
from rich.table import Table

from forethought.sandbox import Sandbox, SandboxPool, SandboxSpec, open_sandbox
from forethought.sandbox.backend.limits import host_config
from forethought.sandbox.engine import connect
from forethought.sandbox.images.image import tag

SPEC = SandboxSpec()
IN_FLIGHT = 8
OTHER_EXECS = 30
"""As many as of ours would take minutes."""
TRUE = ["true"]
PROGRAM = "print(sum(range(1000)))"
FORKED_MB = 20
TARGETS = {
    "exec_p50_ms": ("<=", 5.0),
    "execs_per_s": (">=", 200.0),
    "python_p50_ms": ("<=", 10.0),
    "pooled_p50_ms": ("<=", 10.0),
    "fork_20mb_s": ("<=", 1.0),
    "mb_per_sandbox": ("<=", 12.0),
}
Row = dict[str, float]


async def ours(*, execs: int, boots: int, sandboxes: int) -> Row:
    """Everything about our own sandboxes."""
    found: Row = {}
    async with open_sandbox(SPEC, backend="docker") as sandbox:
        run_true, run_python = partial(sandbox.exec, TRUE), partial(sandbox.python, PROGRAM)
        found["exec_p50_ms"] = await p50_ms(run_true, execs)
        found["execs_per_s"] = await per_s(run_true, execs)
        found["python_p50_ms"] = await p50_ms(run_python, execs)
        found["new_python_p50_ms"] = await p50_ms(
            partial(sandbox.exec, ["python3", "-c", PROGRAM]), execs // 4
        )
    found["cold_p50_ms"] = await cold_p50_ms(boots)
    async with SandboxPool(warm=2) as pool:
        found["pooled_p50_ms"] = await pooled_p50_ms(pool, execs // 4)
    found["fork_20mb_s"] = await fork_s()
    found["mb_per_sandbox"] = await mb_per_sandbox(sandboxes)
    return found


async def cold_p50_ms(times: int) -> float:
    """Median milliseconds from nothing to the first result; what comes after is not counted."""
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        async with open_sandbox(SPEC, backend="docker") as sandbox:
            await sandbox.exec(TRUE)
            seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds[1:])


async def pooled_p50_ms(pool: SandboxPool, times: int) -> float:
    """Median milliseconds from the wish for a sandbox to its first result, the pool being warm."""
    seconds = []
    for _ in range(times + 1):
        began = time.perf_counter()
        async with pool.lease(SPEC, backend="docker") as sandbox:
            await sandbox.exec(TRUE)
            seconds.append(time.perf_counter() - began)
        while pool.stats().idle < 2:
            await anyio.sleep(0.005)
    return 1000 * statistics.median(seconds[1:])


async def fork_s() -> float:
    """Seconds to have the files of one sandbox in another one, 20 MB that do not compress."""
    async with open_sandbox(SPEC, backend="docker") as sandbox:
        for number in range(4):
            await sandbox.write(f"{number}.bin", os.urandom(FORKED_MB << 18))
        began = time.perf_counter()
        (twin,) = await sandbox.fork(1)
        took = time.perf_counter() - began
        await twin.close()
    return took


async def mb_per_sandbox(count: int) -> float:
    """Growth of this process's memory with so many live sandboxes, each."""
    before = resident_mb()
    async with contextlib.AsyncExitStack() as stack:
        opened: list[Sandbox] = []

        async def one() -> None:
            opened.append(await stack.enter_async_context(open_sandbox(SPEC, backend="docker")))

        async with anyio.create_task_group() as group:
            for _ in range(count):
                group.start_soon(one)
        for sandbox in opened:
            await sandbox.exec(TRUE)
        return (resident_mb() - before) / count


def resident_mb() -> float:
    """Memory of this process."""
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def p50_ms(act: Callable[[], Awaitable[object]], times: int) -> float:
    """Median milliseconds, one after the other, after one that is not counted."""
    await act()
    seconds = []
    for _ in range(max(3, times)):
        began = time.perf_counter()
        await act()
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


async def per_s(act: Callable[[], Awaitable[object]], times: int) -> float:
    """How many a second, with eight in flight."""

    async def some() -> None:
        for _ in range(times // IN_FLIGHT):
            await act()

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(IN_FLIGHT):
            group.start_soon(some)
    return times // IN_FLIGHT * IN_FLIGHT / (time.perf_counter() - began)


def theirs(run: Callable[[], object]) -> Row:
    """The same two numbers for a call that blocks."""
    run()
    seconds = []
    for _ in range(OTHER_EXECS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        list(threads.map(lambda _: run(), range(OTHER_EXECS)))
    wall = time.perf_counter() - began
    return {
        "exec_p50_ms": 1000 * statistics.median(seconds),
        "execs_per_s": OTHER_EXECS / wall,
    }


@contextlib.contextmanager
def sleeping_container() -> Iterator[str]:
    """A container under our limits that does nothing; what `docker exec` is used on."""
    with connect() as engine:
        limits = engine.create_host_config(**host_config(SPEC))
        made = engine.create_container(tag(), command=["sleep", "3600"], host_config=limits)
        engine.start(made)
        try:
            yield str(made["Id"])
        finally:
            engine.remove_container(made, force=True)


def by_command_line() -> Row:
    """`docker exec CONTAINER true`."""
    with sleeping_container() as container:
        return theirs(partial(subprocess.run, ["docker", "exec", container, *TRUE], check=True))


def by_docker_py() -> Row:
    """docker-py's `exec_create` and `exec_start`."""
    with sleeping_container() as container:

        def run() -> None:
            with contextlib.closing(docker.APIClient()) as engine:
                engine.exec_start(engine.exec_create(container, TRUE))

        return theirs(run)


def by_mini_swe_agent() -> Row | None:
    """mini-swe-agent's own environment; None where it is not installed."""
    if importlib.util.find_spec("minisweagent") is None:
        return None
    module = importlib.import_module("minisweagent.environments.docker")
    limits = ["--rm", "--network=none", "--memory=512m", "--memory-swap=512m", "--pids-limit=128"]
    limits += ["--cpus=1", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    environment = module.DockerEnvironment(
        image=tag(), run_args=limits, interpreter=["sh", "-c"], container_timeout="1h"
    )
    try:
        return theirs(lambda: environment.execute({"command": "true"}))
    finally:
        subprocess.run(
            ["docker", "rm", "-f", environment.container_id], check=True, capture_output=True
        )


def docker_run_ms(times: int) -> float:
    """`docker run IMAGE true` under our limits, by docker-py: create, start, wait for its end.

    The removal, which the engine begins by itself, is waited for and not counted.
    """

    def once() -> float:
        began = time.perf_counter()
        with contextlib.closing(docker.APIClient()) as engine:
            limits = engine.create_host_config(**host_config(SPEC))
            made = engine.create_container(tag(), command=TRUE, host_config=limits)
            stream = engine.attach_socket(made, params={"stdout": 1, "stream": 1})
            engine.start(made)
            while os.read(stream.fileno(), 4096):
                pass
            seconds = time.perf_counter() - began
            stream._response.close()
            with contextlib.suppress(docker.errors.NotFound):
                engine.wait(made, condition="removed")
        return seconds

    once()
    return 1000 * statistics.median(once() for _ in range(times))


def killed(kills: int) -> dict[str, object]:
    """What chaos.py, beside this file, has to say."""
    command = [sys.executable, str(Path(__file__).with_name("chaos.py")), "--json"]
    done = subprocess.run(
        [*command, "--kills", str(kills)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])["chaos"]
    return found


def show(rows: dict[str, Row], chaos: dict[str, object]) -> None:
    """One table, what was wanted of ours, and what the killed ones left."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    table = Table(title="a command in a container: true, one after the other; then 8 in flight")
    for column in ("", *rows, "wanted"):
        table.add_column(column, justify="right" if column else "left")
    for name in names:
        cells = [f"{row[name]:,.1f}" if name in row else "" for row in rows.values()]
        table.add_row(name, *cells, " ".join(map(str, TARGETS.get(name, ("",)))))
    Console(width=120).print(table)
    for name, (sign, bound) in TARGETS.items():
        value = rows["ours"][name]
        if (value > bound) if sign == "<=" else (value < bound):
            print(f"NOT reached: {name} is {value:.1f}, wanted {sign} {bound}")
    print(f"chaos: {chaos['kills']} controllers killed, left after 2 s: {chaos['left']}")


def main() -> None:
    """Measure, print, and say it once more as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--execs", type=int, default=200)
    parser.add_argument("--boots", type=int, default=10)
    parser.add_argument("--sandboxes", type=int, default=100, help="live at once, for memory")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="print a JSON object last")
    options = parser.parse_args()
    measure = partial(ours, execs=options.execs, boots=options.boots, sandboxes=options.sandboxes)
    rows = {"ours": anyio.run(measure), "docker_exec": by_command_line()}
    rows["docker_py"] = {**by_docker_py(), "cold_p50_ms": docker_run_ms(options.boots)}
    mini = by_mini_swe_agent()
    if mini is None:
        print("mini-swe-agent is not installed, so its row is missing")
    else:
        rows["mini_swe_agent"] = mini
    chaos = killed(options.kills)
    show(rows, chaos)
    if options.json:
        rounded = {name: {k: round(v, 3) for k, v in row.items()} for name, row in rows.items()}
        print(json.dumps({**rounded, "chaos": chaos}))


if __name__ == "__main__":
    main()
