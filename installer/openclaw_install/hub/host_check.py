"""Which `Host` and `Origin` headers are answered: the defence against DNS rebinding, as a pure rule.

A page in a browser can reach a service on this machine by a name that it controls and lets point here. It
cannot choose the `Host` header, which says that name. So names must be known; an address is always the truth.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from openclaw_install.common.web_address import is_loopback


@dataclass(frozen=True)
class HostRule:
    """What a request may call us.

    Attributes:
        names: lower-case names that are ours.
        any_address: whether an IP address is accepted that is not a loopback one.
    """

    names: frozenset[str]
    any_address: bool

    def accepts_host(self, header: str | None) -> bool:
        """Whether `Host: header` is ours, with whatever port."""
        return header is not None and self._known(_host_of(f"//{header}"))

    def accepts_origin(self, header: str | None) -> bool:
        """Whether a request with this `Origin` is answered; programs other than browsers send none."""
        if header is None:
            return True
        return header.startswith(("http://", "https://")) and self._known(_host_of(header))

    def _known(self, host: str | None) -> bool:
        if host is None:
            return False
        if host in self.names:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or self.any_address


def rule_for(bind: str, own_names: Iterable[str]) -> HostRule:
    """The rule of a hub that listens on `bind`.

    Args:
        bind: address or name to listen on.
        own_names: further names by which clients know this machine.
    """
    loopback = is_loopback(bind)
    names = {"localhost", bind.lower(), *(name.lower() for name in own_names)}
    return HostRule(frozenset(names), any_address=not loopback)


def _host_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
        odd = parts.path or parts.query or parts.fragment or parts.username is not None
    except ValueError:
        return None
    return None if odd else parts.hostname
