"""Watching: a save is live on the agents that were chosen, and nothing that the ledger lacks is forgotten."""
