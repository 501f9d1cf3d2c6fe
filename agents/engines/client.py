"""Client: requests to a model server, tried again when the trouble may pass."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import httpx
from pydantic import JsonValue

from forethought.agents.engines.engine import (
    EngineRateLimited,
    EngineRefused,
    EngineUnavailable,
)
from forethought.envs.search.pacing import asked_wait_s

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_TOO_MANY = 429
_NO_CREDIT = "insufficient_quota"
_WHAT_TO_DO = {
    401: "set the API key in OPENAI_API_KEY",
    403: "this key may not use the model",
    301: "name the address that it redirects to",
    302: "name the address that it redirects to",
    307: "name the address that it redirects to",
    308: "name the address that it redirects to",
    404: "check the address (it usually ends in /v1) and the model's name after #",
    429: "the server limits the rate; lower the concurrency",
}
Answer = TypeVar("Answer")
Read = Callable[[httpx.Response, float], Awaitable[Answer]]
"""Reads the answer to a request that was sent at a time of `time.perf_counter`."""


class RequestRefused(EngineRefused):
    """The server answered with a status that no patience changes, such as 401 or 404."""

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


class AnswerBroken(EngineUnavailable):
    """An answer that began and did not come to its end; the request is made again."""

    def __init__(self, message: str, *, kind: type[EngineUnavailable] = EngineUnavailable) -> None:
        super().__init__(message)
        self.kind = kind
        """What it is once patience is at its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to keep trying."""

    tries: int = 6
    base_s: float = 0.5
    """The wait before try n is drawn from 0 to base * 2^n (full jitter), at most `cap_s`."""
    cap_s: float = 30.0
    """Up to ten times this is waited if the server asks for it; one that asks for more is not asked
    again."""
    timeout_s: float = 600.0
    """For one whole answer; a long reply of a slow model takes minutes."""

    def wait_s(self, number: int, asked_s: float | None, *, rng: random.Random) -> float | None:
        """Seconds before the try after try `number`, from 0; None if there should be none."""
        if number + 1 >= self.tries or (asked_s or 0.0) > 10 * self.cap_s:
            return None
        return (asked_s or 0.0) + rng.uniform(0, min(self.cap_s, self.base_s * 2**number))


@dataclass(kw_only=True, slots=True)
class Client:
    """One server. Thousands of requests may be under way at once."""

    base_url: str
    api_key: str | None = None
    patience: Patience = field(default_factory=Patience)
    rng: random.Random = field(default_factory=random.Random)
    _http: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        url = httpx.URL(self.base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{self.base_url!r} is no address; it reads http://host:port/v1")
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            headers=headers,
            timeout=httpx.Timeout(None, connect=10.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )

    async def post(self, path: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Send `body`, return the JSON object of the answer; see `ask`."""
        return await self.ask(path, body, read=lambda response, _: json_object(response))

    async def ask(self, path: str, body: dict[str, JsonValue], *, read: Read[Answer]) -> Answer:
        """Send `body`, return what `read` makes of the answer.

        Tries again on connection errors, timeouts, 429, 5xx and AnswerBroken, honouring
        Retry-After. Raises RequestRefused for any other status; when patience is at its end
        EngineRateLimited if it was the rate, else EngineUnavailable. If it is cancelled it hangs
        up, and the server stops sampling.
        """
        url = f"{self.base_url.rstrip('/')}/{path}"
        for number in range(self.patience.tries):
            asked_s, kind = None, EngineUnavailable
            try:
                with anyio.fail_after(self.patience.timeout_s):
                    began = time.perf_counter()
                    async with self._http.stream("POST", path, json=body) as response:
                        if response.is_success:
                            return await read(response, began)
                        await response.aread()
            except httpx.InvalidURL as error:
                raise EngineUnavailable(f"POST {url}: {error}") from error
            except TimeoutError:
                problem = f"no whole answer within {self.patience.timeout_s:g} s"
            except AnswerBroken as error:
                problem, kind = str(error), error.kind
            except httpx.RequestError as error:
                problem = f"{type(error).__name__}: {error or 'no detail'}; is the server running?"
            else:
                problem = _problem(response)
                _raise_if_refused(response, f"POST {url}: {problem}")
                asked_s = asked_wait_s(response.headers, date=time.time())
                kind = EngineRateLimited if response.status_code == _TOO_MANY else kind
            wait_s = self.patience.wait_s(number, asked_s, rng=self.rng)
            if wait_s is None:
                break
            await anyio.sleep(wait_s)
        asks = f", asks to wait {asked_s:g} s" if asked_s is not None else ""
        raise kind(f"POST {url}: {problem} ({number + 1} tries{asks})")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def json_object(response: httpx.Response) -> dict[str, JsonValue]:
    """The JSON object that an answer is.

    Raises AnswerBroken for the beginning of one, EngineUnavailable if it is something else.
    """
    await response.aread()
    try:
        answer = response.json()
    except ValueError:
        if response.text.lstrip().startswith("{"):
            raise AnswerBroken(
                f"the answer is half a JSON object: {response.text[-100:]!r}"
            ) from None
        raise EngineUnavailable(
            f"POST {response.url}: the answer is not JSON: {response.text[:200]!r}; "
            "is this an OpenAI-compatible server?"
        ) from None
    if not isinstance(answer, dict):
        raise EngineUnavailable(
            f"POST {response.url}: the answer is no JSON object: {answer!r:.200}"
        )
    return answer


def _raise_if_refused(response: httpx.Response, message: str) -> None:
    """Raise RequestRefused for a status that does not pass, and for an account without credit."""
    status, body = response.status_code, response.text
    if status not in _PASSING:
        raise RequestRefused(message, status=status, body=body)
    if status == _TOO_MANY and _NO_CREDIT in body:
        raise RequestRefused(f"{message}; the account has no credit", status=status, body=body)


def _problem(response: httpx.Response) -> str:
    hint = _WHAT_TO_DO.get(response.status_code)
    place = response.headers.get("location", "")
    text = " ".join(response.text.split())[:300] or (f"see {place}" if place else "empty answer")
    return f"HTTP {response.status_code}: {text}" + (f"; {hint}" if hint else "")
