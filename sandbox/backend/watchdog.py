"""Watchdog: a process that outlives its controller for a moment, to remove what that left behind.

A started container ends with its controller. One that was created and not yet started knows
nothing of it, and so does one whose creation the engine had only just been asked for. The watchdog
holds the other end of a pipe: when that closes, however the controller died, it removes every
container that carries the controller's label until there is none. It is one small process for each
controller and engine, and does nothing but wait until then.
"""

from __future__ import annotations

import functools
import os
import sys

QUIET_ROUNDS = 4
"""How often in a row it has to find nothing: a creation under way shows only when it is done."""
ROUND_S = 0.2

PROGRAM = """
import sys
sys.stdin.buffer.read()
import http.client, json, socket, time, urllib.parse
url, label, quiet_rounds, round_s = sys.argv[1:]
where = urllib.parse.urlsplit(url)
class Connection(http.client.HTTPConnection):
    def connect(self):
        if where.hostname:
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(where.path)
def ask(method, path):
    connection = Connection(where.hostname or "localhost", where.port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    if answer.status >= 500:
        raise OSError("the engine has a trouble of its own")
    return answer.read()
ours = "/containers/json?all=1&filters=" + urllib.parse.quote(json.dumps({"label": [label]}))
quiet, end = 0, time.monotonic() + 600
while quiet < int(quiet_rounds) and time.monotonic() < end:
    quiet += 1
    try:
        for container in json.loads(ask("GET", ours)):
            quiet = 0
            ask("DELETE", "/containers/" + container["Id"] + "?force=1&v=1")
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(float(round_s))
"""


@functools.cache
def watch(url: str, *, label: str) -> int:
    """Start a watchdog over the containers with `label` at an engine, once; its process id.

    `url` is that of an engine that is reached without TLS.
    """
    theirs, _ours = os.pipe()  # ours stays open as long as this process lives
    arguments = ["-I", "-S", "-c", PROGRAM, _plain(url), label, str(QUIET_ROUNDS), str(ROUND_S)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *arguments],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, theirs, 0),
                (os.POSIX_SPAWN_DUP2, nowhere, 1),
                (os.POSIX_SPAWN_DUP2, nowhere, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(theirs)
        os.close(nowhere)


def _plain(url: str) -> str:
    """The engine's address in the form that the program knows: unix:///path or http://host:port."""
    scheme, _, rest = url.partition("://")
    if scheme.endswith("unix"):
        return "unix:///" + rest.lstrip("/")
    return f"http://{rest}"
