-- What is known about a content by its hash alone, so that it is worked out once: it can be deleted at any time.

CREATE TABLE content_fact (
    sha256    TEXT NOT NULL,
    version   TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('frontmatter', 'gate')),
    document  TEXT NOT NULL,
    PRIMARY KEY (sha256, kind)
) STRICT, WITHOUT ROWID;
