-- What agents carry forward of a thread: a working note, by field.
CREATE TABLE session_summary (
    thread_id TEXT PRIMARY KEY,
    fields TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    updated_by TEXT NOT NULL
) WITHOUT ROWID;

-- How far each operator has looked at what happened; the cursor is an event's id.
CREATE TABLE last_seen (
    operator TEXT PRIMARY KEY,
    cursor INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;

-- Threads that go to a working session of their own choice while the route mode is map-active-group.
CREATE TABLE session_binding (
    thread_id TEXT PRIMARY KEY,
    session_key TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('current', 'set')),
    bound_at REAL NOT NULL,
    bound_by TEXT NOT NULL
) WITHOUT ROWID;

-- For the timeline of one message, and for what happened to the transport meanwhile.
CREATE INDEX event_of_message ON event (message_id, id) WHERE message_id IS NOT NULL;
CREATE INDEX event_of_transport ON event (id)
    WHERE kind IN ('transport.degraded', 'transport.blocked', 'transport.repaired', 'relay.data_lost');
