"""The local store: one SQLite file that the runtime, the MCP servers and the command line share."""

from openclaw_install.collab.store.store import Store

__all__ = ["Store"]
