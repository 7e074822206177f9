-- What helps has one name wherever something is wrong.
ALTER TABLE outbox RENAME COLUMN repair TO next_step;
