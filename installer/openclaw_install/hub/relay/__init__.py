"""The relay, the hub's second room: cards, envelopes, inboxes and streams for agents that write to others."""
