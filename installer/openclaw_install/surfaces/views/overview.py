"""The texts about the whole host: who we are, transport, what is new, timelines. Pure."""

from __future__ import annotations

from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.messaging.models.inbound import HeldContact, InboundState
from openclaw_install.messaging.models.overview import (
    RuntimeOverview,
    SeenThread,
    SinceLastSeen,
    Timeline,
    Transport,
    WhoAmI,
)
from openclaw_install.messaging.store.stats import StoreStats
from openclaw_install.messaging.timeline import TimelineEntry
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.contacts import names, peer_name
from openclaw_install.surfaces.views.messages import QUOTED, message_row, moment
from openclaw_install.surfaces.views.sessions import figures_line, session_row
from openclaw_install.surfaces.views.text import LEFT, Text
from openclaw_install.surfaces.views.trust import problem_lines


@view.register
def whoami(who: WhoAmI) -> Text:
    """Who this agent is; the DID alone on the first line, so that it is easy to copy."""
    stopped = [] if who.runtime_running else ["The runtime is not running: nothing is received or sent now."]
    return Text(
        [
            who.did,
            *names(who.alias, who.display_name),
            f"Relay: {cut(neutral(who.relay or 'none set (PINGAGENT_SERVER_URL)'), 200)}.",
            f"Threads: {who.threads}, {who.unread_threads} with unread messages. "
            f"Contacts that wait for a person: {who.pending_contacts}.",
            f"Focused thread: {who.focused_thread or 'none'}.",
            *stopped,
            *(["All inbound is paused: pingagent resume"] if who.inbound_paused else []),
            *health_lines(who.health),
        ]
    )


def health_lines(health: TransportHealth) -> list[str]:
    """How the ways to the relay and to the gateway are, and what to do about it."""
    lines = [f"Transport: {health.connection}, {health.state} since {moment(health.since)}."]
    if health.detail:
        lines.append(cut(neutral(health.detail), 200))
    if health.retries or health.lag:
        heard = moment(health.last_event_at) if health.last_event_at else "never"
        lines.append(
            f"Retries {health.retries}, {health.lag} at the relay still, {health.waiting} here to go to the "
            f"agent; the relay was last heard {heard}."
        )
    blocker = health.blocker
    if blocker and blocker.message != health.detail:
        lines.append(cut(neutral(f"Blocked: {blocker.message}"), 300))
    if todo := (blocker.next_step if blocker else "") or health.next_step:
        lines.append(cut(neutral(f"Next: {todo}"), 200))
    return lines


@view.register
def transport(found: Transport) -> Text:
    """The transport, and what to do about it."""
    relay = cut(neutral(found.relay or "none set"), 150)
    head = [f"Transport {found.transport}, relay {relay}.", *_transport_lines(found)]
    if found.next_attempt_at:
        head.append(f"Next try: {moment(found.next_attempt_at)}.")
    rows = [
        f"{moment(one.at)} {neutral(one.kind)} {quoted(str(one.data.get('detail', '')), 100)}"
        for one in found.history
    ]
    return Text(head, rows, (), LEFT)


def _transport_lines(found: Transport) -> list[str]:
    lines = [*_inbound_lines(found.inbound), *health_lines(found.health), figures_line(found.figures)]
    if found.withheld or found.deferred:
        lines.append(
            f"{found.withheld} numbers withheld by the relay, {found.deferred} left there until somebody "
            "decides about their senders."
        )
    return lines


@view.register
def inbound(found: InboundState) -> Text:
    """Whether messages become turns, and how many may; what waits, and until when."""
    ceilings, begun = found.ceilings, found.begun
    rows = [
        f"{whose}: {_limit_words(*most)}"
        for whose, most in {
            "One contact": (ceilings.contact_minute, ceilings.contact_hour, ceilings.contact_day),
            "All contacts": (ceilings.host_minute, ceilings.host_hour, ceilings.host_day),
        }.items()
    ]
    begun_words = (
        f"Begun: {begun.minute} in the last minute, {begun.hour} in the hour, {begun.day} in the day."
    )
    return Text(
        [*_inbound_lines(found), *rows, begun_words], [_held_row(one) for one in found.held], (), LEFT
    )


