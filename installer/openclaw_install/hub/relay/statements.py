"""The SQL of the relay's store; columns stand in the order of the dataclasses in `model`."""

from __future__ import annotations

STORE = "SELECT log_id, relay_id FROM store"
NAME_STORE = "INSERT INTO store (id, log_id, relay_id) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING"

CARD = "SELECT did, version, card, alias, updated_at FROM cards WHERE did = ?"
CARD_VERSION = "SELECT version, alias FROM cards WHERE did = ?"
AGENTS = "SELECT count(*) FROM cards"
PUT_CARD = """
INSERT INTO cards (did, version, card, alias, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (did) DO UPDATE SET
    version = excluded.version, card = excluded.card, alias = excluded.alias, updated_at = excluded.updated_at
"""
HELD_ALIAS = """
SELECT aliases.did, aliases.released_at, cards.updated_at
FROM aliases JOIN cards ON cards.did = aliases.did WHERE aliases.alias = ?
"""
ALIAS_HOLDER = "SELECT did FROM aliases WHERE alias = ? AND released_at IS NULL"
TAKE_ALIAS = """
INSERT INTO aliases (alias, did, released_at) VALUES (?, ?, NULL)
ON CONFLICT (alias) DO UPDATE SET did = excluded.did, released_at = NULL
"""
RELEASE_ALIAS = "UPDATE aliases SET released_at = ? WHERE alias = ? AND did = ? AND released_at IS NULL"

NEW_INBOX = """
INSERT INTO inboxes (did, head, floor, waiting, waiting_bytes) VALUES (?, 0, 0, 0, 0)
ON CONFLICT (did) DO NOTHING
"""
INBOX = "SELECT head, floor, waiting, waiting_bytes FROM inboxes WHERE did = ?"
SHARE = "SELECT waiting, waiting_bytes FROM shares WHERE recipient = ? AND sender = ?"
GROW_INBOX = """
UPDATE inboxes SET head = ?, waiting = waiting + 1, waiting_bytes = waiting_bytes + ? WHERE did = ?
"""
GROW_SHARE = """
INSERT INTO shares (recipient, sender, waiting, waiting_bytes) VALUES (?, ?, 1, ?)
ON CONFLICT (recipient, sender) DO UPDATE SET
    waiting = waiting + 1, waiting_bytes = waiting_bytes + excluded.waiting_bytes
"""
SHRINK_INBOX = """
UPDATE inboxes SET waiting = waiting - ?, waiting_bytes = waiting_bytes - ? WHERE did = ?
"""
SHRINK_SHARE = """
UPDATE shares SET waiting = waiting - ?, waiting_bytes = waiting_bytes - ? WHERE recipient = ? AND sender = ?
"""
DROP_EMPTY_SHARE = "DELETE FROM shares WHERE recipient = ? AND sender = ? AND waiting = 0"

_ENTRY = "seq, sender, message_id, sha256, committed_at, expires_at, gone"
EARLIER = f"SELECT recipient, {_ENTRY}, NULL FROM entries WHERE sender = ? AND message_id = ?"  # noqa: S608
ADD_ENTRY = """
INSERT INTO entries (recipient, seq, sender, message_id, sha256, committed_at, expires_at, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
ENTRIES = f"SELECT {_ENTRY}, body FROM entries WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
MESSAGE_AT = "SELECT message_id FROM entries WHERE recipient = ? AND seq = ?"

_WAITING = """
SELECT id, recipient, sender, expires_at, gone, coalesce(length(body), 0) FROM entries
"""
UNACKED_UP_TO = _WAITING + "WHERE recipient = ? AND seq > ? AND seq <= ? AND gone IS NOT 'acked' LIMIT ?"
UNACKED_ONE = _WAITING + "WHERE recipient = ? AND seq = ? AND gone IS NOT 'acked'"
EXPIRED = _WAITING + "WHERE gone IS NULL AND marked_at <= ? ORDER BY marked_at LIMIT ?"
END_ENTRY = "UPDATE entries SET gone = ?, forget_at = ?, body = NULL, marked_at = NULL WHERE id = ?"

# An entry is due when it expires; once it is gone, when it may be forgotten.
MARK = """
UPDATE entries SET marked_at = ? WHERE id IN (
    SELECT id FROM entries WHERE marked_at IS NULL AND coalesce(forget_at, expires_at) <= ?
    ORDER BY coalesce(forget_at, expires_at) LIMIT ?
)
"""
UNMARK_LATER = """
UPDATE entries SET marked_at = NULL WHERE id IN (SELECT id FROM entries WHERE marked_at > ? LIMIT ?)
"""
TAKE_MARKS_BACK = """
UPDATE entries SET marked_at = NULL WHERE id IN (SELECT id FROM entries WHERE marked_at IS NOT NULL LIMIT ?)
"""

# The inboxes lead: there are few of them, and each asks for one entry.
FORGETTABLE = """
SELECT inboxes.did, inboxes.floor FROM inboxes
CROSS JOIN entries ON entries.recipient = inboxes.did AND entries.seq = inboxes.floor + 1
WHERE entries.gone IS NOT NULL AND entries.marked_at <= ? LIMIT ?
"""
FROM_FLOOR = (
    "SELECT seq, marked_at, gone, sender FROM entries WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?"
)
FORGET = "DELETE FROM entries WHERE recipient = ? AND seq > ? AND seq <= ?"
RAISE_FLOOR = "UPDATE inboxes SET floor = ? WHERE did = ?"
