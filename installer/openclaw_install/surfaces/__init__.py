"""Everything through which somebody calls us: command line and MCP servers."""
