"""The MCP servers that agents on this host call: control surfaces on what the runtime does."""
