#!/usr/bin/env bash
# The flow that the service describes, by hand: one curl (and its jq) for every call, one call for every skill.
# Usage: sync_flow.sh FOLDER_OF_SKILLS; the environment holds MYSTA_API_KEY, MYSTA_MCP_URL and CURL_OPTIONS.
set -euo pipefail

post() {
  # shellcheck disable=SC2086 # the options are words
  curl -sf $CURL_OPTIONS -X POST "$MYSTA_MCP_URL" -H 'Content-Type: application/json' \
    -H 'Accept: application/json, text/event-stream' -H "Authorization: Bearer $MYSTA_API_KEY" "$@"
}

hello='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"openclaw","version":"1.0.0"}}}'
session=$(post -d "$hello" -D- -o /dev/null | grep -i mcp-session-id | tr -d '\r' | awk '{print $2}')
post -H "Mcp-Session-Id: $session" -d '{"jsonrpc":"2.0","method":"notifications/initialized"}'

answer() { sed -n 's/^data: //p; /^{/p'; }

listing=$(post -H "Mcp-Session-Id: $session" \
  -d '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"mysta_list_agents","arguments":{}}}')
agent=$(printf '%s\n' "$listing" | answer | jq -r '.result.structuredContent.agents[0].id')

for file in $(find "$1" -maxdepth 2 -name SKILL.md -type f | sort); do
  name=$(basename "$(dirname "$file")")
  body=$(jq -n --arg name "$name" --arg content "$(cat "$file")" --arg agentId "$agent" \
    '{jsonrpc:"2.0",id:3,method:"tools/call",params:{name:"mysta_sync_skill",arguments:{agentId:$agentId,skillName:$name,content:$content}}}')
  post -H "Mcp-Session-Id: $session" -d "$body" >/dev/null
done

# shellcheck disable=SC2086
curl -sf $CURL_OPTIONS -X DELETE "$MYSTA_MCP_URL" -H "Authorization: Bearer $MYSTA_API_KEY" \
  -H "Mcp-Session-Id: $session"
