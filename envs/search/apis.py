"""Search APIs: how each provider is asked and what it answers; no request is made here.

SearXNG (self-hosted, docs.searxng.org/dev/search_api), Brave (api-dashboard.search.brave.com),
Tavily (docs.tavily.com), Exa (exa.ai/docs/reference/search), Serper (serper.dev). None is asked for
an answer written by its own model: that would be another agent's work in this one's episode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, JsonValue

from forethought.envs.search.html_text import html_to_text
from forethought.envs.search.web_outcome import Hit, Status

_BRAVE_CHARS, _BRAVE_WORDS = 400, 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request, but for the provider's address."""

    method: Literal["GET", "POST"]
    params: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, JsonValue] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What an answer says: hits, or why there are none."""

    hits: tuple[Hit, ...] = ()
    status: Status = "empty"
    """Of an answer without hits."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchAPI:
    """One provider's way to be asked."""

    name: str
    url: str
    """Empty if everyone has one of their own."""
    variable: str
    """Of the environment: the key, or for a self-hosted provider the address."""
    per_s: float
    """Requests a second that the smallest plan allows."""
    ask: Callable[[str, int, str], Asked]
    """From query, number of hits and key."""
    read: Callable[[str], Answered]
    """From the body of an answer. Raises pydantic's ValidationError for what is none."""


class _SearxngHit(BaseModel):
    url: str
    title: str | None = None
    content: str | None = None


class _Searxng(BaseModel):
    results: tuple[_SearxngHit, ...]
    unresponsive_engines: tuple[tuple[str, str], ...] = ()


def _ask_searxng(query: str, k: int, key: str) -> Asked:
    # The reasons why engines failed are translated; in English they can be told apart.
    return Asked(
        method="GET",
        params={"q": query, "format": "json"},
        headers={"accept-language": "en", "accept": "application/json"},
    )


def _read_searxng(body: str) -> Answered:
    answer = _Searxng.model_validate_json(body)
    if answer.results or not answer.unresponsive_engines:
        return Answered(hits=tuple(_hit(h.title, h.url, h.content) for h in answer.results))
    reasons = "; ".join(f"{engine}: {reason}" for engine, reason in answer.unresponsive_engines)
    said = reasons.lower()
    status: Status = "error"
    if "too many requests" in said:
        status = "rate_limited"
    elif "captcha" in said or "access denied" in said:
        status = "blocked"
    return Answered(status=status, detail=f"no engine answered ({reasons})")


class _BraveHit(BaseModel):
    url: str
    title: str | None = None
    description: str | None = None


class _BraveWeb(BaseModel):
    results: tuple[_BraveHit, ...] = ()


class _Brave(BaseModel):
    type: Literal["search"]
    web: _BraveWeb | None = None


def _ask_brave(query: str, k: int, key: str) -> Asked:
    short = " ".join(query[:_BRAVE_CHARS].split()[:_BRAVE_WORDS])
    return Asked(
        method="GET",
        params={"q": short, "count": str(min(k, 20)), "text_decorations": "false"},
        headers={"x-subscription-token": key, "accept": "application/json"},
    )


def _read_brave(body: str) -> Answered:
    web = _Brave.model_validate_json(body).web
    found = web.results if web is not None else ()
    return Answered(hits=tuple(_hit(h.title, h.url, h.description) for h in found))


class _TavilyHit(BaseModel):
    url: str
    title: str | None = None
    content: str | None = None


class _Tavily(BaseModel):
    results: tuple[_TavilyHit, ...]


def _ask_tavily(query: str, k: int, key: str) -> Asked:
    body: dict[str, JsonValue] = {
        "query": query,
        "max_results": min(k, 20),
        "search_depth": "basic",
        "include_answer": False,
    }
    return Asked(method="POST", body=body, headers={"authorization": f"Bearer {key}"})


def _read_tavily(body: str) -> Answered:
    found = _Tavily.model_validate_json(body).results
    return Answered(hits=tuple(_hit(h.title, h.url, h.content) for h in found))


class _ExaHit(BaseModel):
    url: str
    title: str | None = None
    highlights: tuple[str, ...] | None = None
    text: str | None = None


class _Exa(BaseModel):
    results: tuple[_ExaHit, ...]


def _ask_exa(query: str, k: int, key: str) -> Asked:
    body: dict[str, JsonValue] = {
        "query": query,
        "type": "auto",
        "numResults": min(k, 100),
        "contents": {"highlights": True},
    }
    return Asked(method="POST", body=body, headers={"x-api-key": key})


def _read_exa(body: str) -> Answered:
    found = _Exa.model_validate_json(body).results
    return Answered(
        hits=tuple(_hit(h.title, h.url, " ... ".join(h.highlights or ()) or h.text) for h in found)
    )


class _SerperHit(BaseModel):
    link: str
    title: str | None = None
    snippet: str | None = None


class _Serper(BaseModel):
    organic: tuple[_SerperHit, ...]


def _ask_serper(query: str, k: int, key: str) -> Asked:
    body: dict[str, JsonValue] = {"q": query, "num": min(max(k, 10), 100)}
    return Asked(method="POST", body=body, headers={"x-api-key": key})


def _read_serper(body: str) -> Answered:
    found = _Serper.model_validate_json(body).organic
    return Answered(hits=tuple(_hit(h.title, h.link, h.snippet) for h in found))


def _hit(title: str | None, url: str, snippet: str | None) -> Hit:
    """A hit as plain text; providers leave markup and entities in what they quote."""
    return Hit(title=_plain(title) or url, url=url.strip(), snippet=_plain(snippet))


def _plain(text: str | None) -> str:
    return " ".join(html_to_text(text or "").text.split())


APIS = {
    api.name: api
    for api in (
        SearchAPI(
            name="searxng",
            url="",
            variable="SEARXNG_URL",
            per_s=2.0,
            ask=_ask_searxng,
            read=_read_searxng,
        ),
        SearchAPI(
            name="brave",
            url="https://api.search.brave.com/res/v1/web/search",
            variable="BRAVE_API_KEY",
            per_s=1.0,
            ask=_ask_brave,
            read=_read_brave,
        ),
        SearchAPI(
            name="tavily",
            url="https://api.tavily.com/search",
            variable="TAVILY_API_KEY",
            per_s=100 / 60,
            ask=_ask_tavily,
            read=_read_tavily,
        ),
        SearchAPI(
            name="exa",
            url="https://api.exa.ai/search",
            variable="EXA_API_KEY",
            per_s=5.0,
            ask=_ask_exa,
            read=_read_exa,
        ),
        SearchAPI(
            name="serper",
            url="https://google.serper.dev/search",
            variable="SERPER_API_KEY",
            per_s=5.0,
            ask=_ask_serper,
            read=_read_serper,
        ),
    )
}
