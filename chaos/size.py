"""How much each run does: every one is bounded by a count, and by time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

FULL_MINUTES = 7.0
"""How long the full size takes on two cores, roughly."""


@dataclass(frozen=True)
class Size:
    """The size of all runs.

    Attributes:
        senders: of the load, one level after the other.
        posts: of each level at most.
        load_seconds: for each level.
        kills: of the hub.
        turns: messages that must each become one turn.
        faults: between which they are sent.
        silent: connections that say nothing.
        descriptors: the hub's limit of open files meanwhile.
        dripping: connections that send their headers slowly.
        until_cut: wait until the hub has cut them off.
        disk_mib: of the disk that fills up.
        stranger: messages of the one stranger who floods.
        identities: throw-away agents, and `of_each` messages of each.
        honest: messages of each of the two agents that are known.
        envelopes, cards, requests: inputs of the fuzzer.
    """

    senders: tuple[int, ...] = (16, 64, 250)
    posts: int = 20_000
    load_seconds: float = 10.0
    kills: int = 25
    turns: int = 600
    faults: int = 40
    silent: int = 1500
    descriptors: int = 256
    dripping: int = 400
    until_cut: bool = True
    disk_mib: int = 6
    stranger: int = 3000
    identities: int = 200
    of_each: int = 5
    honest: int = 50
    envelopes: int = 4000
    cards: int = 4000
    requests: int = 6000

    def scaled(self, factor: float) -> Size:
        """The same by a factor in counts; what is about a limit stays."""

        def times(count: int) -> int:
            return max(1, round(count * factor))

        return replace(
            self,
            load_seconds=self.load_seconds * factor,
            posts=times(self.posts),
            kills=times(self.kills),
            turns=times(self.turns),
            faults=times(self.faults),
            stranger=min(times(self.stranger), 2 * self.stranger),
            identities=min(times(self.identities), 2 * self.identities),
            honest=times(self.honest),
            envelopes=times(self.envelopes),
            cards=times(self.cards),
            requests=times(self.requests),
        )


FULL = Size()
SHORT = Size(
    senders=(8,),
    posts=200,
    load_seconds=60.0,
    kills=2,
    turns=36,
    faults=8,
    silent=120,
    descriptors=128,
    dripping=20,
    until_cut=False,
    disk_mib=3,
    stranger=150,
    identities=8,
    of_each=2,
    honest=5,
    envelopes=200,
    cards=120,
    requests=200,
)
