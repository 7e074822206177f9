-- What is due is marked first, and dropped or forgotten a day later: a clock that is wrong for a while costs
-- no message. The marks are taken back when the clock was set.
ALTER TABLE entries ADD COLUMN marked_at INTEGER;

CREATE INDEX entries_to_mark ON entries (coalesce(forget_at, expires_at)) WHERE marked_at IS NULL;
CREATE INDEX entries_marked ON entries (marked_at) WHERE marked_at IS NOT NULL;
DROP INDEX entries_that_expire;
