"""What two agents and a relay must agree on: identities, cards, envelopes, receipts, tokens, bodies."""
