"""Puts messages in their sender's order: checks each against the sender's chain, holds it, names gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from openclaw_install.messaging.bridge.chain_rules import (
    Around,
    OrderLimits,
    Verdict,
    advance,
    classify,
    give_up,
    merged,
    seen_of,
    without,
    words,
)
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.store.chains import HeardChain
from openclaw_install.protocol.chain import Link, Seen
from openclaw_install.protocol.envelope import Opened
from openclaw_install.protocol.header import Envelope

FORK = "chain_fork"
DOWNGRADE = "downgrade"
LATE = "late"


@dataclass(frozen=True)
class Arrival:
    """Where a message stands among those of its sender.

    Attributes:
        link: its place as the sender has it; None in version 1, where the relay's order is all there is.
        held_until: when it goes on at the latest; None where it need not wait.
        place: a mark for whoever reads it: `late`, or empty.
    """

    verdict: Verdict
    link: Link | None = None
    held_until: float | None = None
    place: str = ""


def is_downgrade(store: Store, opened: Opened) -> bool:
    """Whether a message of version 1 was sealed after its sender had begun with version 2."""
    since = store.chains.newer_since(opened.header.sender)
    return opened.chain is None and since is not None and opened.header.sent_at >= since


def arrive(store: Store, opened: Opened, now: float, limits: OrderLimits) -> Arrival:
    """Judges a message; nothing is written but what a fork or a new chain has to tell.

    Args:
        now: seconds since the epoch, by the clock that holds are measured by.
    """
    header, link = opened.header, opened.chain
    if link is None:
        late = store.chains.newer_since(header.sender) is not None
        return Arrival("next", place=LATE if late else "")
    heard = store.chains.get(header.sender, link.chain)
    verdict = classify(_around(store, header.sender, link, heard), link, opened.sha256).verdict
    if heard is None and verdict != "fork":
        _record_new_chain(store, header.sender, link, now)
    until = now + limits.hold_seconds if verdict == "wait" else None
    return Arrival(verdict, link, until, LATE if verdict == "late" else "")


def came_in(
    store: Store,
    opened: Opened,
    arrival: Arrival,
    item: int | None,
    now: float,
    keep_until: float,
    limits: OrderLimits,
) -> bool:
    """Writes a judged message into its sender's chain, and lets go on what waited for it.

    Args:
        item: its local number; None where it was refused here for another reason: it is no gap then.
        keep_until: until when its hash may be asked for.

    Returns:
        Whether something that was held goes on.
    """
    link, sender = arrival.link, opened.header.sender
    if link is None:
        return False
    heard = store.chains.get(sender, link.chain) or HeardChain(sender, link.chain, 0, 0, 0, (), (), now)
    late = link.counter < heard.newest
    ahead = merged([*heard.ahead, *link.skipped, (link.counter, link.counter)])
    settled = advance(heard.settled, ahead)
    store.chains.came(sender, link, opened.sha256, item, keep_until)
    store.chains.note_newer(sender, opened.header.sent_at)
    changed = replace(
        heard,
        settled=settled,
        newest=max(heard.newest, link.counter),
        out_of_order=heard.out_of_order + late,
        missing=without(heard.missing, link.counter),
        ahead=tuple(span for span in ahead if span[1] > settled),
        heard_at=now,
    )
    store.chains.put(changed)
    if late:
        store.events.add(
            "chain.out_of_order",
            now,
            message_id=opened.header.message_id,
            sender=sender,
            counter=link.counter,
            newest=heard.newest,
        )
    return _let_go(store, changed, now, limits)


def forked(store: Store, opened: Opened, envelope: Envelope, now: float) -> bool:
    """Keeps the evidence that a sender signed two things for one place, and tells it; whether it is new."""
    link, header = opened.chain, opened.header
    if link is None:
        raise AssertionError("a message without a chain forks none")
    known, _ = store.chains.hash_at(header.sender, link.chain, link.counter)
    evidence = (opened.sha256, header.message_id, envelope.wire.decode())
    new = store.chains.fork(now, header.sender, link, known, evidence)
    if new:
        store.events.add(
            "chain.fork", now, message_id=header.message_id, sender=header.sender, counter=link.counter
        )
    return new


def let_overdue_go(store: Store, now: float, limits: OrderLimits) -> bool:
    """Lets go on what was held for as long as it may be; whether there was something."""
    moved = False
    with store.write():
        for peer, chain in store.chains.overdue(now):
            if heard := store.chains.get(peer, chain):
                moved = _let_go(store, heard, now, limits) or moved
            else:
                # Its chain is one of so many of that sender that it was forgotten.
                for _, item, _ in store.chains.held(peer, chain):
                    store.ingress.give_turn(item)
                    moved = True
    return moved


def seen_by_us(store: Store, peer: str) -> Seen | None:
    """What an agent is told of what came in of it; None where nothing of version 2 did."""
    heard = store.chains.current(peer)
    if heard is None or not heard.newest:
        return None
    seen, _ = seen_of(heard.chain, heard.settled, heard.newest, heard.missing, heard.out_of_order)
    sha256, _ = store.chains.hash_at(peer, heard.chain, seen.counter)
    return replace(seen, sha256=sha256 if seen.counter else None)


def _around(store: Store, sender: str, link: Link, heard: HeardChain | None) -> Around:
    here, came = store.chains.hash_at(sender, link.chain, link.counter)
    before, _ = store.chains.hash_at(sender, link.chain, link.counter - 1)
    if heard is None:
        return Around(here=here, before=before, came=came)
    return Around(heard.settled, heard.ahead, here, before, came)


def _let_go(store: Store, heard: HeardChain, now: float, limits: OrderLimits) -> bool:
    """Gives turns, in the sender's order, to all that is held and need not wait any longer."""
    held = store.chains.held(heard.peer, heard.chain)
    moved, missing = False, ""
    while True:
        while held and held[0][0] <= heard.settled:
            item = held.pop(0)[1]
            store.ingress.give_turn(item)
            if missing:
                store.messages.set_place(item, f"gap {missing}")
            moved, missing = True, ""
        waits = not held or (len(held) <= limits.most_held and held[0][2] > now)
        if waits and len(heard.ahead) <= limits.most_ahead:
            return moved
        heard, missing = _given_up(store, heard, now, recorded=not waits)


def _given_up(store: Store, heard: HeardChain, now: float, *, recorded: bool) -> tuple[HeardChain, str]:
    """The chain without waiting for its first gap, and the gap in words.

    Args:
        recorded: whether it is an event; where no message waited for it, the doctor's finding is enough,
            since one envelope can make sixteen such gaps.
    """
    settled, gap = give_up(heard.settled, heard.ahead)
    missing = heard.missing if gap is None else merged([*heard.missing, gap])
    ahead = tuple(span for span in heard.ahead if span[1] > settled)
    changed = replace(heard, settled=settled, missing=missing, ahead=ahead)
    store.chains.put(changed)
    if gap is None:
        return changed, ""
    if recorded:
        store.events.add("chain.gap", now, sender=heard.peer, first=gap[0], last=gap[1])
    return changed, words([gap])


def _record_new_chain(store: Store, sender: str, link: Link, now: float) -> None:
    """A sender whose store is new begins a new chain: recorded, so that nobody takes it for an attack."""
    before = store.chains.current(sender)
    if before is not None and before.chain != link.chain:
        store.events.add("chain.restarted", now, sender=sender, counter=link.counter, newest=before.newest)
