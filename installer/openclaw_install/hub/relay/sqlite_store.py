"""The relay's store in SQLite: WAL, and a commit that returns only when the disk has it."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from openclaw_install.common.errors import FileError
from openclaw_install.common.migrations import read_migrations
from openclaw_install.hub.relay import inbox_rules, model, statements
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.sqlite_members import Members
from openclaw_install.hub.storage.sqlite import DiskReserve, SqliteFile, database_errors, free_bytes, is_full

_LOCK_SECONDS = 2.0
"""How long a program that holds the file may keep all who wait; then they are told to come again."""
_TIGHT_BYTES = 16 * 1024 * 1024
"""Below so much free disk the log is written back after each commit."""
MIGRATIONS = Path(__file__).parent / "sql"


def _frees_space(step: model.Step) -> bool:
    return isinstance(step, (model.Acknowledge, model.Sweep, model.Lapse, model.Retire))


class _Holder(NamedTuple):
    """Whose quota an entry counts in."""

    sender: str
    origin: str
    strange: int


class _Waiting(NamedTuple):
    """An entry that can still be ended.

    Attributes:
        size: bytes of its envelope.
    """

    id: int
    recipient: str
    sender: str
    origin: str
    strange: int
    expires_at: int
    size: int


class SqliteRelayStore(SqliteFile):
    """`RelayStore` in one file.

    Args:
        path: the database; made with mode 0600 when it is missing. Its folder must exist.
        relay_id: the public key of the relay; a database keeps that of the relay that made it.
        limits: quotas and times.

    Raises:
        FileError: it cannot be opened, is no database, belongs to a newer version, or to another relay.
    """

    def __init__(self, path: Path, relay_id: str, limits: RelayLimits) -> None:
        super().__init__(path, read_migrations(MIGRATIONS), lock_seconds=_LOCK_SECONDS)
        self._limits = limits
        with contextlib.ExitStack() as undo, database_errors(path, "open"):
            undo.callback(self.close)
            self.run(statements.NAME_STORE, f"log_{secrets.token_hex(12)}", relay_id)
            ((self._log_id, owner),) = self.all(statements.STORE)
            if owner != relay_id:
                raise FileError(
                    f"{path} was made by a relay with another key",
                    next_step="put its relay.key back beside it, or move both away to begin anew",
                    code="hub.relay_key",
                )
            undo.pop_all()
        self._members = Members(self, limits)
        self._reserve = DiskReserve(path.with_name("relay.reserve"))
        self._reserve_is_out = not self._reserve.take()

    @property
    def log_id(self) -> str:
        return str(self._log_id)

    def commit(self, steps: Sequence[model.Step]) -> Sequence[model.Outcome]:
        with self._writing, database_errors(self._path, "write"):
            if self._reserve_is_out and not self._take_reserve():
                return self._free_space(steps)
            try:
                outcomes = self._transaction(steps)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise
                self._write_log_back()
                if not any(map(_frees_space, steps)):
                    raise
                return self._free_space(steps)
            if free_bytes(self._path.parent) < _TIGHT_BYTES:
                # What stands in the log only needs room in the database that there may soon not be.
                self._write_log_back()
            return outcomes

    def _transaction(self, steps: Sequence[model.Step]) -> list[model.Outcome]:
        with self.transaction():
            used_bytes = int(self.all(statements.USED_BYTES)[0][0])
            outcomes: list[model.Outcome] = []
            for step in steps:
                outcomes.append(self._take(step, used_bytes))
                if isinstance(step, model.Deposit) and isinstance(outcomes[-1], model.Committed):
                    used_bytes += len(step.body)
            return outcomes

    def _free_space(self, steps: Sequence[model.Step]) -> list[model.Outcome]:
        """On a full disk: takes what frees some of it, in the room that was kept for that."""
        self._reserve.give_up()
        self._reserve_is_out = True
        self._write_log_back()
        # To overwrite what is dropped, as some builds of SQLite do, needs as much room as it had.
        (erases,) = self._writer.execute("PRAGMA secure_delete").fetchone()
        self._writer.execute("PRAGMA secure_delete = FAST").fetchall()
        try:
            outcomes = iter(self._transaction([step for step in steps if _frees_space(step)]))
        finally:
            self._writer.execute(f"PRAGMA secure_delete = {int(erases)}").fetchall()
            self._take_reserve()
        return [next(outcomes) if _frees_space(step) else model.Refused("storage_full") for step in steps]

    def _take_reserve(self) -> bool:
        """Whether there is room again for what frees some."""
        self._write_log_back()
        self._reserve_is_out = not self._reserve.take()
        return not self._reserve_is_out

    def _write_log_back(self) -> None:
        """Moves what the log has into the database, and gives its room back to the disk."""
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _take(self, step: model.Step, used_bytes: int) -> model.Outcome:
        match step:
            case model.Deposit():
                return self._deposit(step, used_bytes)
            case model.Acknowledge():
                return self._acknowledge(step)
            case model.Sweep():
                return self._sweep(step)
            case model.TakeMarksBack():
                self.run(statements.TAKE_LAPSING_BACK)
                return model.Done(self.run(statements.TAKE_MARKS_BACK, step.most))
            case _:
                return self._members.take(step)

    def _deposit(self, step: model.Deposit, used_bytes: int) -> model.Committed | model.Refused:
        facts = self._facts(step, used_bytes)
        verdict = inbox_rules.check_deposit(step, facts, self._limits)
        if isinstance(verdict, model.Committed) and not verdict.repeated:
            size, strange = len(step.body), int(not facts.admitted)
            self.run(statements.GROW_INBOX, verdict.seq, size, strange, step.recipient)
            self.run(statements.GROW_SHARE, step.recipient, step.sender, size)
            for place in ("", step.recipient)[: 1 + strange]:
                self.run(statements.GROW_ORIGIN, place, step.origin, size)
            name = (verdict.seq, step.sender, step.message_id, step.sha256)
            entry = model.Entry(*name, verdict.committed_at, step.expires_at, None, step.body)
            self.put(statements.ADD_ENTRY, entry, step.recipient, step.origin, strange)
            self._members.remember_peer(step)
        return verdict

    def _facts(self, step: model.Deposit, used_bytes: int) -> inbox_rules.DepositFacts:
        sender, recipient = step.sender, step.recipient
        box = self.first_of(model.OpenInbox, statements.OPEN_INBOX, recipient)
        return inbox_rules.DepositFacts(
            self.first_of(inbox_rules.Earlier, statements.EARLIER, sender, step.message_id),
            box,
            self.first_of(model.Share, statements.SHARE, recipient, sender) or model.Share(),
            self._members.has_admitted(step),
            model.Share(box.strange, box.strange_bytes, box.strange_places) if box else model.Share(),
            self.first_of(model.Share, statements.ORIGIN, recipient, step.origin) or model.Share(),
            self.first_of(model.Share, statements.ORIGIN, "", step.origin) or model.Share(),
            used_bytes,
        )

    def _acknowledge(self, step: model.Acknowledge) -> model.Done:
        inbox = self.first_of(model.Inbox, statements.INBOX, step.did) or model.Inbox()
        rows = self._waiting(statements.UNACKED_UP_TO, step.did, inbox.floor, step.up_to, step.most)
        for seq in sorted({seq for seq in step.seqs if seq > step.up_to}):
            rows += self._waiting(statements.UNACKED_ONE, step.did, seq)
        for row in rows:
            self._end(row, "acked", inbox_rules.forget_acked_at(row.expires_at, self._limits))
        return model.Done(len(rows))

    def _sweep(self, step: model.Sweep) -> model.Done:
        changed = self.run(statements.UNMARK_LATER, step.at, step.most)
        changed += self.run(statements.MARK, step.at, step.at, step.most)
        rows = self._waiting(statements.EXPIRED, step.marked_by, step.most)
        for row in rows:
            self._end(row, "expired", inbox_rules.forget_expired_at(row.expires_at, self._limits))
        for did, floor in self.all(statements.FORGETTABLE, step.marked_by, step.most):
            changed += self._forget(did, floor, step)
        return model.Done(len(rows) + changed)

    def _waiting(self, statement: str, *values: str | int) -> list[_Waiting]:
        return [_Waiting(**row) for row in self.all(statement, *values)]

    def _end(self, row: _Waiting, gone: model.Gone, forget_at: int) -> None:
        self.run(statements.END_ENTRY, gone, forget_at, row.id)
        holder = _Holder(row.sender, row.origin, row.strange)
        self._shrink(row.recipient, holder, int(gone == "acked"), row.size, 0)

    def _shrink(self, recipient: str, holder: _Holder, entries: int, size: int, places: int) -> None:
        less = (entries, size, places)
        self.run(statements.SHRINK_INBOX, *less, holder.strange, recipient)
        self.run(statements.SHRINK_SHARE, *less, recipient, holder.sender)
        self.run(statements.DROP_EMPTY_SHARE, recipient, holder.sender)
        for place in ("", recipient)[: 1 + holder.strange]:
            self.run(statements.SHRINK_ORIGIN, *less, place, holder.origin)
            self.run(statements.DROP_EMPTY_ORIGIN, place, holder.origin)

    def _forget(self, did: str, floor: int, step: model.Sweep) -> int:
        new_floor = floor
        forgotten: Counter[_Holder] = Counter()
        unread: Counter[_Holder] = Counter()
        for seq, marked_at, gone, *holder in self.all(statements.FROM_FLOOR, did, floor, step.most):
            if gone is None or marked_at is None or marked_at > step.marked_by:
                break
            new_floor = seq
            forgotten[_Holder(*holder)] += 1
            # What nobody acknowledged still had its place in the quota.
            unread[_Holder(*holder)] += int(gone == "expired")
        for one, places in forgotten.items():
            self._shrink(did, one, unread[one], 0, places)
        self.run(statements.FORGET, did, floor, new_floor)
        self.run(statements.RAISE_FLOOR, new_floor, did)
        return new_floor - floor

    def card(self, did: str) -> model.StoredCard | None:
        return self.read_first(model.StoredCard, statements.CARD, did)

    def retired_card(self, did: str) -> model.StoredCard | None:
        return self.read_first(model.StoredCard, statements.RETIRED_CARD, did)

    def members(self) -> list[model.Member]:
        return self.read(model.Member, statements.MEMBERS)

    def removals(self) -> int:
        return int(self.read_value(statements.REMOVALS))

    def invites(self) -> list[model.Invite]:
        return self.read(model.Invite, statements.INVITES)

    def alias_holder(self, alias: str) -> str | None:
        holder: str | None = self.read_value(statements.ALIAS_HOLDER, alias)
        return holder

    def inbox(self, did: str) -> model.Inbox:
        return self.read_first(model.Inbox, statements.INBOX, did) or model.Inbox()

    def entries(self, did: str, *, after: int, most: int, most_bytes: int) -> list[model.Entry]:
        found: list[model.Entry] = []
        room = most_bytes
        with self._reading, database_errors(self._path, "read"):
            # Row by row: the bodies of a whole page might be many times what an answer may have.
            rows = contextlib.closing(self._reader.execute(statements.ENTRIES, (did, after, most)))
            with rows as cursor:
                for row in cursor:
                    entry = model.Entry(**row)
                    room -= len(entry.body or b"")
                    if found and room < 0:
                        break
                    found.append(entry)
        return found

    def message_at(self, did: str, seq: int) -> str | None:
        found: str | None = self.read_value(statements.MESSAGE_AT, did, seq)
        return found
