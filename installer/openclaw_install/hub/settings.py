"""Settings of a hub, and the one rule about them: API keys cross no network in clear text unasked."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp

from openclaw_install.common.errors import HostError, InstallError, UsageError
from openclaw_install.common.web_address import is_loopback
from openclaw_install.hub.mcp.limits import Limits
from openclaw_install.hub.network import Proxies
from openclaw_install.hub.relay.limits import RelayLimits

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


def _as_it_is(app: ASGIApp) -> ASGIApp:
    return app


@dataclass(frozen=True)
class HubSettings:
    """How a hub is run.

    Attributes:
        host, port: where to listen; port 0 takes a free one.
        tls_cert, tls_key: PEM files; both or none.
        insecure_bind: the operator wants plain HTTP beyond loopback (behind a proxy that adds TLS, say).
        allow_hosts: further names by which clients call this hub.
        trusted_proxies: addresses and networks whose `X-Forwarded-For` counts.
        connections: how many may be open; fewer where the limit of open files is lower. One network address
            may have half of them.
        limits, relay: what the two rooms allow: skills, and messages between agents.
        sse: answer as event streams instead of JSON documents.
        group_commits: False is for comparison only.
        around: puts something around the application; for tests whose client cannot send a key.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure_bind: bool = False
    allow_hosts: Sequence[str] = ()
    trusted_proxies: Sequence[str] = ()
    connections: int = 2048
    limits: Limits = field(default_factory=Limits)
    relay: RelayLimits = field(default_factory=RelayLimits)
    sse: bool = False
    group_commits: bool = True
    around: Callable[[ASGIApp], ASGIApp] = _as_it_is

    @property
    def reaches_beyond(self) -> bool:
        """Whether clients on other machines may come, directly or through a proxy on this one."""
        return not is_loopback(self.host) or bool(self.trusted_proxies) or bool(self.allow_hosts)

    def check(self) -> None:
        """Refuses what is unsafe or cannot work.

        Raises:
            UsageError: keys would cross a network in clear text, the TLS files are not there, or a name in
                `allow_hosts` is one that no request could match.
        """
        for name in self.allow_hosts:
            if not _HOST_NAME.fullmatch(name):
                raise UsageError(
                    f"{name!r} is no host name",
                    next_step="give --allow-host the bare name, without scheme and port: hub.example.org",
                )
        Proxies(self.trusted_proxies)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UsageError(
                "TLS needs a certificate and its key", next_step="give both --tls-cert and --tls-key"
            )
        for file in (self.tls_cert, self.tls_key):
            if file is not None and not file.is_file():
                raise UsageError(f"there is no file {file}", next_step="check --tls-cert and --tls-key")
        if not is_loopback(self.host) and self.tls_cert is None and not self.insecure_bind:
            raise UsageError(
                f"{self.host} can be reached from elsewhere, and API keys would cross the network in clear",
                next_step="give --tls-cert and --tls-key, or --insecure-bind behind a proxy that adds TLS",
                code="hub.insecure_bind",
            )


def check_tls_files(cert: Path, key: Path) -> None:
    """Tries the certificate and its key before the hub starts: loads both as the server will.

    Raises:
        HostError: one cannot be read or is none, they do not belong together, or the key has a password: a
            service has nobody who could type it, and the TLS library would ask on the terminal.
    """

    def no_password() -> str:
        raise _refused(f"the TLS key {key} has a password", "give a key without one, and mode 0600")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, no_password)
    except ssl.SSLError as error:
        raise _refused(
            "the TLS files cannot be used: they are no certificate and key, or do not belong together",
            "check --tls-cert and --tls-key",
        ) from error
    except OSError as error:
        raise _refused(
            f"the TLS files {cert} and {key} cannot be read: {error.strerror}",
            "make both readable by the user that runs the hub",
        ) from error


def _refused(message: str, next_step: str) -> InstallError:
    return HostError(message, next_step=next_step, code="hub.tls")
