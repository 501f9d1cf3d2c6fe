"""Web outcomes: what came of a search or of opening a page, by kind.

That a server limits the rate says nothing about what there is to find: an agent that takes it for
an empty result searches on for an hour, and a report written after it looks like a real one.
"""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, model_validator

Status = Literal["ok", "empty", "rate_limited", "blocked", "error"]

_BLOCKED = frozenset({401, 402, 403, 407, 432, 433, 451})
"""No key, no credit, not allowed; 432 and 433 are Tavily's for a plan that is used up."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Hit(BaseModel):
    """One thing that a search found; all of it is text from outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    url: str
    snippet: str = ""


class SearchOutcome(BaseModel):
    """What came of a search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    provider: str
    query: str
    hits: tuple[Hit, ...] = ()
    detail: str = ""
    """Why it is not ok, for the agent to read."""
    retry_after_s: float | None = None
    """How long the server asked to wait."""

    @model_validator(mode="after")
    def _is_ok_with_hits_alone(self) -> SearchOutcome:
        if (self.status == "ok") != bool(self.hits):
            raise ValueError(f"status {self.status} with {len(self.hits)} hits")
        return self


class PageOutcome(BaseModel):
    """What came of opening a page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    url: str
    """As it was asked for."""
    final_url: str = ""
    """After redirects."""
    title: str = ""
    text: str = ""
    detail: str = ""


class SearchProvider(Protocol):
    """Somewhere to search; a failure of it is an outcome, not an exception."""

    @property
    def name(self) -> str:
        """Such as "brave"; part of what is recorded."""
        ...

    async def search(self, query: str, *, k: int = 5) -> SearchOutcome:
        """At most `k` hits, best first."""
        ...


class PageReader(Protocol):
    """Opens pages; a failure of it is an outcome, not an exception."""

    async def read(self, url: str) -> PageOutcome:
        """The text of a page."""
        ...


def status_of(code: int) -> Status:
    """What an HTTP status other than success stands for."""
    if code == 429:
        return "rate_limited"
    return "blocked" if code in _BLOCKED else "error"


def may_pass(code: int) -> bool:
    """Whether an HTTP status may be another one when asked again."""
    return code in _PASSING
