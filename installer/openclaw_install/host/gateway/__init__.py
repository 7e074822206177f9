"""The running gateway: its health and what it enforces."""
