"""The hub's MCP endpoint: agents' skills."""
