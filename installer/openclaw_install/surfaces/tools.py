"""The table of tools, one row each, family by family: servers, docs, schemas and skill lists follow it."""

from __future__ import annotations

from openclaw_install.messaging.actions import bindings, contacts, recommendations, trust, trust_changes
from openclaw_install.surfaces.tool import ADDS, OVERWRITES, READS, REMOVES, Tool

SESSIONS: tuple[Tool, ...] = ()

SENDING: tuple[Tool, ...] = ()

_FAMILY = "Contacts"
# What waited goes to the agent, or is refused for good: neither is taken back by an undo.
CONTACTS: tuple[Tool, ...] = (
    Tool(contacts.contacts_approve, "Approve a contact", _FAMILY, OVERWRITES),
    Tool(contacts.contacts_reject, "Turn a contact down", _FAMILY, OVERWRITES),
    Tool(contacts.contacts_block, "Block a contact", _FAMILY, OVERWRITES),
)

_FAMILY = "Trust"
TRUST: tuple[Tool, ...] = (
    Tool(recommendations.trust_status, "Trust in this thread", _FAMILY, READS),
    Tool(trust.trust_policy, "Show the trust policy", _FAMILY, READS),
    Tool(trust.trust_policy_explain, "Explain a decision", _FAMILY, READS),
    Tool(trust.trust_policy_simulate, "Suppose a sender or a rule", _FAMILY, READS),
    Tool(trust_changes.trust_policy_set, "Change the trust policy", _FAMILY, OVERWRITES),
    Tool(trust_changes.trust_policy_remove, "Remove a trust rule", _FAMILY, REMOVES),
    Tool(recommendations.trust_apply_session_recommendation, "Apply the recommendation", _FAMILY, REMOVES),
    Tool(recommendations.trust_dismiss_session_recommendation, "Dismiss the recommendation", _FAMILY, ADDS),
    Tool(recommendations.trust_reopen_session_recommendation, "Reopen a recommendation", _FAMILY, ADDS),
)

OPERATIONS: tuple[Tool, ...] = ()

_FAMILY = "Session bindings (map-active-group only)"
BINDINGS: tuple[Tool, ...] = (
    Tool(bindings.session_bindings, "Session bindings", _FAMILY, READS),
    Tool(bindings.session_binding_bind_current, "Bind to the current session", _FAMILY, OVERWRITES),
    Tool(bindings.session_binding_set, "Bind to a named session", _FAMILY, OVERWRITES),
    Tool(bindings.session_binding_clear, "Take a binding away", _FAMILY, OVERWRITES),
)

DEBUGGING: tuple[Tool, ...] = ()

TOOLS = (*SESSIONS, *SENDING, *CONTACTS, *TRUST, *OPERATIONS, *BINDINGS, *DEBUGGING)
