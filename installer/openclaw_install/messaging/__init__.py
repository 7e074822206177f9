"""PingAgent on this host: the local store, the bridge into OpenClaw's hook ingress, and what others call."""
