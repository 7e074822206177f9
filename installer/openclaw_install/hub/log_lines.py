"""The lines of the hub's log (`schemas/hub-log.schema.json`). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from openclaw_install.hub.model import stamp, utc_now

Method = Literal["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "other"]


def _now() -> str:
    return stamp(utc_now())


@dataclass(frozen=True, kw_only=True)
class ReadyLine:
    """The hub serves.

    Attributes:
        url: the MCP endpoint.
        relay: what `PINGAGENT_SERVER_URL` is to be; the relay answers below it, at /relay/v1.
    """

    event: Literal["ready"] = "ready"
    url: str
    relay: str


@dataclass(frozen=True, kw_only=True)
class RecoveredLine:
    """The row of a skill was made to agree with its folder at the start.

    Attributes:
        outcome: `adopted` or `vanished`.
    """

    at: str = field(default_factory=_now)
    event: Literal["recovered"] = "recovered"
    agent: str | None
    skill: str | None
    outcome: str


@dataclass(frozen=True, kw_only=True)
class RequestLine:
    """One answered request.

    Attributes:
        method: `other` for one that the hub does not serve, as it is text of the client's choice.
        path: the route's pattern; `other` likewise.
        status: 0 where the client went away before an answer.
        key: the id of the API key.
        bytes_in: the size of the body that was read.
        refused: the code of the refusal.
        agent: the DID that signed the request.
        seq: the place that an envelope has in its recipient's inbox.
    """

    at: str = field(default_factory=_now)
    event: Literal["request"] = "request"
    method: Method
    path: str
    status: int
    ms: float
    key: str | None = None
    bytes_in: int | None = None
    refused: str | None = None
    agent: str | None = None
    seq: int | None = None


@dataclass(frozen=True, kw_only=True)
class WarningLine:
    """A warning of the hub, or of a library below it.

    Attributes:
        message: at most 300 characters, with secrets masked.
        exception: the kind of an error.
        where: its last frames.
    """

    at: str = field(default_factory=_now)
    event: Literal["log"] = "log"
    level: str
    logger: str
    message: str
    exception: str | None = None
    where: tuple[str, ...] = ()


LogLine = ReadyLine | RecoveredLine | RequestLine | WarningLine
