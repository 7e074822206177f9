-- Every message of a thread, both directions, in the order in which this host came to know it.
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    peer TEXT NOT NULL,
    schema TEXT NOT NULL,
    body TEXT NOT NULL,
    preview TEXT NOT NULL,
    sent_at REAL NOT NULL,
    known_at REAL NOT NULL,
    state TEXT NOT NULL,
    seq INTEGER,
    reason TEXT NOT NULL DEFAULT ''
);
-- The ids are chosen by senders, so they are unique for each sender only.
CREATE UNIQUE INDEX message_identity ON message (sender, message_id);
CREATE INDEX message_of_thread ON message (thread_id, id);
CREATE INDEX message_by_id ON message (message_id);

-- The ingress ledger: what was done with a message that came in. Written before each effect.
CREATE TABLE ingress (
    id INTEGER PRIMARY KEY REFERENCES message (id),
    thread_id TEXT NOT NULL,
    peer TEXT NOT NULL,
    log_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    stage TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    faults INTEGER NOT NULL DEFAULT 0,
    doubts INTEGER NOT NULL DEFAULT 0,
    doubt_at REAL,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    session_key TEXT,
    degraded TEXT,
    shown TEXT,
    gateway TEXT,
    attempted_at REAL,
    run_id TEXT,
    accepted_at REAL,
    evidence TEXT,
    confirmed_at REAL,
    acked_at REAL,
    receipted_at REAL,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX ingress_open ON ingress (thread_id, id) WHERE stage IN ('approved', 'dispatching');
CREATE INDEX ingress_due ON ingress (next_attempt_at) WHERE stage IN ('approved', 'dispatching');
CREATE INDEX ingress_pending ON ingress (peer, id) WHERE stage = 'pending';
CREATE INDEX ingress_parked ON ingress (id) WHERE stage = 'parked';
CREATE INDEX ingress_unacked ON ingress (log_id, seq)
    WHERE acked_at IS NULL AND stage NOT IN ('approved', 'dispatching');
CREATE INDEX ingress_place ON ingress (log_id, seq);
CREATE INDEX ingress_unconfirmed ON ingress (id) WHERE stage = 'accepted' AND confirmed_at IS NULL;

-- Replay rows outlive the messages: a message id of a sender is never taken in twice.
CREATE TABLE replay (
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    seen_at REAL NOT NULL,
    keep_until REAL NOT NULL,
    PRIMARY KEY (sender, message_id)
) WITHOUT ROWID;
CREATE INDEX replay_age ON replay (keep_until);

-- What was refused at the door: never a message of anybody, so it takes no message id.
CREATE TABLE rejection (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    log_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    claimed_sender TEXT NOT NULL,
    claimed_message_id TEXT NOT NULL,
    acked_at REAL
);
CREATE UNIQUE INDEX rejection_place ON rejection (log_id, seq);
CREATE INDEX rejection_unacked ON rejection (log_id, seq) WHERE acked_at IS NULL;
