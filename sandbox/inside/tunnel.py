"""The sandbox's end of its network: an HTTP proxy on the loopback, carried out by frames.

The agent listens, and commands find the address in their environment. A connection's first lines
say where it wants to go; the controller decides and dials (see dialer.py). What is read here is
believed by nobody: a forged request is a request like any other.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterable
from typing import NamedTuple

from forethought.sandbox.wire.frames import PIECE, WINDOW, Flow, pack

MAX_CONNECTIONS = 100
MAX_HEAD = 1 << 14
MUCH = 1 << 16
"""With so much on its way to the controller, tunnels wait, so that no answer stands behind them."""
HOP_BY_HOP = b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection"
NAMES = "http_proxy", "https_proxy", "all_proxy"
REASONS = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 504: "Gateway Timeout"}


class Wish(NamedTuple):
    """What a connection's first lines ask for."""

    place: str
    answer: bytes
    """What the command is told once the place is reached."""
    first: bytes
    """What the place is sent first."""


class Connection:
    """A command's connection to the proxy."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.number = number
        self.wish: Wish | None = None
        self._head = bytearray()
        self._pending = bytearray()
        self._num_own = 0
        self._credit = 0
        self._is_refused = False
        self._has_ended, self._place_has_ended = False, False

    @property
    def wants_to_read(self) -> bool:
        """Whether something may be read from the command now."""
        if self._has_ended:
            return False
        return self.wish is None or self._credit > 0 or self._is_refused

    @property
    def wants_to_write(self) -> bool:
        """Whether something waits for the command to take it."""
        return bool(self._pending)

    @property
    def is_over(self) -> bool:
        """Whether nothing can come any more from either side."""
        return self._has_ended and self._place_has_ended and not self._pending

    def read(self) -> list[Flow]:
        """Take what the command sent; raises OSError where it is gone."""
        data = self.socket.recv(PIECE if self._credit == 0 else min(PIECE, self._credit))
        if not data:
            self._has_ended = True
            # One that has not said what it wants has nothing to wait for.
            self._place_has_ended = self._place_has_ended or self.wish is None
            return [Flow(self.number, "end")] if self.wish and not self._is_refused else []
        if self._is_refused:
            return []
        if self.wish is not None:
            self._credit -= len(data)
            return [Flow(self.number, "data", body=data)]
        self._head += data
        return self._ask()

    def _ask(self) -> list[Flow]:
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MAX_HEAD:
                self._refuse(400, f"the request has more than {MAX_HEAD} bytes of headers")
            return []
        try:
            self.wish = read_wish(bytes(self._head[:end]), bytes(self._head[end + 4 :]))
        except ValueError as error:
            self._refuse(400, str(error))
            return []
        return [Flow(self.number, "open", text=self.wish.place)]

    def take(self, flow: Flow) -> list[Flow]:
        """A step from the controller. Raises OSError where the command is gone."""
        if flow.kind == "opened" and self.wish is not None:
            self._say(self.wish.answer)
            self._credit = WINDOW - len(self.wish.first)
            return [Flow(self.number, "data", body=self.wish.first)] if self.wish.first else []
        if flow.kind == "refused":
            self._refuse(flow.number, flow.text)
        elif flow.kind == "data":
            self._pending += flow.body
        elif flow.kind == "credit":
            self._credit += flow.number
        elif flow.kind == "end":
            self._place_has_ended = True
            self._finish()
        return []

    def write(self) -> list[Flow]:
        """Give the command what waits for it. Raises OSError where it is gone."""
        num_written = self.socket.send(self._pending)
        del self._pending[:num_written]
        num_own = min(num_written, self._num_own)
        self._num_own -= num_own
        self._finish()
        num_carried = num_written - num_own
        return [Flow(self.number, "credit", number=num_carried)] if num_carried else []

    def _finish(self) -> None:
        if self._place_has_ended and not self._pending:
            self.socket.shutdown(socket.SHUT_WR)

    def _say(self, text: bytes) -> None:
        """Something of the proxy's own, for which the controller is owed no credit."""
        self._pending += text
        self._num_own += len(text)

    def _refuse(self, status: int, why: str) -> None:
        self._is_refused, self._place_has_ended = True, True
        body = f"sandbox network: {why}\n".encode()
        self._say(
            f"HTTP/1.1 {status} {REASONS.get(status, 'Refused')}\r\nConnection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
            "".encode()
            + body
        )


