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
    Committed,
    Deposit,
    Done,
    Entry,
    Gone,
    HeldAlias,
    Inbox,
    Outcome,
    PutCard,
    Refused,
    Share,
    Step,
    StoredCard,
    Sweep,
    TakeMarksBack,
)


@dataclass
class _Box:
    inbox: Inbox = field(default_factory=Inbox)
    shares: dict[str, Share] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    forget_at: dict[int, int] = field(default_factory=dict)
    marked_at: dict[int, int] = field(default_factory=dict)

    def add(self, entry: Entry, size: int) -> None:
        self.entries[entry.seq] = entry
        self.inbox = replace(self.inbox, head=entry.seq)
        self._count(entry.sender, 1, size)

    def end(self, seq: int, gone: Gone, forget_at: int) -> None:
        entry = self.entries[seq]
        self.entries[seq] = replace(entry, gone=gone, body=None)
        self.forget_at[seq] = forget_at
        self.marked_at.pop(seq, None)
        self._count(entry.sender, -int(gone == "acked"), -len(entry.body or b""))

    def _count(self, sender: str, entries: int, size: int) -> None:
        inbox, share = self.inbox, self.shares.get(sender, Share())
        self.inbox = replace(inbox, waiting=inbox.waiting + entries, waiting_bytes=inbox.waiting_bytes + size)
        self.shares[sender] = Share(share.waiting + entries, share.waiting_bytes + size)

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
            self._count(entry.sender, -int(entry.gone == "expired"), 0)
            forgotten.append(entry)
        return forgotten

    def _is_forgettable(self, seq: int, by: int) -> bool:
        return seq in self.forget_at and self.is_marked(seq, by)


class MemoryRelayStore:
    """`RelayStore` that forgets everything with the process."""

    def __init__(self, limits: RelayLimits | None = None) -> None:
        self._limits = limits or RelayLimits()
        self._lock = threading.Lock()
        self._log_id = f"log_{secrets.token_hex(12)}"
        self._cards: dict[str, StoredCard] = {}
        self._aliases: dict[str, tuple[str, int | None]] = {}
        self._boxes: dict[str, _Box] = {}
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
                marks = [(box, seq) for box in self._boxes.values() for seq in box.marked_at][: step.most]
                for box, seq in marks:
                    del box.marked_at[seq]
                return Done(len(marks))

    def _deposit(self, step: Deposit) -> Committed | Refused:
        box = self._boxes.get(step.recipient)
        place = self._places.get((step.sender, step.message_id))
        facts = inbox_rules.DepositFacts(
            None if place is None else (place[0], self._boxes[place[0]].entries[place[1]]),
            None if box is None else box.inbox,
            Share() if box is None else box.shares.get(step.sender, Share()),
        )
        verdict = inbox_rules.judge_deposit(step, facts, self._limits)
        if isinstance(verdict, Committed) and not verdict.repeated and box is not None:
            place_of = (verdict.seq, step.sender, step.message_id, step.sha256)
            entry = Entry(*place_of, verdict.committed_at, step.expires_at, None, step.body)
            box.add(entry, len(step.body))
            self._places[step.sender, step.message_id] = (step.recipient, verdict.seq)
        return verdict

    def _put_card(self, step: PutCard) -> Done | Refused:
        card, old = step.card, self._cards.get(step.card.did)
        facts = inbox_rules.CardFacts(old.version if old else 0, len(self._cards), self._held(card.alias))
        refusal = inbox_rules.judge_card(step, facts, self._limits)
        if refusal is not None:
            return refusal
        self._cards[card.did] = card
        self._boxes.setdefault(card.did, _Box())
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

    def _acknowledge(self, step: Acknowledge) -> Done:
        box = self._boxes.get(step.did, _Box())
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
            return self._cards.get(did)

    def alias_holder(self, alias: str) -> str | None:
        with self._lock:
            did, released_at = self._aliases.get(alias, (None, None))
            return did if released_at is None else None

    def inbox(self, did: str) -> Inbox:
        with self._lock:
            return self._boxes.get(did, _Box()).inbox

    def entries(self, did: str, *, after: int, most: int, most_bytes: int) -> list[Entry]:
        with self._lock:
            box = self._boxes.get(did, _Box())
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
            entry = self._boxes.get(did, _Box()).entries.get(seq)
            return None if entry is None else entry.message_id

    def close(self) -> None:
        pass
