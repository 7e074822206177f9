"""`python -m benchmarks`: all of them, one after the other."""

from __future__ import annotations

import sys

from benchmarks import (
    bridge_flow,
    gate_recall,
    host_checks,
    hub_uploads,
    protocol_seal,
    relay_commits,
    runtime_idle,
    skills_check,
    status_start,
    sync_flow,
    tool_calls,
    watch_saves,
)

if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    print("== verify-runtime and setup")
    codes = [host_checks.main()]
    print("== status")
    codes.append(status_start.main())
    print("== skills check")
    codes.append(skills_check.main())
    print("== sync")
    codes.append(sync_flow.main())
    print("== what the upload gate holds")
    codes.append(gate_recall.main())
    print("== watching")
    codes.append(watch_saves.main())
    print("== the runtime while nothing happens")
    codes.append(runtime_idle.main())
    print("== hub uploads")
    codes.append(hub_uploads.main())
    print("== relay commits")
    codes.append(relay_commits.main())
    print("== sealing and opening messages")
    codes.append(protocol_seal.main())
    print("== bridge")
    codes.append(bridge_flow.main())
    print("== tool calls on a large store")
    codes.append(tool_calls.main())
    sys.exit(max(codes))
