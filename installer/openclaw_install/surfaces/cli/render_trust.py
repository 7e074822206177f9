"""Turns the documents of `pingagent trust` into lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openclaw_install.common.shown_text import neutral, quoted
from openclaw_install.surfaces.mcp.pingagent import trust_words

Document = Mapping[str, Any]


def policy_lines(body: Document) -> list[str]:
    """The rules, in order, and what a person should look at."""
    lines = [neutral(f"{body['path']}: {body['version']} ({body['source']})")]
    for section in ("contact", "task"):
        part = body[f"{section}_policy"]
        lines.append(f"{section}:")
        lines += [trust_words.rule_text(one) for one in part["rules"]]
        if part["next_rule"]:
            lines.append(f"  ({part['total']} in all; the rest: --from {part['next_rule']})")
        lines.append(f"  otherwise: {part['default_action']}")
    lines += [neutral(f"warning: {one['message']}") for one in body["warnings"]]
    lines += [_decision_line(one) for one in body["decisions"]]
    return lines + problem_lines(body)


def status_lines(body: Document) -> list[str]:
    """A thread's other side."""
    lines = trust_words.status_text({**body, "problem": None}).split("\n")
    lines += [_decision_line(one) for one in body["decisions"]]
    return lines + problem_lines(body)


def _decision_line(one: Document) -> str:
    step = f"{one['before'] or 'nothing'} -> {one['after'] or 'nothing'}"
    about = one["match"] or one["did"] or "the default"
    if one["kind"] == "restore":
        about, step = "the whole policy", f"{one['policy_before']} -> {one['policy_after']}"
    detail = f"  {quoted(one['detail'], 60)}" if one["detail"] else ""
    return neutral(
        f"{one['at'][:16]} {one['by']}: {one['kind']} {one['policy'] or ''} {about} {step}{detail}"
    )


def explanation_lines(body: Document) -> list[str]:
    """Which rule decides, why, and what else would have matched."""
    return trust_words.explanation_text({**body, "problem": None}).split("\n") + problem_lines(body)


def change_lines(body: Document) -> list[str]:
    """What was changed."""
    return trust_words.change_text({**body, "problem": None}).split("\n") + problem_lines(body)


def recommendation_lines(body: Document) -> list[str]:
    """What became of a recommendation."""
    return trust_words.recommendation_change_text(body).split("\n")


def replay_lines(body: Document) -> list[str]:
    """Each decision that would change, and the sum."""
    lines = [_replayed_line(one) for one in body["changed"]]
    left = body["changed_total"] - len(body["changed"])
    if left:
        lines.insert(0, f"({left} older changes are not listed)")
    lines.append(
        f"{body['looked_at']} decisions since {body['since'][:16]}: {body['changed_total']} would change, "
        f"{body['wider']} wider, {body['narrower']} narrower, about {body['agents']} agents"
    )
    if body["against_a_person"]:
        lines.append(f"{body['against_a_person']} of them go against what a person decided")
    if body["older_left_out"]:
        lines.append("there are more events than are looked at; the oldest were left out")
    lines.append("nothing was saved")
    return lines + problem_lines(body)


def _replayed_line(one: Document) -> str:
    subject = one["subject"]
    name = f" @{subject['alias']}" if subject["alias"] else ""
    against = f"; {one['against']} decided: {one['was']}" if one["against"] else ""
    what = one["message_id"] or "first contact"
    step = f"{one['before']} -> {one['after']}"
    return neutral(
        f"{one['at'][:16]} {one['policy']:<7} {step:<18} {one['direction']:<8} {subject['did']}{name} "
        f"({what}{against})"
    )


def problem_lines(body: Document) -> list[str]:
    """What is wrong with the policy's file, and the cure."""
    problem = body["problem"]
    if problem is None:
        return []
    return [neutral(f"blocked: {problem['message']}"), neutral(f"  next: {problem['next_step']}")]
