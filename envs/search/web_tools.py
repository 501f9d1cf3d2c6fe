"""Web tools: search and open, which any environment can grant its agent with one line.

    class Trivia(Env):
        grants = web_tools("brave", folder="tapes/trivia")

Everything they give is text from outside: it stands between marks, the record says so, and how much
of the task's answer and question is in it is recorded beside it. What went wrong is told as what it
is; a limited rate never looks like an empty result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import JsonValue

from forethought.envs.context import Context
from forethought.envs.search.http import api_named, search_named
from forethought.envs.search.tape import Mode, Tape, TapedPages, TapedSearch
from forethought.envs.search.web_address import AddressRefused, AddressRules, is_under
from forethought.envs.search.web_outcome import (
    Hit,
    PageOutcome,
    PageReader,
    SearchOutcome,
    SearchProvider,
    Status,
)
from forethought.envs.search.web_page import WebPages
from forethought.envs.tools import ToolFailure, tool
from forethought.envs.untrusted import set_apart

MAX_HITS = 10
PAGE_CHARS = 8000
_SNIPPET_CHARS = 500


def web_tools(
    provider: str | SearchProvider = "searxng",
    *,
    folder: str | Path | None = None,
    mode: Mode = "cache",
    blocked_domains: Collection[str] = (),
    private_hosts: Collection[str] = (),
    pages: PageReader | None = None,
) -> tuple[Callable[..., object], ...]:
    """The tools `search` and `open`, for an environment's `grants`.

    `provider` is a name (searxng, brave, tavily, exa, serper; its key or address comes from the
    environment at the first search) or anything that searches. Answers are kept in `folder` if one
    is given; with mode "replay" nothing else is asked and no key is needed. Hits and pages of
    `blocked_domains` are withheld; `private_hosts` may be opened although their addresses are
    private. Raises ValueError for a name that there is not.
    """
    if isinstance(provider, str):
        api_named(provider)
    tape = Tape(Path(folder), mode=mode) if folder is not None else None
    if tape is None and mode != "cache":
        raise ValueError(f"mode {mode!r} needs the folder of a tape")
    blocked = frozenset(domain.lower().strip(".") for domain in blocked_domains)
    rules = AddressRules(blocked_domains=blocked, private_hosts=frozenset(private_hosts))
    reader: PageReader = pages or WebPages(rules=rules)
    if tape is not None:
        reader = TapedPages(tape=tape, reader=reader)

    @cache
    def searcher() -> SearchProvider:
        name = provider if isinstance(provider, str) else provider.name
        if tape is not None and tape.mode == "replay":
            return TapedSearch(name=name, tape=tape)
        asked = search_named(provider) if isinstance(provider, str) else provider
        return asked if tape is None else TapedSearch(name=name, tape=tape, provider=asked)

    @tool(untrusted=True)
    async def search(query: str, context: Context, num_results: int = 5) -> str:
        """search the web"""
        outcome = await searcher().search(query, k=max(1, min(num_results, MAX_HITS)))
        hits = [hit for hit in outcome.hits if not is_under(_host(hit.url), blocked)]
        _note_search(context, outcome, hits)
        return _told(outcome, hits)

    @tool(untrusted=True)
    async def open(url: str, context: Context, page: int = 1) -> str:
        """read a page of the web as text, a part at a time"""
        outcome = await _read(url, reader, rules)
        _note_page(context, outcome)
        return _shown(outcome, page)

    return search, open


async def _read(url: str, reader: PageReader, rules: AddressRules) -> PageOutcome:
    """What came of a page, once its address is allowed: a tape may hold pages of other days."""
    try:
        rules.check_url(url)
        outcome = await reader.read(url)
        rules.check_url(outcome.final_url or url)
    except AddressRefused as error:
        return PageOutcome(status="blocked", url=url, detail=str(error))
    return outcome


def _told(outcome: SearchOutcome, hits: list[Hit]) -> str:
    """What the agent reads of a search. Raises ToolFailure unless it came to an answer."""
    num_withheld = len(outcome.hits) - len(hits)
    if outcome.status == "empty":
        return f"empty: {outcome.provider} found nothing for {outcome.query[:100]!r}"
    if outcome.hits and not hits:
        raise ToolFailure(f"blocked: all {num_withheld} results are withheld here", kind="blocked")
    if outcome.status != "ok":
        raise _failure(outcome.status, outcome.provider, outcome.detail, outcome.retry_after_s)
    listed = "\n".join(
        f"{number}. {hit.title}\n   {hit.url}\n   {hit.snippet[:_SNIPPET_CHARS]}".rstrip()
        for number, hit in enumerate(hits, 1)
    )
    note = f"\n({num_withheld} more withheld here)" if num_withheld else ""
    return set_apart(listed, source=f"search with {outcome.provider}") + note


def _shown(outcome: PageOutcome, page: int) -> str:
    """One part of a page. Raises ToolFailure unless it could be read, ValueError for no part."""
    if outcome.status not in ("ok", "empty"):
        raise _failure(outcome.status, _host(outcome.url) or "the page", outcome.detail, None)
    if outcome.status == "empty":
        return f"empty: {outcome.detail}"
    num_pages = -(-len(outcome.text) // PAGE_CHARS)
    if not 1 <= page <= num_pages:
        raise ValueError(f"the page has {num_pages} parts, so no part {page}")
    part = outcome.text[(page - 1) * PAGE_CHARS : page * PAGE_CHARS]
    headed = f"{outcome.title}\n\n{part}" if outcome.title and page == 1 else part
    notes = [f"part {page} of {num_pages}"] if num_pages > 1 else []
    notes += [outcome.detail] if outcome.detail else []
    marked = set_apart(headed, source=outcome.final_url or outcome.url)
    return f"{marked}\n({'; '.join(notes)})" if notes else marked


def _failure(status: Status, who: str, detail: str, retry_after_s: float | None) -> ToolFailure:
    when = f"; it asks to wait {retry_after_s:g} s" if retry_after_s is not None else ""
    if status == "rate_limited":
        text = f"rate_limited: {who} answers too many requests{when}; this is no empty result"
        return ToolFailure(f"{text} ({detail})", kind="rate_limited")
    text = f"{status}: {who}: {detail}{when}"
    return ToolFailure(text, kind="blocked" if status == "blocked" else "tool")


def _note_search(context: Context, outcome: SearchOutcome, hits: list[Hit]) -> None:
    results: list[JsonValue] = [
        {"url": hit.url, "overlap": _overlap(context, f"{hit.title}\n{hit.snippet}")}
        for hit in hits
    ]
    context.record.update(
        status=outcome.status,
        provider=outcome.provider,
        num_withheld=len(outcome.hits) - len(hits),
        results=results,
    )


def _note_page(context: Context, outcome: PageOutcome) -> None:
    context.record.update(status=outcome.status, url=outcome.final_url or outcome.url)
    if outcome.text:
        context.record["overlap"] = _overlap(context, f"{outcome.title}\n{outcome.text}")


def _overlap(context: Context, text: str) -> JsonValue:
    return {**context.canary.overlap(text)} if context.canary is not None else None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
