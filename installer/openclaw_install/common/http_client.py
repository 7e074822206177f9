"""Builds every HTTP client, by what the environment says of proxies and certificates.

The libraries read a dozen variables by themselves, and answer an odd value with whatever exception comes.
Here they are told everything instead, for the one service that a client is made for: so a variable that does
not concern that service cannot stand in the way, and this machine never asks itself through a proxy.
`SSLKEYLOGFILE` is not followed: what it names would hold the keys to all that is sent.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import file_stamp
from openclaw_install.common.web_address import is_loopback

_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_KINDS = ("http", "https")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_AGAIN = "and run this again (what runs in the background: openclaw-install runtime restart)"
_C = TypeVar("_C")


class NetworkSettingError(InstallError):
    """A variable of the environment names a proxy or certificates that cannot be used. Its value may hold
    credentials, and is not in the message.
    """

    code = "network.setting"


@dataclass(frozen=True)
class Proxy:
    """A proxy that the environment names for a service.

    Attributes:
        variable: the variable that names it, or words for where else it comes from.
        url: its address, which may hold credentials.
    """

    variable: str
    url: str = field(repr=False)


def http_client(make: Callable[..., _C], url: str, *, any_certificate: bool = False, **options: Any) -> _C:
    """A client for one service.

    Args:
        make: the library's class, sync or async.
        url: the service's address; the client must not be sent elsewhere.
        any_certificate: take any TLS certificate; on this machine only, where a gateway signs its own.
        options: further options of the class.

    Raises:
        NetworkSettingError: a variable that concerns this service has a value that cannot be used.
    """
    parts = urlsplit(url)
    far = not is_loopback(parts.hostname or "")
    if any_certificate and far:
        raise AssertionError("only this machine may show any certificate")
    verify: ssl.SSLContext | bool
    if any_certificate:
        verify = False
    elif parts.scheme == "https":
        verify = trusted_certificates()
    else:
        # Loading certificates takes 50 ms, and plain http has no use for them.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxy = proxy_for(url)
    return make(verify=verify, proxy=None if proxy is None else proxy.url, trust_env=False, **options)


def proxy_for(url: str) -> Proxy | None:
    """The proxy through which the environment wants a service to be asked.

    None for this machine, and for what `NO_PROXY` exempts.

    Raises:
        NetworkSettingError: `network.proxy`: it names one of a kind that is not supported, or none.
    """
    from urllib.request import getproxies

    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if is_loopback(host):
        return None
    named = getproxies()
    scheme = next((one for one in (parts.scheme, "all") if named.get(one)), None)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    if scheme is None or _is_exempt(host, port, named.get("no", "")):
        return None
    variable = _variable(scheme, named[scheme])
    return Proxy(variable, _checked(named[scheme], variable, host))


def network_hint(url: str) -> str:
    """Which proxy a service is asked through, as the end of a sentence about its silence; else empty."""
    try:
        proxy = proxy_for(url)
    except NetworkSettingError:
        return ""
    return "" if proxy is None else f" (asked through the proxy that {proxy.variable} names)"


def trusted_certificates() -> ssl.SSLContext:
    """What a service's TLS certificate is judged by.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set, else the system's authorities, else those that come
    with the library.

    Raises:
        NetworkSettingError: `network.certificates`: a variable names what holds none, or cannot be read.
    """
    file, folders = (os.environ.get(name) or None for name in _CERTIFICATE_VARIABLES)
    if file is None and folders is None:
        return _authorities()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if folders is not None and not any(Path(one).is_dir() for one in folders.split(os.pathsep) if one):
        raise _no_certificates("SSL_CERT_DIR", "names no folder that is there")
    if file is not None and _blocks(file):
        raise _no_certificates("SSL_CERT_FILE", "names a pipe or a device, which no file of certificates is")
    try:
        context.load_verify_locations(file, folders)
    except ssl.SSLError:
        raise _no_certificates(
            "SSL_CERT_FILE", "names a file that holds no certificate in PEM form"
        ) from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is no path").lower()
        raise _no_certificates("SSL_CERT_FILE", f"names a file that cannot be read ({reason})") from None
    return context


def _blocks(file: str) -> bool:
    """Whether reading could wait for somebody who writes, as OpenSSL would with a pipe, for ever."""
    try:
        mode = os.stat(file).st_mode  # noqa: PTH116 - a value that is no path is for OpenSSL to refuse
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def certificate_trouble(error: BaseException | None) -> str:
    """Why a TLS certificate was not accepted, and by whose authorities; empty for errors of another kind.

    Args:
        error: what a library raised; its causes are looked through.
    """
    for _ in range(10):
        if isinstance(error, ssl.SSLError):
            cause = getattr(error, "verify_message", "") or error.reason or "TLS error"
            named = " and ".join(name for name in _CERTIFICATE_VARIABLES if os.environ.get(name))
            return f"{cause} (judged by what {named} names)" if named else str(cause)
        error = None if error is None else error.__cause__ or error.__context__
    return ""


def certificate_stamps() -> tuple[object, ...]:
    """Changes when what the variables of certificates name does: what was refused may be there now."""
    named = (os.environ.get(name) for name in _CERTIFICATE_VARIABLES)
    return tuple(file_stamp(Path(one)) for one in named if one and "\0" not in one)


def _authorities() -> ssl.SSLContext:
    import certifi
    import httpcore2

    context = httpcore2.default_ssl_context()
    folder = Path(ssl.get_default_verify_paths().openssl_capath)
    # OpenSSL reads a folder only when it looks for an authority, so that those in it are not counted.
    counted = type(context) is not ssl.SSLContext or context.cert_store_stats()["x509_ca"]
    if not counted and not any(folder.glob("*.0")):
        context.load_verify_locations(certifi.where())
    return context


def _no_certificates(variable: str, reason: str) -> NetworkSettingError:
    return NetworkSettingError(
        f"{variable} {reason}, so no TLS certificate could be trusted",
        next_step=f"unset {variable}, or set it to the authorities of your network, {_AGAIN}",
        code="network.certificates",
    )


def _variable(scheme: str, value: str) -> str:
    """The variable that gave `urllib` a value; the lower case wins there."""
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    spelled = (name for name in (*names, *sorted(os.environ)) if name.lower() == names[0])
    return next((name for name in spelled if os.environ.get(name) == value), "the system's settings")


def _checked(value: str, variable: str, host: str) -> str:
    """The address of a proxy, which the library will take."""
    kind, is_named, _ = value.partition("://")
    url = value if is_named else f"http://{value}"
    trouble = ""
    if is_named and kind.lower() not in _KINDS:
        shown = f"{kind}://" if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,15}", kind) else "no known form"
        trouble = f"names a proxy of the kind {shown}, which is not supported"
    elif not _is_address(url):
        trouble = "does not name the address of a proxy"
    if trouble:
        raise NetworkSettingError(
            f"{variable} {trouble}",
            next_step=f"unset {variable}, set it to http://HOST:PORT, or add {host} to NO_PROXY, {_AGAIN}",
            code="network.proxy",
        )
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    # What a URL cannot have at all, and what the library would look up as a name and never find.
    printable = len(url) < 4096 and all("!" <= char <= "~" for char in url)
    if not printable or port == 0 or host is None:
        return False
    return _ip(host) is not None or ("[" not in parts.netloc.rpartition("@")[2] and _is_name(host))


def _is_name(host: str) -> bool:
    if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", host):
        return False  # it is meant as an address, and is none: the library would raise
    return re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?", host) is not None


def _is_exempt(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether an entry of `NO_PROXY` means this host.

    An entry is `*`, a name with all below it, an address (both with or without a port), or a network; what is
    none of these means nothing.
    """
    address = _ip(host)
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        if entry == "*":
            return True
        if address is not None and "/" in entry:
            if _is_within(address, entry):
                return True
            continue
        try:
            parts = urlsplit(entry if "://" in entry else f"//{_bracketed(entry)}")
            named, only_port = parts.hostname, _port_of(parts)
        except ValueError:
            continue
        if named and only_port in (None, port) and _is_same(host, address, named):
            return True
    return False


def _bracketed(entry: str) -> str:
    return f"[{entry}]" if _ip(entry) is not None and ":" in entry else entry


def _port_of(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_same(host: str, address: _Address | None, named: str) -> bool:
    if address is not None:
        return _ip(named) == address
    name = named.removeprefix("*").strip(".")
    return bool(name) and f".{host.rstrip('.')}".endswith(f".{name}")


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _ip(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_within(address: _Address, entry: str) -> bool:
    try:
        return address in ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return False