class Tunnels:
    """All connections of commands to places outside."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.setblocking(False)
        self._numbers = itertools.count(1)
        self._by_socket: dict[socket.socket, Connection] = {}
        self._by_number: dict[int, Connection] = {}

    def environment(self, not_proxied: str) -> dict[str, str]:
        """Variables by which programs find the proxy."""
        host, port = self._listener.getsockname()
        url = f"http://{host}:{port}"
        lower = {**dict.fromkeys(NAMES, url), "no_proxy": not_proxied}
        return {**lower, **{name.upper(): value for name, value in lower.items()}}

    def readers(self, num_waiting: int) -> list[socket.socket]:
        """What to wait on, given how many bytes already wait for the controller."""
        if num_waiting > MUCH:
            return []
        found = [each.socket for each in self._by_socket.values() if each.wants_to_read]
        return [*found, self._listener] if len(self._by_socket) < MAX_CONNECTIONS else found

    def writers(self) -> list[socket.socket]:
        """What waits for a command to take something."""
        return [each.socket for each in self._by_socket.values() if each.wants_to_write]

    def serve(self, readable: Iterable[object], writable: Iterable[object]) -> bytes:
        """Read from commands and write to them, among much that is others'; frames to send."""
        frames = b""
        for ready in readable:
            if ready is self._listener:
                self._accept()
            elif isinstance(ready, socket.socket) and ready in self._by_socket:
                connection = self._by_socket[ready]
                frames += self._step(connection, connection.read)
        for ready in writable:
            if isinstance(ready, socket.socket) and ready in self._by_socket:
                connection = self._by_socket[ready]
                frames += self._step(connection, connection.write)
        return frames

    def take(self, flow: Flow) -> bytes:
        """A step from the controller; frames for it."""
        connection = self._by_number.get(flow.tunnel)
        if connection is None:
            return b""
        if flow.kind == "drop":
            self._forget(connection)
            return b""
        return self._step(connection, lambda: connection.take(flow))

    def drop_all(self) -> bytes:
        """Hang up on every command; frames for the controller."""
        dropped = list(self._by_number.values())
        for connection in dropped:
            self._forget(connection)
        return b"".join(pack(Flow(each.number, "drop")) for each in dropped)

    def _accept(self) -> None:
        try:
            accepted = self._listener.accept()[0]
        except OSError:
            # It has gone again, or there is no descriptor left; the next one may do.
            return
        connection = Connection(accepted, next(self._numbers))
        self._by_socket[accepted] = self._by_number[connection.number] = connection

    def _step(self, connection: Connection, act: Callable[[], list[Flow]]) -> bytes:
        try:
            flows = act()
        except BlockingIOError:
            return b""
        except OSError:
            self._forget(connection)
            return pack(Flow(connection.number, "drop"))
        if connection.is_over:
            self._forget(connection)
        return b"".join(map(pack, flows))

    def _forget(self, connection: Connection) -> None:
        del self._by_socket[connection.socket], self._by_number[connection.number]
        # Workers were forked with copies of it, which closing this one would leave open.
        with contextlib.suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)
        connection.socket.close()


def read_wish(head: bytes, rest: bytes) -> Wish:
    """What a request's head, and what came with it, ask a proxy for. Raises ValueError."""
    line, *fields = head.split(b"\r\n")
    method, _, after = line.partition(b" ")
    target, _, version = after.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        raise ValueError("this is an HTTP/1 proxy; it understands CONNECT, and GET http://...")
    if method == b"CONNECT":
        return Wish(target.decode("latin-1"), b"HTTP/1.1 200 Connection established\r\n\r\n", rest)
    scheme, found, location = target.partition(b"://")
    if scheme.lower() != b"http" or not found:
        raise ValueError("a proxy is asked for CONNECT host:port, or for http://host/...")
    split = min(at for at in (*map(location.find, (b"/", b"?")), len(location)) if at >= 0)
    place, path = location[:split], location[split:]
    kept = [each for each in fields if each.partition(b":")[0].strip().lower() not in HOP_BY_HOP]
    # One request for each connection: the next one could be for another place.
    start = b" ".join((method, path if path.startswith(b"/") else b"/" + path, version))
    first = b"\r\n".join((start, *kept, b"Connection: close", b"", b"")) + rest
    has_port = place.rpartition(b":")[2].isdigit() and not place.endswith(b"]")
    return Wish(place.decode("latin-1") + ("" if has_port else ":80"), b"", first)
