"""The text of each answer about messages, whole as in `golden/messaging/`; commands and tools print it.

With `WRITE_GOLDEN_TEXTS=1` in the environment the files are written anew: read the difference then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.app import AppContext
from openclaw_install.messaging.models import Event, Rejection
from openclaw_install.messaging.models.bindings import Binding, BindingChange, BindingPage, BoundThread
from openclaw_install.messaging.models.contacts import (
    ContactDecision,
    ContactPage,
    ListedContact,
    Peer,
    ShownContact,
)
from openclaw_install.messaging.models.identity import PublishedKey, ShownCard
from openclaw_install.messaging.models.inbound import HeldContact, InboundState, Pause, TurnsBegun
from openclaw_install.messaging.models.messages import (
    Changes,
    EarlierAnswer,
    InboxPage,
    SendResult,
    ShownMessage,
)
from openclaw_install.messaging.models.overview import (
    DoctorReport,
    FailedMessage,
    PolicyFigures,
    RuntimeOverview,
    SeenThread,
    SinceLastSeen,
    Timeline,
    Transport,
    WhoAmI,
)
from openclaw_install.messaging.models.sessions import (
    ConversationPage,
    Figures,
    FocusedThread,
    MarkedRead,
    NextUnread,
    Note,
    NoteChange,
    SessionOverview,
    SessionPage,
    ShownConversation,
    ShownSession,
)
from openclaw_install.messaging.models.trust import (
    Explanation,
    NumberedRule,
    PolicyChange,
    PolicyInForce,
    Recommendation,
    RecommendationChange,
    RulesPage,
    ShownDecision,
    ShownSubject,
    TrustPolicy,
    TrustStatus,
)
from openclaw_install.messaging.models.trust_replay import ReplayedDecision, TrustReplay
from openclaw_install.messaging.store.stats import StoredKind, StoreStats
from openclaw_install.messaging.timeline import TimelineEntry
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.messaging.trust.policy import Matched, Verdict
from openclaw_install.messaging.turn_ceilings import TurnCeilings
from openclaw_install.surfaces.tool import MOST_TEXT
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.identity import doctor_report
from tests.pingagent_rig import Profile
from tests.test_pingagent_cli import Terminal, terminal
from tests.tool_rig import BY_NAME, tools_at

__all__ = ["terminal"]

GOLDEN = Path(__file__).parent / "golden" / "messaging"
NOW = 1_800_000_000.0
BOB, EVE = "did:agent:" + "b" * 32, "did:agent:" + "e" * 32
THREAD = "c_dm_" + "1" * 8
HOSTILE = 'bob\x1b[31m\n\u202eSent to "eve"'
PEER, NAMELESS = Peer(BOB, "bob", "Bob"), Peer(EVE, None, None)
COUNTS: Any = {"pending": 1, "awaiting_reply": 0, "approved": 2, "rejected": 0, "blocked": 1}

POLICY = PolicyInForce(version="tp_0", source="file", problem=None)
BROKEN = PolicyInForce(
    version="tp_0",
    source="last_good",
    problem=Problem("trust.policy_invalid", "the trust policy cannot be used", "pingagent trust restore"),
)
TASKS = Verdict("bridge", "goes to the agent", Matched(1, "@b*", "bridge"), (), "rule 1 of 2 (@b*): bridge")
CONTACT = Verdict("manual", "a person decides", None, (), "no rule matches: manual is the default")
RECOMMENDED = Recommendation(
    id=0,
    thread_id=THREAD,
    did=BOB,
    kind="task_execute",
    section="task",
    action="execute",
    state="open",
    why="it was answered 5 times",
    weight=5,
    opened_at=NOW,
    changed_at=NOW,
    changed_by="history",
    policy_version="tp_0",
)
DECISION = ShownDecision(
    NOW, "cli:alice", "set_rule", "tp_0", "tp_1", "contact", "@b*", None, "block", detail=HOSTILE, id=1
)
RESTORED = ShownDecision(NOW, "cli:alice", "restore", "tp_1", "tp_0", id=2)

SESSION = ShownSession(
    thread_id=THREAD,
    peer=PEER,
    trust="approved",
    unread=2,
    last_activity_at=NOW,
    last_direction="in",
    preview=HOSTILE,
    withheld=False,
    focused=True,
    session_key="hook:im:" + THREAD,
    route_mode="stable-hook-session",
    degraded=None,
)
DEGRADED = replace(SESSION, degraded=f"not admitted {HOSTILE}", unread=0, focused=False)
STRANGER = replace(
    SESSION, thread_id="c_dm_2", peer=NAMELESS, trust="pending", preview="", withheld=True, focused=False
)
MESSAGE = ShownMessage(
    number=7,
    direction="in",
    message_id="msg_7",
    thread_id=THREAD,
    sender=BOB,
    schema="pingagent.text@1",
    body={"text": HOSTILE},
    truncated=False,
    withheld=False,
    sent_at=NOW,
    state="accepted",
    seq=3,
    reason="",
    order="",
)
TASK = replace(MESSAGE, number=8, message_id="msg_8", schema="pingagent.task@1", body={"title": "bake"})
WITHHELD = replace(MESSAGE, number=9, message_id="msg_9", sender=EVE, body={}, withheld=True, state="pending")
PARKED = replace(MESSAGE, number=10, message_id="msg_10", state="parked", reason=f"given up {HOSTILE}")

KNOWN = ShownContact(
    did=BOB,
    alias="bob",
    display_name="Bob",
    state="approved",
    origin="inbound",
    first_seen_at=NOW,
    updated_at=NOW,
    decided_at=NOW,
    decided_by="cli:alice",
    waiting=0,
)
WAITING = ListedContact(
    did=EVE,
    alias=None,
    display_name=None,
    state="pending",
    origin="inbound",
    first_seen_at=NOW,
    updated_at=NOW,
    decided_at=None,
    decided_by=None,
    waiting=2,
    deferred=1,
    first_words=HOSTILE,
)
LISTED = ListedContact(**{**vars(KNOWN), "first_words": None, "decided_by": "outbound"})

FIGURES = Figures(waiting=1, paced=0, parked=1, outgoing=2, failed=3)
HEALTHY = TransportHealth("connected", NOW, NOW, 0, 0, 0, "ok", NOW, "", 0.0, "")
BLOCKED = TransportHealth(
    connection="down",
    connected_since=None,
    last_event_at=NOW,
    lag=3,
    waiting=1,
    retries=7,
    state="blocked",
    since=NOW,
    detail=f"hooks are off {HOSTILE}",
    clock_offset=0.5,
    next_step="mend it",
    blocker=Problem("hooks.off", f"hooks are off {HOSTILE}", "mend it", path="hooks.enabled"),
)
STOPPED = replace(
    HEALTHY,
    connection="stopped",
    state="degraded",
    detail="the runtime is not running",
    next_step="start the runtime: openclaw-install runtime start",
)
OPEN = InboundState(
    pause=None,
    ceilings=TurnCeilings(host_day=0),
    begun=TurnsBegun(minute=1, hour=2, day=3),
    waiting=4,
    held=(HeldContact(did=BOB, waiting=4, reason="10 turns per minute, until 08:01", until=NOW + 60),),
)
PAUSED = replace(OPEN, pause=Pause(at=NOW, by="cli:alice", reason="a holiday"), held=())
TRANSPORT = Transport(
    relay="https://relay.example",
    health=BLOCKED,
    figures=FIGURES,
    withheld=2,
    deferred=1,
    inbound=OPEN,
    next_attempt_at=NOW + 5,
    history=(Event(1, NOW, "transport.blocked", None, None, {"detail": HOSTILE}),),
)
ME = WhoAmI(
    did=EVE,
    alias="cook",
    display_name="The Cook",
    relay=None,
    threads=3,
    unread_threads=1,
    pending_contacts=1,
    runtime_running=False,
    focused_thread=None,
    inbound_paused=True,
    health=STOPPED,
)
RETRIED = TimelineEntry(
    NOW, "retry", "outbox.retry", THREAD, "msg_7", f"reason the relay is down {HOSTILE}", 4
)
DELIVERED = TimelineEntry(NOW, "receipt", "outbox.delivered", THREAD, "msg_7")
UNCONFIRMED = SendResult(
    sent=False,
    status="unconfirmed",
    state="queued",
    message_id="msg_1",
    seq=None,
    thread_id=THREAD,
    recipient=BOB,
    idempotency_key="k1",
    runtime_running=False,
    reason=f"the relay is down {HOSTILE}",
    next_step="start the runtime: openclaw-install runtime start",
    repeated=False,
    answered_before=(),
)
SENT = replace(
    UNCONFIRMED,
    sent=True,
    status="sent",
    state="committed",
    seq=8,
    runtime_running=True,
    reason="",
    next_step="",
)
NOTE = Note(objective="ship it", context=HOSTILE, decisions=("use blue",))
BOUND = BoundThread(THREAD, "feishu:default:oc_1", "set", NOW, "cli:alice", peer=PEER, admitted=False)
BINDINGS = BindingPage(
    route_mode="map-active-group",
    in_use=True,
    active_group=None,
    admitted_prefixes=("hook:im:",),
    bindings=(BOUND,),
    total=2,
    next_page="p2",
)
OVERVIEW = SessionOverview(
    session=SESSION,
    contact=KNOWN,
    contact_policy=CONTACT,
    task_policy=TASKS,
    recommendation=None,
    summary=NOTE,
    figures=FIGURES,
    newest=(MESSAGE, TASK),
    route_mode="stable-hook-session",
    binding=None,
    policy=POLICY,
)
STATUS = TrustStatus(
    policy=POLICY,
    thread_id=THREAD,
    peer=PEER,
    trust="approved",
    decided_by="cli:alice",
    waiting=0,
    contact=CONTACT,
    task=TASKS,
    recommendation=RECOMMENDED,
    reopenable=None,
    decisions=(DECISION,),
    warnings=(),
)
CHANGE = PolicyChange(
    policy=POLICY,
    section="contact",
    match="@b*",
    before=None,
    after="block",
    position=1,
    changed=True,
    saved=True,
    settled=2,
    version_before="tp_1",
)
REPLAYED = ReplayedDecision(
    at=NOW,
    section="contact",
    subject=ShownSubject(BOB, "bob"),
    thread_id=None,
    message_id=None,
    was="blocked",
    before="manual",
    after="approve",
    direction="wider",
    against="cli:alice",
    why="",
)
CARD = ShownCard(
    did=BOB,
    alias="bob",
    display_name="Bob",
    published=True,
    reason="",
    version=2,
    signing_key="c2lnbg",
    encryption_keys=(PublishedKey(kid="k1", epoch=2, expires_at=NOW),),
    capabilities=("text", HOSTILE),
    card={},
)

TEXTS: dict[str, Any] = {
    "whoami": ME,
    "whoami-running": replace(ME, relay="https://relay.example", runtime_running=True, health=HEALTHY),
    "recent-sessions": SessionPage(
        sessions=(SESSION, DEGRADED, STRANGER), total=4, unread_threads=2, next_page="p2"
    ),
    "recent-sessions-none": SessionPage(sessions=(), total=0, unread_threads=0, next_page=None),
    "focus-session": FocusedThread(session=DEGRADED, messages=(MESSAGE, TASK), before=7),
    "next-unread": NextUnread(
        thread=FocusedThread(session=SESSION, messages=(MESSAGE,), before=None),
        unread_threads=1,
        pending_contacts=1,
    ),
    "next-unread-none": NextUnread(thread=None, unread_threads=1, pending_contacts=1),
    "mark-read": MarkedRead(session=SESSION, unread_before=3),
    "conversations": ConversationPage(
        conversations=(
            ShownConversation(
                type="pending_dm",
                conversation_id="c_pdm_2",
                thread_id="c_dm_2",
                contact=ShownContact(
                    **{name: value for name, value in vars(WAITING).items() if name != "first_words"}
                ),
                preview="",
                withheld=True,
                unread=2,
                last_activity_at=NOW,
            ),
            ShownConversation(
                type="dm",
                conversation_id=THREAD,
                thread_id=THREAD,
                contact=KNOWN,
                preview=HOSTILE,
                withheld=False,
                unread=0,
                last_activity_at=NOW,
            ),
        ),
        counts=COUNTS,
        next_page="p2",
    ),
    "session-summary": NoteChange(
        thread_id=THREAD,
        summary=NOTE,
        withheld=False,
        revision=2,
        updated_at=NOW,
        updated_by="cli:alice",
        changed=("context", "constraints"),
        cleared=("constraints",),
    ),
    "session-summary-empty": NoteChange(
        thread_id=THREAD,
        summary=Note(),
        withheld=False,
        revision=0,
        updated_at=None,
        updated_by=None,
        changed=(),
        cleared=(),
    ),
    "session-overview": OVERVIEW,
    "session-overview-degraded": replace(
        OVERVIEW,
        session=DEGRADED,
        recommendation=RECOMMENDED,
        binding=Binding(THREAD, "feishu:default:oc_1", "set", NOW, "cli:alice"),
        policy=BROKEN,
    ),
    "send-result": SENT,
    "send-result-unconfirmed": UNCONFIRMED,
    "send-result-repeated": replace(
        SENT,
        repeated=True,
        answered_before=(EarlierAnswer(message_id="msg_0", sent_at=NOW, state="committed", text="on it"),),
    ),
    "inbox": InboxPage(
        messages=(WITHHELD, MESSAGE),
        rejections=(Rejection(1, NOW, "log", 3, "bad_signature", HOSTILE, HOSTILE),),
        before=7,
    ),
    "inbox-empty": InboxPage(messages=(), rejections=(), before=None),
    "changes-since": Changes(
        events=(Event(1, NOW, "message.accepted", THREAD, "msg_7", {"seq": 3, "detail": ""}),),
        cursor=1,
        more=True,
        gap=True,
    ),
    "changes-since-none": Changes(events=(), cursor=5, more=False, gap=False),
    "transport-health": TRANSPORT,
    "limits": OPEN,
    "limits-paused": PAUSED,
    "runtime-overview": RuntimeOverview(
        did=EVE,
        runtime_running=False,
        threads=3,
        unread_threads=1,
        contacts=COUNTS,
        focused_thread=None,
        route_mode="stable-hook-session",
        bindings=1,
        transport=replace(TRANSPORT, health=STOPPED, inbound=PAUSED),
        policy=PolicyFigures(**vars(BROKEN), contact_default="manual", task_default="bridge", rules=2),
        stuck=(PARKED,),
    ),
    "since-last-seen": SinceLastSeen(
        operator="alice",
        since=NOW,
        cursor_before=1,
        cursor=9,
        more=True,
        gap=True,
        events={"message.received": 2, "message.parked": 1},
        threads=(SeenThread(session=SESSION, received=2, sent=0, failed=1),),
        threads_left_out=0,
        attention=(replace(RETRIED, step="trouble", kind="message.parked"),),
        unread_threads=1,
        pending_contacts=1,
    ),
    "timeline": Timeline(session=SESSION, message=None, entries=(RETRIED, DELIVERED), before=4),
    "timeline-of-a-message": Timeline(session=SESSION, message=MESSAGE, entries=(RETRIED,), before=None),
    "timeline-unknown": Timeline(session=SESSION, message=None, entries=(), before=None),
    "contacts": ContactPage(contacts=(LISTED, WAITING), counts=COUNTS, next_page="p2"),
    "contact-blocked": ContactDecision(
        contact=replace(KNOWN, state="blocked"), changed=True, released=2, decision=None
    ),
    "contact-blocked-already": ContactDecision(
        contact=replace(KNOWN, state="blocked"), changed=False, released=0, decision=None
    ),
    "card": CARD,
    "card-not-published": replace(
        CARD, published=False, reason="no relay is set", version=None, encryption_keys=(), capabilities=()
    ),
    "doctor": DoctorReport(
        ok=False,
        findings=(
            Problem("card.old", "the card is old", "openclaw-install runtime start", severity="warn"),
            Problem("relay.none", f"no relay is set {HOSTILE}", "set PINGAGENT_SERVER_URL"),
            Problem("store.size", "the store is small", severity="info"),
        ),
        repaired=("the encryption key was rotated",),
        health=STOPPED,
        parked=(PARKED,),
        failed=(
            FailedMessage(
                message_id="msg_2",
                recipient=BOB,
                thread_id=THREAD,
                attempts=3,
                reason=HOSTILE,
                next_step="ask",
            ),
        ),
    ),
    "bindings": BINDINGS,
    "bindings-not-in-use": replace(BINDINGS, route_mode="stable-hook-session", in_use=False),
    "binding-set": BindingChange(thread_id=THREAD, peer=PEER, changed=True, before=None, binding=BOUND),
    "binding-cleared": BindingChange(
        thread_id=THREAD, peer=NAMELESS, changed=False, before=BOUND, binding=None
    ),
    "store-stats": StoreStats(
        kinds=(
            StoredKind(kind="message", rows=12, bytes=3456),
            StoredKind(kind="contact", rows=2, bytes=78),
        ),
        file_bytes=200_704,
    ),
    "trust-status": STATUS,
    "trust-status-dismissed": replace(
        STATUS,
        policy=BROKEN,
        peer=NAMELESS,
        trust="pending",
        decided_by=None,
        waiting=25,
        recommendation=None,
        reopenable=replace(RECOMMENDED, state="dismissed"),
        warnings=(Problem("trust.switch_ended", "a switch has no effect any more", severity="warn"),),
    ),
    "trust-policy": TrustPolicy(
        policy=BROKEN,
        path="/home/cook/policy.json",
        contact_policy=RulesPage("manual", (NumberedRule(1, "@b*", "block", HOSTILE),), 2, 2),
        task_policy=RulesPage("bridge", (), 0, None),
        warnings=(Problem("trust.alias_rule", "anybody can register it", severity="warn"),),
        decisions=(RESTORED, DECISION),
    ),
    "trust-explanation": Explanation(
        policy=POLICY,
        subject=ShownSubject(BOB, "bob"),
        supposed=True,
        trust="approved",
        contact=CONTACT,
        task=TASKS,
        changed_contact=replace(CONTACT, action="approve", why="contact approve: rule 1 of 1 (@b*)"),
        changed_task=TASKS,
    ),
    "trust-change": CHANGE,
    "trust-change-tried": replace(CHANGE, saved=False, settled=0, match=None, position=None, before="manual"),
    "trust-change-none": replace(CHANGE, changed=False, saved=False, settled=0, before="block"),
    "trust-recommendation-applied": RecommendationChange(
        recommendation=replace(RECOMMENDED, state="applied"), policy_change=CHANGE, trust="blocked"
    ),
    "trust-recommendation-asked": RecommendationChange(
        recommendation=RECOMMENDED, ask_your_person=f"pingagent trust apply {THREAD}"
    ),
    "trust-replay": TrustReplay(
        policy=POLICY,
        since=NOW,
        proposed=("contact:*=approve",),
        version_proposed="tp_1",
        decisions=7,
        older_left_out=True,
        changed_total=2,
        wider=2,
        narrower=0,
        against_a_person=1,
        agents=1,
        changed=(REPLAYED,),
    ),
}


def compared(name: str, text: str) -> None:
    """Holds a text to the one that is kept under that name."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN_TEXTS"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_of_an_answer_is_the_one_that_is_kept(name: str) -> None:
    compared(name, "\n".join(view(TEXTS[name]).lines) + "\n")


