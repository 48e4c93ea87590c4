"""Who may be asked: the operator's list against addresses that stand in certificates, which are the text of strangers (SSRF)."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits


class NotListed(Exception):
    """The address is not for us; the text says what is missing in the list."""


class PrivateAddress(NotListed):
    """A listed name stands for an address of our own networks."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """`names`: host and port; `networks`: private addresses that a listed name may stand for, with a port or (0) any."""

    names: frozenset[tuple[str, int]]
    networks: tuple[tuple[Network, int], ...]

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Hosts":
        """Each "host", "host:port", "address", "address:port" or "network/bits". Raises ValueError saying which is none."""
        names: set[tuple[str, int]] = set()
        networks: list[tuple[Network, int]] = []
        for entry in entries:
            host, port = _split(entry)
            network = _network(host)
            if network is not None:
                networks.append((network, port))
            elif _is_name(host):
                names |= {(host, one) for one in ((port,) if port else _PORTS.values())}
            else:
                raise ValueError(f"{entry!r} is neither a host name nor an address or network")
        return cls(frozenset(names), tuple(networks))

    def check(self, scheme: str, host: str, port: int, names_a_user: bool = False) -> None:
        """The parts of an address, before anything is looked up or connected to. Raises NotListed."""
        name = host.lower().rstrip(".")
        if scheme not in _PORTS or names_a_user:
            raise NotListed(f"{scheme}://{name[:200]}: http or https without a user's name only")
        network = _network(name)
        listed = (name, port) in self.names if network is None else self._lists(_plain(network.network_address), port)
        if not listed:
            raise NotListed(f"{name[:200]}:{port} is not in revocation_hosts")

    def check_address(self, address: str, port: int) -> None:
        """What a listed name stands for, right before it is connected to. Raises PrivateAddress."""
        found = _plain(ipaddress.ip_address(address.partition("%")[0]))
        if not (found.is_global and not found.is_multicast) and not self._lists(found, port):
            raise PrivateAddress(f"{address} is private and not in revocation_hosts")

    def _lists(self, address: Address, port: int) -> bool:
        return any(address in network and one in (0, port) for network, one in self.networks)


def _plain(address: Address) -> Address:
    """The IPv4 address that one of IPv6 carries, where it carries one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _split(entry: str) -> tuple[str, int]:
    """Host and port, 0 where there is none. Raises ValueError."""
    text = entry.strip().lower()
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (":" not in host or host.endswith("]")):
        if not 0 < int(port) < 65536:
            raise ValueError(f"{entry!r}: {port} is no port")
        return host.strip("[]").rstrip("."), int(port)
    return text.strip("[]").rstrip("."), 0


def _network(host: str) -> Network | None:
    try:
        return ipaddress.ip_network(host, strict=False)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """Letters, digits, hyphens and dots with a letter somewhere: "*.vn" is none, nor is an address written in another way."""
    labels = host.split(".")
    well = all(label and label.isascii() and label.replace("-", "a").replace("_", "a").isalnum() for label in labels)
    return well and any(one.isalpha() for one in labels[-1])
