"""Searching through every provider's API, against a server on this machine that plays them."""

from __future__ import annotations

import random

import anyio
import pytest
from slept import Slept
from web import FOUND, HANG, TRUNCATED, Reply, Web, answer, nobody, web

from forethought.envs.search.apis import APIS
from forethought.envs.search.http import HTTPSearch, SearchUnavailable, search_named
from forethought.envs.search.pacing import Retries
from forethought.envs.search.web_outcome import Hit, SearchOutcome

KEY = "s3cret-k3y"
EMPTY: list[tuple[str, str, str]] = []
every_provider = pytest.mark.parametrize("provider", APIS)


def search(
    site: Web,
    provider: str,
    *replies: Reply,
    query: str = "capital of  Norway",
    k: int = 5,
    tries: int = 3,
    timeout_s: float = 10.0,
    slept: Slept | None = None,
) -> SearchOutcome:
    site.replies = list(replies)
    searcher = HTTPSearch(
        api=APIS[provider],
        key=KEY,
        url=f"{site.url}/search",
        retries=Retries(tries=tries, base_s=1.0),
        timeout_s=timeout_s,
        clock=(slept or Slept()).clock,
        rng=random.Random(0),
    )

    async def main() -> SearchOutcome:
        with anyio.fail_after(120):
            return await searcher.search(query, k=k)

    return anyio.run(main)


@pytest.fixture
def site() -> object:
    with web() as state:
        yield state


@every_provider
def test_hits_of_any_provider_are_the_same_plain_text(site: Web, provider: str) -> None:
    outcome = search(site, provider, answer(provider))
    assert outcome == SearchOutcome(
        status="ok",
        provider=provider,
        query="capital of Norway",
        hits=(
            Hit(
                title="Oslo",
                url="https://example.org/oslo",
                snippet="Oslo is the capital of Norway & a city.",
            ),
            Hit(title="Bergen", url=FOUND[1][1], snippet="Bergen lies in the west."),
        ),
    )
    assert len(search(site, provider, answer(provider), k=1).hits) == 1


@pytest.mark.parametrize(
    ("provider", "method", "asked", "header"),
    [
        ("searxng", "GET", {"q": "oslo", "format": "json"}, ("accept-language", "en")),
        (
            "brave",
            "GET",
            {"q": "oslo", "count": "3", "text_decorations": "false"},
            ("x-subscription-token", KEY),
        ),
        (
            "tavily",
            "POST",
            {"query": "oslo", "max_results": 3, "search_depth": "basic", "include_answer": False},
            ("authorization", f"Bearer {KEY}"),
        ),
        (
            "exa",
            "POST",
            {"query": "oslo", "type": "auto", "numResults": 3, "contents": {"highlights": True}},
            ("x-api-key", KEY),
        ),
        ("serper", "POST", {"q": "oslo", "num": 10}, ("x-api-key", KEY)),
    ],
)
def test_a_provider_is_asked_as_its_documentation_says(
    site: Web, provider: str, method: str, asked: dict[str, object], header: tuple[str, str]
) -> None:
    search(site, provider, answer(provider), query="oslo", k=3)
    (request,) = site.requests
    assert (request.method, request.path) == (method, "/search")
    assert (request.params or request.body) == asked
    assert request.headers[header[0]] == header[1]
    assert KEY not in str(request.params) + str(request.body)


@every_provider
def test_nothing_found_is_empty_and_asked_once(site: Web, provider: str) -> None:
    outcome = search(site, provider, answer(provider, EMPTY))
    assert (outcome.status, outcome.hits, len(site.requests)) == ("empty", (), 1)


@every_provider
@pytest.mark.parametrize(
    ("code", "status", "tries"),
    [
        (429, "rate_limited", 3),
        (401, "blocked", 1),
        (402, "blocked", 1),
        (403, "blocked", 1),
        (432, "blocked", 1),
        (500, "error", 3),
        (503, "error", 3),
        (404, "error", 1),
        (422, "error", 1),
    ],
)
def test_a_failure_is_told_as_what_it_is(
    site: Web, provider: str, code: int, status: str, tries: int
) -> None:
    outcome = search(site, provider, (code, {}, b"so it is"))
    assert (outcome.status, outcome.detail) == (status, f"HTTP {code}: so it is")
    assert len(site.requests) == tries


def test_serpers_400_for_a_used_up_account_is_blocked(site: Web) -> None:
    outcome = search(site, "serper", (400, {}, b'{"message":"Not enough credits"}'))
    assert outcome.status == "blocked"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("too many requests", "rate_limited"),
        ("Suspended: too many requests", "rate_limited"),
        ("CAPTCHA", "blocked"),
        ("Suspended: access denied", "blocked"),
        ("timeout", "error"),
    ],
)
def test_searxng_without_an_engine_that_answers_is_not_empty(
    site: Web, reason: str, status: str
) -> None:
    body = f'{{"results": [], "unresponsive_engines": [["google", "{reason}"]]}}'.encode()
    outcome = search(site, "searxng", (200, {}, body))
    assert (outcome.status, outcome.detail) == (status, f"no engine answered (google: {reason})")


def test_searxng_with_hits_does_not_mind_an_engine_that_fails(site: Web) -> None:
    body = b'{"results": [{"url": "http://a/"}], "unresponsive_engines": [["google", "timeout"]]}'
    outcome = search(site, "searxng", (200, {}, body))
    assert outcome.hits == (Hit(title="http://a/", url="http://a/"),)


