"""The short texts of the tools about trust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.shown_text import cut, neutral, quoted, within
from openclaw_install.surfaces.tool import MOST_TEXT

Document = Mapping[str, Any]


def status_text(body: Document) -> str:
    """What was decided, what the policy says, and what is recommended."""
    peer = body["peer"]
    name = f" @{neutral(peer['alias'])}" if peer["alias"] else ""
    by = f" by {quoted(body['decided_by'], 60)}" if body["decided_by"] else ""
    lines = [f"{peer['did']}{name} in {body['thread_id']}: {body['trust']}{by}."]
    if body["waiting"]:
        lines.append(f"{body['waiting']} messages wait for a person's decision.")
    lines += [cut(neutral(body["contact"]["why"]), 250), cut(neutral(body["task"]["why"]), 250)]
    if open_one := body["recommendation"]:
        lines.append(f"Recommended: {recommended_text(open_one)}")
    elif last := body["reopenable"]:
        lines.append(f"Nothing is recommended now; {last['state']} last: {recommended_text(last)}")
    lines += [cut(neutral(f"Warning: {one['message']}"), 150) for one in body["warnings"][:2]]
    return _ended(lines, body)


def recommended_text(one: Document) -> str:
    """A recommendation in one sentence."""
    return cut(neutral(f"{one['policy']} {one['action']} ({one['kind']}), because {one['why']}."), 250)


def policy_text(body: Document) -> str:
    """The rules, as many as there is room for."""
    head = [f"Trust policy {body['version']} ({body['source']}). The first rule that matches decides."]
    items: list[str] = []
    for section in ("contact", "task"):
        part = body[f"{section}_policy"]
        items.append(f"{section}: {part['total']} rules, else {part['default_action']}")
        items += [rule_text(one) for one in part["rules"]]
    tail = [cut(neutral(f"Warning: {one['message']}"), 120) for one in body["warnings"][:3]]
    tail += _problem(body)
    return within(
        head, items, tail, most=MOST_TEXT, more="(... and {left} more lines in the structured answer)"
    )


def rule_text(one: Document) -> str:
    """One rule."""
    note = f"  {quoted(one['note'], 60)}" if one["note"] else ""
    return f"  {one['position']}. {neutral(one['match'])}: {one['action']}{note}"


def explanation_text(body: Document) -> str:
    """One sentence a section; with supposed changes, before and after."""
    lines = [cut(neutral(body[part]["why"]), 250) for part in ("contact", "task")]
    for part in ("contact", "task"):
        after = body[f"changed_{part}"]
        if after is not None:
            same = after["action"] == body[part]["action"]
            lines.append(cut(neutral(f"{'Still' if same else 'Then'}: {after['why']}"), 250))
    if body["trust"] in ("approved", "rejected", "blocked"):
        lines.append(f"This contact is {body['trust']} already; that stands above the contact policy.")
    return _ended(lines, body)


def change_text(body: Document) -> str:
    """What was changed."""
    what = "the default" if body["match"] is None else neutral(body["match"])
    place = f" (rule {body['position']})" if body["position"] and body["after"] else ""
    before, after = body["before"] or "no rule", body["after"] or "no rule"
    step = f"{body['policy']} policy: {what}{place}: {before} -> {after}"
    if not body["changed"]:
        lines = [f"Nothing to change. {step}."]
    else:
        lines = [f"{'Saved' if body['saved'] else 'Not saved, only tried'}. {step}."]
    if body["settled"]:
        lines.append(f"{body['settled']} contacts that waited were decided by it.")
    if body["saved"]:
        lines.append(f"Version {body['version_before']} -> {body['version']}.")
    else:
        lines.append(f"The version stays {body['version']}.")
    return _ended(lines, body)


def recommendation_change_text(body: Document) -> str:
    """What became of the recommendation."""
    one = body["recommendation"]
    lines = [f"{one['state'].capitalize()}: {recommended_text(one)}"]
    if body["ask_your_person"]:
        lines = [f"Not applied: {recommended_text(one)}"]
        lines.append(f"It widens trust, which a person decides. Ask; they run: {body['ask_your_person']}")
    if body["policy_change"]:
        lines.append(cut(change_text(body["policy_change"]), 500))
    if body["trust"]:
        lines.append(f"The contact is {body['trust']} now.")
    return cut("\n".join(lines), MOST_TEXT)


def _problem(body: Document) -> list[str]:
    problem = body["problem"]
    if problem is None:
        return []
    return [
        cut(neutral(f"Blocker: {problem['message']}"), 250),
        cut(neutral(f"To do, by a person: {problem['next_step']}"), 150),
    ]


def _ended(lines: list[str], body: Document) -> str:
    return cut("\n".join([*lines, *_problem(body)]), MOST_TEXT)
