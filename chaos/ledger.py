"""Receipts held against inboxes: is every message that was receipted there, once, and in its place? Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Place = tuple[int, str]
"""The number and the message id of an inbox's entry."""


@dataclass
class Receipts:
    """The receipts that senders were given, by recipient and message id."""

    places: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    contradicted: int = 0

    def add(self, recipient: str, message_id: str, seq: int) -> None:
        """Notes a receipt; the same message must get the same number each time."""
        known = self.places[recipient].setdefault(message_id, seq)
        self.contradicted += known != seq

    def __len__(self) -> int:
        return sum(len(places) for places in self.places.values())

    def against(self, inboxes: Mapping[str, Sequence[Place]]) -> dict[str, int]:
        """What is wrong with the inboxes (each whole, from its first entry), in numbers."""
        count = {"receipts lost": 0, "moved": self.contradicted, "doubled": 0, "gaps": 0}
        for recipient in {*self.places, *inboxes}:
            entries = inboxes.get(recipient, ())
            found = {message_id: seq for seq, message_id in entries}
            count["doubled"] += len(entries) - len(found)
            count["gaps"] += _gaps(seq for seq, _ in entries)
            for message_id, seq in self.places.get(recipient, {}).items():
                count["receipts lost"] += message_id not in found
                count["moved"] += found.get(message_id, seq) != seq
        return count


def _gaps(numbers: Iterable[int]) -> int:
    """How often the next number is not the one after; the first one is 1."""
    before = gaps = 0
    for number in numbers:
        gaps += number != before + 1
        before = number
    return gaps
