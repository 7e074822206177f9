"""`pingagent_store_stats`, `pingagent store-stats`: how much the store holds, nothing of what it says."""

from __future__ import annotations

from tests.pingagent_rig import Profile
from tests.test_pingagent_cli import Terminal, as_tool, terminal

__all__ = ["terminal"]  # a fixture
from tests.tool_rig import Call


def test_every_table_is_counted_the_largest_first(profile: Profile, use: Call) -> None:
    profile.meet("baker")
    before = {one["kind"]: one for one in use("store_stats").body["kinds"]}
    assert {"message", "outbox", "contact", "session", "event", "trust_decision"} <= before.keys()
    profile.receive("baker", "é" * 1000)
    found = use("store_stats")
    after = {one["kind"]: one for one in found.body["kinds"]}
    assert after["message"]["rows"] == before["message"]["rows"] + 1
    assert after["message"]["bytes"] > before["message"]["bytes"] + 2000
    assert [one["bytes"] for one in found.body["kinds"]] == sorted(
        (one["bytes"] for one in found.body["kinds"]), reverse=True
    )
    assert found.body["file_bytes"] == profile.paths.store.stat().st_size
    assert "é" not in found.text


def test_people_see_the_same_as_a_list(terminal: Terminal) -> None:
    terminal.profile.meet("baker")
    as_tool("store_stats", terminal.document("store-stats")["result"])
    lines = terminal.run("store-stats")[1].splitlines()
    assert lines[0].startswith("The store's file has ")
    assert "contact 1 rows" in [" ".join(line.split()[:3]) for line in lines]
