"""The SQL of the relay's store; the columns of a record go by the names of its fields."""

from __future__ import annotations

from openclaw_install.hub.relay.inbox_rules import Earlier
from openclaw_install.hub.relay.model import Entry, Inbox, Invite, OpenInbox, Share, StoredCard
from openclaw_install.hub.storage.statements import insert, names, select, upsert

STORE = "SELECT log_id, relay_id FROM store"
NAME_STORE = "INSERT INTO store (id, log_id, relay_id) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING"

_CARD = select(StoredCard, "cards JOIN inboxes USING (did)") + "WHERE did = ? "
CARD = _CARD + "AND retired_at IS NULL"
RETIRED_CARD = _CARD + "AND retired_at IS NOT NULL"
CARD_VERSION = "SELECT version, alias, retired_at FROM cards JOIN inboxes USING (did) WHERE did = ?"
AGENTS = "SELECT count(*) FROM inboxes WHERE retired_at IS NULL"
PUT_CARD = upsert("cards", names(StoredCard), "did")
HELD_ALIAS = """
SELECT aliases.did, aliases.released_at, cards.updated_at AS renewed_at
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
INBOX = select(Inbox, "inboxes") + "WHERE did = ?"
OPEN_INBOX = select(OpenInbox, "inboxes") + "WHERE did = ? AND retired_at IS NULL"
GROW_INBOX = """
UPDATE inboxes SET head = ?1, waiting = waiting + 1, waiting_bytes = waiting_bytes + ?2,
    strange = strange + ?3, strange_bytes = strange_bytes + ?2 * ?3, strange_places = strange_places + ?3
WHERE did = ?4
"""
SHRINK_INBOX = """
UPDATE inboxes SET waiting = waiting - ?1, waiting_bytes = waiting_bytes - ?2,
    strange = strange - ?1 * ?4, strange_bytes = strange_bytes - ?2 * ?4,
    strange_places = strange_places - ?3 * ?4
WHERE did = ?5
"""


def _counters(table: str, name: str) -> tuple[str, str, str, str]:
    """Statements over a table of shares: look, count an entry, take back from it, drop an empty one."""
    place = f"recipient = ? AND {name} = ?"
    grow = f"""
INSERT INTO {table} (recipient, {name}, waiting, waiting_bytes, places) VALUES (?, ?, 1, ?, 1)
ON CONFLICT (recipient, {name}) DO UPDATE SET waiting = {table}.waiting + 1,
    waiting_bytes = {table}.waiting_bytes + excluded.waiting_bytes, places = {table}.places + 1
"""  # noqa: S608 - names of ours
    shrink = f"""
UPDATE {table} SET waiting = waiting - ?, waiting_bytes = waiting_bytes - ?, places = places - ?
WHERE {place}
"""  # noqa: S608 - names of ours
    drop = f"DELETE FROM {table} WHERE {place} AND places = 0"  # noqa: S608 - names of ours
    return f"{select(Share, table)} WHERE {place}", grow, shrink, drop


SHARE, GROW_SHARE, SHRINK_SHARE, DROP_EMPTY_SHARE = _counters("shares", "sender")
ORIGIN, GROW_ORIGIN, SHRINK_ORIGIN, DROP_EMPTY_ORIGIN = _counters("origins", "origin")

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
SELECT did, alias, CASE met WHEN 1 THEN used_at END AS last_used_at, waiting, waiting_bytes
FROM inboxes JOIN cards USING (did) WHERE retired_at IS NULL ORDER BY used_at DESC, did
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
_INVITES = select(Invite, "invites")
INVITES = _INVITES + "ORDER BY created_at, id"
INVITE = _INVITES + "WHERE code_sha256 = ?"
ADD_INVITE = insert("invites", [*names(Invite), "code_sha256"])
USE_INVITE = "UPDATE invites SET uses_left = uses_left - 1 WHERE id = ?"
REVOKE_INVITE = "UPDATE invites SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
DROP_OLD_INVITES = "DELETE FROM invites WHERE expires_at <= ?"

USED_BYTES = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()
"""

EARLIER = select(Earlier, "entries") + "WHERE sender = ? AND message_id = ?"
ADD_ENTRY = insert("entries", [*names(Entry), "recipient", "origin", "strange"])
ENTRIES = select(Entry, "entries") + "WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?"
MESSAGE_AT = "SELECT message_id FROM entries WHERE recipient = ? AND seq = ?"

_WAITING = """
SELECT id, recipient, sender, origin, strange, expires_at, coalesce(length(body), 0) AS size FROM entries
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
