"""What the hub's commands answer: JSON that keeps its schema, and no secret in a repr."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.hub import audit_chain
from openclaw_install.hub.model import AuditEntry, Key
from openclaw_install.hub.relay.model import Invite, Member
from openclaw_install.hub.results import (
    AuditReport,
    HubAgent,
    HubAgentList,
    HubRun,
    InvitationList,
    KeyList,
    NewInvitation,
    NewKey,
    RelayAgentList,
    RelayAgentRemoved,
)
from openclaw_install.surfaces.cli.reply import answered
from tests.schemas import assert_valid

AT = "2026-11-21T01:29:00.000000Z"
KEY = Key("key_0123456789ab", "ann", AT)
AGENT = HubAgent("agt_0123456789abcdef", "ann", "kitchen", "running", AT, 2, "/data/agents/a/skills")
ROW = audit_chain.link(1, audit_chain.GENESIS, AuditEntry(AT, "upload", "stored", owner="ann"))
REPORT = AuditReport((ROW,), audit_chain.verify([ROW]))
MEMBER = Member("did:agent:" + "a" * 32, "ann", 1_795_000_000_123, 3, 900)
INVITE = Invite("inv_0123456789ab", 2, 1, 1_795_000_000_000, 1_795_600_000_000)
SECRET_KEY, SECRET_CODE = "mysta_" + "k" * 43, "inv_" + "c" * 43


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (KeyList((KEY,)), "hub-keys"),
        (NewKey((KEY,), SECRET_KEY), "hub-keys"),
        (HubAgentList((AGENT,)), "hub-agents"),
        (REPORT, "hub-audit"),
        (HubRun("http://127.0.0.1:1/api/v2/mcp", "http://127.0.0.1:1", "/data", 0), "hub-run"),
        (RelayAgentList((MEMBER,)), "hub-relay-agents"),
        (RelayAgentRemoved((MEMBER,)), "hub-relay-agents"),
        (InvitationList((INVITE,)), "hub-relay-invites"),
        (NewInvitation((INVITE,), SECRET_CODE), "hub-relay-invites"),
    ],
)
def test_a_record_keeps_its_schema_and_has_a_text(record: Any, schema: str) -> None:
    reply = answered("hub", record)
    assert_valid(reply.result, schema)
    assert reply.lines


def test_a_key_and_a_code_are_in_the_answer_and_in_no_repr() -> None:
    for record, secret in (
        (NewKey((KEY,), SECRET_KEY), SECRET_KEY),
        (NewInvitation((INVITE,), SECRET_CODE), SECRET_CODE),
    ):
        assert secret not in repr(record)
        assert secret in answered("hub", record).lines


def test_the_hashes_of_a_key_and_of_a_code_are_in_no_answer() -> None:
    assert not {"digest", "code_sha256"} & {*jsonable(KEY), *jsonable(INVITE)}


def test_a_last_use_is_shown_as_a_time() -> None:
    assert jsonable(MEMBER)["last_used_at"] == "2026-11-18T11:06:40.123Z"


def test_a_broken_chain_is_the_last_line_of_the_audit() -> None:
    broken = audit_chain.verify([audit_chain.link(2, audit_chain.GENESIS, ROW.entry)])
    assert not broken.ok
    assert answered("hub audit", AuditReport((), broken)).lines[-1].startswith("BROKEN at row 2")
