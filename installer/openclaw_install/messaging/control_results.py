"""What the functions that steer threads return: frozen, plain, ready for a renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from openclaw_install.messaging.control_records import Seen, Summary
from openclaw_install.messaging.models import Event, Message, RouteMode
from openclaw_install.messaging.models.bindings import Binding
from openclaw_install.messaging.models.trust import TrustStatus
from openclaw_install.messaging.results import SessionView, ThreadView, TransportHealth
from openclaw_install.messaging.store.overview import Conversation, Figures
from openclaw_install.messaging.timeline import TimelineEntry
from openclaw_install.messaging.trust.policy_file import PolicyState


@dataclass(frozen=True)
class NextUnread:
    """The thread that is to be read next; None where nothing is unread.

    Attributes:
        unread: threads with unread messages that are left, of contacts in every state.
        pending: contacts that wait for a person's decision.
    """

    thread: ThreadView | None
    unread: int
    pending: int


@dataclass(frozen=True)
class MarkedRead:
    """A thread after it was marked read; `before` is how many were unread."""

    view: SessionView
    before: int


@dataclass(frozen=True)
class ConversationPage:
    """Contacts with their threads; `next` continues (None at the end)."""

    conversations: tuple[Conversation, ...]
    counts: Mapping[str, int]
    next: str | None


@dataclass(frozen=True)
class SessionOverview:
    """One thread, with all that is known of it.

    Attributes:
        newest: its newest messages, oldest first.
        mode: the route mode that is in force.
    """

    view: SessionView
    trust: TrustStatus
    summary: Summary
    figures: Figures
    newest: tuple[Message, ...]
    binding: Binding | None
    mode: RouteMode


@dataclass(frozen=True)
class Transport:
    """The ways to the relay and to the gateway, with what waits and what is missing.

    Attributes:
        gaps: numbers of the relay's that are not here: `withheld` by it, `deferred` by us.
        next_attempt_at: when the next waiting message is tried again; seconds since the epoch.
        history: what happened to it lately, newest first.
    """

    relay: str | None
    health: TransportHealth
    figures: Figures
    gaps: Mapping[str, int]
    next_attempt_at: float | None
    history: tuple[Event, ...]


@dataclass(frozen=True)
class RuntimeOverview:
    """The whole host."""

    did: str
    threads: int
    unread: int
    contacts: Mapping[str, int]
    mode: RouteMode
    bindings: int
    focused: str | None
    runtime_running: bool
    transport: Transport
    policy: PolicyState
    stuck: tuple[Message, ...]


@dataclass(frozen=True)
class SeenThread:
    """What happened in one thread since somebody looked."""

    view: SessionView
    received: int
    sent: int
    failed: int


@dataclass(frozen=True)
class SinceLastSeen:
    """What happened since an operator looked last.

    Attributes:
        before: how far the operator had looked; None at the first look.
        cursor: how far this look went.
        more: whether there is more already: look again.
        gap: whether events in between were forgotten.
        kinds: how many events of each kind.
        threads: those in which something happened, newest activity first.
        attention: what went wrong, newest first.
    """

    operator: str
    before: Seen | None
    cursor: int
    more: bool
    gap: bool
    kinds: Mapping[str, int]
    threads: tuple[SeenThread, ...]
    threads_left_out: int
    attention: tuple[TimelineEntry, ...]
    unread: int
    pending: int


@dataclass(frozen=True)
class Timeline:
    """What happened to one message or in one thread, oldest first; `before` goes back further.

    Attributes:
        message: the message that was asked about; None where a thread was.
    """

    view: SessionView
    message: Message | None
    entries: tuple[TimelineEntry, ...]
    before: int | None
