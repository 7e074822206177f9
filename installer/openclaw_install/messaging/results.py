"""What the service functions return: frozen, plain, ready for a renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.models import (
    Contact,
    ContactState,
    Event,
    Message,
    OutboxItem,
    OutboxState,
    Rejection,
    Session,
)

HealthState = Literal["ok", "degraded", "repaired", "blocked"]
Connection = Literal["connected", "polling", "connecting", "down", "stopped"]


@dataclass(frozen=True)
class TransportHealth:
    """How the way to the relay and to the gateway is; times in seconds since the epoch.

    Attributes:
        connection: `connected` by the stream, `polling` without it, `down` while neither works,
            `stopped` while no bridge runs.
        connected_since: of the present stream; None without one.
        last_event_at: when the relay was heard last.
        lag: messages in the relay's inbox that are not in the store yet.
        waiting: messages in the store that are to be dispatched still.
        retries: failed tries since the last success.
        state: `ok`, `degraded` (works, with less than asked: see `detail`), `repaired` (works again since
            `since`), `blocked` (somebody must act: see `blocker`).
        clock_offset: the relay's clock minus ours, in seconds.
        recommendation: what to do, or empty.
    """

    connection: Connection
    connected_since: float | None
    last_event_at: float | None
    lag: int
    waiting: int
    retries: int
    state: HealthState
    since: float
    detail: str
    clock_offset: float
    recommendation: str
    blocker: Problem | None = None


@dataclass(frozen=True)
class WhoAmI:
    """Who this host is to other agents, and how things stand."""

    did: str
    alias: str | None
    display_name: str | None
    relay: str | None
    threads: int
    unread_threads: int
    pending_contacts: int
    runtime_running: bool
    health: TransportHealth


@dataclass(frozen=True)
class SessionView:
    """A thread with what was decided about the other side.

    Attributes:
        trust: the contact's state; `pending` where nothing was decided.
        focused: whether it is the one the caller works in.
    """

    session: Session
    contact: Contact | None
    trust: ContactState
    focused: bool


@dataclass(frozen=True)
class SessionPage:
    """Threads, newest first; `next` continues (None at the end)."""

    sessions: tuple[SessionView, ...]
    total: int
    unread: int
    next: str | None


@dataclass(frozen=True)
class ThreadView:
    """A focused thread with its newest messages, oldest first; `before` continues backwards."""

    view: SessionView
    messages: tuple[Message, ...]
    before: int | None


@dataclass(frozen=True)
class SendResult:
    """What became of a message.

    Attributes:
        sent: True only with a verified receipt (`message_id` and `seq` >= 1) or a delivery receipt.
        state: `queued` and `sending` are unconfirmed: do not send it again, look at it again.
        seq: the relay's number; None while unconfirmed.
        reason, repair: why it failed or waits, and what helps; empty otherwise.
    """

    sent: bool
    state: OutboxState
    message_id: str
    seq: int | None
    thread_id: str
    recipient: str
    idempotency_key: str
    runtime_running: bool
    reason: str
    repair: str


@dataclass(frozen=True)
class InboxPage:
    """The newest messages that came in, newest first, for debugging; and what was refused at the door."""

    messages: tuple[Message, ...]
    rejections: tuple[Rejection, ...]
    before: int | None


@dataclass(frozen=True)
class Changes:
    """Events after a cursor, oldest first.

    Attributes:
        cursor: to be given the next time.
        more: whether there are further ones already.
        gap: whether events between the given cursor and these were pruned.
    """

    events: tuple[Event, ...]
    cursor: int
    more: bool
    gap: bool


@dataclass(frozen=True)
class Doctor:
    """What the checks of identity, store, relay and bridge found, and what was mended."""

    findings: tuple[Problem, ...]
    repaired: tuple[str, ...]
    health: TransportHealth
    parked: tuple[Message, ...]
    failed: tuple[OutboxItem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is left that blocks."""
        return not any(finding.severity == "critical" for finding in self.findings)
