"""HTML tokens: tags and text of a page, in time linear in its length whatever is in it.

The standard library's parser takes seconds for a few kilobytes of `<a <a <a`, and a page from the
web may hold a megabyte of it. Nothing here is exact about broken pages: it only never stops.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_TAG = 4096
_MAX_BROKEN = 200
"""Openings of tags that close nowhere near; what follows more of them is taken as text."""
_RAW = frozenset({"script", "style", "noscript", "template", "iframe", "textarea", "title"})
"""What they hold is no markup, or not meant to be seen as part of the page."""
_NAME = re.compile(r"/?[a-zA-Z][^\s/>]{0,30}")
_REST = re.compile(r"""[^"'>]*+(?:"[^"]*+"[^"'>]*+|'[^']*+'[^"'>]*+)*+>""")
_ATTRIBUTE = re.compile(
    r"""([a-zA-Z][\w:-]{0,40})(?:\s*=\s*(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++)))?"""
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A piece of text, or a tag with its lower-case name; `/p` closes a paragraph."""

    text: str = ""
    tag: str = ""
    attributes: str = ""
    """As they are written; see `attribute`."""


def tokens(page: str) -> Iterator[Token]:
    """Text and tags in order, comments left out; what a raw element holds follows it as text."""
    position = num_broken = 0
    while (start := page.find("<", position)) >= 0 and num_broken < _MAX_BROKEN:
        if start > position:
            yield Token(text=unescaped(page[position:start]))
        token, position = _tag(page, start)
        if token is None:
            num_broken += position == start + 1
            if position == start + 1:
                yield Token(text="<")
            continue
        yield token
        if token.tag in _RAW:
            content, position = _raw(page, position, token.tag)
            yield Token(text=unescaped(content))
            yield Token(tag=f"/{token.tag}")
    if position < len(page):
        yield Token(text=unescaped(page[position:]))


def attribute(token: Token, name: str) -> str | None:
    """The value of a tag's attribute; empty if it has none, None if it is not there."""
    for match in _ATTRIBUTE.finditer(token.attributes):
        if match.group(1).lower() == name:
            return unescaped(next((value for value in match.groups()[1:] if value), ""))
    return None


def unescaped(text: str) -> str:
    """Text with its character references resolved."""
    if "&" not in text:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # a number of thousands of digits
        return text


def _tag(page: str, start: int) -> tuple[Token | None, int]:
    """The tag at `start` and its end; no token for a comment or a lone `<`."""
    if page.startswith("<!--", start):
        return None, _after(page, "-->", start + 4)
    if page.startswith(("<!", "<?"), start):
        return None, _after(page, ">", start)
    name = _NAME.match(page, start + 1)
    rest = _REST.match(page, name.end(), start + _MAX_TAG) if name is not None else None
    if name is None or rest is None:
        return None, start + 1
    token = Token(tag=name.group().lower(), attributes=rest.group()[:-1])
    return token, rest.end()


def _raw(page: str, start: int, tag: str) -> tuple[str, int]:
    """What a raw element holds, up to its closing tag or the end, and where it is over."""
    close = re.compile(rf"</{tag}[^>]{{0,100}}>", re.IGNORECASE).search(page, start)
    return (
        (page[start:], len(page)) if close is None else (page[start : close.start()], close.end())
    )


def _after(page: str, mark: str, start: int) -> int:
    found = page.find(mark, start)
    return len(page) if found < 0 else found + len(mark)
