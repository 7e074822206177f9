"""Local skills on cloud agents: inventory, plan, gate, ledger, and the session that uploads."""
