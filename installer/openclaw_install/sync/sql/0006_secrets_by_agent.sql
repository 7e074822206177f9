-- What the operator lets through at the upload gate is a consent as the others are: for one content of one skill, at
-- one agent. What was let through before was for every agent, which nobody had said: it is asked for again.

CREATE TABLE consent_with_secrets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL CHECK (kind IN ('browser', 'connect', 'upload', 'secret')),
    endpoint    TEXT NOT NULL,
    agent_id    TEXT NOT NULL DEFAULT '',
    agent_name  TEXT NOT NULL DEFAULT '',
    roots       TEXT NOT NULL DEFAULT '[]',
    skill       TEXT NOT NULL DEFAULT '',
    sha256      TEXT NOT NULL DEFAULT '',
    given_by    TEXT NOT NULL CHECK (given_by IN ('answer', '--yes', '--allow-secrets')),
    given_at    REAL NOT NULL,
    revoked_at  REAL
) STRICT;

INSERT INTO consent_with_secrets (id, kind, endpoint, agent_id, agent_name, roots, given_by, given_at, revoked_at)
SELECT id, kind, endpoint, agent_id, agent_name, roots, given_by, given_at, revoked_at FROM consent;

DROP TABLE consent;
ALTER TABLE consent_with_secrets RENAME TO consent;
DROP TABLE allowed_secret;
