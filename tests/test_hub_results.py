"""What the hub's commands answer: JSON that keeps its schema, and no secret in a repr."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.hub import audit_chain
from openclaw_install.hub.model import Agent, AuditEntry, Key
from openclaw_install.hub.relay.model import Invite, Member
from openclaw_install.hub.results import (
    AuditReport,
    HubAgentList,
    HubRun,
    InvitationList,
    KeyList,
    NewInvitation,
    NewKey,
    RelayAgent,
    RelayAgentList,
    RelayAgentRemoved,
    audit_check,
    audit_line,
    hub_agent,
    invitation_info,
    key_info,
    relay_agent,
)
from openclaw_install.surfaces.cli.hub_options import hub_answered
from tests.schemas import assert_valid

AT = "2026-11-21T01:29:00.000000Z"
KEY = key_info(Key("key_0123456789ab", "ann", "d" * 64, AT))
AGENT = hub_agent(Agent("agt_0123456789abcdef", "ann", "kitchen", "running", AT), 2, "/data/agents/a/skills")
ROW = audit_chain.link(1, audit_chain.GENESIS, AuditEntry(AT, "upload", "stored", owner="ann"))
REPORT = AuditReport((audit_line(ROW),), audit_check(audit_chain.verify([ROW])))
MEMBER = Member("did:agent:" + "a" * 32, "ann", 1_795_000_000_123, True, 3, 900)
INVITE = Invite("inv_0123456789ab", "c" * 64, 2, 1, 1_795_000_000_000, 1_795_600_000_000)
SECRET_KEY, SECRET_CODE = "mysta_" + "k" * 43, "inv_" + "c" * 43


@pytest.mark.parametrize(
    ("record", "schema"),
    [
        (KeyList((KEY,)), "hub-keys"),
        (NewKey((KEY,), SECRET_KEY), "hub-keys"),
        (HubAgentList((AGENT,)), "hub-agents"),
        (REPORT, "hub-audit"),
        (HubRun("http://127.0.0.1:1/api/v2/mcp", "http://127.0.0.1:1", "/data", 0), "hub-run"),
        (RelayAgentList((relay_agent(MEMBER),)), "hub-relay-agents"),
        (RelayAgentRemoved((relay_agent(MEMBER),)), "hub-relay-agents"),
        (InvitationList((invitation_info(INVITE),)), "hub-relay-invites"),
        (NewInvitation((invitation_info(INVITE),), SECRET_CODE), "hub-relay-invites"),
    ],
)
def test_a_record_keeps_its_schema_and_has_a_text(record: Any, schema: str) -> None:
    reply = hub_answered("hub", record)
    assert_valid(reply.result, schema)
    assert reply.lines


def test_a_key_and_a_code_are_in_the_answer_and_in_no_repr() -> None:
    for record, secret in (
        (NewKey((KEY,), SECRET_KEY), SECRET_KEY),
        (NewInvitation((invitation_info(INVITE),), SECRET_CODE), SECRET_CODE),
    ):
        assert secret not in repr(record)
        assert secret in hub_answered("hub", record).lines


def test_the_hashes_of_a_key_and_of_a_code_are_in_no_answer() -> None:
    assert "d" * 64 not in str(jsonable(KEY))
    assert "c" * 64 not in str(jsonable(invitation_info(INVITE)))


def test_an_agent_that_has_only_registered_was_never_used() -> None:
    new = relay_agent(Member(MEMBER.did, None, MEMBER.used_at, False, 0, 0))
    assert new == RelayAgent(MEMBER.did, None, None, 0, 0)
    assert jsonable(relay_agent(MEMBER))["last_used_at"] == "2026-11-18T11:06:40.123Z"


def test_a_broken_chain_is_the_last_line_of_the_audit() -> None:
    broken = audit_check(audit_chain.verify([audit_chain.link(2, audit_chain.GENESIS, ROW.entry)]))
    assert not broken.ok
    assert hub_answered("hub audit", AuditReport((), broken)).lines[-1].startswith("BROKEN at row 2")
