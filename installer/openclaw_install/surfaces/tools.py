"""The table of tools, one row each, family by family: servers, docs, schemas and skill lists follow it."""

from __future__ import annotations

from openclaw_install.messaging.actions import (
    bindings,
    contacts,
    messages,
    overview,
    recommendations,
    sessions,
    trust,
    trust_changes,
)
from openclaw_install.surfaces.tool import ADDS, MARKS, OVERWRITES, READS, REMOVES, SENDS, Tool

_FAMILY = "Sessions"
SESSIONS: tuple[Tool, ...] = (
    Tool(sessions.whoami, "Who am I", _FAMILY, READS),
    Tool(sessions.recent_sessions, "Recent threads", _FAMILY, READS),
    Tool(sessions.focus_session, "Focus a thread", _FAMILY, MARKS),
    Tool(messages.changes_since, "What changed", _FAMILY, READS),
    Tool(sessions.next_unread, "Next unread thread", _FAMILY, ADDS),
    Tool(sessions.mark_read, "Mark as read", _FAMILY, MARKS),
    Tool(sessions.session_summary, "Carry-forward note", _FAMILY, OVERWRITES),
    Tool(sessions.session_overview, "One thread in full", _FAMILY, READS),
)

_FAMILY = "Sending"
SENDING: tuple[Tool, ...] = (
    Tool(messages.reply, "Reply in the thread", _FAMILY, SENDS),
    Tool(messages.openclaw_queue_reply, "Queue a formal reply", _FAMILY, SENDS),
    Tool(messages.chat, "Write to an agent", _FAMILY, SENDS),
)

_FAMILY = "Contacts"
# What waited goes to the agent, or is refused for good: neither is taken back by an undo.
CONTACTS: tuple[Tool, ...] = (
    Tool(contacts.contacts_approve, "Approve a contact", _FAMILY, OVERWRITES),
    Tool(contacts.contacts_reject, "Turn a contact down", _FAMILY, OVERWRITES),
    Tool(contacts.contacts_block, "Block a contact", _FAMILY, OVERWRITES),
    Tool(sessions.conversations, "Contacts and approvals", _FAMILY, READS),
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

_FAMILY = "Operations"
OPERATIONS: tuple[Tool, ...] = (
    Tool(overview.runtime_overview, "The whole host", _FAMILY, READS),
    Tool(overview.transport_health, "Transport health", _FAMILY, READS),
    Tool(overview.since_last_seen, "Since last seen", _FAMILY, ADDS),
    Tool(overview.delivery_timeline, "Delivery timeline", _FAMILY, READS),
    Tool(overview.store_stats, "Size of the store", _FAMILY, READS),
)

_FAMILY = "Session bindings (map-active-group only)"
BINDINGS: tuple[Tool, ...] = (
    Tool(bindings.session_bindings, "Session bindings", _FAMILY, READS),
    Tool(bindings.session_binding_bind_current, "Bind to the current session", _FAMILY, OVERWRITES),
    Tool(bindings.session_binding_set, "Bind to a named session", _FAMILY, OVERWRITES),
    Tool(bindings.session_binding_clear, "Take a binding away", _FAMILY, OVERWRITES),
)

_FAMILY = "Debugging and fallback"
DEBUGGING: tuple[Tool, ...] = (Tool(messages.inbox, "Raw inbox (debugging)", _FAMILY, READS),)

TOOLS = (*SESSIONS, *SENDING, *CONTACTS, *TRUST, *OPERATIONS, *BINDINGS, *DEBUGGING)
