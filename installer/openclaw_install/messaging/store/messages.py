"""The messages of the threads, both directions, and the rows that keep an id from being taken in twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from openclaw_install.common.invisible import rewritten
from openclaw_install.messaging.models import Message, NewMessage
from openclaw_install.messaging.store.database import Row, Table, columns
from openclaw_install.messaging.untrusted import Standing, Untrusted

_DECIDED = "(SELECT state FROM contact WHERE did = message.peer) AS decided"
_SELECT = f"SELECT {columns(Message)}, {_DECIDED} FROM message"  # noqa: S608 - our own words
_VISIBLE = "schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1')"
_PREVIEW_LENGTH = 160
# In the words of the index message_answers, or SQLite does not use it.
ANSWERS = "direction = 'out' AND schema = 'pingagent.text@1'"
ANSWERED = "json_extract(body, '$.in_reply_to')"


class MessageTable(Table):
    """The tables `message` and `replay`."""

    def add(self, new: NewMessage) -> int:
        """Stores a message and returns its local number."""
        values = {**vars(new), "body": stored_body(new.body), "preview": preview(new.schema, new.body)}
        return self._database.insert("message", values)

    def set_state(self, number: int, state: str, *, seq: int | None = None, reason: str = "") -> None:
        """Follows what a ledger says of the message."""
        self._database.change(
            "UPDATE message SET state = ?, seq = coalesce(?, seq), reason = ? WHERE id = ?",
            *(state, seq, reason, number),
        )

    def set_place(self, number: int, place: str) -> None:
        """Notes what is special about a message's place among those of its sender."""
        self._database.change("UPDATE message SET place = ? WHERE id = ?", place, number)

    def get(self, number: int) -> Message | None:
        return self._one("id = ?", number)

    def find(self, sender: str, message_id: str) -> Message | None:
        return self._one("sender = ? AND message_id = ?", sender, message_id)

    def by_id(self, message_id: str) -> list[Message]:
        """The messages with an id: ids are the senders' own, so there can be several."""
        return self._many("message_id = ? ORDER BY id", message_id)

    def of_thread(self, thread_id: str, *, before: int | None = None, limit: int = 20) -> list[Message]:
        """The newest messages of a thread before a local number, oldest first."""
        found = self._many(
            f"thread_id = ? AND id < ? AND {_VISIBLE} ORDER BY id DESC LIMIT ?",
            *(thread_id, 2**62 if before is None else before, limit),
        )
        return found[::-1]

    def answers(self, thread_id: str, in_reply_to: str, before: int, limit: int = 5) -> list[Message]:
        """The newest texts of ours that answer a message, before a local number, oldest first."""
        found = self._many(
            f"{ANSWERS} AND thread_id = ? AND {ANSWERED} = ? AND id < ? AND state <> 'failed' "
            "ORDER BY id DESC LIMIT ?",
            *(thread_id, in_reply_to, before, limit),
        )
        return found[::-1]

    def sent_in(self, thread_id: str, most: int = 100) -> int:
        """How many messages we wrote in a thread; at most `most` are counted."""
        return self._database.count(
            "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? AND direction = 'out' "  # noqa: S608
            f"AND {_VISIBLE} LIMIT ?)",
            *(thread_id, most),
        )

    def first_of(self, peers: Sequence[str]) -> dict[str, Message]:
        """The first message of each of these agents, which asks for contact; by their DIDs."""
        thread = (
            "(SELECT thread_id FROM session WHERE session.peer = asked.value ORDER BY created_at LIMIT 1)"
        )
        first = f"SELECT min(id) FROM message WHERE thread_id = {thread} AND direction = 'in' AND {_VISIBLE}"  # noqa: S608 - our own words
        where = f"id IN (SELECT ({first}) FROM json_each(?) AS asked)"  # noqa: S608 - our own words
        found = self._many(where, json.dumps(list(peers)))
        return {one.peer: one for one in found}

    def came_from(self, thread_id: str) -> bool:
        """Whether the other side of a thread let us in: it wrote to us, or said that something arrived."""
        row = self._database.row(
            "SELECT 1 FROM message WHERE thread_id = ? AND direction = 'in' LIMIT 1", thread_id
        )
        return row is not None

    def incoming(self, *, before: int | None = None, limit: int = 20) -> list[Message]:
        """The newest messages that came in, of all threads, newest first."""
        return self._many(
            f"direction = 'in' AND id < ? AND {_VISIBLE} ORDER BY id DESC LIMIT ?",
            2**62 if before is None else before,
            limit,
        )

    def replayed(self, sender: str, message_id: str) -> str | None:
        """The digest under which a message id of a sender was taken in before; None if it never was."""
        found: str | None = self._database.value(
            "SELECT digest FROM replay WHERE sender = ? AND message_id = ?", sender, message_id
        )
        return found

    def remember(self, sender: str, message_id: str, digest: str, now: float, keep_until: float) -> None:
        """Writes the replay row."""
        self._database.change(
            "INSERT INTO replay (sender, message_id, digest, seen_at, keep_until) VALUES (?, ?, ?, ?, ?)",
            *(sender, message_id, digest, now, keep_until),
        )

    def forget_replays(self, now: float, most: int = 1000) -> int:
        """Deletes replay rows that no envelope can need any more; returns how many."""
        return self._database.change(
            "DELETE FROM replay WHERE (sender, message_id) IN "
            "(SELECT sender, message_id FROM replay WHERE keep_until < ? LIMIT ?)",
            *(now, most),
        )

    def _one(self, where: str, *values: object) -> Message | None:
        return next(iter(self._many(where, *values)), None)

    def _many(self, where: str, *values: object) -> list[Message]:
        return [_message(row) for row in self._database.rows(f"{_SELECT} WHERE {where}", *values)]


def _message(row: Row) -> Message:
    values = dict(row)
    decided = values.pop("decided")
    standing: Standing = "ours" if row["direction"] == "out" else decided or "unknown"
    values["body"] = Untrusted(json.loads(row["body"]), standing)
    values["preview"] = Untrusted(row["preview"], standing)
    return Message(**values)


def stored_body(body: Mapping[str, Any]) -> str:
    """A body as the table has it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def preview(schema: str, body: Mapping[str, Any]) -> str:
    """The beginning of what a person would read of a message, on one line."""
    fields = ("text", "title", "summary", "description", "status", "message")
    text = next((body[name] for name in fields if isinstance(body.get(name), str) and body[name]), schema)
    line = " ".join(rewritten(str(text)[: 4 * _PREVIEW_LENGTH], lambda _: " ").split())
    return line if len(line) <= _PREVIEW_LENGTH else line[: _PREVIEW_LENGTH - 1] + "…"
