-- A store as version 0.2.0 (commit 56549bc) left it, written by its own code; tests/test_store_takeover.py says with what.
BEGIN TRANSACTION;
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
INSERT INTO "contact" VALUES('did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','approved','operator','peer',NULL,1795900000.0,1795900000.0,1795900000.0,'cli:alice',0,'{"schema": "pingagent.card@1", "did": "did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh", "version": 1, "issued_at": "2026-11-28T21:06:40.000Z", "alias": "peer", "capabilities": [], "rotation": [{"seq": 0, "key": "GX9rI-FshTLGq8g4-s1ep4m-DHaykgM0A5v6iz02jWE", "previous_hash": "", "at": "2026-11-25T21:06:40.000Z", "signature": "27eDBvfgl7yGlLWR2FTGiSuNoSIuaks4evjJb8n3nOZ_6umVMiK9xPR7sK4rZTjkx3ID0vuXEeeC-H0CrP6ZBA", "possession": "Qai0t-Kxk2KnHYS475q_aqHrojluHcsPbO1NeeN1hzS41lLrk_1tFthivxi-kpCZuEZVz9W4smtmeysdqfFkDg"}], "signing_key": "GX9rI-FshTLGq8g4-s1ep4m-DHaykgM0A5v6iz02jWE", "encryption_keys": [{"kid": "k_nymuxmd4pibjtyinicctd5c42q", "epoch": 1, "key": "EYDBicSewWXxPwsbIhXen0Yzx212uELpEHG6LlOcBWU", "not_before": "2026-11-25T21:06:40.000Z", "expires_at": "2026-12-09T21:06:40.000Z", "signature": "33fMqWPTXMMJOo16XRw_lrmN34zRJ-M9UD030acXs2Y8neUrEFDXBXmRxFraQ6I4Bva-CDaeERp7-j6oZVyrAQ"}], "signature": "cWe36DSl-VS4fep7X--Shgx1UIueoxcjdCXwFhKHzO8HIRLOzeqZ6PKQcnLByaY7Q71aSSaGOwP1IHmoN_3tCQ"}',1795900000.0);
CREATE TABLE contact_decision (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    did TEXT NOT NULL,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    before TEXT,
    after TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
);
INSERT INTO "contact_decision" VALUES(1,'did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh',1795900000.0,'cli:alice',NULL,'approved','');
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    thread_id TEXT,
    message_id TEXT,
    data TEXT NOT NULL DEFAULT '{}'
);
INSERT INTO "event" VALUES(1,1795900000.0,'message.received','c_dm_wkpv5ceveamxddew22nsddumfq','msg_01M8HZPHR0YVZ9W9JESY7X7VJV','{"schema": "pingagent.text@1", "stage": "approved"}');
INSERT INTO "event" VALUES(2,1795900000.0,'message.received','c_dm_wkpv5ceveamxddew22nsddumfq','msg_01M8HZPJQ8RT2D78V9TX9YT27K','{"schema": "pingagent.text@1", "stage": "approved"}');
INSERT INTO "event" VALUES(3,1795900000.0,'message.received','c_dm_wkpv5ceveamxddew22nsddumfq','msg_01M8HZPKPGTHF6PV963JRWAPSZ','{"schema": "pingagent.text@1", "stage": "approved"}');
INSERT INTO "event" VALUES(4,1795900004.0,'outbox.queued','c_dm_wkpv5ceveamxddew22nsddumfq','msg_01M8HZPNN0ZXDT7RPYFSW8BXR6','{"by": "cli:alice"}');
INSERT INTO "event" VALUES(5,1795900005.0,'outbox.queued','c_dm_wkpv5ceveamxddew22nsddumfq','msg_01M8HZPPM8PGJEMAQ1DX6TJAPX','{"by": "cli:alice"}');
CREATE TABLE fact (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
INSERT INTO "fact" VALUES('store.owner','"did:agent:h5l4e6mgwywzcmdzwlc4qkrtjyezc2kt"',1795900000.0);
CREATE TABLE focus (
    caller TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE TABLE gap (
    log_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('withheld', 'deferred')),
    peer TEXT,
    noticed_at REAL NOT NULL,
    PRIMARY KEY (log_id, seq)
) WITHOUT ROWID;
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
INSERT INTO "ingress" VALUES(1,'c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','log_of_before',1,'accepted',1,0,0,NULL,0.0,'hook:im:c_dm_wkpv5ceveamxddew22nsddumfq',NULL,NULL,NULL,NULL,'run-1',1795900003.0,'transcript',1795900003.0,NULL,NULL,'');
INSERT INTO "ingress" VALUES(2,'c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','log_of_before',2,'approved',0,0,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'');
INSERT INTO "ingress" VALUES(3,'c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','log_of_before',3,'approved',0,0,0,NULL,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'');
CREATE TABLE last_seen (
    operator TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
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
INSERT INTO "message" VALUES(1,'in','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPHR0YVZ9W9JESY7X7VJV','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','pingagent.text@1','{"text":"answered before"}','answered before',1795900000.0,1795900000.0,'accepted',1,'');
INSERT INTO "message" VALUES(2,'in','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPJQ8RT2D78V9TX9YT27K','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','pingagent.text@1','{"text":"first that waits"}','first that waits',1795900001.0,1795900000.0,'approved',2,'');
INSERT INTO "message" VALUES(3,'in','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPKPGTHF6PV963JRWAPSZ','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','pingagent.text@1','{"text":"second that waits"}','second that waits',1795900002.0,1795900000.0,'approved',3,'');
INSERT INTO "message" VALUES(4,'out','did:agent:h5l4e6mgwywzcmdzwlc4qkrtjyezc2kt','msg_01M8HZPNN0ZXDT7RPYFSW8BXR6','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','pingagent.text@1','{"text":"sealed before"}','sealed before',1795900004.0,1795900004.0,'queued',NULL,'');
INSERT INTO "message" VALUES(5,'out','did:agent:h5l4e6mgwywzcmdzwlc4qkrtjyezc2kt','msg_01M8HZPPM8PGJEMAQ1DX6TJAPX','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','pingagent.text@1','{"text":"queued before"}','queued before',1795900005.0,1795900005.0,'queued',NULL,'');
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY REFERENCES message (id),
    idempotency_key TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    schema TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'committed', 'delivered', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    queued_at REAL NOT NULL,
    queued_by TEXT NOT NULL,
    wire TEXT,
    expires_at REAL,
    log_id TEXT,
    seq INTEGER,
    receipt TEXT,
    committed_at REAL,
    delivered_at REAL,
    reason TEXT NOT NULL DEFAULT '',
    repair TEXT NOT NULL DEFAULT ''
);
INSERT INTO "outbox" VALUES(4,'auto:cd8d7cd587c6e1ef021eca03016374a2','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPNN0ZXDT7RPYFSW8BXR6','pingagent.text@1','queued',0,0.0,1795900004.0,'cli:alice','{"ciphertext":"vGUSjmBMzhV8DkLn9fI-0JS0yLzh9AS-mlyZUZ4Bxn66dyZe0zbKlZPnRNVko4ssfNbHxB0IVghg7av-7oImiwJslk1-UzzAgg-LAnw7g9TdESW-I2HrU1XYcnRD9J9b0GCT9siy9BP04bPaehO_SVkWglzF4U-rGLjtjezi2gfV5-Y6XoNgMAb4qT7J9E9eeWAvdlQw34lkI1xbF4ZOTu-wuUJwT5jST3HhzzU77HwsrnoSIaMVGArxUFanARADzHyadI1LCBftMibZrffn8ZzbsKWJN5qQajd8q0DhTlRSx3XBZQblu0uwhNf9ybQ3LIJq0082RpU3ideRs1nCJ7kuDpkHbseTKFU32UWVr-YRAtxctwwX-u_hpFnien5KGgi1hs43h3xmAfjamcEecjPEn6i0h3ItUYmDrCKgICIfKrQ5_HemYdpgahh7XvEqLhKfZCJ2NVd2uN9bXBaOQyYMlnvv0PYrFfw4SZ0tFXk2_d1zG0aSaCnc02K5LtK-Sy4Oyr9Hp6srFTth3hVlY5iaO_qxAHu8jaJxQzok-UdoczgZWrtogv1cR-s1UlthEwwHZatWTvqGrVtuakzpy-CPj7IhqXS3tHoHM1U_dQ2W1WXPmOw7skrPDmBBVqzbtBha8XdEfcugEOSBqPQnwiPIgr1Zh44ZEQ5gBA8D3gVEfoET1eZiBRNlG1CZ0DMS","conversation_id":"c_dm_wkpv5ceveamxddew22nsddumfq","enc":"LdaocqEyrROmYsot_WizaLL1j986z1wCwIrS6NfozTk","epoch":1,"expires_at":"2026-12-05T21:06:44.000Z","from":"did:agent:h5l4e6mgwywzcmdzwlc4qkrtjyezc2kt","message_id":"msg_01M8HZPNN0ZXDT7RPYFSW8BXR6","recipient_kid":"k_nymuxmd4pibjtyinicctd5c42q","routing":{},"schema":"pingagent.text@1","sender_kid":"k_q6r2j27zuz7gbm7ygg4j7zykh4","sent_at":"2026-11-28T21:06:44.000Z","to":"did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh","v":1}',1796504804.0,NULL,NULL,NULL,NULL,NULL,'','');
INSERT INTO "outbox" VALUES(5,'auto:8b9e065b27a2ae1c791a82c965a0e822','c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPPM8PGJEMAQ1DX6TJAPX','pingagent.text@1','queued',0,0.0,1795900005.0,'cli:alice',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'','');
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
CREATE TABLE relay_cursor (
    url TEXT PRIMARY KEY,
    relay_id TEXT NOT NULL,
    log_id TEXT NOT NULL,
    after_seq INTEGER NOT NULL,
    updated_at REAL NOT NULL
);
INSERT INTO "relay_cursor" VALUES('memory:','RQigeqlBcH8-stuUyIl6gLLBGXR2tt4hOsJz332GxP8','log_of_before',3,1795900000.0);
CREATE TABLE replay (
    sender TEXT NOT NULL,
    message_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    seen_at REAL NOT NULL,
    keep_until REAL NOT NULL,
    PRIMARY KEY (sender, message_id)
) WITHOUT ROWID;
INSERT INTO "replay" VALUES('did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPHR0YVZ9W9JESY7X7VJV','ae30bd95d7d0a96cad736efd81b41ab322de24bbbb739412b7ab1d471c4a1d81',1795900000.0,1796602000.0);
INSERT INTO "replay" VALUES('did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPJQ8RT2D78V9TX9YT27K','102c5e06d6fc380a729b08afbb7292dc17a2236767c2c261ba638ffb97d8f0c6',1795900000.0,1796602001.0);
INSERT INTO "replay" VALUES('did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh','msg_01M8HZPKPGTHF6PV963JRWAPSZ','c15d4a8c22fc493443d4d49acabf2a3b5e9b9d718548b1e7a969294373416c80',1795900000.0,1796602002.0);
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
INSERT INTO "session" VALUES('c_dm_wkpv5ceveamxddew22nsddumfq','did:agent:fahcq5742ernnq272a6bi3q5vjnf7rkh',1795900000.0,1795900005.0,5,'out','queued before',3,'hook:im:c_dm_wkpv5ceveamxddew22nsddumfq','stable-hook-session',NULL);
CREATE TABLE session_binding (
    thread_id TEXT PRIMARY KEY,
    session_key TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('current', 'set')),
    bound_at REAL NOT NULL,
    bound_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE session_summary (
    thread_id TEXT PRIMARY KEY,
    fields TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    updated_by TEXT NOT NULL
) WITHOUT ROWID;
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
CREATE TABLE trust_policy (
    version TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    first_seen_at REAL NOT NULL
) WITHOUT ROWID;
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
CREATE INDEX contact_by_state ON contact (state, updated_at);
CREATE INDEX contact_by_alias ON contact (alias) WHERE alias IS NOT NULL;
CREATE INDEX contact_decision_of ON contact_decision (did, id);
CREATE INDEX session_recent ON session (last_activity_at DESC, thread_id);
CREATE INDEX session_unread ON session (last_activity_at DESC, thread_id) WHERE unread > 0;
CREATE INDEX session_of_peer ON session (peer);
CREATE UNIQUE INDEX message_identity ON message (sender, message_id);
CREATE INDEX message_of_thread ON message (thread_id, id);
CREATE INDEX message_by_id ON message (message_id);
CREATE INDEX ingress_open ON ingress (thread_id, id) WHERE stage IN ('approved', 'dispatching');
CREATE INDEX ingress_due ON ingress (next_attempt_at) WHERE stage IN ('approved', 'dispatching');
CREATE INDEX ingress_pending ON ingress (peer, id) WHERE stage = 'pending';
CREATE INDEX ingress_parked ON ingress (id) WHERE stage = 'parked';
CREATE INDEX ingress_unacked ON ingress (log_id, seq)
    WHERE acked_at IS NULL AND stage NOT IN ('approved', 'dispatching');
CREATE INDEX ingress_place ON ingress (log_id, seq);
CREATE INDEX ingress_unconfirmed ON ingress (id) WHERE stage = 'accepted' AND confirmed_at IS NULL;
CREATE INDEX replay_age ON replay (keep_until);
CREATE UNIQUE INDEX rejection_place ON rejection (log_id, seq);
CREATE INDEX rejection_unacked ON rejection (log_id, seq) WHERE acked_at IS NULL;
CREATE INDEX outbox_open ON outbox (thread_id, id) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state IN ('queued', 'sending');
CREATE INDEX outbox_failed ON outbox (id) WHERE state = 'failed';
CREATE INDEX outbox_undelivered ON outbox (log_id, id) WHERE state = 'committed';
CREATE INDEX event_of_thread ON event (thread_id, id) WHERE thread_id IS NOT NULL;
CREATE INDEX trust_policy_age ON trust_policy (first_seen_at);
CREATE INDEX trust_decision_of ON trust_decision (did, id) WHERE did IS NOT NULL;
CREATE INDEX trust_recommendation_of ON trust_recommendation (thread_id, id);
CREATE UNIQUE INDEX trust_recommendation_open ON trust_recommendation (thread_id) WHERE state = 'open';
CREATE INDEX contact_first_seen ON contact (first_seen_at);
CREATE INDEX message_tasks_in ON message (known_at)
    WHERE direction = 'in' AND schema = 'pingagent.task@1';
CREATE INDEX rejection_of ON rejection (claimed_sender, id);
CREATE INDEX event_of_message ON event (message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX event_of_transport ON event (id)
    WHERE kind IN ('transport.degraded', 'transport.blocked', 'transport.repaired', 'relay.data_lost');
CREATE INDEX message_came_in ON message (thread_id, id)
    WHERE direction = 'in' AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1');
CREATE INDEX outbox_by_agent ON outbox (thread_id, id)
    WHERE substr(queued_by, 1, 4) <> 'cli:' AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1');
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('contact_decision',1);
INSERT INTO "sqlite_sequence" VALUES('message',5);
INSERT INTO "sqlite_sequence" VALUES('event',5);
COMMIT;
PRAGMA user_version = 6;
