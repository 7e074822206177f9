-- Who fills how much of an inbox, and of the disk: senders that the owner admitted, strangers, network addresses.
-- Places are entries that are still remembered, acknowledged ones included.
ALTER TABLE inboxes ADD COLUMN strange INTEGER NOT NULL DEFAULT 0 CHECK (strange >= 0);
ALTER TABLE inboxes ADD COLUMN strange_bytes INTEGER NOT NULL DEFAULT 0 CHECK (strange_bytes >= 0);
ALTER TABLE inboxes ADD COLUMN strange_places INTEGER NOT NULL DEFAULT 0 CHECK (strange_places >= 0);
ALTER TABLE shares ADD COLUMN places INTEGER NOT NULL DEFAULT 0 CHECK (places >= 0);
ALTER TABLE entries ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE entries ADD COLUMN strange INTEGER NOT NULL DEFAULT 0 CHECK (strange IN (0, 1));

-- What a network address has in an inbox as a stranger, and under '' in all inboxes together.
CREATE TABLE origins (
    recipient TEXT NOT NULL,
    origin TEXT NOT NULL,
    waiting INTEGER NOT NULL CHECK (waiting >= 0),
    waiting_bytes INTEGER NOT NULL CHECK (waiting_bytes >= 0),
    places INTEGER NOT NULL CHECK (places >= 0),
    PRIMARY KEY (recipient, origin)
) STRICT, WITHOUT ROWID;

INSERT INTO shares (recipient, sender, waiting, waiting_bytes, places)
SELECT recipient, sender, 0, 0, count(*) FROM entries WHERE true GROUP BY recipient, sender
ON CONFLICT (recipient, sender) DO UPDATE SET places = excluded.places;

INSERT INTO origins (recipient, origin, waiting, waiting_bytes, places)
SELECT '', '', count(*) FILTER (WHERE gone IS NOT 'acked'), coalesce(sum(length(body)), 0), count(*)
FROM entries HAVING count(*) > 0;

-- To whom an agent has written, by hashes of both: the answers of these are no strangers'.
CREATE TABLE peers (
    author BLOB NOT NULL CHECK (length(author) = 16),
    peer BLOB NOT NULL CHECK (length(peer) = 16),
    at INTEGER NOT NULL,
    PRIMARY KEY (author, peer)
) STRICT, WITHOUT ROWID;

-- Hashes of the keys that an agent gives to those whom it admits.
CREATE TABLE access (
    did TEXT NOT NULL REFERENCES cards (did),
    key_sha256 TEXT NOT NULL CHECK (length(key_sha256) = 64),
    PRIMARY KEY (did, key_sha256)
) STRICT, WITHOUT ROWID;
