"""Tracks open connections by client, and chooses which one to close when there is no room. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Peer = tuple[str, int]
"""Address and port at the other end."""


@dataclass
class _Open:
    party: str
    hang_up: Callable[[], None]


@dataclass
class _Party:
    """The connections of one party; those that nobody is served on, oldest first."""

    count: int = 0
    silent: dict[Peer, None] = field(default_factory=dict)
    idle: dict[Peer, None] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        return len(self.silent) + len(self.idle)


class ConnectionBook:
    """Keeps a place for everybody: nobody's connections may fill more than one party's share.

    A connection is silent until its first request is complete up to its body, busy while it is served, and
    idle between two requests. Where there is no room for a new one, a silent one goes, then an idle one: the
    oldest of the same party where that has its share, else the oldest of whoever has most of them.

    Args:
        most: connections in all.
        most_of_party: connections of one party.
    """

    def __init__(self, most: int, most_of_party: int) -> None:
        self._most, self._most_of_party = most, most_of_party
        self._open: dict[Peer, _Open] = {}
        self._parties: dict[str, _Party] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, peer: Peer, party: str, hang_up: Callable[[], None], *, shared: bool = False) -> bool:
        """Takes a new connection in, or says that there is no room for it.

        Args:
            hang_up: ends the connection; called when it has to make room.
            shared: many parties come through it (a proxy): only the limit in all counts.
        """
        own = self._parties.get(party)
        if own is not None and own.count >= self._most_of_party and not shared and not self._end_one(party):
            return False
        if len(self._open) >= self._most and not self._end_one(self._most_waiting()):
            return False
        self._open[peer] = _Open(party, hang_up)
        entered = self._parties.setdefault(party, _Party())
        entered.count += 1
        entered.silent[peer] = None
        return True

    def busy(self, peer: Peer) -> None:
        """A request of the connection is served now."""
        if (party := self._party_of(peer)) is not None:
            party.silent.pop(peer, None)
            party.idle.pop(peer, None)

    def idle(self, peer: Peer) -> None:
        """The connection's request was answered, and there is no other yet."""
        if (party := self._party_of(peer)) is not None and peer not in party.silent:
            party.idle[peer] = None

    def leave(self, peer: Peer) -> None:
        """The connection is over."""
        left = self._open.pop(peer, None)
        if left is None:
            return
        party = self._parties[left.party]
        party.count -= 1
        party.silent.pop(peer, None)
        party.idle.pop(peer, None)
        if not party.count:
            del self._parties[left.party]

    def end_one(self) -> bool:
        """Ends one connection on which nobody is served; False where there is none."""
        return self._end_one(self._most_waiting())

    def _party_of(self, peer: Peer) -> _Party | None:
        known = self._open.get(peer)
        return None if known is None else self._parties[known.party]

    def _most_waiting(self) -> str | None:
        return max(self._parties, key=lambda name: self._parties[name].waiting, default=None)

    def _end_one(self, name: str | None) -> bool:
        party = None if name is None else self._parties[name]
        if party is None or not party.waiting:
            return False
        peer = next(iter(party.silent or party.idle))
        hang_up = self._open[peer].hang_up
        self.leave(peer)
        hang_up()
        return True
