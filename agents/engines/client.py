"""Client: JSON over HTTP to a model server, tried again when the trouble may pass."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import anyio
import httpx
from pydantic import JsonValue

from forethought.agents.engines.engine import EngineRefused, EngineUnavailable
from forethought.envs.search.pacing import asked_wait_s

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_WHAT_TO_DO = {
    401: "set the API key in OPENAI_API_KEY",
    403: "this key may not use the model",
    404: "check the address (it usually ends in /v1) and the model's name after #",
    429: "the server limits the rate; lower the concurrency",
}


class RequestRefused(EngineRefused):
    """The server answered with a status that no patience changes, such as 401 or 404."""

    def __init__(self, message: str, *, status: int, body: str) -> None:
        super().__init__(message)
        self.status, self.body = status, body


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long to keep trying."""

    tries: int = 6
    base_s: float = 0.5
    """The wait before try n is drawn from 0 to base * 2^n (full jitter), at most `cap_s`."""
    cap_s: float = 30.0
    """A longer wait that the server asks for is granted up to ten times this."""
    timeout_s: float = 600.0
    """For one answer; a long reply of a slow model takes minutes."""


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
            timeout=httpx.Timeout(self.patience.timeout_s, connect=10.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        )

    async def post(self, path: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Send `body`, return the JSON object of the answer.

        Tries again on connection errors, timeouts, 429 and 5xx, honouring Retry-After. Raises
        RequestRefused for any other status, EngineUnavailable when patience is at its end.
        """
        url = f"{self.base_url.rstrip('/')}/{path}"
        problem = ""
        for number in range(self.patience.tries):
            asked_s = None
            try:
                response = await self._http.post(path, json=body)
            except httpx.InvalidURL as error:
                raise EngineUnavailable(f"POST {url}: {error}") from error
            except httpx.RequestError as error:
                problem = f"{type(error).__name__}: {error or 'no detail'}; is the server running?"
            else:
                if response.is_success:
                    return _json_object(response, url)
                problem = _problem(response)
                if response.status_code not in _PASSING:
                    raise RequestRefused(
                        f"POST {url}: {problem}", status=response.status_code, body=response.text
                    )
                asked_s = asked_wait_s(response.headers, date=time.time())
            if number + 1 < self.patience.tries:
                await anyio.sleep(self._wait_s(number, asked_s))
        raise EngineUnavailable(f"POST {url}: {problem} ({self.patience.tries} tries)")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _wait_s(self, number: int, asked_s: float | None) -> float:
        jittered = self.rng.uniform(0, min(self.patience.cap_s, self.patience.base_s * 2**number))
        if asked_s is None:
            return jittered
        return min(asked_s, 10 * self.patience.cap_s) + jittered


def _problem(response: httpx.Response) -> str:
    hint = _WHAT_TO_DO.get(response.status_code)
    text = " ".join(response.text.split())[:300] or "empty answer"
    return f"HTTP {response.status_code}: {text}" + (f"; {hint}" if hint else "")


def _json_object(response: httpx.Response, url: str) -> dict[str, JsonValue]:
    try:
        answer = response.json()
    except ValueError:
        raise EngineUnavailable(
            f"POST {url}: the answer is not JSON: {response.text[:200]!r}; "
            "is this an OpenAI-compatible server?"
        ) from None
    if not isinstance(answer, dict):
        raise EngineUnavailable(f"POST {url}: the answer is no JSON object: {answer!r:.200}")
    return answer
