-- Which store this is, who is registered, and under which names they are found.
CREATE TABLE store (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    log_id TEXT NOT NULL,
    relay_id TEXT NOT NULL
) STRICT;

CREATE TABLE cards (
    did TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    card BLOB NOT NULL,
    alias TEXT,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    did TEXT NOT NULL REFERENCES cards (did),
    released_at INTEGER
) STRICT, WITHOUT ROWID;
