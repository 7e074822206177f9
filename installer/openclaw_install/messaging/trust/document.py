"""The text of `trust-policy.json`: read strictly, changed where a change is about it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from openclaw_install.common.data_files import load_schema
from openclaw_install.common.shown_text import cut, neutral, quoted
from openclaw_install.messaging.trust.edits import Edit, RemoveRule, SetDefault, SetRule, edited
from openclaw_install.messaging.trust.match import TrustPolicyError, read_match
from openclaw_install.messaging.trust.policy import DEFAULTS, Policy, Rule, Rules, Section
from openclaw_install.protocol.canonical import parse_strict
from openclaw_install.protocol.errors import ProtocolError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMA = "pingagent-trust-policy"
MOST_BYTES = 1024 * 1024
# They let agents widen trust in 0.2.0. A file with them loads, and they mean nothing any more.
_ENDED: dict[Section, str] = {"contact": "agent_may_approve", "task": "agent_may_execute"}
_TOP = frozenset({"$schema", "version", "contact_policy", "task_policy"})


@dataclass(frozen=True)
class PolicyDocument:
    """A policy as it was written.

    Attributes:
        unknown: places of keys that mean nothing here; they are kept.
        ended: places of switches that are on and have no effect any more.
    """

    policy: Policy
    text: str
    unknown: tuple[str, ...]
    ended: tuple[str, ...] = ()


def read_document(data: bytes) -> PolicyDocument:
    """Reads a policy.

    Raises:
        TrustPolicyError: it is no JSON, ambiguous, too large, or breaks the schema; the message
            names the place.
    """
    try:
        value = parse_strict(data, MOST_BYTES)
    except ProtocolError as error:
        raise _invalid(error.message) from None
    if breach := _worst(_validator().iter_errors(value)):
        raise _invalid(_told(breach))
    policy = Policy(_rules("contact", value), _rules("task", value))
    return PolicyDocument(policy, data.decode("utf-8"), tuple(_unknown(value)), tuple(_ended(value)))


def new_document() -> str:
    """What is written where there is no file yet: the defaults, spelled out."""
    sections: dict[str, Any] = {
        f"{rules.section}_policy": {"default_action": rules.default, "rules": []}
        for rules in (DEFAULTS.contact, DEFAULTS.task)
    }
    return json.dumps({"version": 1, **sections}, indent=2) + "\n"


def changed_text(text: str, edit: Edit) -> str:
    """A policy's text with a change made; what the change is not about keeps its bytes.

    Args:
        text: of a document that `read_document` takes.

    Raises:
        TrustPolicyError: the change cannot be made, or would leave a text that does not say it.
    """
    # Costs a tenth of a second to import, and only a change needs it.
    from openclaw_install.host.config.edit import SetValue, apply_edits

    before = read_document(text.encode())
    wanted = edited(before.policy, edit).policy
    value = json.loads(text)
    name = f"{edit.section}_policy"
    if isinstance(edit, SetDefault):
        change = SetValue((name, "default_action"), edit.action)
    else:
        listed = value.get(name, {}).get("rules", [])
        change = SetValue((name, "rules"), _listed(listed, edit, wanted.section(edit.section)))
    result = apply_edits(text, [change])
    if read_document(result.encode()).policy != wanted:
        raise TrustPolicyError(
            "the policy would not read back as it was meant; nothing was changed",
            next_step="make the change by hand, and please report this with the policy's structure",
            code="trust.edit_failed",
        )
    return result


def _listed(
    old: Sequence[Mapping[str, Any]], edit: SetRule | RemoveRule, rules: Rules
) -> list[dict[str, Any]]:
    """The rules as they are written: each keeps its own spelling and keys."""
    spelled = {read_match(one["match"]): dict(one) for one in reversed(old)}
    if isinstance(edit, RemoveRule):
        # The first of several with one match is the one that counts, so it is the one that goes.
        at = next(n for n, one in enumerate(old) if read_match(one["match"]) == edit.match)
        return [dict(one) for n, one in enumerate(old) if n != at]
    matches = [read_match(one["match"]) for one in old]
    was = matches.index(edit.match) if edit.match in matches else None
    rest = [dict(one) for n, one in enumerate(old) if n != was]
    at = next(n for n, rule in enumerate(rules.rules) if rule.match == edit.match)
    rule = rules.rules[at]
    entry = {**spelled.get(edit.match, {"match": rule.match.text}), "action": rule.action}
    if rule.note:
        entry["note"] = rule.note
    else:
        entry.pop("note", None)
    return [*rest[:at], entry, *rest[at:]]


def _rules(section: Section, value: Mapping[str, Any]) -> Rules:
    part = value.get(f"{section}_policy", {})
    return Rules(
        section=section,
        default=part.get("default_action", DEFAULTS.section(section).default),
        rules=tuple(
            Rule(read_match(one["match"]), one["action"], one.get("note", ""))
            for one in part.get("rules", ())
        ),
    )


def _unknown(value: Mapping[str, Any]) -> Iterator[str]:
    yield from (_key(name) for name in value if name not in _TOP and not name.startswith("x-"))
    for section, switch in _ENDED.items():
        part = f"{section}_policy"
        known = {"default_action", "rules", switch}
        yield from (
            f"{part}.{_key(name)}"
            for name in value.get(part, ())
            if name not in known and not name.startswith("x-")
        )


def _ended(value: Mapping[str, Any]) -> Iterator[str]:
    for section, switch in _ENDED.items():
        if value.get(f"{section}_policy", {}).get(switch):
            yield f"{section}_policy.{switch}"


def _key(name: str) -> str:
    return cut(neutral(name), 60)


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_schema(SCHEMA))


def _worst(breaches: Iterator[ValidationError]) -> ValidationError | None:
    """The first breach: a file with a thousand is as invalid, and shall not take as long."""
    return next(breaches, None)


def _told(breach: ValidationError) -> str:
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{_key(one)}" for one in breach.absolute_path)
    rule = str(breach.validator)
    found: Any = breach.instance
    limit: Any = breach.validator_value
    texts = {
        "enum": lambda: f"is {_value(found)}, and must be one of {', '.join(map(str, limit))}",
        "const": lambda: f"is {_value(found)}, and this version of the program knows {limit}",
        "pattern": lambda: f"is {_value(found)}, and must be a DID, @alias, a pattern of these, or *",
        "required": lambda: f"lacks {', '.join(name for name in limit if name not in found)}",
        "additionalProperties": lambda: f"has a key that no rule has: {_extra(found)}",
        "type": lambda: f"must be of type {limit}",
    }
    what = texts.get(rule, lambda: f"breaks the limit {rule} {limit}")()
    return f"{place.removeprefix('.') or 'the whole'} {what}"


def _extra(rule: Mapping[str, Any]) -> str:
    known = {"match", "action", "note"}
    return ", ".join(_key(name) for name in rule if name not in known and not name.startswith("x-"))


def _value(value: Any) -> str:
    return quoted(value, 60) if isinstance(value, str) else cut(neutral(json.dumps(value)), 60)


def _invalid(message: str) -> TrustPolicyError:
    return TrustPolicyError(message, next_step="correct that place", code="trust.policy_invalid")
