-- What the operator wants kept in step for good: one choice for each host and service.

CREATE TABLE standing_choice (
    host        TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    -- Names of skills as a JSON list; NULL for all of the operator's own.
    names       TEXT,
    agents      TEXT NOT NULL,
    roots       TEXT NOT NULL,
    chosen_at   REAL NOT NULL,
    PRIMARY KEY (host, endpoint)
) STRICT, WITHOUT ROWID;
