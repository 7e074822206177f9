"""The SQL of the relay's store; columns stand in the order of the dataclasses in `model`."""

from __future__ import annotations

STORE = "SELECT log_id, relay_id FROM store"
NAME_STORE = "INSERT INTO store (id, log_id, relay_id) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING"

_CARD = """
SELECT cards.did, version, card, alias, updated_at FROM cards JOIN inboxes ON inboxes.did = cards.did
WHERE cards.did = ?
"""
CARD = _CARD + "AND retired_at IS NULL"
RETIRED_CARD = _CARD + "AND retired_at IS NOT NULL"
CARD_VERSION = """
SELECT version, alias, retired_at FROM cards JOIN inboxes ON inboxes.did = cards.did WHERE cards.did = ?
"""
AGENTS = "SELECT count(*) FROM inboxes WHERE retired_at IS NULL"
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

# A place that was given back begins anew, behind the numbers that it had.
NEW_INBOX = """
INSERT INTO inboxes (did, head, floor, waiting, waiting_bytes, used_at) VALUES (?, 0, 0, 0, 0, ?)
ON CONFLICT (did) DO UPDATE SET
    used_at = CASE WHEN met = 0 AND retired_at IS NULL THEN used_at ELSE excluded.used_at END,
    lapsing_at = NULL, retired_at = NULL
"""
INBOX = "SELECT head, floor, waiting, waiting_bytes FROM inboxes WHERE did = ?"
POSTBOX = """
SELECT head, floor, waiting, waiting_bytes, strange, strange_bytes, strange_places
FROM inboxes WHERE did = ? AND retired_at IS NULL
"""
SHARE = "SELECT waiting, waiting_bytes, places FROM shares WHERE recipient = ? AND sender = ?"
ORIGIN = "SELECT waiting, waiting_bytes, places FROM origins WHERE recipient = ? AND origin = ?"
GROW_INBOX = """
UPDATE inboxes SET head = ?1, waiting = waiting + 1, waiting_bytes = waiting_bytes + ?2,
    strange = strange + ?3, strange_bytes = strange_bytes + ?2 * ?3, strange_places = strange_places + ?3
WHERE did = ?4
"""
GROW_SHARE = """
INSERT INTO shares (recipient, sender, waiting, waiting_bytes, places) VALUES (?, ?, 1, ?, 1)
ON CONFLICT (recipient, sender) DO UPDATE SET
    waiting = waiting + 1, waiting_bytes = waiting_bytes + excluded.waiting_bytes, places = places + 1
"""
GROW_ORIGIN = """
INSERT INTO origins (recipient, origin, waiting, waiting_bytes, places) VALUES (?, ?, 1, ?, 1)
ON CONFLICT (recipient, origin) DO UPDATE SET
    waiting = waiting + 1, waiting_bytes = waiting_bytes + excluded.waiting_bytes, places = places + 1
"""
SHRINK_INBOX = """
UPDATE inboxes SET waiting = waiting - ?1, waiting_bytes = waiting_bytes - ?2,
    strange = strange - ?1 * ?4, strange_bytes = strange_bytes - ?2 * ?4,
    strange_places = strange_places - ?3 * ?4
WHERE did = ?5
"""
SHRINK_SHARE = """
UPDATE shares SET waiting = waiting - ?, waiting_bytes = waiting_bytes - ?, places = places - ?
WHERE recipient = ? AND sender = ?
"""
SHRINK_ORIGIN = """
UPDATE origins SET waiting = waiting - ?, waiting_bytes = waiting_bytes - ?, places = places - ?
WHERE recipient = ? AND origin = ?
"""
DROP_EMPTY_SHARE = "DELETE FROM shares WHERE recipient = ? AND sender = ? AND places = 0"
DROP_EMPTY_ORIGIN = "DELETE FROM origins WHERE recipient = ? AND origin = ? AND places = 0"

# Admission.
HAS_ACCESS = "SELECT 1 FROM access WHERE did = ? AND key_sha256 = ?"
DROP_ACCESS = "DELETE FROM access WHERE did = ?"
ADD_ACCESS = "INSERT INTO access (did, key_sha256) VALUES (?, ?)"
HAS_WRITTEN = "SELECT 1 FROM peers WHERE author = ? AND peer = ?"
REMEMBER_PEER = "INSERT INTO peers (author, peer, at) VALUES (?, ?, ?) ON CONFLICT (author, peer) DO NOTHING"
FORGET_PEERS = """
DELETE FROM peers WHERE author = ?1 AND peer IN (
    SELECT peer FROM peers WHERE author = ?1 ORDER BY at DESC, peer LIMIT -1 OFFSET ?2
)
"""
DROP_PEERS = "DELETE FROM peers WHERE author = ?"

