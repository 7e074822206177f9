"""Registered agents in SQLite: cards, access keys, invitations, and how registrations end."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import astuple
from typing import Any

from openclaw_install.hub.relay import inbox_rules, statements
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.model import (
    AddInvite,
    Deposit,
    Done,
    HeldAlias,
    Invite,
    Lapse,
    OfInvite,
    OfMember,
    PutCard,
    Refused,
    Retire,
    RevokeInvite,
    SetAccess,
    Touch,
)


class Members:
    """The part of the store that is about agents and not about messages.

    Args:
        connection: the store's writer; used inside its transactions only.
    """

    def __init__(self, connection: sqlite3.Connection, limits: RelayLimits) -> None:
        self._writer, self._limits = connection, limits

    def take(  # noqa: PLR0911 - one for each step
        self, step: PutCard | OfMember | OfInvite
    ) -> Done | Refused:
        """Takes one step, inside the transaction of its group."""
        match step:
            case PutCard():
                return self._put_card(step)
            case Touch(did, at):
                return self._run(statements.TOUCH, at, did)
            case SetAccess(did, keys):
                self._run(statements.DROP_ACCESS, did)
                for key in dict.fromkeys(keys):
                    self._run(statements.ADD_ACCESS, did, key)
                return Done(len(set(keys)))
            case Lapse():
                return self._lapse(step)
            case Retire(did, at):
                return Done(self._retire(did, at))
            case AddInvite(invite):
                self._run(statements.DROP_OLD_INVITES, invite.created_at)
                return self._run(statements.ADD_INVITE, *astuple(invite))
            case RevokeInvite(name, at):
                return self._run(statements.REVOKE_INVITE, at, name)

    def has_admitted(self, step: Deposit) -> bool:
        """Whether the recipient knows the sender: by an access key, or because it wrote to it."""
        if step.access is not None and self._first(statements.HAS_ACCESS, step.recipient, step.access):
            return True
        return self._first(statements.HAS_WRITTEN, _short(step.recipient), _short(step.sender)) is not None

    def remember_peer(self, step: Deposit) -> None:
        """Notes that the sender wrote to the recipient; of many, the latest are kept."""
        author = _short(step.sender)
        if self._run(statements.REMEMBER_PEER, author, _short(step.recipient), step.at).count:
            self._run(statements.FORGET_PEERS, author, self._limits.peers)

    def _put_card(self, step: PutCard) -> Done | Refused:
        card = step.card
        version, old_alias, retired_at = self._first(statements.CARD_VERSION, card.did) or (0, None, None)
        version = 0 if retired_at is not None else version
        held = None if card.alias is None else self._first(statements.HELD_ALIAS, card.alias)
        agents = self._first(statements.AGENTS) or (0,)
        invite = None if step.invite is None else self._first(statements.INVITE, step.invite)
        invited = invite is not None and Invite(*invite).holds(card.updated_at)
        facts = inbox_rules.CardFacts(version, agents[0], HeldAlias(*held) if held else None, invited)
        refusal = inbox_rules.check_card(step, facts, self._limits)
        if refusal is not None:
            return refusal
        self._run(statements.PUT_CARD, card.did, card.version, card.card, card.alias, card.updated_at)
        self._run(statements.NEW_INBOX, card.did, card.updated_at)
        if old_alias is not None and old_alias != card.alias:
            self._run(statements.RELEASE_ALIAS, card.updated_at, old_alias, card.did)
        if card.alias is not None:
            self._run(statements.TAKE_ALIAS, card.alias, card.did)
        if version == 0 and invite is not None and self._limits.registration == "invitation":
            self._run(statements.USE_INVITE, invite[0])
        return Done(1)

    def _lapse(self, step: Lapse) -> Done:
        limits = self._limits
        unused = step.at - round(limits.unused_lapse_seconds * 1000)
        long_unused = step.at - round(limits.lapse_seconds * 1000)
        changed = self._run(statements.UNMARK_USED, unused, long_unused, step.at).count
        changed += self._run(statements.MARK_UNUSED, unused, long_unused, step.at, step.most).count
        lapsed = (unused, long_unused, step.marked_by, step.most)
        for (did,) in self._writer.execute(statements.LAPSED, lapsed).fetchall():
            changed += self._retire(did, step.at)
        return Done(changed)

    def _retire(self, did: str, at: int) -> int:
        place = self._first(statements.PLACE, did)
        if place is None:
            return 0
        for origin, *held in self._writer.execute(statements.HELD_BY_ORIGIN, (did,)).fetchall():
            self._run(statements.SHRINK_ORIGIN, *held, "", origin)
            self._run(statements.DROP_EMPTY_ORIGIN, "", origin)
        for statement in (
            statements.DROP_ENTRIES,
            statements.DROP_SHARES,
            statements.DROP_ORIGINS,
            statements.DROP_ACCESS,
        ):
            self._run(statement, did)
        head, met = place
        if not head and not met:
            self._drop(did)
        else:
            # Its card keeps older ones out, and its number goes on: a receipt must not come twice.
            self._run(statements.RETIRE, at, did)
            self._run(statements.RELEASE_ALIASES, at, did)
            self._run(statements.FORGET_ALIAS, did)
            oldest = self._writer.execute(statements.RETIRED_LONGEST, (self._limits.agents_in_all,))
            for (old,) in oldest.fetchall():
                self._drop(old)
        self._run(statements.COUNT_REMOVAL)
        return 1

    def _drop(self, did: str) -> None:
        self._run(statements.DROP_ALIASES, did)
        self._run(statements.DROP_PEERS, _short(did))
        self._run(statements.DROP_INBOX, did)
        self._run(statements.DROP_CARD, did)

    def _run(self, statement: str, *values: str | int | bytes | None) -> Done:
        return Done(max(0, self._writer.execute(statement, values).rowcount))

    def _first(self, statement: str, *values: str | bytes) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._writer.execute(statement, values).fetchone()
        return row


def _short(did: str) -> bytes:
    """A DID as the table of peers has it: half a hash is enough, for nobody gains by two that share one."""
    return hashlib.sha256(did.encode()).digest()[:16]
