# ruff: noqa: E501 - names of tests are sentences
"""What the threat model says of strangers, floods and the agent itself is held by tests that it names."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "threat-model.md"
# Each claim of these rows, in the page's words, and what holds it.
CLAIMS: dict[str, dict[str, str]] = {
    "A stranger": {
        "the contact gate: nothing that an agent wrote, or calls itself, reaches the model before a person, or "
        "the policy that a person wrote, approved it: its messages wait, and the tools tell an agent its DID, "
        "counts and times only": "test_unapproved_words.test_no_tool_tells_an_agent_the_words_of_whom_nobody_approved",
        "block and reject are final until undone": "test_pingagent_cli.test_contacts_are_approved_rejected_blocked_and_undone_by_name",
        "who and when is recorded": "test_trust_cli.test_a_persons_decision_about_a_contact_is_recorded_with_the_policy",
    },
    "A sender, approved or not": {
        "limits for each sender and each network address at the relay, a pool for strangers beside the room of whom the owner admitted": "test_relay_sharing.test_strangers_fill_their_pool_only_and_each_of_them_its_share",
        "bounds for what waits at the gate, bounded work in the bridge": "test_collab_machine.test_the_gate_follows_the_decision_and_its_bounds",
        "other threads go on": "test_bridge_pacing.test_agents_that_always_answer_each_other_are_paced_and_the_message_waits_its_turn",
        "who knocks while the gate is full is listed and told all the same, and a first word has room that "
        "further ones of a flood do not take": "test_knocks.test_ten_floods_of_fifty_hide_no_newcomer_and_a_block_lets_its_message_in",
        "One thread owns the store and takes no lock, so that no load can stop it against itself": "test_trust_bridge.test_a_busy_inbox_gets_in_whole_while_the_policy_is_looked_at_all_the_time",
        "a worker that stands still all the same is told, and the runtime is started again ([operations.md](operations.md))": "test_runtime_liveness.test_a_runtime_that_is_kept_ends_itself_so_that_it_is_started_again",
    },
    "The agent itself, talked into it": {
        "its own first word approves nobody": "test_agent_opened.test_the_reply_to_an_agents_first_word_waits_and_a_person_lets_it_in",
        "how many agents it writes to is bounded": "test_agent_opened.test_agents_open_so_many_contacts_an_hour_and_a_day_and_people_as_many_as_they_like",
        "no tool approves a contact or widens the trust policy, and no switch lets it": "test_trust_tools.test_switches_that_have_ended_load_have_no_effect_and_are_reported",
        "a recommendation that widens is answered with the command for a person": "test_trust_service.test_an_agent_that_applies_what_widens_trust_only_asks_its_person",
    },
}


@pytest.mark.parametrize("who", CLAIMS)
def test_each_claim_of_the_row_has_its_test_and_no_other_claim_is_made(who: str) -> None:
    (row,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {who} |")]
    against = row.split("|")[3].strip()
    for claim, test in CLAIMS[who].items():
        module, _, name = test.partition(".")
        assert callable(getattr(importlib.import_module(f"tests.{module}"), name))
        assert claim in against
        against = against.replace(claim, "")
    assert against.replace(" and ", "").strip(";,. ") == "", f"no test is named for: {against}"
