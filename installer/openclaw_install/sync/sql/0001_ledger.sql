-- What the service acknowledged, by endpoint, agent and skill, and every attempt that is not settled by it.

CREATE TABLE attempt (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint    TEXT NOT NULL,
    agent_id    TEXT NOT NULL,
    skill       TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    begun_at    REAL NOT NULL,
    -- NULL while the request is on its way, and for ever if we died then: the service may hold either content.
    outcome     TEXT CHECK (outcome IN ('refused', 'unsent', 'doubtful')),
    code        TEXT NOT NULL DEFAULT '',
    detail      TEXT NOT NULL DEFAULT '',
    ended_at    REAL
) STRICT;

CREATE INDEX attempt_by_skill ON attempt (endpoint, agent_id, skill, id);

CREATE TABLE acknowledgement (
    endpoint        TEXT NOT NULL,
    agent_id        TEXT NOT NULL,
    skill           TEXT NOT NULL,
    sha256          TEXT NOT NULL,
    attempt_id      INTEGER NOT NULL,
    acknowledged_at REAL NOT NULL,
    answer          TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (endpoint, agent_id, skill)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent (
    endpoint  TEXT NOT NULL,
    agent_id  TEXT NOT NULL,
    name      TEXT NOT NULL,
    running   INTEGER,
    seen_at   REAL NOT NULL,
    PRIMARY KEY (endpoint, agent_id)
) STRICT, WITHOUT ROWID;
