-- What the operator agreed to. Rows are never changed but for their revocation.

CREATE TABLE consent (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT NOT NULL CHECK (kind IN ('browser', 'connect', 'upload')),
    endpoint    TEXT NOT NULL,
    agent_id    TEXT NOT NULL DEFAULT '',
    agent_name  TEXT NOT NULL DEFAULT '',
    roots       TEXT NOT NULL DEFAULT '[]',
    given_by    TEXT NOT NULL CHECK (given_by IN ('answer', '--yes')),
    given_at    REAL NOT NULL,
    revoked_at  REAL
) STRICT;

-- A finding of the upload gate that the operator let through, for this very content and no other.
CREATE TABLE allowed_secret (
    skill       TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    allowed_at  REAL NOT NULL,
    PRIMARY KEY (skill, sha256)
) STRICT, WITHOUT ROWID;
