"""Checks that limits hold, say what they did, and cannot be got round; where there are any."""

from __future__ import annotations

import anyio

from forethought.sandbox.base import Sandbox
from forethought.sandbox.checks.tools import Check, count, expect, gather, long_while, output

OPEN_FILES = """
import os
count = 0
try:
    while count < 100_000:
        os.open("/dev/null", os.O_RDONLY)
        count += 1
except OSError as error:
    print(error.strerror)
"""
THREADS = """
import os, threading, time
count = 0
try:
    while count < 2000:
        threading.Thread(target=time.sleep, args=(60,)).start()
        count += 1
except RuntimeError:
    print(0 < count < 1000, flush=True)
os._exit(0)
"""
ESCAPING_BOMB = """
import os
while True:
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
    except OSError:
        pass
"""
QUEUES = """
import ctypes, sys
library, realtime = ctypes.CDLL(None), ctypes.CDLL("librt.so.1")
create = int(sys.argv[1]) * 0o1000
old = library.msgget(7117, create | 0o600)
new = realtime.mq_open(b"/left", create >> 3, 0o600, 0)
print(old >= 0, new >= 0)
"""
SYSTEM_CALLS = """
import ctypes, errno, platform
calls = {
    "x86_64": {"bpf": 321, "io_uring_setup": 425, "keyctl": 250, "mount": 165, "unshare": 272},
    "aarch64": {"bpf": 280, "io_uring_setup": 425, "keyctl": 219, "mount": 40, "unshare": 97},
}[platform.machine()]
library = ctypes.CDLL(None, use_errno=True)
for name, number in calls.items():
    new_user_namespace = 0x10000000 if name == "unshare" else 1
    if library.syscall(number, new_user_namespace, 0, 0, 0, 0) >= 0 or ctypes.get_errno() not in (
        errno.EPERM, errno.EACCES, errno.ENOSYS
    ):
        print(name, errno.errorcode.get(ctypes.get_errno()))
"""
SOCKETS = """
import socket
families = {"vsock": 40, "packet": 17, "alg": 38, "bluetooth": 31, "tipc": 30, "rds": 21}
for name, family in families.items():
    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW):
        try:
            socket.socket(family, kind)
        except OSError:
            continue
        print(name)
"""
PRIVILEGES = """
import os
def device(kind, major, minor):
    name = f"device-{major}"
    os.mknod(name, kind | 0o666, os.makedev(major, minor))
    os.open(name, os.O_RDONLY)
    return name
for act in (
    lambda: os.setuid(0),
    lambda: os.setgroups([0]),
    lambda: device(0o60000, 8, 0),
    lambda: device(0o20000, 1, 1),
    lambda: os.chroot("/"),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
):
    try:
        print(act())
    except OSError:
        pass
for top in ("/proc/sys", "/sys"):
    for directory, _, names in os.walk(top):
        for name in names:
            try:
                os.close(os.open(os.path.join(directory, name), os.O_WRONLY))
                print(directory, name)
            except OSError:
                pass
"""


async def open_files_are_bounded(sandbox: Sandbox) -> None:
    """A process cannot open a hundred thousand files."""
    result = await sandbox.exec(["python3", "-c", OPEN_FILES])
    expect((result.rc, result.text), (0, "Too many open files\n"))


async def threads_are_bounded(sandbox: Sandbox) -> None:
    """Threads are bounded as processes are."""
    result = await sandbox.exec(["python3", "-c", THREADS], timeout_s=60)
    expect((result.rc, result.stdout), (0, b"True\n"))
    expect(await output(sandbox, "echo alive"), "alive")


async def a_full_disk_is_told(sandbox: Sandbox) -> None:
    """A full working directory is told, until there is room again."""
    expect((await sandbox.exec(["true"])).disk_full, False)
    full = await sandbox.exec(["sh", "-c", "cat /dev/zero > big"], timeout_s=60)
    expect((full.rc != 0, full.disk_full), (True, True))
    expect((await sandbox.exec(["rm", "big"])).disk_full, False)


async def processor_time_is_told(sandbox: Sandbox) -> None:
    """Processor time is told, that of children too; sleeping takes none."""
    burn = "python3 -c 'import time\nwhile time.process_time() < 0.3: pass'"
    burned = await sandbox.exec(["sh", "-c", burn], timeout_s=60)
    expect((burned.rc, 0.25 < burned.cpu_s < 5), (0, True))
    expect((await sandbox.exec(["sleep", "0.4"])).cpu_s < 0.2, True)


async def an_escaping_bomb_ends_with_a_reset(sandbox: Sandbox) -> None:
    """Processes that fork and become daemons without end are gone after a reset."""
    name = long_while()

    async def explode() -> None:
        result = await sandbox.exec(["python3", "-c", ESCAPING_BOMB, name], timeout_s=60)
        expect(result.rc, 137)

    async def defuse() -> None:
        await anyio.sleep(0.5)
        await sandbox.reset()
        expect(await count(sandbox, name), 0)

    await gather([explode, defuse])


async def queues_end_with_a_reset(sandbox: Sandbox) -> None:
    """Message queues outlive a command, and not a reset: no message for the next episode."""
    made = await sandbox.exec(["python3", "-c", QUEUES, "1"])
    expect((await sandbox.exec(["python3", "-c", QUEUES, "0"])).stdout, made.stdout)
    await sandbox.reset()
    expect((await sandbox.exec(["python3", "-c", QUEUES, "0"])).stdout, b"False False\n")


async def system_calls_are_filtered(sandbox: Sandbox) -> None:
    """System calls that no command needs are refused before they reach the kernel."""
    result = await sandbox.exec(["python3", "-c", SYSTEM_CALLS])
    expect((result.rc, result.text), (0, ""))


async def odd_sockets_are_refused(sandbox: Sandbox) -> None:
    """There are no sockets to the hypervisor or to raw devices, which namespaces do not hold."""
    result = await sandbox.exec(["python3", "-c", SOCKETS])
    expect((result.rc, result.text), (0, ""))


async def there_are_no_privileges(sandbox: Sandbox) -> None:
    """A command cannot become root, open a device, go before others or configure the kernel."""
    result = await sandbox.exec(["python3", "-c", PRIVILEGES], timeout_s=60)
    expect((result.rc, result.text), (0, ""))


LIMIT_CHECKS: tuple[Check, ...] = (
    open_files_are_bounded,
    threads_are_bounded,
    a_full_disk_is_told,
    processor_time_is_told,
    an_escaping_bomb_ends_with_a_reset,
    queues_end_with_a_reset,
    system_calls_are_filtered,
    odd_sockets_are_refused,
    there_are_no_privileges,
)