def test_a_tool_shows_the_newest_messages_and_says_that_older_ones_are_left_out() -> None:
    long = [replace(MESSAGE, number=n, body={"text": f"loaf {n} " + "x" * 300}) for n in range(20)]
    text = view(FocusedThread(session=SESSION, messages=tuple(long), before=7)).within(MOST_TEXT)
    compared("focus-session-cut", text + "\n")
    assert len(text) <= MOST_TEXT


def test_the_doctor_told_in_full_has_what_is_only_worth_knowing() -> None:
    compared("doctor-verbose", "\n".join(doctor_report(TEXTS["doctor"], verbose=True).lines) + "\n")


def test_every_kind_of_answer_about_messages_has_a_kept_text() -> None:
    view(ME)
    kinds = {kind for kind in view.registry if kind.__module__.startswith("openclaw_install.messaging.")}
    assert kinds == {type(one) for one in TEXTS.values()}


def test_every_kept_text_is_of_an_answer() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == {*TEXTS, "focus-session-cut", "doctor-verbose"}


# -- each surface prints the view of the record that its action answered

ANSWERS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("recent_sessions", {"limit": 1}, ("sessions", "-n", "1")),
    ("inbox", {"limit": 1}, ("inbox", "-n", "1")),
    (
        "focus_session",
        {"session": "@bob", "mark_read": False},
        ("sessions", "focus", "@bob", "--keep-unread"),
    ),
    ("session_overview", {"session": "@bob"}, ("sessions", "show", "@bob")),
    ("session_summary", {"session": "@bob"}, ("sessions", "summary", "@bob")),
    ("delivery_timeline", {"session": "@bob"}, ("timeline", "--session", "@bob")),
    ("trust_policy", {}, ("trust", "show")),
    ("trust_status", {"session": "@bob"}, ("trust", "show", "@bob")),
    ("trust_policy_explain", {"session": "@bob"}, ("trust", "explain", "@bob")),
]


