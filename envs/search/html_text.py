"""HTML to text: what a reader would see of a page, with links, lists and tables still legible."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from forethought.envs.search.html_tokens import Token, attribute, tokens

_UNSEEN = frozenset(
    {"script", "style", "noscript", "template", "iframe", "textarea", "svg", "head", "select"}
)
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
        "br",
        "title",
    }
)
_HIDEABLE = frozenset({"div", "span", "section", "article", "aside", "a", "b", "i", "em", "font"})
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_MAX_URL = 300
_BULLET = ["- "]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """The title and the text of an HTML page."""

    title: str
    text: str


def html_to_text(page: str, *, base_url: str = "") -> Page:
    """What is seen of a page; links as `[text](address)`, relative ones made whole.

    Elements that their author hid are left out: what no reader sees is no part of the page.
    """
    reader = _Reader(base_url=base_url)
    for token in tokens(page):
        reader.take(token)
    reader.end_line()
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(reader.lines)).strip()
    return Page(title=" ".join("".join(reader.title).split()), text=text)


@dataclass(kw_only=True, slots=True)
class _Reader:
    base_url: str
    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    title: list[str] = field(default_factory=list)
    unseen: str = ""
    """Tag of the element that is being left out, with `depth` of its kind in it."""
    depth: int = 0
    is_title: bool = False
    num_pre: int = 0
    link: tuple[str, int] | None = None
    """Address of the open link, with the number of the line's parts before it."""
    has_text: bool = False
    """Whether the line holds more than space and its bullet."""

    def take(self, token: Token) -> None:
        if token.tag in ("title", "/title"):
            self.is_title = token.tag == "title"
        elif self.is_title:
            self.title.append(token.text)
        elif self.unseen:
            self._leave_out(token)
        elif token.tag:
            self._tag(token)
        else:
            self._text(token.text)

    def end_line(self) -> None:
        text = "".join(self.line)
        self.line.clear()
        self.link, self.has_text = None, False
        tidy = text.rstrip() if self.num_pre else " ".join(text.split())
        self.lines.append("" if tidy in ("-", "|") else tidy)

    def _leave_out(self, token: Token) -> None:
        self.depth += (token.tag == self.unseen) - (token.tag == f"/{self.unseen}")
        if self.depth == 0 or (self.unseen == "head" and token.tag == "body"):
            self.unseen, self.depth = "", 0

    def _tag(self, token: Token) -> None:
        name = token.tag.removeprefix("/")
        if token.tag in _UNSEEN or (token.tag in _HIDEABLE and _is_hidden(token)):
            self.unseen, self.depth = token.tag, 1
        elif name == "a":
            self._link(token)
        elif name in ("td", "th"):
            self.line.append(" | " if token.tag[0] != "/" and self.has_text else " ")
        elif token.tag == "img":
            self._text(f" {attribute(token, 'alt') or ''} ")
        elif name in _BLOCKS:
            self._block(token, name)

    def _block(self, token: Token, name: str) -> None:
        if token.tag == "br" or self.has_text:
            self.end_line()
        elif self.line != _BULLET:
            self.line.clear()
        if name == "pre":
            self.num_pre = max(0, self.num_pre + (1 if token.tag == "pre" else -1))
        if token.tag == "li":
            self.line[:] = _BULLET
        elif name[0] == "h" and name[1:].isdigit():
            self.lines.append("")
            if token.tag == name:
                self.line.append("#" * int(name[1:]) + " ")
        elif name in ("p", "table", "ul", "ol", "pre", "blockquote"):
            self.lines.append("")

    def _link(self, token: Token) -> None:
        """Links do not nest: one that opens in another ends it."""
        if self.link is not None:
            address, start = self.link
            said = "".join(self.line[start:])
            if address and said.strip():
                self.line[start:] = [f"[{said}]({address})"]
        self.link = None
        if token.tag == "a":
            self.link = (_address(attribute(token, "href"), self.base_url), len(self.line))

    def _text(self, text: str) -> None:
        self.has_text = self.has_text or not text.isspace()
        if not self.num_pre:
            self.line.append(re.sub(r"\s+", " ", text))
            return
        first, *more = text.split("\n")
        self.line.append(first)
        for line in more:
            self.end_line()
            self.line.append(line)
            self.has_text = bool(line)


def _is_hidden(token: Token) -> bool:
    style = attribute(token, "style") or ""
    return attribute(token, "hidden") is not None or _HIDDEN_STYLE.search(style) is not None


def _address(href: str | None, base_url: str) -> str:
    """A link's address if it leads to another page, else nothing."""
    if not href or href.startswith("#"):
        return ""
    try:
        address = urljoin(base_url, href.strip())
        urlsplit(address)
    except ValueError:
        return ""
    is_page = address.startswith(("http://", "https://")) and len(address) <= _MAX_URL
    return re.sub(r"[\s()]", "", address) if is_page else ""
