"""The relay store's twin in memory: for tests, and as the benchmark's measure of what durability costs."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from openclaw_install.hub.relay import inbox_rules
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import (
    Acknowledge,
    AddInvite,
    Committed,
    Deposit,
    Done,
    Entry,
    Gone,
    HeldAlias,
    Inbox,
    Invite,
    Lapse,
    Member,
    OfInvite,
    OfMember,
    Outcome,
    PutCard,
    Refused,
    Retire,
    RevokeInvite,
    SetAccess,
    Share,
    Step,
    StoredCard,
    Sweep,
    TakeMarksBack,
    Touch,
)


@dataclass
class _Box:
    """An inbox; `everywhere` is what each network address has in all of them."""

    everywhere: dict[str, Share]
    inbox: Inbox = field(default_factory=Inbox)
    strangers: Share = field(default_factory=Share)
    shares: dict[str, Share] = field(default_factory=dict)
    origins: dict[str, Share] = field(default_factory=dict)
    access: frozenset[str] = frozenset()
    whence: dict[int, tuple[str, int]] = field(default_factory=dict)
    used_at: int = 0
    met: bool = False
    lapsing_at: int | None = None
    retired_at: int | None = None
    entries: dict[int, Entry] = field(default_factory=dict)
    forget_at: dict[int, int] = field(default_factory=dict)
    marked_at: dict[int, int] = field(default_factory=dict)

    def add(self, entry: Entry, size: int, origin: str, strange: int) -> None:
        self.entries[entry.seq] = entry
        self.whence[entry.seq] = (origin, strange)
        self.inbox = replace(self.inbox, head=entry.seq)
        self._count(entry, 1, size, 1)

    def end(self, seq: int, gone: Gone, forget_at: int) -> None:
        entry = self.entries[seq]
        self.entries[seq] = replace(entry, gone=gone, body=None)
        self.forget_at[seq] = forget_at
        self.marked_at.pop(seq, None)
        self._count(entry, -int(gone == "acked"), -len(entry.body or b""), 0)

    def _count(self, entry: Entry, entries: int, size: int, places: int) -> None:
        inbox, (origin, strange) = self.inbox, self.whence[entry.seq]
        self.inbox = replace(inbox, waiting=inbox.waiting + entries, waiting_bytes=inbox.waiting_bytes + size)
        counted = [(self.shares, entry.sender), (self.everywhere, origin)]
        if strange:
            self.strangers = _plus(self.strangers, entries, size, places)
            counted.append((self.origins, origin))
        for shares, name in counted:
            shares[name] = _plus(shares.get(name, Share()), entries, size, places)

    def mark(self, at: int, most: int) -> int:
        wrong = [seq for seq, marked in self.marked_at.items() if marked > at][:most]
        for seq in wrong:
            del self.marked_at[seq]
        due = [
            seq
            for seq, entry in self.entries.items()
            if seq not in self.marked_at and self.forget_at.get(seq, entry.expires_at) <= at
        ][:most]
        self.marked_at.update(dict.fromkeys(due, at))
        return len(wrong) + len(due)

    def is_marked(self, seq: int, by: int) -> bool:
        return self.marked_at.get(seq, by + 1) <= by

    def forget(self, by: int, most: int) -> list[Entry]:
        forgotten: list[Entry] = []
        while len(forgotten) < most and self._is_forgettable(self.inbox.floor + 1, by):
            self.inbox = replace(self.inbox, floor=self.inbox.floor + 1)
            del self.forget_at[self.inbox.floor], self.marked_at[self.inbox.floor]
            entry = self.entries.pop(self.inbox.floor)
            self._count(entry, -int(entry.gone == "expired"), 0, -1)
            del self.whence[entry.seq]
            forgotten.append(entry)
        return forgotten

    def _is_forgettable(self, seq: int, by: int) -> bool:
        return seq in self.forget_at and self.is_marked(seq, by)


def _plus(share: Share, entries: int, size: int, places: int) -> Share:
    return Share(share.waiting + entries, share.waiting_bytes + size, share.places + places)


class MemoryRelayStore:
    """`RelayStore` that forgets everything with the process."""

    def __init__(self, limits: RelayLimits | None = None) -> None:
        self._limits = limits or RelayLimits()
        self._lock = threading.Lock()
        self._log_id = f"log_{secrets.token_hex(12)}"
        self._cards: dict[str, StoredCard] = {}
        self._aliases: dict[str, tuple[str, int | None]] = {}
        self._boxes: dict[str, _Box] = {}
        self._everywhere: dict[str, Share] = {}
        self._peers: dict[str, dict[str, int]] = {}
        self._invites: dict[str, Invite] = {}
        self._codes: dict[str, str] = {}
        self._removals = 0
        self._places: dict[tuple[str, str], tuple[str, int]] = {}

    @property
    def log_id(self) -> str:
        return self._log_id

    def commit(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        with self._lock:
            return [self._take(step) for step in steps]

    def _take(self, step: Step) -> Outcome:
        match step:
            case Deposit():
                return self._deposit(step)
            case PutCard():
                return self._put_card(step)
            case Acknowledge():
                return self._acknowledge(step)
            case Sweep():
                return Done(sum(self._sweep(box, step) for box in self._boxes.values()))
            case TakeMarksBack():
                return self._take_marks_back(step)
            case _:
                return self._take_of_member(step)

    def _take_marks_back(self, step: TakeMarksBack) -> Done:
        marks = [(box, seq) for box in self._boxes.values() for seq in box.marked_at][: step.most]
        for box, seq in marks:
            del box.marked_at[seq]
        for box in self._boxes.values():
            box.lapsing_at = None
        return Done(len(marks))

    def _take_of_member(self, step: OfMember | OfInvite) -> Done:
        match step:
            case AddInvite() | RevokeInvite():
                return self._take_invite(step)
            case Touch(did, at):
                return self._touch(did, at)
            case SetAccess(did, keys):
                self._boxes[did].access = frozenset(keys)
                return Done(len(set(keys)))
            case Lapse():
                return self._lapse(step)
            case Retire(did, at):
                return Done(self._retire(did, at))

    def _take_invite(self, step: OfInvite) -> Done:
        if isinstance(step, AddInvite):
            self._invites[step.invite.id] = step.invite
            self._codes[step.code_sha256] = step.invite.id
            return Done(1)
        known = self._invites.get(step.id)
        if known is not None:
            self._invites[step.id] = replace(known, revoked_at=known.revoked_at or step.at)
        return Done(int(known is not None))

    def _deposit(self, step: Deposit) -> Committed | Refused:
        box = self._boxes.get(step.recipient)
        place = self._places.get((step.sender, step.message_id))
        box = None if box is None or box.retired_at is not None else box
        seen = box or _Box({})
        admitted = step.access in seen.access or step.sender in self._peers.get(step.recipient, {})
        facts = inbox_rules.DepositFacts(
            None if place is None else self._earlier(*place),
            None if box is None else box.inbox,
            seen.shares.get(step.sender, Share()),
            admitted,
            seen.strangers,
            seen.origins.get(step.origin, Share()),
            self._everywhere.get(step.origin, Share()),
            sum(share.waiting_bytes for share in self._everywhere.values()),
        )
        verdict = inbox_rules.check_deposit(step, facts, self._limits)
        if isinstance(verdict, Committed) and not verdict.repeated and box is not None:
            place_of = (verdict.seq, step.sender, step.message_id, step.sha256)
            entry = Entry(*place_of, verdict.committed_at, step.expires_at, None, step.body)
            box.add(entry, len(step.body), step.origin, int(not admitted))
            self._remember_peer(step)
            self._places[step.sender, step.message_id] = (step.recipient, verdict.seq)
        return verdict

    def _earlier(self, recipient: str, seq: int) -> inbox_rules.Earlier:
        entry = self._boxes[recipient].entries[seq]
        return inbox_rules.Earlier(recipient, seq, entry.sha256, entry.committed_at)

    def _put_card(self, step: PutCard) -> Done | Refused:
        card = step.card
        old = self._cards.get(card.did) if self._is_member(card.did) else None
        members = sum(map(self._is_member, self._cards))
        invite = self._invites.get(self._codes.get(step.invite or "", ""))
        invited = invite is not None and invite.holds(card.updated_at)
        held = self._held(card.alias)
        facts = inbox_rules.CardFacts(old.version if old else 0, members, held, invited)
        refusal = inbox_rules.check_card(step, facts, self._limits)
        if refusal is not None:
            return refusal
        self._cards[card.did] = card
        box = self._boxes.setdefault(card.did, _Box(self._everywhere))
        if old is None or box.met:
            box.used_at = card.updated_at
        box.lapsing_at = box.retired_at = None
        if old is None and invite is not None and self._limits.registration == "invitation":
            self._invites[invite.id] = replace(invite, uses_left=invite.uses_left - 1)
        if old is not None and old.alias is not None and self._aliases[old.alias] == (card.did, None):
            self._aliases[old.alias] = (card.did, card.updated_at)
        if card.alias is not None:
            self._aliases[card.alias] = (card.did, None)
        return Done(1)

    def _held(self, alias: str | None) -> HeldAlias | None:
        if alias is None or alias not in self._aliases:
            return None
        did, released_at = self._aliases[alias]
        return HeldAlias(did, released_at, self._cards[did].updated_at)

    def _is_member(self, did: str) -> bool:
        return did in self._boxes and self._boxes[did].retired_at is None

    def _touch(self, did: str, at: int) -> Done:
        box = self._boxes.get(did)
        if box is None or box.retired_at is not None:
            return Done()
        box.met, box.used_at, box.lapsing_at = True, at, None
        return Done(1)

    def _remember_peer(self, step: Deposit) -> None:
        known = self._peers.setdefault(step.sender, {})
        known.setdefault(step.recipient, step.at)
        while len(known) > self._limits.peers:
            del known[min(known, key=lambda peer: known[peer])]

    def _lapse(self, step: Lapse) -> Done:
        changed = marked = 0
        for did, box in list(self._boxes.items()):
            due = box.retired_at is None and self._is_due(box, step.at)
            if box.lapsing_at is not None and (not due or box.lapsing_at > step.at):
                box.lapsing_at, changed = None, changed + 1
            if due and box.lapsing_at is None and marked < step.most:
                box.lapsing_at, changed, marked = step.at, changed + 1, marked + 1
            if due and box.lapsing_at is not None and box.lapsing_at <= step.marked_by:
                changed += self._retire(did, step.at)
        return Done(changed)

    def _is_due(self, box: _Box, at: int) -> bool:
        seconds = self._limits.lapse_seconds if box.met else self._limits.unused_lapse_seconds
        return box.used_at + round(seconds * 1000) <= at

    def _retire(self, did: str, at: int) -> int:
        box = self._boxes.get(did)
        if box is None or box.retired_at is not None:
            return 0
        for entry in box.entries.values():
            origin, _ = box.whence[entry.seq]
            waiting, size = int(entry.gone != "acked"), len(entry.body or b"")
            self._everywhere[origin] = _plus(self._everywhere[origin], -waiting, -size, -1)
            del self._places[entry.sender, entry.message_id]
        head = box.inbox.head
        if head or box.met:
            self._boxes[did] = _Box(self._everywhere, Inbox(head, head), retired_at=at)
            self._aliases = {
                alias: (holder, at if holder == did and released is None else released)
                for alias, (holder, released) in self._aliases.items()
            }
            self._cards[did] = replace(self._cards[did], alias=None)
        else:
            del self._boxes[did], self._cards[did]
            self._aliases = {alias: held for alias, held in self._aliases.items() if held[0] != did}
        self._removals += 1
        return 1

    def _member(self, did: str) -> Member:
        card, box = self._cards[did], self._boxes[did]
        inbox = box.inbox
        return Member(did, card.alias, box.used_at if box.met else None, inbox.waiting, inbox.waiting_bytes)

    def _acknowledge(self, step: Acknowledge) -> Done:
        box = self._boxes.get(step.did, _Box({}))
        open_ones = [seq for seq, entry in sorted(box.entries.items()) if entry.gone != "acked"]
        chosen = [seq for seq in open_ones if seq <= step.up_to][: step.most]
        chosen += [seq for seq in open_ones if seq > step.up_to and seq in step.seqs]
        for seq in chosen:
            box.end(seq, "acked", inbox_rules.forget_acked_at(box.entries[seq].expires_at, self._limits))
        return Done(len(chosen))

    def _sweep(self, box: _Box, step: Sweep) -> int:
        changed = box.mark(step.at, step.most)
        waiting = (entry for entry in box.entries.values() if entry.gone is None)
        expired = [entry for entry in waiting if box.is_marked(entry.seq, step.marked_by)][: step.most]
        for entry in expired:
            box.end(entry.seq, "expired", inbox_rules.forget_expired_at(entry.expires_at, self._limits))
        forgotten = box.forget(step.marked_by, step.most)
        for entry in forgotten:
            del self._places[entry.sender, entry.message_id]
        return changed + len(expired) + len(forgotten)

    def card(self, did: str) -> StoredCard | None:
        with self._lock:
            return self._cards.get(did) if did in self._cards and self._is_member(did) else None

    def retired_card(self, did: str) -> StoredCard | None:
        with self._lock:
            return None if did not in self._cards or self._is_member(did) else self._cards[did]

    def members(self) -> list[Member]:
        with self._lock:
            known = [self._member(did) for did in self._cards if self._is_member(did)]
            return sorted(known, key=lambda member: (-self._boxes[member.did].used_at, member.did))

    def removals(self) -> int:
        with self._lock:
            return self._removals

    def invites(self) -> list[Invite]:
        with self._lock:
            return list(self._invites.values())

    def alias_holder(self, alias: str) -> str | None:
        with self._lock:
            did, released_at = self._aliases.get(alias, (None, None))
            return did if released_at is None else None

    def inbox(self, did: str) -> Inbox:
        with self._lock:
            return self._boxes.get(did, _Box({})).inbox

    def entries(self, did: str, *, after: int, most: int, most_bytes: int) -> list[Entry]:
        with self._lock:
            box = self._boxes.get(did, _Box({}))
            found: list[Entry] = []
            room = most_bytes
            for entry in self._after(box, after, most):
                room -= len(entry.body or b"")
                if found and room < 0:
                    break
                found.append(entry)
            return found

    @staticmethod
    def _after(box: _Box, after: int, most: int) -> Iterator[Entry]:
        first = max(after, box.inbox.floor) + 1
        return (box.entries[seq] for seq in range(first, min(first + most - 1, box.inbox.head) + 1))

    def message_at(self, did: str, seq: int) -> str | None:
        with self._lock:
            entry = self._boxes.get(did, _Box({})).entries.get(seq)
            return None if entry is None else entry.message_id

    def close(self) -> None:
        pass
