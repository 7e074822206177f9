"""OpenClaw on this machine: its place, its config document, its hook policy, its gateway, its skills."""
