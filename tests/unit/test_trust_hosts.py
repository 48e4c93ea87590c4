"""Who may be asked: addresses in certificates are the text of strangers."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp.abc import ResolveResult
from aiohttp.resolver import ThreadedResolver

from lgsp.trust.fetching import Fetcher, FetchFailed
from lgsp.trust.hosts import Hosts, NotListed

LISTED = Hosts.of(["crl.ca.gov.vn", "ocsp.example.vn:8080", "10.2.0.0/16", "10.9.0.1:8089", "[2001:db8::1]:8089"])


@pytest.mark.parametrize(
    ("scheme", "host", "port"),
    [
        ("http", "crl.ca.gov.vn", 80),
        ("https", "crl.ca.gov.vn", 443),
        ("http", "CRL.ca.gov.vn.", 80),
        ("http", "ocsp.example.vn", 8080),
        ("http", "10.2.200.3", 9000),
        ("http", "10.9.0.1", 8089),
        ("http", "2001:db8::1", 8089),
    ],
)
def test_what_is_listed_may_be_asked(scheme: str, host: str, port: int) -> None:
    """Names at the ports of their scheme or at the one that is stated; addresses and networks."""
    LISTED.check(scheme, host, port)


@pytest.mark.parametrize(
    ("scheme", "host", "port"),
    [
        ("http", "evil.example", 80),
        ("http", "crl.ca.gov.vn.evil.example", 80),
        ("http", "xcrl.ca.gov.vn", 80),
        ("http", "crl.ca.gov.vn", 8080),
        ("http", "ocsp.example.vn", 80),
        ("ldap", "crl.ca.gov.vn", 389),
        ("file", "", 0),
        ("http", "", 80),
        ("http", "127.0.0.1", 80),
        ("http", "169.254.169.254", 80),
        ("http", "8.8.8.8", 80),
        ("http", "10.9.0.1", 80),
        ("http", "::1", 80),
        ("http", "::ffff:127.0.0.1", 80),
        ("http", "2130706433", 80),
        ("http", "127.1", 80),
        ("http", "0x7f.0.0.1", 80),
        ("http", "localhost", 80),
    ],
)
def test_what_is_not_listed_may_not(scheme: str, host: str, port: int) -> None:
    """However the address is written."""
    with pytest.raises(NotListed):
        LISTED.check(scheme, host, port)


def test_a_listed_name_with_a_users_name_is_refused() -> None:
    """http://crl.ca.gov.vn@10.0.0.1/ and the like."""
    with pytest.raises(NotListed):
        LISTED.check("http", "crl.ca.gov.vn", 80, names_a_user=True)


@pytest.mark.parametrize("address", ["1.1.1.1", "10.2.3.4", "2606:4700::1111", "64:ff9b::101:101"])
def test_a_listed_name_may_stand_for_public_and_listed_addresses(address: str) -> None:
    """Also through NAT64."""
    LISTED.check_address(address, 80)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.3.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "0.1.2.3", "255.255.255.255",
        "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.3.0.1", "2002:a03:1::", "64:ff9b::a00:1", "ff02::1",
    ],
)  # fmt: skip
def test_a_listed_name_may_not_stand_for_our_own_network(address: str) -> None:
    """Nor for addresses of IPv4 inside those of IPv6."""
    with pytest.raises(NotListed):
        LISTED.check_address(address, 80)


@pytest.mark.parametrize(
    "entry", ["", "*.vn", "http://crl.vn", "crl.vn/path", "a b", "10.0.0.0/33", "crl.vn:0", "crl.vn:99999", "10.1", "*"]
)
def test_what_is_no_host_is_refused_at_start(entry: str) -> None:
    """A list that says something else than its author thinks protects nobody."""
    with pytest.raises(ValueError, match=r"."):
        Hosts.of([entry])


async def test_what_a_name_stands_for_is_checked_where_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS is a stranger's too, and may answer differently a moment later: the address that was checked is the one used."""

    async def rebound(self: Any, host: str, port: int = 0, family: Any = socket.AF_INET) -> Sequence[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    monkeypatch.setattr(ThreadedResolver, "resolve", rebound)
    connected: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append("")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Fetcher.open(Hosts.of([f"crl.ca.gov.vn:{port}"]), timeout_s=5) as fetcher:
        with pytest.raises(FetchFailed) as failed:
            await fetcher.get(f"http://crl.ca.gov.vn:{port}/x.crl", max_bytes=1000)
        assert failed.value.code == "fetch.private"
        assert connected == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://",
        "http://crl.ca.gov.vn:x/",
        "http://[::1",
        "//crl.ca.gov.vn/",
        "http://crl.ca.gov.vn\\@127.0.0.1/",
        "http://a\r\nb/",
    ],
)
async def test_what_is_no_address_is_a_failure_like_any_other(url: str) -> None:
    """Never an exception of a library."""
    async with Fetcher.open(LISTED, timeout_s=5) as fetcher:
        with pytest.raises(FetchFailed):
            await fetcher.get(url, max_bytes=1000)
