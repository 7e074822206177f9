"""The relay's records: cards, inboxes and their entries, and the steps from one state to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Milliseconds

Gone = Literal["acked", "expired"]


@dataclass(frozen=True)
class StoredCard:
    """An agent's card as it was last accepted.

    Attributes:
        version: the card's own.
        card: canonical JSON.
        alias: as it is claimed: folded, or None.
        updated_at: milliseconds since 1970.
    """

    did: str
    version: int
    card: bytes
    alias: str | None
    updated_at: int


@dataclass(frozen=True)
class HeldAlias:
    """An alias and who has it.

    Attributes:
        released_at: when the holder gave it up; None while it is theirs.
        renewed_at: when the holder's card was last accepted.
    """

    did: str
    released_at: int | None
    renewed_at: int


@dataclass(frozen=True)
class Inbox:
    """What is in an agent's inbox, in figures.

    Attributes:
        head: the sequence number of the last committed entry; 0 for none.
        floor: entries up to here are acknowledged or long expired, and no longer told of singly.
        waiting: entries that are not acknowledged.
        waiting_bytes: bytes of the envelopes that are still held.
    """

    head: int = 0
    floor: int = 0
    waiting: int = 0
    waiting_bytes: int = 0


@dataclass(frozen=True)
class OpenInbox(Inbox):
    """The inbox of a registered agent, and what strangers have in it."""

    strange: int = 0
    strange_bytes: int = 0
    strange_places: int = 0


@dataclass(frozen=True)
class Share:
    """What somebody has in an inbox; as in `Inbox`.

    Attributes:
        places: entries that are not forgotten yet, acknowledged ones included.
    """

    waiting: int = 0
    waiting_bytes: int = 0
    places: int = 0


@dataclass(frozen=True)
class Entry:
    """One place in an inbox.

    Attributes:
        sha256: of the envelope's canonical bytes, in hex.
        committed_at, expires_at: milliseconds since 1970.
        gone: why the body is no longer there.
        body: the envelope's canonical bytes; None exactly when `gone` says why.
    """

    seq: int
    sender: str
    message_id: str
    sha256: str
    committed_at: int
    expires_at: int
    gone: Gone | None
    body: bytes | None


@dataclass(frozen=True)
class Deposit:
    """An envelope to be put at the end of its recipient's inbox.

    Attributes:
        sha256: of `body`, in hex.
        expires_at, at: milliseconds since 1970; `at` is now.
        origin: names the network address that it came from.
        access: the SHA-256 of the access key that came with it, in hex.
    """

    sender: str
    recipient: str
    message_id: str
    sha256: str
    body: bytes
    expires_at: int
    at: int
    origin: str = ""
    access: str | None = None


@dataclass(frozen=True)
class PutCard:
    """A card in place of the one that was looked at.

    Attributes:
        card: what is to be stored.
        replaces: the version that was there when the card was judged; 0 for none.
        settled: whether the clock may be trusted so far as to give an alias to another agent.
        invite: the SHA-256 of the invitation that came with it, in hex.
    """

    card: StoredCard
    replaces: int
    settled: bool = True
    invite: str | None = None


@dataclass(frozen=True)
class Acknowledge:
    """The owner has these entries: all up to one, and single ones beside.

    Attributes:
        most: entries that are acknowledged by `up_to` in one step, so that a long backlog holds up nobody.
    """

    did: str
    up_to: int
    seqs: tuple[int, ...] = ()
    most: int = 1000


@dataclass(frozen=True)
class Sweep:
    """Marks what has expired and what nobody needs to be told of; drops and forgets what was marked long ago.

    Attributes:
        at: milliseconds since 1970: now. A mark that is dated later was set by a wrong clock, and goes.
        marked_by: what was marked until then is dropped or forgotten.
        most: of each, in one step.
    """

    at: int
    marked_by: int
    most: int = 500


@dataclass(frozen=True)
class TakeMarksBack:
    """The clock was set: what was marked by it is not marked any more; at most `most`."""

    most: int = 5000


@dataclass(frozen=True)
class Touch:
    """The agent is there and uses its place."""

    did: str
    at: int


@dataclass(frozen=True)
class SetAccess:
    """The keys by which an agent admits others: their SHA-256 in hex, in place of those before."""

    did: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Lapse:
    """Marks places that nobody uses, and gives back those that were marked up to `marked_by`."""

    at: int
    marked_by: int
    most: int = 20


@dataclass(frozen=True)
class Retire:
    """Gives back one agent's place: inbox, alias and access; registering again undoes it."""

    did: str
    at: int


@dataclass(frozen=True)
class Invite:
    """An invitation by which agents may register; never its code.

    Attributes:
        uses: how many agents it lets in.
    """

    id: str
    uses: int
    uses_left: int
    created_at: Milliseconds
    expires_at: Milliseconds
    revoked_at: Milliseconds | None = None

    def holds(self, at: int) -> bool:
        """Whether it lets somebody in at `at`."""
        return self.uses_left > 0 and self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True)
class AddInvite:
    """Adds an invitation, and drops those that have expired.

    Attributes:
        code_sha256: of its code, in hex; the code itself is kept nowhere.
    """

    invite: Invite
    code_sha256: str


@dataclass(frozen=True)
class RevokeInvite:
    id: str
    at: int


@dataclass(frozen=True)
class Member:
    """An agent that is registered at the relay.

    Attributes:
        last_used_at: when it last asked for something, noted once an hour; null: never since it registered.
        waiting: messages that it has not acknowledged.
    """

    did: str
    alias: str | None
    last_used_at: Milliseconds | None
    waiting: int
    waiting_bytes: int


OfMember = Touch | SetAccess | Lapse | Retire
OfInvite = AddInvite | RevokeInvite
Step = Deposit | PutCard | Acknowledge | Sweep | TakeMarksBack | OfMember | OfInvite


@dataclass(frozen=True)
class Committed:
    """An envelope's place; `repeated` when it had it before."""

    seq: int
    committed_at: int
    repeated: bool = False


@dataclass(frozen=True)
class Done:
    """A step other than a deposit was taken; `count` entries were changed by it."""

    count: int = 0


@dataclass(frozen=True)
class Refused:
    """A step was not taken, and nothing has changed.

    Attributes:
        code: for machines; `errors.py` has the message.
        retry_after: seconds after which it may be worth another try.
    """

    code: str
    retry_after: int | None = None


Outcome = Committed | Done | Refused
