"""Network addresses as the hub's limits count them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from openclaw_install.common.errors import UsageError

LOOPBACK = "loopback"
UNKNOWN = "?"
PARTY_IN_SCOPE = "hub.party"
"""Where a scope has the address that its request counts for."""
_V6_PREFIX = 64
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def party_of(address: str) -> str:
    """Whom an address counts for: what one client gets for nothing is one party.

    That is an IPv4 address, a /64 of IPv6 (the least that a provider hands out), and all of loopback, whose
    16 million addresses belong to every user of the machine.
    """
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN
    if parsed.is_loopback:
        return LOOPBACK
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, _V6_PREFIX), strict=False))
    return str(parsed)


class Proxies:
    """The proxies whose `X-Forwarded-For` counts; of anybody else it is only text.

    Args:
        named: addresses and networks (CIDR).

    Raises:
        UsageError: one of them is neither.
    """

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._networks = tuple(_network(text) for text in named)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def has(self, address: str) -> bool:
        """Whether the address is one of the proxies'."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def party(self, peer: str, forwarded: Sequence[str]) -> str:
        """Whom a request counts for.

        Each proxy appends the address that it saw, so only what stands behind the last address that is no
        proxy of ours was written by one of ours.

        Args:
            peer: the address at the other end of the connection.
            forwarded: the values of all `X-Forwarded-For` headers, in order.
        """
        if not self.has(peer):
            return party_of(peer)
        seen = peer
        for text in reversed([part.strip() for value in forwarded for part in value.split(",")]):
            if _parsed(text) is None:
                break
            seen = text
            if not self.has(text):
                break
        return party_of(seen)


def _parsed(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UsageError(
            f"{text!r} is no address and no network",
            next_step="give --trusted-proxy an address (192.0.2.7) or a network (192.0.2.0/24)",
            code="hub.trusted_proxy",
        ) from None
