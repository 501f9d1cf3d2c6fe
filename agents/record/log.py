"""EventLog: one JSON line an event, on disk before anything else happens.

A line is `{"episode": id, ...event}`. Lines of many episodes interleave. A process that is killed
leaves at most one torn line, at the end; reading drops it and opening to append cuts it off.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError
from pydantic_core import from_json

from forethought.agents.record.events import EVENT, End, Event, Start
from forethought.agents.record.stop import STOP_CAUSE, Cause
from forethought.agents.record.trajectory import Trajectory
from forethought.envs.first_error import first_error

_BLOCK = 1 << 16


class LogUnwritable(OSError):
    """The log cannot be written; nothing that follows would be kept, so the run must end."""


class EventLog:
    """Appends events to a file; with no path it only goes through the motions.

    Raises ValueError if another process is writing to the file, OSError if it cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._prefixes: dict[str, bytes] = {}
        self._file = _open_to_append(path) if path is not None else -1

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def record(self, episode: str, event: Event) -> None:
        """Append one event. Raises LogUnwritable."""
        self.record_all(episode, (event,))

    def record_all(self, episode: str, events: Sequence[Event]) -> None:
        """Append events of one episode in one write. Raises LogUnwritable."""
        if self._file < 0:
            return
        prefix = self._prefixes.get(episode)
        if prefix is None:
            prefix = self._prefixes[episode] = b'{"episode":' + json.dumps(episode).encode() + b","
        lines: list[bytes] = []
        for event in events:
            lines += (prefix, event.__pydantic_serializer__.to_json(event)[1:], b"\n")
            if isinstance(event, End) and event.agent == "0":
                del self._prefixes[episode]
        self._write(b"".join(lines))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError as error:
            # A line torn in the middle of the file could not be told from damage later on.
            if written:
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise LogUnwritable(
                error.errno,
                f"cannot write the log ({error.strerror}); make room, then resume the run",
                str(self.path),
            ) from error


def read_log(path: Path) -> dict[str, Trajectory]:
    """Every episode of a log by id, in the order they began; the last attempt at each counts.

    A torn last line is dropped. Raises ValueError with file and line for any other broken line.
    """
    events: dict[str, list[Event]] = {}
    for episode, event in _events(path):
        if isinstance(event, Start) and event.agent == "0":
            events[episode] = []
        events.setdefault(episode, []).append(event)
    return {episode: Trajectory(episode, found) for episode, found in events.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far a run has come, by the last attempt at each episode."""

    finished: set[str]
    """Ids of those that the policy brought to an end, which need not be run again."""
    open: dict[str, Trajectory]
    """Those that were under way when the log stops, by id."""


def standing(path: Path) -> Standing:
    """What is done and what is open; a log that does not exist yet has neither.

    Episodes that were cancelled or lost to infrastructure are missing data and in neither. Of the
    events only those of open episodes are held. Raises ValueError as `read_log` does.
    """
    done: set[str] = set()
    under_way: dict[str, list[Event]] = {}
    for episode, event in _events(path) if path.exists() else ():
        if event.agent == "0" and isinstance(event, Start):
            done.discard(episode)
            under_way[episode] = []
        if episode in under_way:
            under_way[episode].append(event)
        if event.agent == "0" and isinstance(event, End):
            under_way.pop(episode, None)
            if STOP_CAUSE[event.stop] is Cause.POLICY:
                done.add(episode)
    return Standing(
        finished=done, open={id: Trajectory(id, events) for id, events in under_way.items()}
    )


def finished(path: Path) -> set[str]:
    """Ids of the episodes that need not be run again; see `standing`."""
    return standing(path).finished


def _events(path: Path) -> Iterator[tuple[str, Event]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            yield _parse(line, where=f"{path}:{number}")


def _parse(line: bytes, *, where: str) -> tuple[str, Event]:
    try:
        fields = from_json(line)
    except ValueError as error:
        raise ValueError(f"{where}: not JSON: {error}; this is no line of an event log") from None
    if not isinstance(fields, dict) or not isinstance(episode := fields.pop("episode", None), str):
        raise ValueError(f"{where}: no episode id; each line is an object with 'episode'")
    try:
        return episode, EVENT.validate_python(fields)
    except ValidationError as error:
        reason = first_error(error, whole="event")
        raise ValueError(f"{where}: not an event: {reason}") from None


def _open_to_append(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise ValueError(f"{path}: another run is writing to this log; give it its own") from None
    os.ftruncate(file, _sound_size(file))
    return file


def _sound_size(file: int) -> int:
    """Size up to and with the last newline."""
    end = os.fstat(file).st_size
    while end > 0:
        begin = max(0, end - _BLOCK)
        newline = os.pread(file, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
