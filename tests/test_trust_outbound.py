"""Whom an agent may write to first, and what the policy and a person say of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_install.messaging.actions.contacts import decide_contact
from openclaw_install.messaging.actions.messages import chat
from openclaw_install.messaging.app import App
from openclaw_install.messaging.outgoing import ContactError
from openclaw_install.messaging.trust.gate import TrustRefusedError, settle_all
from tests.trust_rig import Place, did, place

EVE = did(2)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as made:
        yield made


def turn_away(here: Place, match: str = EVE, action: str = "block") -> None:
    here.write({"version": 1, "contact_policy": {"rules": [{"match": match, "action": action}]}})


def write_to(desk: App, who: str = EVE) -> None:
    asyncio.run(chat(desk, to=who, message="hello", wait_seconds=0.0))


def state_of(here: Place, who: str = EVE) -> str:
    contact = here.store.contacts.get(who)
    return contact.state if contact else "unknown"


@pytest.mark.parametrize("action", ["block", "reject"])
def test_an_agent_lets_nobody_in_by_writing_first_whom_the_policy_turns_away(
    here: Place, action: str
) -> None:
    turn_away(here, action=action)
    with pytest.raises(ContactError, match=f"says {action} of") as refused:
        write_to(here.desk("mcp:session"))
    assert refused.value.error_code == "contact.turned_away"
    assert state_of(here) == "unknown"
    assert here.store.outbox.in_state("queued") == []


def test_an_agent_writes_first_to_whom_the_policy_does_not_turn_away_and_a_person_to_everybody(
    here: Place,
) -> None:
    turn_away(here, "@eve")
    write_to(here.desk("mcp:session"))
    turn_away(here, did(3))
    write_to(here.desk(), did(3))
    assert (state_of(here), state_of(here, did(3))) == ("awaiting_reply", "approved")


def test_the_policy_turns_away_whom_an_agent_wrote_to_as_soon_as_its_alias_is_known(here: Place) -> None:
    turn_away(here, "@eve")
    desk = here.desk("mcp:session")
    write_to(desk)
    settle_all(here.store, desk.policy_state(), here.now)
    assert state_of(here) == "awaiting_reply"
    here.store.contacts.set_card(EVE, "{}", here.now, alias="eve", display_name=None)
    settle_all(here.store, desk.policy_state(), here.now)
    assert state_of(here) == "blocked"


def test_a_persons_first_message_and_approval_stand_above_the_policy_and_an_agents_do_not(
    here: Place,
) -> None:
    agent, person = here.desk("mcp:session"), here.desk()
    write_to(person, did(3))
    write_to(agent, did(4))
    write_to(agent)
    assert decide_contact(person, did(4), "approve").changed
    with pytest.raises(TrustRefusedError):
        decide_contact(agent, EVE, "approve")
    assert state_of(here) == "awaiting_reply"
    turn_away(here, "*")
    settle_all(here.store, agent.policy_state(), here.now)
    assert [state_of(here, one) for one in (did(3), did(4), EVE)] == ["approved", "approved", "blocked"]


def test_writing_to_whom_a_person_shut_out_names_both_commands_that_let_it_in_again(here: Place) -> None:
    here.meet(EVE, "rejected")
    with pytest.raises(ContactError) as refused:
        write_to(here.desk())
    assert refused.value.next_step.endswith(
        f"pingagent contacts undo {EVE}, then pingagent contacts approve {EVE}"
    )
