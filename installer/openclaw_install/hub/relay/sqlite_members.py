"""Registered agents in SQLite: cards, access keys, invitations, and how registrations end."""

from __future__ import annotations

import hashlib

from openclaw_install.hub.relay import inbox_rules, model, statements
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.storage.sqlite import SqliteFile


class Members:
    """The part of the store that is about agents and not about messages.

    Args:
        file: the store's; used inside its transactions only.
    """

    def __init__(self, file: SqliteFile, limits: RelayLimits) -> None:
        self._file, self._limits = file, limits

    def take(  # noqa: PLR0911 - one for each step
        self, step: model.PutCard | model.OfMember | model.OfInvite
    ) -> model.Done | model.Refused:
        """Takes one step, inside the transaction of its group."""
        match step:
            case model.PutCard():
                return self._put_card(step)
            case model.Touch(did, at):
                return model.Done(self._file.run(statements.TOUCH, at, did))
            case model.SetAccess(did, keys):
                self._file.run(statements.DROP_ACCESS, did)
                for key in dict.fromkeys(keys):
                    self._file.run(statements.ADD_ACCESS, did, key)
                return model.Done(len(set(keys)))
            case model.Lapse():
                return self._lapse(step)
            case model.Retire(did, at):
                return model.Done(self._retire(did, at))
            case model.AddInvite(invite, code_sha256):
                self._file.run(statements.DROP_OLD_INVITES, invite.created_at)
                self._file.put(statements.ADD_INVITE, invite, code_sha256)
                return model.Done(1)
            case model.RevokeInvite(name, at):
                return model.Done(self._file.run(statements.REVOKE_INVITE, at, name))

    def has_admitted(self, step: model.Deposit) -> bool:
        """Whether the recipient knows the sender: by an access key, or because it wrote to it."""
        if step.access is not None and self._file.first(statements.HAS_ACCESS, step.recipient, step.access):
            return True
        return (
            self._file.first(statements.HAS_WRITTEN, _short(step.recipient), _short(step.sender)) is not None
        )

    def remember_peer(self, step: model.Deposit) -> None:
        """Notes that the sender wrote to the recipient; of many, the latest are kept."""
        author = _short(step.sender)
        if self._file.run(statements.REMEMBER_PEER, author, _short(step.recipient), step.at):
            self._file.run(statements.FORGET_PEERS, author, self._limits.peers)

    def _put_card(self, step: model.PutCard) -> model.Done | model.Refused:
        card, first_of = step.card, self._file.first_of
        known = self._file.first(statements.CARD_VERSION, card.did)
        version = 0 if known is None or known["retired_at"] is not None else known["version"]
        held = None if card.alias is None else first_of(model.HeldAlias, statements.HELD_ALIAS, card.alias)
        invite = None if step.invite is None else first_of(model.Invite, statements.INVITE, step.invite)
        (agents,) = self._file.all(statements.AGENTS)[0]
        invited = invite is not None and invite.holds(card.updated_at)
        facts = inbox_rules.CardFacts(version, agents, held, invited)
        refusal = inbox_rules.check_card(step, facts, self._limits)
        if refusal is not None:
            return refusal
        self._file.put(statements.PUT_CARD, card)
        self._file.run(statements.NEW_INBOX, card.did, card.updated_at)
        if known is not None and known["alias"] not in (None, card.alias):
            self._file.run(statements.RELEASE_ALIAS, card.updated_at, known["alias"], card.did)
        if card.alias is not None:
            self._file.run(statements.TAKE_ALIAS, card.alias, card.did)
        if version == 0 and invite is not None and self._limits.registration == "invitation":
            self._file.run(statements.USE_INVITE, invite.id)
        return model.Done(1)

    def _lapse(self, step: model.Lapse) -> model.Done:
        limits = self._limits
        unused = step.at - round(limits.unused_lapse_seconds * 1000)
        long_unused = step.at - round(limits.lapse_seconds * 1000)
        changed = self._file.run(statements.UNMARK_USED, unused, long_unused, step.at)
        changed += self._file.run(statements.MARK_UNUSED, unused, long_unused, step.at, step.most)
        lapsed = (unused, long_unused, step.marked_by, step.most)
        for (did,) in self._file.all(statements.LAPSED, *lapsed):
            changed += self._retire(did, step.at)
        return model.Done(changed)

    def _retire(self, did: str, at: int) -> int:
        place = self._file.first(statements.PLACE, did)
        if place is None:
            return 0
        for origin, *held in self._file.all(statements.HELD_BY_ORIGIN, did):
            self._file.run(statements.SHRINK_ORIGIN, *held, "", origin)
            self._file.run(statements.DROP_EMPTY_ORIGIN, "", origin)
        for statement in (
            statements.DROP_ENTRIES,
            statements.DROP_SHARES,
            statements.DROP_ORIGINS,
            statements.DROP_ACCESS,
        ):
            self._file.run(statement, did)
        head, met = place
        if not head and not met:
            self._drop(did)
        else:
            # Its card keeps older ones out, and its number goes on: a receipt must not come twice.
            self._file.run(statements.RETIRE, at, did)
            self._file.run(statements.RELEASE_ALIASES, at, did)
            self._file.run(statements.FORGET_ALIAS, did)
            for (old,) in self._file.all(statements.RETIRED_LONGEST, self._limits.agents_in_all):
                self._drop(old)
        self._file.run(statements.COUNT_REMOVAL)
        return 1

    def _drop(self, did: str) -> None:
        self._file.run(statements.DROP_ALIASES, did)
        self._file.run(statements.DROP_PEERS, _short(did))
        self._file.run(statements.DROP_INBOX, did)
        self._file.run(statements.DROP_CARD, did)


def _short(did: str) -> bytes:
    """A DID as the table of peers has it: half a hash is enough, for nobody gains by two that share one."""
    return hashlib.sha256(did.encode()).digest()[:16]
