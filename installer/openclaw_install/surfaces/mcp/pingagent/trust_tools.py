"""Tools about trust: how somebody is trusted and why, what would be, and what an agent may change."""

from __future__ import annotations

from typing import Any

from openclaw_install.messaging.actions import session_trust as trust_session_service
from openclaw_install.messaging.actions import trust as trust_service
from openclaw_install.messaging.app import App, AppContext
from openclaw_install.messaging.trust.edits import (
    Edit,
    RemoveRule,
    SetDefault,
    SetRule,
    read_action,
    read_rule,
    read_section,
)
from openclaw_install.messaging.trust.match import TrustPolicyError, read_match
from openclaw_install.surfaces.mcp.pingagent import trust_documents, trust_words
from openclaw_install.surfaces.mcp.tool_table import Arguments, Body, ToolEntry


async def trust_status(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_status`."""
    found = await place.work(trust_session_service.trust_status, arguments.get("session"))
    return trust_documents.status_document(found, place.reader)


async def trust_policy(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_policy`."""
    view = await place.work(trust_service.show_policy)
    return trust_documents.policy_document(view, place.reader, arguments.get("first_rule", 1))


async def explain(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_policy_explain`."""
    found = await place.work(trust_service.explain, arguments.get("session"))
    return trust_documents.explanation_document(found, place.reader)


async def simulate(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_policy_simulate`."""
    edits = [read_rule(text) for text in arguments.get("changes", ())]

    def suppose(app: App) -> Body:
        found = trust_service.simulate(
            app, did=arguments.get("did"), alias=arguments.get("alias"), edits=edits
        )
        return trust_documents.explanation_document(found, place.reader)

    return await place.work(suppose)


async def set_policy(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_policy_set`."""
    edit = _edit(arguments)
    save = not arguments.get("dry_run", False)
    change = await place.work(trust_service.change_policy, edit, save=save)
    return trust_documents.change_document(change)


async def remove(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_policy_remove`."""
    edit = RemoveRule(read_section(arguments["policy"]), read_match(arguments["match"]))
    save = not arguments.get("dry_run", False)
    change = await place.work(trust_service.change_policy, edit, save=save)
    return trust_documents.change_document(change)


async def apply(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_apply_session_recommendation`."""
    done = await place.work(trust_session_service.apply_recommendation, arguments.get("session"))
    return trust_documents.recommendation_change_document(done)


async def dismiss(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_dismiss_session_recommendation`."""
    done = await place.work(
        trust_session_service.dismiss_recommendation,
        arguments.get("session"),
        reason=arguments.get("reason", ""),
    )
    return trust_documents.recommendation_change_document(done)


async def reopen(place: AppContext, arguments: Arguments) -> Body:
    """`pingagent_trust_reopen_session_recommendation`."""
    done = await place.work(trust_session_service.reopen_recommendation, arguments.get("session"))
    return trust_documents.recommendation_change_document(done)


def _edit(arguments: Arguments) -> Edit:
    section = read_section(arguments["policy"])
    action = read_action(section, arguments["action"])
    match = arguments.get("match")
    if arguments.get("default_only", False) != (match is None):
        raise TrustPolicyError(
            "a change is either of the default or of one rule",
            next_step="give `match` for a rule, or default_only: true without it for the default",
            code="trust.rule_form",
        )
    if match is None:
        return SetDefault(section, action)
    return SetRule(section, read_match(match), action, arguments.get("position"), arguments.get("note"))


def _tool(name: str, **row: Any) -> ToolEntry[AppContext]:
    return ToolEntry(name=f"pingagent_trust_{name}", folder="pingagent-tools", family="Trust", **row)


TRUST_TOOLS: tuple[ToolEntry[AppContext], ...] = (
    _tool(
        "status",
        title="Trust in this thread",
        description="How the other agent of the focused thread, or of the one you name, is trusted: what was "
        "decided, what the policy says of its contact and tasks, and what its history recommends.",
        run=trust_status,
        text=trust_words.status_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "policy",
        title="Show the trust policy",
        description="The trust policy in force: defaults, ordered rules, warnings, what is wrong with its "
        "file, and the newest decisions about trust.",
        run=trust_policy,
        text=trust_words.policy_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "policy_explain",
        title="Explain a decision",
        description="Which rule decides about a thread's other side or a sender, why, and what else would "
        "have matched. Only when you need to understand a decision; normal work does not.",
        run=explain,
        text=trust_words.explanation_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "policy_simulate",
        title="Suppose a sender or a rule",
        description="What the policy would say of a sender that may never have written, also after changes "
        "that you suppose. Writes nothing. Only to understand the policy, not before every message.",
        run=simulate,
        text=trust_words.explanation_text,
        read_only=True,
        idempotent=True,
    ),
    _tool(
        "policy_set",
        title="Change the trust policy",
        description="Change a default (default_only) or make or change the rule for a DID, @alias or "
        "pattern. You may narrow trust; what could widen it is refused: a person does that.",
        run=set_policy,
        text=trust_words.change_text,
        destructive=True,
        idempotent=True,
    ),
    _tool(
        "policy_remove",
        title="Remove a trust rule",
        description="Remove the rule with this match. Refused where that could widen somebody's trust: a "
        "person does that.",
        run=remove,
        text=trust_words.change_text,
        destructive=True,
    ),
    _tool(
        "apply_session_recommendation",
        title="Apply the recommendation",
        description="Do what the open recommendation of the thread says (see pingagent_trust_status). One "
        "that widens trust is not applied: the answer says what your person has to run.",
        run=apply,
        text=trust_words.recommendation_change_text,
        destructive=True,
    ),
    _tool(
        "dismiss_session_recommendation",
        title="Dismiss the recommendation",
        description="Close the thread's open recommendation. It comes back by itself only with twice the "
        "evidence; pingagent_trust_reopen_session_recommendation opens it again.",
        run=dismiss,
        text=trust_words.recommendation_change_text,
    ),
    _tool(
        "reopen_session_recommendation",
        title="Reopen a recommendation",
        description="Open the thread's last dismissed or superseded recommendation again; one that is open "
        "then is superseded.",
        run=reopen,
        text=trust_words.recommendation_change_text,
    ),
)
