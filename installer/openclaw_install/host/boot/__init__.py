"""Whether the gateway would start from the whole config: our rules, and OpenClaw's word for the rest."""
