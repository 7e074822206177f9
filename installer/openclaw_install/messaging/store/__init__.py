"""The local store: one SQLite file that the runtime, the MCP servers and the command line share."""

from openclaw_install.messaging.store.store import Store, opened_aside
from openclaw_install.messaging.store.store_thread import StoreThread

__all__ = ["Store", "StoreThread", "opened_aside"]
