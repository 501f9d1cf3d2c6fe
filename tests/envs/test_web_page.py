"""Opening pages of a web on this machine that does everything wrong."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import httpx
import pytest
from web import HANG, TRUNCATED, Reply, Web, nobody, page, web

from forethought.envs.search.web_address import AddressRefused, AddressRules, is_public, is_under
from forethought.envs.search.web_outcome import PageOutcome
from forethought.envs.search.web_page import WebPages, decoded


@pytest.fixture
def site() -> Iterator[Web]:
    with web() as state:
        yield state


def read(
    site: Web,
    *replies: Reply,
    url: str = "",
    timeout_s: float = 10.0,
    max_bytes: int = 1 << 20,
    blocked: frozenset[str] = frozenset(),
) -> PageOutcome:
    site.replies = list(replies)
    rules = AddressRules(private_hosts=frozenset({site.host}), blocked_domains=blocked)
    pages = WebPages(rules=rules, timeout_s=timeout_s, max_bytes=max_bytes)

    async def main() -> PageOutcome:
        with anyio.fail_after(120):
            return await pages.read(url or f"{site.url}/start")

    return anyio.run(main)


def to(location: str) -> Reply:
    return 302, {"location": location}, b""


def test_a_page_becomes_text_with_its_title(site: Web) -> None:
    outcome = read(site, page("<title>Oslo</title><p>A <a href=/x>city</a>."))
    assert outcome == PageOutcome(
        status="ok",
        url=f"{site.url}/start",
        final_url=f"{site.url}/start",
        title="Oslo",
        text=f"A [city]({site.url}/x).",
    )
    (request,) = site.requests
    assert request.headers["host"] == site.host
    assert "authorization" not in request.headers
    assert "cookie" not in request.headers


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "<p>as it is", "<p>as it is"),
        ("application/json", '{"a": 1}', '{"a": 1}'),
        ("application/ld+json; x=y", "{}", "{}"),
        ("TEXT/HTML", "<p>x", "x"),
        ("", "<!doctype html><p>x", "x"),
        ("", "just text", "just text"),
    ],
)
def test_text_of_several_types_is_read(site: Web, kind: str, body: str, text: str) -> None:
    status, fields, data = page(body, kind=kind)
    if not kind:
        del fields["content-type"]
    assert read(site, (status, fields, data)).text == text


@pytest.mark.parametrize("kind", ["application/pdf", "image/png", "application/octet-stream"])
def test_what_is_no_text_is_refused_by_its_type(site: Web, kind: str) -> None:
    outcome = read(site, page("%PDF", kind=kind))
    assert (outcome.status, outcome.detail) == ("error", f"{kind} cannot be read as text")


def test_a_page_that_only_scripts_fill_is_empty(site: Web) -> None:
    outcome = read(site, page("<title>App</title><div id=root></div><script>go()</script>"))
    assert (outcome.status, outcome.title) == ("empty", "App")
    assert "may need a browser" in outcome.detail


@pytest.mark.parametrize(
    ("code", "status"),
    [(429, "rate_limited"), (401, "blocked"), (403, "blocked"), (404, "error"), (500, "error")],
)
def test_a_failure_is_told_as_what_it_is(site: Web, code: int, status: str) -> None:
    outcome = read(site, (code, {"content-type": "text/html"}, b"<p>no"))
    assert (outcome.status, outcome.text) == (status, "")
    assert outcome.detail.startswith(f"HTTP {code}")


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Ø".encode(), None, "Ø"),
        ("Ø".encode("latin-1"), "iso-8859-1", "Ø"),
        ("Ø".encode("cp1252"), None, "Ø"),
        ("Ø".encode("utf-16"), "utf-8", "Ø"),
        ("日本".encode("shift_jis"), "Shift_JIS", "日本"),
        (b'<meta charset="koi8-r">' + "Ж".encode("koi8-r"), None, '<meta charset="koi8-r">Ж'),
        ("Ø".encode(), "no-such", "Ø"),
        ("Ø".encode(), "punycode", "Ø"),
        ("Ø".encode(), "zlib_codec", "Ø"),
    ],
    ids=["utf-8", "header", "guess", "mark", "japanese", "meta", "unknown", "slow", "none"],
)
def test_the_charset_is_found(data: bytes, charset: str | None, text: str) -> None:
    assert decoded(data, charset=charset) == text


def test_a_page_that_was_cut_in_a_character_loses_no_more_than_that() -> None:
    assert decoded("aØ".encode()[:2], charset=None, is_cut=True) == "a"
    assert decoded("aØ".encode()[:2], charset=None) == "aÃ"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_packed_pages_are_unpacked(site: Web, encoding: str, pack: object) -> None:
    assert callable(pack)
    fields = {"content-type": "text/plain", "content-encoding": encoding}
    assert read(site, (200, fields, pack(b"hello"))).text == "hello"


def test_a_page_is_cut_at_its_limit_even_if_it_was_tiny_when_packed(site: Web) -> None:
    bomb = gzip.compress(b"a" * (50 << 20))
    fields = {"content-type": "text/plain", "content-encoding": "gzip"}
    outcome = read(site, (200, fields, bomb), max_bytes=1000)
    assert (outcome.text, outcome.detail) == ("a" * 1000, "cut after 1000 bytes")
    assert read(site, page("b" * 1000, kind="text/plain"), max_bytes=1000).detail == ""


@pytest.mark.parametrize(
    ("fields", "body", "detail"),
    [
        ({"content-encoding": "br"}, b"x", "it is packed as 'br', which was not asked for"),
        ({"content-encoding": "gzip"}, b"not gzip", "it cannot be unpacked"),
        ({TRUNCATED: "yes"}, b"half", "RemoteProtocolError"),
    ],
    ids=["packed otherwise", "badly packed", "truncated"],
)
def test_a_page_that_does_not_come_whole_is_an_error(
    site: Web, fields: dict[str, str], body: bytes, detail: str
) -> None:
    outcome = read(site, (200, {"content-type": "text/plain", **fields}, body))
    assert outcome.status == "error"
    assert outcome.detail.startswith(detail)


def test_a_page_that_never_comes_takes_no_longer_than_its_time(site: Web) -> None:
    outcome = read(site, HANG, timeout_s=0.3)
    assert (outcome.status, outcome.detail) == ("error", "it took longer than 0.3 s")


def test_redirects_are_followed_to_where_they_end(site: Web) -> None:
    outcome = read(site, to("/b?x=1"), to(f"{site.url}/c"), page("<a href=d>x</a>"))
    assert (outcome.final_url, outcome.text) == (f"{site.url}/c", f"[x]({site.url}/d)")
    assert [request.path for request in site.requests] == ["/start", "/b", "/c"]


def test_redirects_in_a_ring_end(site: Web) -> None:
    outcome = read(site, to("/start"))
    assert (outcome.status, outcome.detail) == ("error", "more than 5 redirects")
    assert len(site.requests) == 6


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:1/",
        "http://127.0.0.1:1/admin",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "//10.0.0.1/",
        "http://user:word@example.org/",
        "http://sub.spoilers.test/",
    ],
)
def test_a_redirect_is_checked_like_any_address(site: Web, location: str) -> None:
    outcome = read(site, to(location), blocked=frozenset({"spoilers.test"}))
    assert outcome.status == "blocked", outcome
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "only http:// and https:// addresses can be opened"),
        ("/etc/passwd", "only http:// and https:// addresses can be opened"),
        ("javascript:alert(1)", "only http:// and https://"),
        ("http://", "only http:// and https://"),
        ("http://a:b@example.org/", "an address with a user name is not opened"),
        ("http://example.org:0/", "there is no port 0"),
        ("http://example.org:99999/", "there is no port 99999"),
        ("http://bad.example/x", "bad.example is blocked here"),
        ("http://www.BAD.example./x", "is blocked here"),
        ("http://exa\x00mple.org/", "is no web address"),
    ],
)
def test_an_address_is_refused_by_its_form(url: str, reason: str) -> None:
    rules = AddressRules(blocked_domains=frozenset({"bad.example"}))
    with pytest.raises(AddressRefused, match=reason):
        rules.check_url(url)


def test_a_name_of_a_private_address_is_refused_unless_it_is_allowed(site: Web) -> None:
    async def resolve(rules: AddressRules, url: str) -> list[str]:
        return await rules.resolve(httpx.URL(url))

    with pytest.raises(AddressRefused, match=r"localhost is not a public address \("):
        anyio.run(resolve, AddressRules(), "http://localhost/")
    allowed = AddressRules(private_hosts=frozenset({"localhost:8080"}))
    assert "127.0.0.1" in anyio.run(resolve, allowed, "http://localhost:8080/")
    with pytest.raises(AddressRefused, match="not a public address"):
        anyio.run(resolve, allowed, "http://localhost:8081/")
    assert anyio.run(resolve, AddressRules(), "https://8.8.8.8/") == ["8.8.8.8"]


@pytest.mark.parametrize(
    ("number", "public"),
    [
        ("8.8.8.8", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700::1111", True),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:0a00:0001::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_public_addresses_are_told_from_others(number: str, public: bool) -> None:
    assert is_public(number) == public


@pytest.mark.parametrize(
    ("host", "under"),
    [("a.test", True), ("x.A.test.", True), ("ba.test", False), ("test", False), ("", False)],
)
def test_a_domain_covers_what_is_under_it(host: str, under: bool) -> None:
    assert is_under(host, {"a.test"}) == under


@dataclass(frozen=True, kw_only=True)
class TwoAddresses(AddressRules):
    """Every host has an address where nobody listens, and then one where the server does."""

    async def resolve(self, url: httpx.URL) -> list[str]:
        return ["127.0.0.2", "127.0.0.1"]


def test_a_host_with_a_dead_first_address_is_reached_by_its_second(site: Web) -> None:
    site.replies = [page("<p>here")]
    pages = WebPages(rules=TwoAddresses())
    port = site.host.rpartition(":")[2]
    outcome = anyio.run(pages.read, f"http://wiki.test:{port}/")
    assert (outcome.text, outcome.final_url) == ("here", f"http://wiki.test:{port}/")
    assert site.requests[0].headers["host"] == f"wiki.test:{port}"


def test_a_site_that_is_not_there_is_an_error() -> None:
    with nobody() as gone:
        outcome = read(gone, HANG)
    assert outcome.status == "error"
    assert outcome.detail.startswith("ConnectError: ")
