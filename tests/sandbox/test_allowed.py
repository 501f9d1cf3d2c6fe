"""Which places a list allows, and which of their addresses may be dialled."""

from __future__ import annotations

import pytest

from forethought.sandbox import SandboxSpec
from forethought.sandbox.network.allowed import Allowed, Refusal, not_proxied

RULES = "pypi.org:443", "*.example.com:80", "192.0.2.7:8080", "[2001:DB8::1]:443"


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("pypi.org:443", ("pypi.org", 443)),
        ("PyPI.org.:443", ("pypi.org", 443)),
        ("a.b.example.com:80", ("a.b.example.com", 80)),
        ("192.0.2.7:8080", ("192.0.2.7", 8080)),
        ("[2001:db8:0:0::1]:443", ("2001:db8::1", 443)),
    ],
    ids=["name", "case and dot", "below a domain", "address", "address of 128 bits"],
)
def test_what_is_listed_is_found(place: str, found: tuple[str, int]) -> None:
    assert Allowed(RULES).find(place) == found


@pytest.mark.parametrize(
    "place",
    [
        "pypi.org:80",
        "evil-pypi.org:443",
        "pypi.org.evil.example:443",
        "example.com:80",
        "*.example.com:80",
        "192.0.2.8:8080",
        "192.0.2.7:80",
        "[::ffff:192.0.2.7]:8080",
        "[2001:db8::2]:443",
    ],
)
def test_what_is_not_listed_is_refused_with_the_list(place: str) -> None:
    with pytest.raises(Refusal, match=r"no rule allows .*; this sandbox may reach pypi\.org:443, "):
        Allowed(RULES).find(place)


@pytest.mark.parametrize(
    "place",
    [
        "pypi.org",
        "pypi.org:0",
        "pypi.org:65536",
        "user@pypi.org:443",
        "http://pypi.org:443",
        "0x7f.1:80",
        "127.1:80",
        "2130706433:80",
        "*.1:80",
        "a..b:80",
        "-a.b:80",
        "bücher.example:80",
        "pypi.org:443\r\nx:1",
        "",
    ],
)
def test_what_names_no_place_is_neither_rule_nor_place(place: str) -> None:
    with pytest.raises(ValueError, match=r"is no place; write it host:port|names no host"):
        SandboxSpec(network=(place,))
    with pytest.raises(Refusal, match=r"is no place|names no host"):
        Allowed(RULES).find(place)


@pytest.mark.parametrize(
    ("resolved", "may"),
    [
        (["93.184.215.14"], ["93.184.215.14"]),
        (["10.0.0.1", "93.184.215.14"], ["93.184.215.14"]),
        (["10.0.0.1"], []),
        (["127.0.0.1"], []),
        (["169.254.169.254"], []),
        (["224.0.0.1"], []),
        (["0.0.0.0"], []),
        (["::1"], []),
        (["fe80::1%eth0"], []),
        (["fd00::1"], []),
        (["::ffff:10.0.0.1"], []),
        (["::ffff:93.184.215.14"], ["::ffff:93.184.215.14"]),
        (["64:ff9b::a00:1"], []),
        (["2002:a00:1::"], []),
        (["2606:2800:21f:cb07::1"], ["2606:2800:21f:cb07::1"]),
    ],
    ids=str,
)
def test_a_name_gives_no_way_into_private_networks(resolved: list[str], may: list[str]) -> None:
    allowed = Allowed(["pypi.org:443"])
    if may:
        assert allowed.addresses("pypi.org", 443, resolved=resolved) == may
    else:
        with pytest.raises(Refusal, match=r"pypi\.org leads to .*, which is not public; list "):
            allowed.addresses("pypi.org", 443, resolved=resolved)


def test_a_private_address_is_dialled_where_it_is_listed_with_the_port() -> None:
    allowed = Allowed(["intranet.example:443", "10.0.0.1:443"])
    assert allowed.addresses("intranet.example", 443, resolved=["10.0.0.1"]) == ["10.0.0.1"]
    with pytest.raises(Refusal, match="is not public"):
        allowed.addresses("intranet.example", 80, resolved=["10.0.0.1"])


def test_the_loopback_is_the_sandbox_s_own_unless_it_is_listed() -> None:
    assert not_proxied(()) is None
    assert not_proxied(("pypi.org:443",)) == "localhost,127.0.0.1,::1"
    assert not_proxied(("127.0.0.1:80", "[::1]:80")) == "localhost"
