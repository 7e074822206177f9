-- Whoever writes while there is no room for its message is known all the same: a contact without a message.
ALTER TABLE contact ADD COLUMN last_knock_at REAL;
CREATE INDEX contact_knocks ON contact (last_knock_at)
    WHERE state = 'pending' AND origin = 'inbound' AND waiting = 0 AND decided_at IS NULL
    AND last_knock_at IS NOT NULL;
-- For counting what each of them left at the relay.
CREATE INDEX gap_of_peer ON gap (peer, seq) WHERE why = 'deferred';
INSERT INTO contact (did, state, origin, first_seen_at, updated_at, last_knock_at)
    SELECT peer, 'pending', 'inbound', min(noticed_at), max(noticed_at), max(noticed_at) FROM gap
    WHERE why = 'deferred' AND peer IS NOT NULL AND peer NOT IN (SELECT did FROM contact) GROUP BY peer;
