"""What is told of the whole host: who we are, transport, what is new, timelines, the doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.common.problems import Problem
from openclaw_install.messaging.models import Event, RouteMode
from openclaw_install.messaging.models.contacts import ContactState
from openclaw_install.messaging.models.inbound import InboundState
from openclaw_install.messaging.models.messages import ShownMessage
from openclaw_install.messaging.models.sessions import Figures, ShownSession
from openclaw_install.messaging.models.trust import PolicyInForce
from openclaw_install.messaging.timeline import TimelineEntry
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.messaging.trust.policy import Action


@dataclass(frozen=True, kw_only=True)
class WhoAmI:
    """Who this host is to other agents, and how things stand.

    Attributes:
        relay: The relay's address; null where none is set.
        pending_contacts: First contacts that wait for a person's decision.
        runtime_running: Whether the process that receives and sends is running.
        focused_thread: The thread that you work in; null while none is focused.
        inbound_paused: Whether a person paused all inbound: messages come in and wait.
    """

    did: str
    alias: str | None
    display_name: str | None
    relay: str | None
    threads: int
    unread_threads: int
    pending_contacts: int
    runtime_running: bool
    focused_thread: str | None
    inbound_paused: bool
    health: TransportHealth


@dataclass(frozen=True, kw_only=True)
class Transport:
    """The ways to the relay and to the gateway.

    Attributes:
        withheld: Numbers that the relay skipped: messages may be missing.
        deferred: Messages left at the relay because too many of undecided contacts wait here.
        inbound: Whether messages that come in become turns, and how many may: a person's to decide.
        next_attempt_at: When the next waiting message is tried again.
        history: What happened to the transport, newest first; at most 5.
    """

    transport: Literal["bridge"] = "bridge"
    relay: str | None
    health: TransportHealth
    figures: Figures
    withheld: int
    deferred: int
    inbound: InboundState
    next_attempt_at: Timestamp | None
    history: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyFigures(PolicyInForce):
    """The trust policy in force, by its defaults and the number of its rules."""

    contact_default: Action
    task_default: Action
    rules: int


@dataclass(frozen=True, kw_only=True)
class RuntimeOverview:
    """The whole host.

    Attributes:
        runtime_running: Whether the process that receives and sends is running.
        contacts: How many contacts each state has.
        focused_thread: The thread that you work in.
        bindings: Threads that are bound to a working session.
        stuck: Messages that were given up, with the reason; at most 10.
    """

    did: str
    runtime_running: bool
    threads: int
    unread_threads: int
    contacts: dict[ContactState, int]
    focused_thread: str | None
    route_mode: RouteMode
    bindings: int
    transport: Transport
    policy: PolicyFigures
    stuck: tuple[ShownMessage, ...]


@dataclass(frozen=True)
class Seen:
    """How far an operator has looked; `at` is when, in seconds since the epoch."""

    operator: str
    cursor: int
    at: float


@dataclass(frozen=True, kw_only=True)
class SeenThread:
    """What happened in one thread since an operator looked.

    Attributes:
        received: Messages that came in.
        sent: Messages that were committed.
        failed: Messages that failed or were parked.
    """

    session: ShownSession
    received: int
    sent: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class SinceLastSeen:
    """What happened since an operator looked last.

    Attributes:
        since: When the operator looked last; null at the first look, which goes back over the newest 500
            events.
        cursor: How far this look went; good for pingagent_changes_since.
        more: Whether there is more already: call again.
        gap: Whether events in between were forgotten: read the threads anew.
        events: How many events of each kind.
        threads: Newest activity first; at most 20.
        attention: What went wrong, newest first; at most 20.
    """

    operator: str
    since: Timestamp | None
    cursor_before: int | None
    cursor: int
    more: bool
    gap: bool
    events: dict[str, int]
    threads: tuple[SeenThread, ...]
    threads_left_out: int
    attention: tuple[TimelineEntry, ...]
    unread_threads: int
    pending_contacts: int


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What happened in a thread or to a message.

    Attributes:
        message: The message that was asked about.
        entries: Oldest first.
        before: Gives what was before these; null where there is nothing.
    """

    session: ShownSession
    message: ShownMessage | None
    entries: tuple[TimelineEntry, ...]
    before: int | None


@dataclass(frozen=True, kw_only=True)
class FailedMessage:
    """A message that was not sent and will not be.

    Attributes:
        attempts: How often it was tried.
        reason: Why it failed.
        next_step: What to do; empty where nothing is known to help.
    """

    message_id: str
    recipient: str
    thread_id: str
    attempts: int
    reason: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """What the checks of identity, store, relay and bridge found, and what was repaired.

    Attributes:
        ok: Whether nothing is left that blocks.
        findings: What is wrong or worth a look.
        repaired: What was repaired, in words.
        parked: Messages that came in and were given up, with the reason.
        failed: Messages that could not be sent.
    """

    ok: bool
    findings: tuple[Problem, ...]
    repaired: tuple[str, ...]
    health: TransportHealth
    parked: tuple[ShownMessage, ...]
    failed: tuple[FailedMessage, ...]
