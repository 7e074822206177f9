"""The relay's store in SQLite: WAL, and a commit that returns only when the disk has it."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from openclaw_install.common.errors import FileError
from openclaw_install.common.migrations import Migration, read_migrations
from openclaw_install.common.sqlite_file import connect_file
from openclaw_install.hub.database_errors import told
from openclaw_install.hub.migrations import migrate
from openclaw_install.hub.relay import inbox_rules, statements
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

_SQL_FOLDER = Path(__file__).parent / "sql"


def relay_migrations() -> tuple[Migration, ...]:
    """The migrations of the relay's database, in order."""
    return read_migrations(_SQL_FOLDER)


class _Waiting(NamedTuple):
    """A row that can still be ended; columns as in `statements`."""

    id: int
    recipient: str
    sender: str
    expires_at: int
    gone: Gone | None
    size: int


class SqliteRelayStore:
    """`RelayStore` in one file.

    Args:
        path: the database; made with mode 0600 when it is missing. Its folder must exist.
        relay_id: the public key of the relay; a database keeps that of the relay that made it.
        limits: quotas and times.

    Raises:
        FileError: it cannot be opened, is no database, belongs to a newer version, or to another relay.
    """

    def __init__(self, path: Path, relay_id: str, limits: RelayLimits) -> None:
        self._path, self._limits = path, limits
        self._writing, self._reading = threading.Lock(), threading.Lock()
        with contextlib.ExitStack() as undo, told(path, "open"):
            self._writer = undo.enter_context(contextlib.closing(self._connect()))
            migrate(self._writer, relay_migrations())
            self._writer.execute(statements.NAME_STORE, (f"log_{secrets.token_hex(12)}", relay_id))
            self._log_id, owner = self._writer.execute(statements.STORE).fetchone()
            if owner != relay_id:
                raise _of_another_relay(path)
            self._reader = undo.enter_context(contextlib.closing(self._connect()))
            undo.pop_all()

    def _connect(self) -> sqlite3.Connection:
        return connect_file(self._path, check_same_thread=False)

    @property
    def log_id(self) -> str:
        return str(self._log_id)

    def commit(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        with self._writing, told(self._path, "write"):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [self._take(step) for step in steps]
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            return outcomes

    def _take(self, step: Step) -> Outcome:
        match step:
            case Deposit():
                return self._deposit(step)
            case PutCard():
                return self._put_card(step)
            case Acknowledge():
                return self._acknowledge(step)
            case Sweep():
                return self._sweep(step)
            case TakeMarksBack():
                return Done(self._writer.execute(statements.TAKE_MARKS_BACK, (step.most,)).rowcount)

    def _first(self, statement: str, *values: str | int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._writer.execute(statement, values).fetchone()
        return row

    def _deposit(self, step: Deposit) -> Committed | Refused:
        earlier = self._first(statements.EARLIER, step.sender, step.message_id)
        inbox = self._first(statements.INBOX, step.recipient)
        share = self._first(statements.SHARE, step.recipient, step.sender)
        facts = inbox_rules.DepositFacts(
            None if earlier is None else (earlier[0], Entry(*earlier[1:])),
            None if inbox is None else Inbox(*inbox),
            Share(*share) if share else Share(),
        )
        verdict = inbox_rules.judge_deposit(step, facts, self._limits)
        if isinstance(verdict, Committed) and not verdict.repeated:
            run, size = self._writer.execute, len(step.body)
            run(statements.GROW_INBOX, (verdict.seq, size, step.recipient))
            run(statements.GROW_SHARE, (step.recipient, step.sender, size))
            row = (step.message_id, step.sha256, verdict.committed_at, step.expires_at, step.body)
            run(statements.ADD_ENTRY, (step.recipient, verdict.seq, step.sender, *row))
        return verdict

    def _put_card(self, step: PutCard) -> Done | Refused:
        card = step.card
        version, old_alias = self._first(statements.CARD_VERSION, card.did) or (0, None)
        held = None if card.alias is None else self._first(statements.HELD_ALIAS, card.alias)
        agents = self._first(statements.AGENTS) or (0,)
        facts = inbox_rules.CardFacts(version, agents[0], HeldAlias(*held) if held else None)
        refusal = inbox_rules.judge_card(step, facts, self._limits)
        if refusal is not None:
            return refusal
        run = self._writer.execute
        run(statements.PUT_CARD, (card.did, card.version, card.card, card.alias, card.updated_at))
        run(statements.NEW_INBOX, (card.did,))
        if old_alias is not None and old_alias != card.alias:
            run(statements.RELEASE_ALIAS, (card.updated_at, old_alias, card.did))
        if card.alias is not None:
            run(statements.TAKE_ALIAS, (card.alias, card.did))
        return Done(1)

    def _acknowledge(self, step: Acknowledge) -> Done:
        inbox = self._first(statements.INBOX, step.did) or (0, 0)
        rows = self._waiting(statements.UNACKED_UP_TO, step.did, inbox[1], step.up_to, step.most)
        for seq in sorted({seq for seq in step.seqs if seq > step.up_to}):
            rows += self._waiting(statements.UNACKED_ONE, step.did, seq)
        for row in rows:
            self._end(row, "acked", inbox_rules.forget_acked_at(row.expires_at, self._limits))
        return Done(len(rows))

    def _sweep(self, step: Sweep) -> Done:
        run = self._writer.execute
        changed = run(statements.UNMARK_LATER, (step.at, step.most)).rowcount
        changed += run(statements.MARK, (step.at, step.at, step.most)).rowcount
        rows = self._waiting(statements.EXPIRED, step.marked_by, step.most)
        for row in rows:
            self._end(row, "expired", inbox_rules.forget_expired_at(row.expires_at, self._limits))
        for did, floor in run(statements.FORGETTABLE, (step.marked_by, step.most)).fetchall():
            changed += self._forget(did, floor, step)
        return Done(len(rows) + changed)

    def _waiting(self, statement: str, *values: str | int) -> list[_Waiting]:
        return [_Waiting(*row) for row in self._writer.execute(statement, values).fetchall()]

    def _end(self, row: _Waiting, gone: Gone, forget_at: int) -> None:
        self._writer.execute(statements.END_ENTRY, (gone, forget_at, row.id))
        self._shrink(row.recipient, row.sender, int(gone == "acked"), row.size)

    def _shrink(self, recipient: str, sender: str, entries: int, size: int) -> None:
        run = self._writer.execute
        run(statements.SHRINK_INBOX, (entries, size, recipient))
        run(statements.SHRINK_SHARE, (entries, size, recipient, sender))
        run(statements.DROP_EMPTY_SHARE, (recipient, sender))

    def _forget(self, did: str, floor: int, step: Sweep) -> int:
        new_floor = floor
        rows = self._writer.execute(statements.FROM_FLOOR, (did, floor, step.most)).fetchall()
        for seq, marked_at, gone, sender in rows:
            if gone is None or marked_at is None or marked_at > step.marked_by:
                break
            new_floor = seq
            if gone == "expired":
                # Nobody acknowledged it, so it still had its place in the quota.
                self._shrink(did, sender, 1, 0)
        self._writer.execute(statements.FORGET, (did, floor, new_floor))
        self._writer.execute(statements.RAISE_FLOOR, (new_floor, did))
        return new_floor - floor

    def _read(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._reading, told(self._path, "read"):
            return self._reader.execute(statement, values).fetchall()

    def card(self, did: str) -> StoredCard | None:
        rows = self._read(statements.CARD, did)
        return StoredCard(*rows[0]) if rows else None

    def alias_holder(self, alias: str) -> str | None:
        rows = self._read(statements.ALIAS_HOLDER, alias)
        return str(rows[0][0]) if rows else None

    def inbox(self, did: str) -> Inbox:
        rows = self._read(statements.INBOX, did)
        return Inbox(*rows[0]) if rows else Inbox()

    def entries(self, did: str, *, after: int, most: int, most_bytes: int) -> list[Entry]:
        found: list[Entry] = []
        room = most_bytes
        with self._reading, told(self._path, "read"):
            # Row by row: the bodies of a whole page might be many times what an answer may have.
            rows = contextlib.closing(self._reader.execute(statements.ENTRIES, (did, after, most)))
            with rows as cursor:
                for row in cursor:
                    entry = Entry(*row)
                    room -= len(entry.body or b"")
                    if found and room < 0:
                        break
                    found.append(entry)
        return found

    def message_at(self, did: str, seq: int) -> str | None:
        rows = self._read(statements.MESSAGE_AT, did, seq)
        return str(rows[0][0]) if rows else None

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()


def _of_another_relay(path: Path) -> FileError:
    return FileError(
        f"{path} was made by a relay with another key",
        next_step="put its relay.key back beside it, or move both away to begin anew",
        code="hub.relay_key",
    )