def test_retry_after_is_waited_for_with_jitter_on_top(site: Web) -> None:
    slept = Slept()
    limited: Reply = (429, {"retry-after": "7"}, b"")
    outcome = search(site, "tavily", limited, limited, answer("tavily"), slept=slept)
    rng = random.Random(0)
    assert outcome.status == "ok"
    assert slept.naps == [round(7 + rng.uniform(0, top), 6) for top in (1, 2)]


def test_a_date_in_retry_after_is_understood(site: Web) -> None:
    slept = Slept()
    limited: Reply = (429, {"retry-after": "Mon, 12 Jan 1970 13:46:45 GMT"}, b"")  # 5 s later
    search(site, "exa", limited, answer("exa"), slept=slept)
    assert 5 <= slept.naps[0] <= 6


def test_a_longer_wait_than_is_allowed_ends_the_search_and_is_told(site: Web) -> None:
    slept = Slept()
    outcome = search(site, "exa", (429, {"retry-after": "3600"}, b"slow down"), slept=slept)
    assert (outcome.status, outcome.retry_after_s) == ("rate_limited", 3600.0)
    assert (slept.naps, len(site.requests)) == ([], 1)


@pytest.mark.parametrize(
    ("remaining", "reset", "wait"),
    [("0, 900", "1, 86400", 1.0), ("1, 0", "1, 86400", 86400.0), ("1, 1", "1, 9", None)],
    ids=["this second", "this month", "neither"],
)
def test_braves_limits_say_how_long_to_wait(
    site: Web, remaining: str, reset: str, wait: float | None
) -> None:
    fields = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset}
    assert search(site, "brave", (429, fields, b""), tries=1).retry_after_s == wait


def test_a_server_error_passes(site: Web) -> None:
    slept = Slept()
    outcome = search(site, "brave", (500, {}, b""), answer("brave"), slept=slept)
    assert outcome.status == "ok"
    assert len(slept.naps) == 1


def test_a_slow_server_is_an_error(site: Web) -> None:
    slept = Slept()
    outcome = search(site, "exa", HANG, tries=2, timeout_s=0.2, slept=slept)
    assert (outcome.status, outcome.detail) == ("error", "no answer in 0.2 s")
    assert len(slept.naps) == 1


def test_a_truncated_answer_is_an_error(site: Web) -> None:
    status, _, body = answer("exa")
    outcome = search(site, "exa", (status, {TRUNCATED: "yes"}, body))
    assert outcome.status == "error"
    assert outcome.detail.startswith("RemoteProtocolError: ")
    assert len(site.requests) == 3


@every_provider
@pytest.mark.parametrize(
    "body",
    [b"<html>Sign in to the wifi</html>", b"[]", b'{"message": "hello"}', b'{"results": 5}'],
    ids=["page", "list", "other object", "number"],
)
def test_another_answer_than_the_providers_is_an_error_and_not_empty(
    site: Web, provider: str, body: bytes
) -> None:
    outcome = search(site, provider, (200, {}, body))
    assert outcome.status == "error"
    assert outcome.detail.startswith(f"not an answer of {provider}: ")


def test_a_server_that_is_not_there_is_an_error() -> None:
    with nobody() as gone:
        outcome = search(gone, "exa", HANG)
    assert outcome.status == "error"
    assert outcome.detail.startswith("ConnectError: ")


def test_an_answer_without_end_is_an_error(site: Web) -> None:
    outcome = search(site, "exa", (200, {}, b" " * (5 << 20)))
    assert outcome.detail == "an answer of more than 4194304 bytes"


def test_a_search_for_nothing_is_not_sent(site: Web) -> None:
    outcome = search(site, "exa", answer("exa"), query=" \n ")
    assert (outcome.status, outcome.detail) == ("error", "a search needs words to look for")
    assert site.requests == []


def test_brave_gets_no_more_than_it_takes(site: Web) -> None:
    search(site, "brave", answer("brave"), query="wo rd " * 100)
    assert len(site.requests[0].params["q"].split()) == 50


def test_the_key_is_shown_nowhere(site: Web, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    outcome = search(site, "tavily", (403, {}, f"key Bearer {KEY} is not valid".encode()))
    searcher = HTTPSearch(api=APIS["tavily"], key=KEY)
    assert outcome.detail == "HTTP 403: key Bearer *** is not valid"
    assert KEY not in outcome.model_dump_json() + repr(searcher) + caplog.text


def test_keys_and_addresses_come_from_the_environment() -> None:
    found = search_named("brave", environment={"BRAVE_API_KEY": f" {KEY}\n"})
    assert (found.name, found.key, found.url) == ("brave", KEY, "")
    own = search_named("searxng", environment={"SEARXNG_URL": "http://localhost:8080/"})
    assert (own.key, own.url) == ("", "http://localhost:8080/search")
    with pytest.raises(SearchUnavailable, match="brave needs its API key; set BRAVE_API_KEY"):
        search_named("brave", environment={})
    with pytest.raises(SearchUnavailable, match="searxng needs its address; set SEARXNG_URL"):
        search_named("searxng", environment={"SEARXNG_URL": " "})
    with pytest.raises(ValueError, match="no search provider named 'bing'; there are: searxng,"):
        search_named("bing", environment={})
