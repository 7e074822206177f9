-- An agent's own first word approves nobody: the contact awaits a reply, and the reply waits for a person.
-- SQLite cannot change a CHECK, so the table is made anew.
CREATE TABLE contact_anew (
    did TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'awaiting_reply', 'approved', 'rejected', 'blocked')),
    origin TEXT NOT NULL CHECK (origin IN ('inbound', 'outbound', 'operator')),
    alias TEXT,
    display_name TEXT,
    first_seen_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    decided_at REAL,
    decided_by TEXT,
    waiting INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    card TEXT,
    card_at REAL,
    opened_by TEXT
);

-- Until now an agent's first word approved (`outbound`). Whom it brought an answer from stays approved, so
-- that no conversation breaks off, and is reported; where nothing has come back yet the new rule holds.
CREATE TEMP TABLE unanswered AS
    SELECT did FROM contact WHERE state = 'approved' AND decided_by = 'outbound' AND NOT EXISTS (
        SELECT 1 FROM message JOIN session USING (thread_id)
        WHERE session.peer = contact.did AND message.direction = 'in'
        AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1')
    );

INSERT INTO contact_decision (did, at, by, before, after, reason)
    SELECT did, CAST(strftime('%s', 'now') AS REAL), 'upgrade', 'approved', 'awaiting_reply',
        'an agent wrote first, and nothing has come back yet'
    FROM unanswered;

INSERT INTO contact_anew
    SELECT did,
        CASE WHEN did IN (SELECT did FROM unanswered) THEN 'awaiting_reply' ELSE state END,
        origin, alias, display_name, first_seen_at, updated_at,
        CASE WHEN did IN (SELECT did FROM unanswered) THEN NULL ELSE decided_at END,
        CASE WHEN did IN (SELECT did FROM unanswered) THEN NULL ELSE decided_by END,
        waiting, card, card_at,
        CASE WHEN decided_by = 'outbound' THEN 'outbound' END
    FROM contact;

DROP TABLE unanswered;
DROP TABLE contact;
ALTER TABLE contact_anew RENAME TO contact;
CREATE INDEX contact_by_state ON contact (state, updated_at);
CREATE INDEX contact_by_alias ON contact (alias) WHERE alias IS NOT NULL;
CREATE INDEX contact_first_seen ON contact (first_seen_at);
-- For counting what agents opened lately.
CREATE INDEX contact_opened ON contact (first_seen_at) WHERE opened_by IS NOT NULL;

-- When a message was let through that went on with an exchange of agents: for the ceiling over all threads.
ALTER TABLE ingress ADD COLUMN round_at REAL;
CREATE INDEX ingress_rounds ON ingress (round_at) WHERE round_at IS NOT NULL;
