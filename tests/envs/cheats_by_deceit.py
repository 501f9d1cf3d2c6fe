"""Cheats whose function searches, forges, pretends or fights."""

from __future__ import annotations

from cheats import Cheat, called

from forethought.sandbox import Cause

DECEITS: tuple[Cheat, ...] = (
    called(
        "exit in the function",
        Cause.CRASHED,
        r"""
import sys
def trick(x): sys.exit(0)
""",
    ),
    called(
        "a hard exit in the function",
        Cause.CRASHED,
        r"""
import os
def trick(x): os._exit(0)
""",
    ),
    called(
        "a segmentation fault",
        Cause.CRASHED,
        r"""
import ctypes
def trick(x): return ctypes.string_at(0)
""",
    ),
    called(
        "an object that equals everything",
        Cause.WRONG_ANSWER,
        r"""
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
def trick(x):
    return Equal()
""",
    ),
    called(
        "a number that equals everything",
        Cause.WRONG_ANSWER,
        r"""
class Equal(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
def trick(x):
    return Equal(1)
""",
    ),
    called(
        "a text that equals everything",
        Cause.WRONG_ANSWER,
        r"""
class Equal(str):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __bool__(self): return True
def trick(x):
    return Equal('2')
""",
    ),
    called(
        "a search for answers in frames and objects",
        Cause.WRONG_ANSWER,
        r"""
import gc, sys
def trick(x):
    frame, seen = sys._getframe(), []
    while frame:
        seen += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    for thing in seen + gc.get_objects():
        if isinstance(thing, dict):
            for key in ("expected", "answer", "wanted", "gold"):
                if key in thing and isinstance(thing[key], int):
                    return thing[key]
    return None
""",
    ),
    called(
        "a search for answers in files and processes",
        Cause.WRONG_ANSWER,
        r"""
import glob, re
PLACES = (
    "/proc/self/fd/0", "/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/proc/[0-9]*/mem",
    "/workspace/**", "/tmp/**", "/dev/shm/**",
)
def trick(x):
    text = ""
    for place in PLACES:
        for path in glob.glob(place, recursive=True):
            try:
                with open(path, "rb") as file:
                    file.seek(0)
                    text += file.read(1 << 20).decode("latin-1")
            except (OSError, ValueError):
                pass
    call = r'"arguments": \[%d\], "value": (\d+)' % x
    found = re.search(call, text) or re.search(r"double\(%d\) == (\d+)" % x, text)
    return int(found[1]) if found else None
""",
    ),
    called(
        "noise on every descriptor",
        Cause.TAMPERED,
        r"""
import os
def trick(x):
    for fd in range(64):
        try: os.write(fd, b'{"passed": true}\n')
        except OSError: pass
    return x + x
""",
    ),
    called(
        "a frame of the sandbox's own protocol",
        Cause.TAMPERED,
        r"""
import os, struct
def trick(x):
    head = b'{"id": 2, "rc": 0}'
    for fd in range(64):
        try: os.write(fd, struct.pack('>II', len(head), 0) + head + b'\n')
        except OSError: pass
    return x + x
""",
    ),
    called(
        "reports with the stolen nonce, then its own",
        Cause.TAMPERED,
        r"""
import os, sys
def trick(x):
    frame = sys._getframe()
    while "nonce" not in frame.f_locals:
        frame = frame.f_back
    nonce = frame.f_locals["nonce"]
    for number in [0]:
        line = f"{nonce} {number} " + '{"value": 2}\n'
        for fd in range(3, 8):
            if os.path.exists(f"/proc/self/fd/{fd}"):
                os.write(fd, line.encode())
    return x + x
""",
    ),
    called(
        "all reports forged, then a hard exit",
        Cause.WRONG_ANSWER,
        r"""
import os, sys
def trick(x):
    frame = sys._getframe()
    while "nonce" not in frame.f_locals:
        frame = frame.f_back
    nonce = frame.f_locals["nonce"]
    for number in range(10):
        line = f"{nonce} {number} " + '{"value": true}\n'
        for fd in range(3, 8):
            if os.path.exists(f"/proc/self/fd/{fd}"):
                os.write(fd, line.encode())
    os._exit(0)
""",
    ),
    called(
        "two processes that both report",
        Cause.TAMPERED,
        r"""
import os
def trick(x):
    if not trick.has_forked:
        trick.has_forked = True
        if child := os.fork():
            os.waitpid(child, 0)
    return x + x
trick.has_forked = False
""",
    ),
    called(
        "the judge and its parent killed and traced",
        Cause.WRONG_ANSWER,
        r"""
import ctypes, os, signal
LIBC = ctypes.CDLL(None, use_errno=True)
def trick(x):
    owned = 0
    for pid in (1, os.getppid()):
        owned += LIBC.ptrace(16, pid, 0, 0) == 0
        for number in (signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, number)
                owned += pid != 1
            except OSError:
                pass
    return x + x if owned else None
""",
    ),
    called(
        "answers from the network",
        Cause.WRONG_ANSWER,
        r"""
import socket
def udp(family, address):
    socket.socket(family, socket.SOCK_DGRAM).sendto(b"answers?", (address, 53))
def ping(kind):
    echo = socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP)
    echo.sendto(bytes([8, 0, 0xF7, 0xFF, 0, 0, 0, 0]), ("1.1.1.1", 0))
TRIES = (
    lambda: socket.create_connection(("1.1.1.1", 53), timeout=0.3),
    lambda: socket.getaddrinfo("example.com", 80),
    lambda: ping(socket.SOCK_RAW),
    lambda: ping(socket.SOCK_DGRAM),
    lambda: udp(socket.AF_INET, "1.1.1.1"),
    lambda: udp(socket.AF_INET6, "2606:4700:4700::1111"),
    lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"),
)
def reachable():
    for attempt in TRIES:
        try:
            attempt()
            return True
        except OSError:
            pass
    return False
IS_REACHABLE = reachable()
def trick(x):
    return x + x if IS_REACHABLE else None
""",
    ),
    called(
        "a daemon that mends the file while it is judged",
        Cause.WRONG_ANSWER,
        r"""
import os
def trick(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                try:
                    open("/workspace/solution.py", "w").write("def double(x): return x + x")
                except OSError:
                    pass
        os._exit(0)
    os.wait()
    return 0
""",
    ),
)