def _limit_words(minute: int, hour: int, day: int) -> str:
    most = {"minute": minute, "hour": hour, "day": day}
    return ", ".join(
        f"{count} turns per {per}" if count else f"any number per {per}" for per, count in most.items()
    )


def _inbound_lines(found: InboundState) -> list[str]:
    """That all is paused, and that something waits; nothing where messages go to the agent as they come."""
    if found.pause:
        return [cut(neutral(f"{found.pause.words}; {found.waiting} wait."), 250), "Next: pingagent resume"]
    if found.held:
        return [
            f"{sum(one.waiting for one in found.held)} messages wait for a limit of turns (pingagent limits)."
        ]
    return []


def _held_row(one: HeldContact) -> str:
    return f"{one.did}: {one.waiting} wait: {one.reason}"


@view.register
def runtime_overview(found: RuntimeOverview) -> Text:
    """The host at a glance; what is wrong first."""
    contacts = ", ".join(f"{count} {state}" for state, count in found.contacts.items())
    policy = found.policy
    head = [
        f"{found.did}: {found.threads} threads, {found.unread_threads} unread. Contacts: {contacts}.",
        f"Runtime {'runs' if found.runtime_running else 'does not run'}; {found.route_mode}, "
        f"{found.bindings} bindings. Focused: {found.focused_thread or 'none'}.",
        f"Policy {policy.version} ({policy.source}): contacts {policy.contact_default}, tasks "
        f"{policy.task_default}, {policy.rules} rules.",
        *_transport_lines(found.transport),
        *problem_lines(policy),
    ]
    return Text(head, [f"Stuck: {message_row(one, 40)}" for one in found.stuck], (), LEFT)


@view.register
def since_last_seen(found: SinceLastSeen) -> Text:
    """What is new, thread by thread, and what went wrong."""
    since = f"since {moment(found.since)}" if found.since else "at the first look, over the newest events"
    tail = [QUOTED] if found.threads else []
    tail += ["There is more already: call again."] if found.more else []
    if found.gap:
        tail.append(
            "Older events were forgotten in between: list the threads again (pingagent_recent_sessions)."
        )
    return Text(
        head=[
            f"For {quoted(found.operator, 60)} {since}: {sum(found.events.values())} events; now "
            f"{found.unread_threads} unread threads, {found.pending_contacts} contacts that wait."
        ],
        rows=[
            *(_seen_row(one) for one in found.threads),
            *(f"! {_entry_row(one)}" for one in found.attention),
        ],
        tail=tail,
        more=LEFT,
    )


def _seen_row(one: SeenThread) -> str:
    figures = {"received": one.received, "sent": one.sent, "failed": one.failed}
    done = [f"{count} {name}" for name, count in figures.items() if count]
    return f"{session_row(one.session)}: {', '.join(done) or 'other events'}"


@view.register
def timeline(found: Timeline) -> Text:
    """What happened, oldest first; the newest are kept where there is no room for all."""
    message, session = found.message, found.session
    about = f"{neutral(message.message_id)} is {neutral(message.state)}; " if message else ""
    nothing = [] if found.entries else ["Nothing is known of it any more."]
    return Text(
        [f"Timeline: {about}{session.thread_id} with {peer_name(session.peer)}.", *nothing],
        [_entry_row(one, short=message is not None) for one in found.entries],
        [f"Earlier: before={found.before}"] if found.before else [],
        more="({left} older ones of this page in the structured answer)",
        newest_last=True,
    )


def _entry_row(one: TimelineEntry, *, short: bool = False) -> str:
    about = "" if short or not one.message_id else f" {one.message_id}"
    detail = f" ({cut(neutral(one.detail), 90)})" if one.detail else ""
    return neutral(f"{moment(one.at)} {one.step} {one.kind}{about}") + detail


@view.register
def store_stats(found: StoreStats) -> Text:
    """One line a kind, the largest first."""
    rows = [f"{one.kind:<20} {one.rows:>8} rows {one.bytes:>12} bytes" for one in found.kinds]
    return Text([f"The store's file has {found.file_bytes} bytes."], rows, (), LEFT)
