"""HTTPSearch: a provider on the web, asked politely and reported on truthfully."""

from __future__ import annotations

import os
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import anyio
import httpx
from pydantic import ValidationError

from forethought.envs.first_error import first_error
from forethought.envs.search.apis import APIS, SearchAPI
from forethought.envs.search.pacing import Clock, Retries, TokenBucket, asked_wait_s
from forethought.envs.search.web_outcome import SearchOutcome, Status, may_pass, status_of

_MAX_BYTES = 4 << 20
_DETAIL_CHARS = 200
_NO_CREDIT = "not enough credits"
"""Serper's words, with status 400."""


class SearchUnavailable(ConnectionError):
    """There is no way to search from here; nothing that the agent does changes that."""


@dataclass(kw_only=True, slots=True)
class HTTPSearch:
    """Searches through one provider's API; see `search_named` for the usual way to get one.

    Shared by all episodes, so that they share its pace. Each search has a connection of its own
    that it closes, so it belongs to no event loop and there is nothing to close. The key goes into
    a header of the request and nowhere else.
    """

    api: SearchAPI
    key: str = field(default="", repr=False)
    url: str = ""
    """Instead of the provider's own."""
    retries: Retries = field(default_factory=Retries)
    bucket: TokenBucket | None = None
    """How fast to ask; None for as fast as it comes."""
    timeout_s: float = 20.0
    """Of one try."""
    clock: Clock = field(default_factory=Clock)
    rng: random.Random = field(default_factory=random.Random)

    @property
    def name(self) -> str:
        """The provider's."""
        return self.api.name

    async def search(self, query: str, *, k: int = 5) -> SearchOutcome:
        """At most `k` hits; what may pass is tried again, and Retry-After is heeded."""
        query = " ".join(query.split())
        if not query or k < 1:
            return self._outcome("error", query, detail="a search needs words to look for")
        async with httpx.AsyncClient(verify=tls(), timeout=self.timeout_s) as client:
            for number in range(self.retries.tries):
                if self.bucket is not None:
                    await self.bucket.take()
                outcome, is_final = await self._try(client, query, k)
                wait_s = self.retries.wait_s(number, outcome.retry_after_s, rng=self.rng)
                if is_final or wait_s is None:
                    break
                await self.clock.sleep(wait_s)
        return outcome

    async def _try(
        self, client: httpx.AsyncClient, query: str, k: int
    ) -> tuple[SearchOutcome, bool]:
        """One try's outcome, and whether another could only have the same."""
        try:
            with anyio.fail_after(self.timeout_s):
                code, headers, body = await self._send(client, query, k)
        except TimeoutError:
            return self._outcome("error", query, detail=f"no answer in {self.timeout_s:g} s"), False
        except (httpx.HTTPError, OSError) as error:
            detail = f"{type(error).__name__}: {error or 'no detail'}"
            return self._outcome("error", query, detail=detail), False
        except (httpx.InvalidURL, _TooLong) as error:
            return self._outcome("error", query, detail=str(error)), True
        if 200 <= code < 300:
            return self._read(query, k, body), True
        status = "blocked" if code == 400 and _NO_CREDIT in body.lower() else status_of(code)
        detail = f"HTTP {code}: {' '.join(body.split()) or 'empty answer'}"
        wait_s = asked_wait_s(headers, date=self.clock.date()) if may_pass(code) else None
        return self._outcome(status, query, detail=detail, wait_s=wait_s), not may_pass(code)

    async def _send(
        self, client: httpx.AsyncClient, query: str, k: int
    ) -> tuple[int, Mapping[str, str], str]:
        asked = self.api.ask(query, k, self.key)
        data = bytearray()
        async with client.stream(
            asked.method,
            self.url or self.api.url,
            params=dict(asked.params),
            json=asked.body,
            headers=dict(asked.headers),
        ) as response:
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > _MAX_BYTES:
                    raise _TooLong(f"an answer of more than {_MAX_BYTES} bytes")
        return response.status_code, response.headers, data.decode("utf-8", "replace")

    def _read(self, query: str, k: int, body: str) -> SearchOutcome:
        try:
            answer = self.api.read(body)
        except ValidationError as error:
            detail = f"not an answer of {self.name}: {first_error(error, whole='the body')}"
            return self._outcome("error", query, detail=detail)
        if not answer.hits:
            return self._outcome(answer.status, query, detail=answer.detail)
        return SearchOutcome(status="ok", provider=self.name, query=query, hits=answer.hits[:k])

    def _outcome(
        self, status: Status, query: str, *, detail: str, wait_s: float | None = None
    ) -> SearchOutcome:
        # A server may quote the request, and the key with it.
        hidden = detail.replace(self.key, "***") if self.key else detail
        return SearchOutcome(
            status=status,
            provider=self.name,
            query=query,
            detail=hidden[:_DETAIL_CHARS],
            retry_after_s=wait_s,
        )


class _TooLong(ValueError):
    """An answer without end."""


def search_named(name: str, *, environment: Mapping[str, str] = os.environ) -> HTTPSearch:
    """The provider of that name with its key or address from the environment, at its usual pace.

    Raises ValueError for an unknown name, SearchUnavailable without the key.
    """
    api = api_named(name)
    value = environment.get(api.variable, "").strip()
    if not value:
        what = "API key" if api.url else "address"
        raise SearchUnavailable(f"search with {name} needs its {what}; set {api.variable}")
    bucket = TokenBucket(per_s=api.per_s, burst=max(1, round(api.per_s)))
    if api.url:
        return HTTPSearch(api=api, key=value, bucket=bucket)
    return HTTPSearch(api=api, url=f"{value.rstrip('/')}/search", bucket=bucket)


def api_named(name: str) -> SearchAPI:
    """The API of that name. Raises ValueError with the names there are."""
    if name not in APIS:
        raise ValueError(f"no search provider named {name!r}; there are: {', '.join(APIS)}")
    return APIS[name]


@cache
def tls() -> ssl.SSLContext:
    """The certificates to trust, read once: it takes longer than a request."""
    return httpx.create_ssl_context()
