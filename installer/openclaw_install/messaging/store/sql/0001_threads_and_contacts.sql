-- Who writes to us. A decision is final until somebody undoes it; `contact_decision` says who and when.
CREATE TABLE contact (
    did TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'blocked')),
    origin TEXT NOT NULL CHECK (origin IN ('inbound', 'outbound', 'operator')),
    alias TEXT,
    display_name TEXT,
    first_seen_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    decided_at REAL,
    decided_by TEXT,
    waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    card TEXT,
    card_at REAL
);
CREATE INDEX contact_by_state ON contact (state, updated_at);
CREATE INDEX contact_by_alias ON contact (alias) WHERE alias IS NOT NULL;

CREATE TABLE contact_decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    did TEXT NOT NULL,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    before TEXT,
    after TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX contact_decision_of ON contact_decision (did, id);

-- One row for each collaboration thread; its id is always the `c_dm_` form.
CREATE TABLE session (
    thread_id TEXT PRIMARY KEY,
    peer TEXT NOT NULL,
    created_at REAL NOT NULL,
    last_activity_at REAL NOT NULL,
    last_message INTEGER,
    last_direction TEXT,
    preview TEXT NOT NULL DEFAULT '',
    unread INTEGER NOT NULL DEFAULT 0 CHECK (unread >= 0),
    session_key TEXT,
    route_mode TEXT,
    degraded TEXT
);
CREATE INDEX session_recent ON session (last_activity_at DESC, thread_id);
CREATE INDEX session_unread ON session (last_activity_at DESC, thread_id) WHERE unread > 0;
CREATE INDEX session_of_peer ON session (peer);

-- Which thread a caller (an MCP client, a terminal) works in; one row a caller.
CREATE TABLE focus (
    caller TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    at REAL NOT NULL
);
