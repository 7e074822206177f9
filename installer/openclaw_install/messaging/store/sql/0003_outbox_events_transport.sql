-- What is to be sent. `wire` is kept from before the first attempt: a repetition sends the same bytes.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY REFERENCES message (id),
    idempotency_key TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    schema TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'committed', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    queued_at REAL NOT NULL,
    queued_by TEXT NOT NULL,
    wire TEXT,
    expires_at REAL,
    log_id TEXT,
    seq INTEGER,
    receipt TEXT,
    committed_at REAL,
    delivered_at REAL,
    reason TEXT NOT NULL DEFAULT '',
    repair TEXT NOT NULL DEFAULT ''
);
CREATE INDEX outbox_open ON outbox (thread_id, id) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_failed ON outbox (id) WHERE state = 'failed';
CREATE INDEX outbox_undelivered ON outbox (log_id, id) WHERE state = 'committed';

-- What happened, for those who follow with a cursor (the id).
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    thread_id TEXT,
    message_id TEXT,
    data TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX event_of_thread ON event (thread_id, id) WHERE thread_id IS NOT NULL;

-- How far each relay's inbox was taken in, and what the relay says it is.
CREATE TABLE relay_cursor (
    url TEXT PRIMARY KEY,
    relay_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    after_seq INTEGER NOT NULL,
    updated_at REAL NOT NULL
);

-- Sequence numbers that are not in the store yet: the relay skipped them (`withheld`), or they are left with
-- it because too many messages of undecided contacts wait here (`deferred`).
CREATE TABLE gap (
    log_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('withheld', 'deferred')),
    peer TEXT,
    noticed_at REAL NOT NULL,
    PRIMARY KEY (log_id, seq)
) WITHOUT ROWID;

-- Small facts of the bridge by name, as JSON: health, blockers, the secret behind text boundaries.
CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
