-- Which places are used, and codes by which somebody may register.
-- `met`: the agent has asked for something since it registered. `lapsing_at`: when its place was seen to be unused.
ALTER TABLE inboxes ADD COLUMN met INTEGER NOT NULL DEFAULT 0 CHECK (met IN (0, 1));
ALTER TABLE inboxes ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inboxes ADD COLUMN lapsing_at INTEGER;
ALTER TABLE inboxes ADD COLUMN retired_at INTEGER;
UPDATE inboxes SET met = 1, used_at = (SELECT updated_at FROM cards WHERE cards.did = inboxes.did);
CREATE INDEX inboxes_in_use ON inboxes (met, used_at) WHERE retired_at IS NULL;
CREATE INDEX inboxes_retired ON inboxes (retired_at) WHERE retired_at IS NOT NULL;

-- How often a place was given back: a running relay forgets what it remembers of its agents when this changes.
ALTER TABLE store ADD COLUMN removals INTEGER NOT NULL DEFAULT 0;

CREATE TABLE invites (
    id TEXT PRIMARY KEY,
    code_sha256 TEXT NOT NULL UNIQUE CHECK (length(code_sha256) = 64),
    uses INTEGER NOT NULL CHECK (uses > 0),
    uses_left INTEGER NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
