-- For counting the rounds of a thread: what came in to be read, and what was answered by no person.
CREATE INDEX message_came_in ON message (thread_id, id)
    WHERE direction = 'in' AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1');
CREATE INDEX outbox_by_agent ON outbox (thread_id, id)
    WHERE substr(queued_by, 1, 4) <> 'cli:' AND schema NOT IN ('pingagent.receipt@1', 'pingagent.control@1');