@pytest.fixture
def known(terminal: Terminal) -> Profile:
    """A profile in which somebody has written."""
    profile = terminal.profile
    for name in ("bob", "eve"):
        profile.meet(name, display_name=HOSTILE)
        for number in range(9):
            profile.receive(name, f"{number} {HOSTILE} " + "x" * 200)
    return profile


@pytest.fixture
def place(known: Profile, request: pytest.FixtureRequest) -> Iterator[AppContext]:
    made = AppContext({}, known.home, request.param)
    yield made
    made.close()


def recorded(place: AppContext, tool: str, arguments: dict[str, Any]) -> Any:
    """What the action of a tool answers."""
    return anyio.run(lambda: place.work(BY_NAME[tool].action, **arguments))


@pytest.mark.parametrize("place", ["mcp:test"], indirect=True)
def test_a_tool_says_the_view_of_its_answer_within_its_bound(place: AppContext) -> None:
    use = tools_at(place)
    for tool, arguments, _ in ANSWERS:
        assert use(tool, **arguments).text == view(recorded(place, tool, arguments)).within(MOST_TEXT)


@pytest.mark.parametrize("place", ["cli:tester"], indirect=True)
def test_a_command_prints_the_view_of_its_answer(terminal: Terminal, place: AppContext) -> None:
    for tool, arguments, words in ANSWERS:
        lines = view(recorded(place, tool, arguments)).lines
        assert terminal.run(*words) == (0, "\n".join(lines) + "\n", "")
