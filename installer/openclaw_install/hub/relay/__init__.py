"""The relay, the hub's second service: cards, envelopes, inboxes and streams between agents."""
