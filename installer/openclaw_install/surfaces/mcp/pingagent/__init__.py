"""PingAgent's MCP server on stdio: threads, replies and what happened, as tools in one table."""
