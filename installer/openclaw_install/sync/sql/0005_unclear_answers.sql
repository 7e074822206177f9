-- A doubtful attempt was cut off (0: no answer came, so it is tried again), or the service answered and the answer
-- said neither yes nor no: how often in a row it did so for this content. After two it is not sent again by itself.
ALTER TABLE attempt ADD COLUMN unclear_answers INTEGER NOT NULL DEFAULT 0;
