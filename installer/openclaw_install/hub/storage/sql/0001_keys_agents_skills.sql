-- Who may come in, which agents they have, and what each agent was last given.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),
    created_at TEXT NOT NULL,
    last_used_at TEXT,
    revoked_at TEXT
) STRICT;

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    pod_state TEXT NOT NULL CHECK (pod_state IN ('running', 'stopped')),
    created_at TEXT NOT NULL,
    UNIQUE (owner, name)
) STRICT;

CREATE TABLE skills (
    agent_id TEXT NOT NULL REFERENCES agents (id),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    bytes INTEGER NOT NULL CHECK (bytes > 0),
    updated_at TEXT NOT NULL,
    PRIMARY KEY (agent_id, name)
) STRICT, WITHOUT ROWID;
