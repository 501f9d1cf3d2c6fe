"""Web addresses: which ones an agent may reach, decided on the numbers that names resolve to.

A name is resolved once and the connection goes to the address that was checked, so an answer that
changes in between (DNS rebinding) gains nothing. Redirects are checked like any other address.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass

import anyio
import httpx

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(ValueError):
    """This address may not be reached from here; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressRules:
    """What may be opened: http and https on public addresses, but for the domains blocked."""

    blocked_domains: frozenset[str] = frozenset()
    """With everything under them."""
    private_hosts: frozenset[str] = frozenset()
    """Hosts, as `host` or `host:port`, that may have private addresses, such as a local wiki."""

    def check_url(self, url: str) -> httpx.URL:
        """The address, if its form allows it. Raises AddressRefused."""
        try:
            parsed = httpx.URL(url)
            port = parsed.port
        except (httpx.InvalidURL, ValueError) as error:
            raise AddressRefused(f"{url[:100]!r} is no web address: {error}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise AddressRefused(
                f"{url[:100]!r}: only http:// and https:// addresses can be opened"
            )
        if parsed.userinfo:
            raise AddressRefused(f"{parsed.host}: an address with a user name is not opened")
        if is_under(parsed.host, self.blocked_domains):
            raise AddressRefused(f"{parsed.host} is blocked here")
        if port is not None and not 0 < port < 1 << 16:
            raise AddressRefused(f"{parsed.host}: there is no port {port}")
        return parsed

    async def resolve(self, url: httpx.URL) -> list[str]:
        """Numeric addresses of the host, all of them allowed. Raises AddressRefused, OSError."""
        port = url.port or {"http": 80, "https": 443}[url.scheme]
        found = await anyio.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if {url.host, f"{url.host}:{port}"} & self.private_hosts:
            return numbers
        private = [number for number in numbers if not is_public(number)]
        if private:
            raise AddressRefused(f"{url.host} is not a public address ({private[0]})")
        return numbers


def is_under(host: str, domains: Collection[str]) -> bool:
    """Whether a host is one of `domains` or lies under one of them."""
    parts = host.rstrip(".").lower().split(".")
    return any(".".join(parts[at:]) in domains for at in range(len(parts)))


def is_public(number: str) -> bool:
    """Whether a numeric address is reachable on the internet; an IPv4 one inside it counts."""
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast
