-- What waits for whom. An inbox's figures and its entries change in the same transaction.
CREATE TABLE inboxes (
    did TEXT PRIMARY KEY REFERENCES cards (did),
    head INTEGER NOT NULL,
    floor INTEGER NOT NULL CHECK (floor BETWEEN 0 AND head),
    waiting INTEGER NOT NULL CHECK (waiting BETWEEN 0 AND head),
    waiting_bytes INTEGER NOT NULL CHECK (waiting_bytes >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE shares (
    recipient TEXT NOT NULL REFERENCES inboxes (did),
    sender TEXT NOT NULL,
    waiting INTEGER NOT NULL CHECK (waiting >= 0),
    waiting_bytes INTEGER NOT NULL CHECK (waiting_bytes >= 0),
    PRIMARY KEY (recipient, sender)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL REFERENCES inboxes (did),
    seq INTEGER NOT NULL CHECK (seq > 0),
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    committed_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    gone TEXT CHECK (gone IN ('acked', 'expired')),
    forget_at INTEGER,
    body BLOB,
    CHECK ((gone IS NULL) = (body IS NOT NULL)),
    CHECK ((gone IS NULL) = (forget_at IS NULL)),
    UNIQUE (recipient, seq),
    UNIQUE (sender, message_id)
) STRICT;

CREATE INDEX entries_that_expire ON entries (expires_at) WHERE gone IS NULL;
CREATE INDEX entries_not_acked ON entries (recipient, seq) WHERE gone IS NOT 'acked';
