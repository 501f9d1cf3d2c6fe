"""Every limit of a container holds, says what it did, and leaves the agent alive."""

from __future__ import annotations

import anyio
import pytest

from forethought.sandbox import (
    Backend,
    ExecResult,
    Sandbox,
    SandboxFileError,
    SandboxSpec,
    open_sandbox,
)

pytestmark = pytest.mark.docker

HIDDEN_MEMORY = """
import os
try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("0")
except PermissionError:
    print("refused", flush=True)
fd = os.memfd_create("hidden")
while True:
    os.write(fd, bytes(1 << 20))
"""
SHARED_MEMORY = """
import ctypes
library = ctypes.CDLL(None)
library.shmat.restype = ctypes.c_void_p
for _ in range(2000):
    number = library.shmget(0, 1 << 20, 0o1600)
    ctypes.memset(library.shmat(number, None, 0), 1, 1 << 20)
"""
EMPTY_FILES = """
import os
count = 0
try:
    while count < 1_000_000:
        os.close(os.open("%s/" + f"{count:0200}", os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError as error:
    print(error.strerror, count)
"""
BUSY = "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass"


async def survives(sandbox: Sandbox) -> None:
    after = await sandbox.exec(["echo", "alive"])
    assert (after.stdout, after.oom_killed) == (b"alive\n", False)
    await sandbox.reset()
    assert (await sandbox.exec(["echo", "alive"])).stdout == b"alive\n"


def attack(
    code: str, *, backend: Backend = "docker", spec: SandboxSpec | None = None
) -> ExecResult:
    """What becomes of a program in a sandbox that has to survive it, twice."""

    async def session() -> ExecResult:
        async with open_sandbox(spec, backend=backend) as sandbox:
            await sandbox.exec(["python3", "-c", code], timeout_s=60)
            result = await sandbox.exec(["python3", "-c", code], timeout_s=60)
            await survives(sandbox)
            return result

    return anyio.run(session)


SMALL = SandboxSpec(memory_mb=128, disk_mb=16)


def test_memory_without_an_address_kills_whoever_took_it_not_the_agent() -> None:
    result = attack(HIDDEN_MEMORY, spec=SMALL)
    assert (result.rc, result.oom_killed, result.stdout) == (137, True, b"refused\n")


def test_shared_memory_goes_with_who_took_it() -> None:
    result = attack(SHARED_MEMORY, spec=SMALL)
    assert (result.rc, result.oom_killed) == (137, True)


@pytest.mark.parametrize(
    ("directory", "num_files"), [(".", 32766), ("/tmp", 16383), ("/dev/shm", 2047)], ids=str
)
def test_empty_files_are_bounded_and_a_disk_full_of_them_is_told(
    directory: str, num_files: int
) -> None:
    async def session() -> None:
        async with open_sandbox(backend="docker") as sandbox:
            result = await sandbox.exec(["python3", "-c", EMPTY_FILES % directory], timeout_s=60)
            what, count = result.text.rsplit(None, 1)
            assert what == "No space left on device"
            assert abs(int(count) - num_files) <= 2
            assert (result.disk_full, result.oom_killed) == (True, False)
            await survives(sandbox)
            assert not (await sandbox.exec(["true"])).disk_full

    anyio.run(session)


def test_all_directories_full_of_files_and_bytes_leave_the_agent_room() -> None:
    fill = "; ".join(f"cat /dev/zero > {each}/zero" for each in (".", "/tmp", "/dev/shm"))

    async def session() -> None:
        async with open_sandbox(backend="docker") as sandbox:
            for directory in (".", "/tmp", "/dev/shm"):
                await sandbox.exec(["python3", "-c", EMPTY_FILES % directory], timeout_s=60)
            await sandbox.exec(["sh", "-c", fill], timeout_s=60)
            full = await sandbox.exec(["true"])
            assert (full.rc, full.disk_full, full.oom_killed) == (0, True, False)
            await survives(sandbox)

    anyio.run(session)


def test_a_refused_process_is_told() -> None:
    code = (
        "import os, time\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(60)\n"
        "except OSError: pass\n"
    )
    assert attack(code, spec=SandboxSpec(pids=20)).pids_limited
    assert not attack("print(1)").pids_limited


def test_files_cannot_be_opened_beyond_the_limit() -> None:
    code = "import os\nfor n in range(100): print(os.dup(0))"
    result = attack(code, spec=SandboxSpec(open_files=32))
    assert result.stdout.split()[-1] == b"31"
    assert b"Too many open files" in result.stderr


def test_two_busy_processes_share_the_processors_that_there_are() -> None:
    result = attack(f"import os\nos.fork()\n{BUSY}", spec=SandboxSpec(cpus=0.5))
    # Half a processor as long as it took, and what periods of the scheduler may go over.
    assert 0 < result.cpu_s < 0.5 * result.wall_s + 0.7


def test_no_core_is_written_or_handed_over() -> None:
    result = attack("import os, resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
    assert result.stdout == b"(1, 1)\n"


def test_priority_cannot_be_raised() -> None:
    assert b"not permitted" in attack("import os; os.nice(-20)").stderr


def test_a_container_writes_nowhere_but_where_it_may() -> None:
    code = (
        "import os\n"
        "for path in ('/proc/self/comm', '/proc/self/oom_score_adj', '/etc/hosts', '/sys/x'):\n"
        "    try: open(path, 'w'); print(path)\n"
        "    except OSError: pass\n"
        "open('/dev/null', 'w'); open('/tmp/x', 'w'); open('/dev/shm/x', 'w'); open('x', 'w')\n"
        "os.makedirs('/tmp/d', exist_ok=True); os.rename('/tmp/x', '/tmp/d/x')\n"
    )
    result = attack(code)
    assert (result.rc, result.text) == (0, "")


def test_a_hundred_thousand_files_are_reset() -> None:
    code = (
        "import os\nos.mkdir('many')\n"
        "for n in range(100_000): os.close(os.open(f'many/{n}', os.O_CREAT))"
    )

    async def session() -> None:
        async with open_sandbox(SandboxSpec(disk_mb=1024), backend="docker") as sandbox:
            assert (await sandbox.exec(["python3", "-c", code], timeout_s=60)).text == ""
            await survives(sandbox)

    anyio.run(session)


def test_a_bomb_does_not_keep_a_sandbox_from_closing() -> None:
    code = "import os\nwhile True:\n    try: os.fork() or os.setsid()\n    except OSError: pass"

    async def session() -> None:
        async with open_sandbox(backend="docker") as sandbox:
            with anyio.move_on_after(0.5):
                await sandbox.exec(["python3", "-c", code])
            with anyio.fail_after(60):
                await sandbox.close()

    anyio.run(session)


def test_a_sparse_file_is_refused_as_a_snapshot() -> None:
    async def session() -> None:
        async with open_sandbox(backend="docker") as sandbox:
            await sandbox.exec(["python3", "-c", "open('hollow', 'w').truncate(1 << 40)"])
            with pytest.raises(SandboxFileError, match="more than the"):
                await sandbox.snapshot()
            await survives(sandbox)

    anyio.run(session)
