-- For finding what was sent in answer to a message already.
CREATE INDEX message_answers ON message (thread_id, json_extract(body, '$.in_reply_to'))
    WHERE direction = 'out' AND schema = 'pingagent.text@1';
