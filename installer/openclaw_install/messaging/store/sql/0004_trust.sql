-- Every trust policy that was in force here, so that a decision's version can be looked up.
CREATE TABLE trust_policy (
    version TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    first_seen_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX trust_policy_age ON trust_policy (first_seen_at);

-- Who changed what about trust, when, and under which policy.
CREATE TABLE trust_decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    kind TEXT NOT NULL,
    section TEXT,
    match TEXT,
    before TEXT,
    after TEXT,
    did TEXT,
    thread_id TEXT,
    policy_before TEXT NOT NULL,
    policy_after TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX trust_decision_of ON trust_decision (did, id) WHERE did IS NOT NULL;

-- What the history of a thread recommends; at most one is open for each thread.
CREATE TABLE trust_recommendation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    thread_id TEXT NOT NULL,
    did TEXT NOT NULL,
    kind TEXT NOT NULL,
    section TEXT NOT NULL,
    action TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'applied', 'dismissed', 'superseded')),
    why TEXT NOT NULL,
    weight INTEGER NOT NULL,
    opened_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    changed_by TEXT NOT NULL,
    policy_version TEXT NOT NULL
);
CREATE INDEX trust_recommendation_of ON trust_recommendation (thread_id, id);
CREATE UNIQUE INDEX trust_recommendation_open ON trust_recommendation (thread_id) WHERE state = 'open';

-- For what the history is asked.
CREATE INDEX contact_first_seen ON contact (first_seen_at);
CREATE INDEX message_tasks_in ON message (known_at)
    WHERE direction = 'in' AND schema = 'pingagent.task@1';
CREATE INDEX rejection_of ON rejection (claimed_sender, id);
