-- The order within a thread is the sender's: `turn` is given when a message's time has come, and is missing
-- while it is held behind one of its sender that did not come in yet.
ALTER TABLE ingress ADD COLUMN turn INTEGER;
ALTER TABLE ingress ADD COLUMN held_until REAL;
UPDATE ingress SET turn = id;
DROP INDEX ingress_open;
CREATE INDEX ingress_turns ON ingress (thread_id, turn)
    WHERE stage IN ('approved', 'dispatching') AND turn IS NOT NULL;
CREATE INDEX ingress_last_turn ON ingress (turn);
CREATE INDEX ingress_held ON ingress (held_until) WHERE turn IS NULL;

-- What a message's place says where it is not plainly the next one: `late`, or `gap` and what is missing.
ALTER TABLE message ADD COLUMN place TEXT NOT NULL DEFAULT '';

-- What we sealed for each agent: a chain of counters and hashes, begun anew with a new store.
CREATE TABLE sent_chain (
    peer TEXT PRIMARY KEY,
    chain TEXT NOT NULL,
    counter INTEGER NOT NULL,
    sha256 TEXT,
    begun_at REAL NOT NULL,
    missing TEXT NOT NULL DEFAULT '[]',
    out_of_order INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- `item` is the message in the outbox; `skipped` what the envelope says to skip; `told` whether an envelope
-- that was committed says to skip this one.
CREATE TABLE sent_link (
    peer TEXT NOT NULL,
    chain TEXT NOT NULL,
    counter INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    item INTEGER NOT NULL,
    skipped TEXT NOT NULL DEFAULT '[]',
    told INTEGER NOT NULL DEFAULT 0,
    keep_until REAL NOT NULL,
    PRIMARY KEY (peer, chain, counter)
) WITHOUT ROWID;
CREATE INDEX sent_link_item ON sent_link (item, counter);
CREATE INDEX sent_link_age ON sent_link (keep_until);

-- What came in of each sender's chains. `missing`, `skipped`: ranges of counters, as JSON.
CREATE TABLE heard_chain (
    peer TEXT NOT NULL,
    chain TEXT NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,
    newest INTEGER NOT NULL DEFAULT 0,
    out_of_order INTEGER NOT NULL DEFAULT 0,
    missing TEXT NOT NULL DEFAULT '[]',
    ahead TEXT NOT NULL DEFAULT '[]',
    heard_at REAL NOT NULL,
    PRIMARY KEY (peer, chain)
) WITHOUT ROWID;

-- `item`: the message, where one is held or was taken in; `came` is 0 where only the next one told the hash.
CREATE TABLE heard_link (
    peer TEXT NOT NULL,
    chain TEXT NOT NULL,
    counter INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    came INTEGER NOT NULL,
    item INTEGER,
    keep_until REAL NOT NULL,
    PRIMARY KEY (peer, chain, counter)
) WITHOUT ROWID;
CREATE INDEX heard_link_age ON heard_link (keep_until);
CREATE UNIQUE INDEX heard_link_item ON heard_link (item) WHERE item IS NOT NULL;

-- Two things that one sender signed for one place: kept for whoever has to judge.
CREATE TABLE chain_fork (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    peer TEXT NOT NULL,
    chain TEXT NOT NULL,
    counter INTEGER NOT NULL,
    known_sha256 TEXT,
    sha256 TEXT NOT NULL,
    message_id TEXT NOT NULL,
    envelope TEXT NOT NULL
);

-- Since when, by its own clock, an agent seals version 2: what it sealed of version 1 after that is refused.
CREATE TABLE newer_peer (
    did TEXT PRIMARY KEY,
    since REAL NOT NULL
) WITHOUT ROWID;

-- Keys by which a relay lets somebody into what an inbox keeps for those whom its owner admitted: `key` is the
-- contact's own, for what we send to it; `given` the hash of ours that it has.
CREATE TABLE contact_access (
    did TEXT PRIMARY KEY,
    access_key TEXT,
    given TEXT,
    at REAL NOT NULL
) WITHOUT ROWID;