# Places that nobody uses.
TOUCH = "UPDATE inboxes SET met = 1, used_at = ?, lapsing_at = NULL WHERE did = ? AND retired_at IS NULL"
_DUE = "retired_at IS NULL AND used_at <= CASE met WHEN 0 THEN ?1 ELSE ?2 END"
UNMARK_USED = f"""
UPDATE inboxes SET lapsing_at = NULL WHERE lapsing_at IS NOT NULL AND (lapsing_at > ?3 OR NOT ({_DUE}))
"""  # noqa: S608 - text of ours
MARK_UNUSED = f"""
UPDATE inboxes SET lapsing_at = ?3 WHERE did IN (
    SELECT did FROM inboxes WHERE lapsing_at IS NULL AND {_DUE} LIMIT ?4
)
"""  # noqa: S608 - text of ours
TAKE_LAPSING_BACK = "UPDATE inboxes SET lapsing_at = NULL WHERE lapsing_at IS NOT NULL"
LAPSED = f"""
SELECT did FROM inboxes WHERE lapsing_at <= ?3 AND {_DUE} ORDER BY used_at LIMIT ?4
"""  # noqa: S608 - text of ours
MEMBERS = """
SELECT cards.did, cards.alias, used_at, met, waiting, waiting_bytes
FROM inboxes JOIN cards ON cards.did = inboxes.did WHERE retired_at IS NULL ORDER BY used_at DESC, cards.did
"""
PLACE = "SELECT head, met FROM inboxes WHERE did = ? AND retired_at IS NULL"
HELD_BY_ORIGIN = """
SELECT origin, count(*) FILTER (WHERE gone IS NOT 'acked'), coalesce(sum(length(body)), 0), count(*)
FROM entries WHERE recipient = ? GROUP BY origin
"""
DROP_ENTRIES = "DELETE FROM entries WHERE recipient = ?"
DROP_SHARES = "DELETE FROM shares WHERE recipient = ?"
DROP_ORIGINS = "DELETE FROM origins WHERE recipient = ?"
RETIRE = """
UPDATE inboxes SET floor = head, waiting = 0, waiting_bytes = 0, strange = 0, strange_bytes = 0,
    strange_places = 0, met = 0, lapsing_at = NULL, retired_at = ? WHERE did = ?
"""
RELEASE_ALIASES = "UPDATE aliases SET released_at = ? WHERE did = ? AND released_at IS NULL"
FORGET_ALIAS = "UPDATE cards SET alias = NULL WHERE did = ?"
DROP_ALIASES = "DELETE FROM aliases WHERE did = ?"
DROP_INBOX = "DELETE FROM inboxes WHERE did = ?"
DROP_CARD = "DELETE FROM cards WHERE did = ?"
RETIRED_LONGEST = """
SELECT did FROM inboxes WHERE retired_at IS NOT NULL ORDER BY retired_at DESC, did LIMIT -1 OFFSET ?
"""
COUNT_REMOVAL = "UPDATE store SET removals = removals + 1"
REMOVALS = "SELECT removals FROM store"

# Invitations.
INVITES = """
SELECT id, code_sha256, uses, uses_left, created_at, expires_at, revoked_at FROM invites
ORDER BY created_at, id
"""
INVITE = """
SELECT id, code_sha256, uses, uses_left, created_at, expires_at, revoked_at FROM invites WHERE code_sha256 = ?
"""
ADD_INVITE = """
INSERT INTO invites (id, code_sha256, uses, uses_left, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
USE_INVITE = "UPDATE invites SET uses_left = uses_left - 1 WHERE id = ?"
REVOKE_INVITE = "UPDATE invites SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
DROP_OLD_INVITES = "DELETE FROM invites WHERE expires_at <= ?"

USED_BYTES = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

_ENTRY = "seq, sender, message_id, sha256, committed_at, expires_at, gone"
EARLIER = f"SELECT recipient, {_ENTRY}, NULL FROM entries WHERE sender = ? AND message_id = ?"  # noqa: S608
ADD_ENTRY = """
INSERT INTO entries
    (recipient, seq, sender, message_id, sha256, committed_at, expires_at, body, origin, strange)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
ENTRIES = f"SELECT {_ENTRY}, body FROM entries WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
MESSAGE_AT = "SELECT message_id FROM entries WHERE recipient = ? AND seq = ?"

_WAITING = """
SELECT id, recipient, sender, origin, strange, expires_at, gone, coalesce(length(body), 0) FROM entries
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
FROM_FLOOR = """
SELECT seq, marked_at, gone, sender, origin, strange FROM entries
WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?
"""
FORGET = "DELETE FROM entries WHERE recipient = ? AND seq > ? AND seq <= ?"
RAISE_FLOOR = "UPDATE inboxes SET floor = ? WHERE did = ?"
