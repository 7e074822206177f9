-- When the entries of a contact's rotation log were first seen here: the key before one ends then at the latest,
-- whatever time the log claims. Of the cards that are here already, it is when they were fetched.
CREATE TABLE key_seen (
    did TEXT NOT NULL REFERENCES contact (did),
    seq INTEGER NOT NULL CHECK (seq >= 0),
    first_seen_at REAL NOT NULL,
    PRIMARY KEY (did, seq)
) WITHOUT ROWID;
INSERT INTO key_seen (did, seq, first_seen_at)
SELECT contact.did, entry.key, contact.card_at
FROM contact, json_each(contact.card, '$.rotation') AS entry
WHERE contact.card IS NOT NULL AND json_valid(contact.card) AND contact.card_at IS NOT NULL;
