"""Web pages: opened and turned into text, within limits of time, size and address."""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass, field
from email.message import Message

import anyio
import httpx

from forethought.envs.search.html_text import html_to_text
from forethought.envs.search.http import tls
from forethought.envs.search.web_address import AddressRefused, AddressRules
from forethought.envs.search.web_outcome import PageOutcome, status_of

_MAX_ADDRESSES = 3
"""Of one host, tried in turn."""
_HEADERS = {
    "user-agent": "forethought (research agent)",
    "accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8,*/*;q=0.1",
    "accept-encoding": "gzip, deflate",
}
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_PLAIN = re.compile(r"text/.*|application/(json|xml|x-ndjson|yaml)|.*\+(json|xml)")
_META = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ENCODINGS = re.compile(
    r"utf-?(8|16|32)([_-]?(le|be|sig))?|us-ascii|ascii|latin-?\d*|iso-?8859-?\d+|windows-\d+|cp\d+|"
    r"koi8-?\w|shift_?jis|euc-?\w\w|gb2312|gbk|gb18030|big5|iso-2022-jp|tis-620|mac\w*"
)
"""Python knows others that no page is written in and that are no text or take for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebPages:
    """Opens pages of the web. Each has a connection of its own, so there is nothing to close.

    The system's proxies are not used: they would go to addresses that were never checked.
    """

    rules: AddressRules = field(default_factory=AddressRules)
    timeout_s: float = 20.0
    """For everything, redirects included."""
    max_bytes: int = 1 << 20
    """Of a page, unpacked; what is longer is cut."""
    max_redirects: int = 5

    async def read(self, url: str) -> PageOutcome:
        """The text of a page; see `Status` for what else may come of it."""
        try:
            with anyio.fail_after(self.timeout_s):
                final, response, data = await self._follow(url)
        except AddressRefused as error:
            return PageOutcome(status="blocked", url=url, detail=str(error))
        except TimeoutError:
            detail = f"it took longer than {self.timeout_s:g} s"
            return PageOutcome(status="error", url=url, detail=detail)
        except (httpx.HTTPError, OSError, _Unreadable) as error:
            detail = f"{type(error).__name__}: {error or 'no detail'}".removeprefix("_Unreadable: ")
            return PageOutcome(status="error", url=url, detail=detail)
        if not response.is_success:
            detail = f"HTTP {response.status_code} {response.reason_phrase}".strip()
            status = status_of(response.status_code)
            return PageOutcome(status=status, url=url, final_url=final, detail=detail)
        is_cut = len(data) > self.max_bytes
        return await anyio.to_thread.run_sync(
            _page, url, final, response.headers, data[: self.max_bytes], is_cut
        )

    async def _follow(self, url: str) -> tuple[str, httpx.Response, bytes]:
        """The last response of a chain of redirects and where it came from."""
        async with httpx.AsyncClient(
            verify=tls(),
            trust_env=False,
            timeout=self.timeout_s,
            # Connections are to numbers: one may not be used again for another name's page.
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            for _ in range(self.max_redirects + 1):
                checked = self.rules.check_url(url)
                response, data = await self._get(client, checked)
                if not response.has_redirect_location:
                    return url, response, data
                try:
                    url = str(checked.join(response.headers["location"]))
                except httpx.InvalidURL as error:
                    raise _Unreadable(f"it leads to no web address: {error}") from None
        raise _Unreadable(f"more than {self.max_redirects} redirects")

    async def _get(self, client: httpx.AsyncClient, url: httpx.URL) -> tuple[httpx.Response, bytes]:
        numbers = (await self.rules.resolve(url))[:_MAX_ADDRESSES]
        for number in numbers[:-1]:
            try:
                return await self._get_from(client, url, number)
            except httpx.ConnectError:
                continue
        return await self._get_from(client, url, numbers[-1])

    async def _get_from(
        self, client: httpx.AsyncClient, url: httpx.URL, number: str
    ) -> tuple[httpx.Response, bytes]:
        """The response of the host at a checked numeric address, and its body unpacked."""
        async with client.stream(
            "GET",
            url.copy_with(host=number),
            headers={**_HEADERS, "host": url.netloc.decode()},
            extensions={"sni_hostname": url.raw_host.decode()},
        ) as response:
            unpacking = _Unpacking(response.headers.get("content-encoding", ""), self.max_bytes)
            async for chunk in response.aiter_raw():
                if unpacking.is_full_after(chunk):
                    break
            return response, bytes(unpacking.data)


class _Unreadable(Exception):
    """What came is no page that can be read."""


class _Unpacking:
    """Unpacks a body up to one byte more than a limit, however much a few bytes would become."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self.data = bytearray()
        self._room = max_bytes + 1
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise _Unreadable(f"it is packed as {encoding[:40]!r}, which was not asked for")
        # 47: zlib or gzip, whichever it turns out to be.
        is_packed = encoding not in ("", "identity")
        self._zlib = zlib.decompressobj(wbits=47) if is_packed else None

    def is_full_after(self, chunk: bytes) -> bool:
        """Take more of the body; whether there is enough."""
        room = self._room - len(self.data)
        try:
            self.data += chunk[:room] if self._zlib is None else self._zlib.decompress(chunk, room)
        except zlib.error as error:
            raise _Unreadable(f"it cannot be unpacked: {error}") from None
        return len(self.data) >= self._room


def _page(url: str, final: str, headers: httpx.Headers, data: bytes, is_cut: bool) -> PageOutcome:
    kind = Message()
    kind["content-type"] = headers.get("content-type", "")
    # Message takes anything that is no type for text/plain.
    mime = kind.get_content_type() if headers.get("content-type") else _guessed(data)
    if mime not in _HTML and not _PLAIN.fullmatch(mime):
        detail = f"{mime} cannot be read as text"
        return PageOutcome(status="error", url=url, final_url=final, detail=detail)
    text, title = decoded(data, charset=kind.get_content_charset(), is_cut=is_cut), ""
    if mime in _HTML:
        page = html_to_text(text, base_url=final)
        title, text = page.title, page.text
    text = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not text:
        detail = "the page holds no text; it may need a browser that runs its scripts"
        return PageOutcome(status="empty", url=url, final_url=final, title=title, detail=detail)
    detail = f"cut after {len(data)} bytes" if is_cut else ""
    return PageOutcome(status="ok", url=url, final_url=final, title=title, text=text, detail=detail)


def _guessed(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if b"\0" in data[:512]:
        return "application/octet-stream"
    return "text/html" if start.startswith((b"<!doctype html", b"<html")) else "text/plain"


def decoded(data: bytes, *, charset: str | None, is_cut: bool = False) -> str:
    """Text by byte order mark, header, `<meta>`, else UTF-8, else as browsers do Windows-1252.

    What `is_cut` may end in the middle of a character.
    """
    named = [name for mark, name in _BOMS if data.startswith(mark)]
    meta = _META.search(data[:2048])
    named += [charset or "", meta.group(1).decode() if meta is not None else ""]
    for name in named:
        if _ENCODINGS.fullmatch(name.lower()) is None:
            continue
        try:
            return data.decode(name, "replace")
        except LookupError:
            continue
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final=not is_cut)
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
