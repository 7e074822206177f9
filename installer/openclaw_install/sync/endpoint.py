"""Where skills go and with which key: both from the environment, both checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from openclaw_install.common.redaction import Secret
from openclaw_install.common.web_address import normalised_address
from openclaw_install.sync.errors import KEYS_URL, SyncError

KEY_VARIABLE = "MYSTA_API_KEY"
URL_VARIABLE = "MYSTA_MCP_URL"
DEFAULT_URL = "https://api.staging.mysta.tech/api/v2/mcp"
KEY_PREFIX = "mysta_"


@dataclass(frozen=True)
class Endpoint:
    """A skill service.

    Attributes:
        url: normalised, so that two spellings of one address share their ledger rows.
        is_default: whether it is Mysta's own, so that its web pages apply.
    """

    url: str
    is_default: bool = field(default=False, compare=False)


def endpoint_from(env: Mapping[str, str]) -> Endpoint:
    """The service that `MYSTA_MCP_URL` names, or the default one.

    Raises:
        SyncError: `sync.endpoint`: no http(s) address, credentials in it, or plain http beyond this machine.
    """
    given = env.get(URL_VARIABLE, "").strip()
    url = _normalised(given or DEFAULT_URL)
    return Endpoint(url, is_default=url == DEFAULT_URL)


def key_from(env: Mapping[str, str]) -> Secret | None:
    """The key in `MYSTA_API_KEY`; None when it is not set.

    Raises:
        SyncError: `sync.key_malformed`: it does not look like a key of this service.
    """
    value = env.get(KEY_VARIABLE, "").strip()
    if not value:
        return None
    if not value.startswith(KEY_PREFIX) or not re.fullmatch(r"[!-~]{8,512}", value):
        raise SyncError(
            f"{KEY_VARIABLE} does not hold a key of this service: a key begins with {KEY_PREFIX!r} "
            "and has neither blanks nor line breaks",
            next_step=f"copy the key again from {KEYS_URL}",
            code="sync.key_malformed",
        )
    return Secret(value)


def key_missing() -> SyncError:
    """The error for a missing key."""
    return SyncError(
        f"{KEY_VARIABLE} is not set",
        next_step=f"create a key at {KEYS_URL} (on your own hub: openclaw-install hub keys create), "
        f"then: export {KEY_VARIABLE}=mysta_...",
        code="sync.key_missing",
    )


def _normalised(url: str) -> str:
    try:
        return normalised_address(url)
    except ValueError as error:
        reason = str(error)
        raise _bad(f"{reason}; the key belongs into {KEY_VARIABLE}" if "cred" in reason else reason) from None


def _bad(reason: str) -> SyncError:
    # The address itself is not shown: it may hold credentials.
    return SyncError(
        f"{URL_VARIABLE} {reason}",
        next_step=f"set it to an https address, or unset it to use {DEFAULT_URL}",
        code="sync.endpoint",
    )
