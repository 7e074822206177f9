"""Tries the hub's certificate and key before it starts, and says which of them is wrong and why."""

from __future__ import annotations

import ssl
from pathlib import Path

from openclaw_install.common.errors import HostError, InstallError


def check_tls_files(cert: Path, key: Path) -> None:
    """Loads both as the server will.

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
