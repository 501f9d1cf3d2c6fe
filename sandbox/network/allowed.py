"""Places on the network that a sandbox may reach, and why another one is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PLACE = re.compile(r"(?P<host>\[[^\[\]]+\]|[^\[\]:@/?#\s]+):(?P<port>[0-9]{1,5})", re.ASCII)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
TRANSLATED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")))
"""Addresses that hold an IPv4 address, which may be anything."""
HERE = "localhost", "127.0.0.1", "::1"


class Refusal(Exception):
    """A place that may not be reached; the message says by which rule."""


def not_proxied(rules: Sequence[str]) -> str | None:
    """Names of the sandbox's own loopback, unless a rule means the controller's; None without any.

    As the `no_proxy` variable has it. Raises ValueError for a rule that is none.
    """
    listed = {_place(rule)[0] for rule in rules}
    return ",".join(name for name in HERE if name not in listed) if rules else None


class Allowed:
    """The places of a list: `host:port`, `*.domain:port`, `192.0.2.1:port` or `[2001:db8::1]:port`.

    Raises ValueError for a rule that is none of these.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        self._rules = tuple(rules)
        self._places = {_place(rule) for rule in self._rules}

    def find(self, place: str) -> tuple[str, int]:
        """Host and port of an allowed place. Raises Refusal."""
        try:
            host, port = _place(place)
        except ValueError as error:
            raise Refusal(str(error)) from None
        if host.startswith("*.") or not self._has(host, port):
            listed = ", ".join(self._rules)
            raise Refusal(f"no rule allows {place}; this sandbox may reach {listed}")
        return host, port

    def addresses(self, host: str, port: int, *, resolved: Sequence[str]) -> list[str]:
        """Those addresses of an allowed host that may be dialled. Raises Refusal if none may.

        A name that leads to a private address gives no access to it: names are whoever's who
        answers for them, and may change their mind between two questions.
        """
        may = [text for text in resolved if self._may_dial(ipaddress.ip_address(text), port)]
        if not may:
            raise Refusal(
                f"{host} leads to {', '.join(resolved)}, which is not public; "
                f"list the address and port {port} itself to allow it"
            )
        return may

    def _has(self, host: str, port: int) -> bool:
        if _address(host) is not None:
            return (host, port) in self._places
        labels = host.split(".")
        above = (".".join(["*", *labels[start:]]) for start in range(1, len(labels)))
        return any((name, port) in self._places for name in (host, *above))

    def _may_dial(self, address: Address, port: int) -> bool:
        return _is_public(address) or (address.compressed, port) in self._places


def _place(text: str) -> tuple[str, int]:
    """Host in its one spelling, and port. Raises ValueError."""
    found = PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError(f"{text[:300]!r} is no place; write it host:port, such as pypi.org:443")
    host = found["host"].lower().rstrip(".")
    address = _address(host.strip("[]"))
    if address is not None:
        return address.compressed, int(found["port"])
    labels = host.removeprefix("*.").split(".")
    # A name that ends in a number would be read as an address by some and not by others.
    if labels[-1].isdigit() or not all(map(LABEL.fullmatch, labels)) or len(host) > 253:
        raise ValueError(f"{text[:300]!r} names no host; international names are written xn--...")
    return host, int(found["port"])


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast
