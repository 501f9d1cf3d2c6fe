"""Tape: what the web answered, kept on disk, so that an episode can be played again without it.

An entry's name is the hash of what was asked, so a tape can be copied, merged and kept under
version control; it says in plain JSON what was asked and answered. Keys of APIs are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from forethought.envs.search.web_outcome import (
    PageOutcome,
    PageReader,
    SearchOutcome,
    SearchProvider,
)

Mode = Literal["cache", "record", "replay"]
_KEPT = ("ok", "empty")
"""That a server had no time says nothing about the next time."""
_log = logging.getLogger(__name__)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: dict[str, JsonValue]
    answered: JsonValue


class Tape:
    """A folder of answers. `cache` asks what is not on it, `record` asks everything anew, `replay`
    asks nothing: what is not on the tape is an error.
    """

    def __init__(self, folder: Path, *, mode: Mode = "cache") -> None:
        if mode not in ("cache", "record", "replay"):
            raise ValueError(f"a tape's mode is cache, record or replay, not {mode!r}")
        if mode == "replay" and not folder.is_dir():
            raise ValueError(f"there is no tape to replay in {str(folder)!r}; record one first")
        self.folder = folder
        self.mode = mode

    def recall(self, asked: Mapping[str, JsonValue]) -> JsonValue:
        """What was answered; None if it is not on the tape, or is to be asked anew."""
        path = self._path(asked)
        if self.mode == "record" or not path.exists():
            return None
        try:
            entry = _Entry.model_validate_json(path.read_bytes())
        except ValidationError as error:
            _log.warning("%s is damaged and not used: %s", path, error.errors()[0]["msg"])
            return None
        return entry.answered if entry.asked == dict(asked) else None

    def keep(self, asked: Mapping[str, JsonValue], answered: JsonValue) -> None:
        """Put an answer on the tape, whole or not at all."""
        path = self._path(asked)
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = _Entry(asked=dict(asked), answered=answered)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(entry.model_dump_json(indent=1))
            Path(partial).replace(path)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise

    def _path(self, asked: Mapping[str, JsonValue]) -> Path:
        canonical = json.dumps(dict(asked), sort_keys=True, ensure_ascii=True)
        name = hashlib.sha256(canonical.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class TapedSearch:
    """A provider whose answers are kept on a tape; without the provider only the tape answers."""

    name: str
    tape: Tape
    provider: SearchProvider | None = None

    async def search(self, query: str, *, k: int = 5) -> SearchOutcome:
        """From the tape, else from the provider."""
        query = " ".join(query.split())
        asked: dict[str, JsonValue] = {
            "kind": "search",
            "provider": self.name,
            "query": query,
            "k": k,
        }
        known = self.tape.recall(asked)
        if known is not None:
            return SearchOutcome.model_validate(known)
        if self.tape.mode == "replay" or self.provider is None:
            detail = "replaying: this query was never recorded, so whether it finds anything is "
            return SearchOutcome(
                status="error", provider=self.name, query=query, detail=f"{detail}not known"
            )
        outcome = await self.provider.search(query, k=k)
        if outcome.status in _KEPT:
            self.tape.keep(asked, outcome.model_dump(mode="json"))
        return outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class TapedPages:
    """Pages that are kept on a tape."""

    tape: Tape
    reader: PageReader

    async def read(self, url: str) -> PageOutcome:
        """From the tape, else from the web."""
        asked: dict[str, JsonValue] = {"kind": "page", "url": url}
        known = self.tape.recall(asked)
        if known is not None:
            return PageOutcome.model_validate(known)
        if self.tape.mode == "replay":
            return PageOutcome(
                status="error", url=url, detail="replaying: this page was never recorded"
            )
        outcome = await self.reader.read(url)
        if outcome.status in _KEPT:
            self.tape.keep(asked, outcome.model_dump(mode="json"))
        return outcome
