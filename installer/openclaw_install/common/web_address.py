"""Addresses of services: normalised, without credentials, and never plain http to another machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit, urlunsplit

_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def normalised_address(url: str) -> str:
    """An address as it is compared and kept: two spellings of one give the same text.

    Raises:
        ValueError: it cannot be used; the text says why, as the end of a sentence, and does not repeat the
            address, which may hold credentials.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is no address") from None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("is no http or https address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds credentials")
    if parts.query or parts.fragment or any(ord(char) <= 32 for char in url):
        raise ValueError("has a query, a fragment or blanks")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("is plain http to another machine, where anybody on the way could read what is sent")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS[parts.scheme]:
        netloc += f":{port}"
    return urlunsplit(SplitResult(parts.scheme, netloc, parts.path or "/", "", ""))
