"""The carry-forward note of a thread: its fields, and what a change makes of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.models.sessions import FieldValue, Summary
from openclaw_install.messaging.untrusted import Untrusted

TEXTS = ("objective", "context")
LISTS = ("constraints", "decisions", "open_questions", "next_steps")
FIELDS = (*TEXTS, *LISTS)
MOST_TEXT = 2000
MOST_ITEM = 400
MOST_ITEMS = 20


class SummaryError(InstallError):
    """A change of a note that cannot be made."""

    code = "summary"


@dataclass(frozen=True)
class SummaryChange:
    """What a change did.

    Attributes:
        changed: fields that have other contents now, cleared ones among them.
        cleared: fields that had contents and are empty now.
    """

    summary: Summary
    changed: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()


def changed_summary(
    current: Summary, given: Mapping[str, object], clear: Iterable[str], by: str, now: float
) -> SummaryChange:
    """The note after a change: fields that are not named are carried forward.

    Args:
        given: new contents by field; an empty text or list clears the field.
        clear: fields to be cleared.
        by: the caller.
        now: seconds since the epoch.

    Raises:
        SummaryError: no such field, contents of the wrong kind or too long, or a field both set and cleared.
    """
    wanted = {name: _read(name, value) for name, value in given.items()}
    for name in clear:
        if wanted.get(_known(name)):
            raise SummaryError(f"{name} is to be set and cleared at once", next_step="do one of the two")
        wanted[name] = ""
    fields = dict(current.fields.carried())
    changed = tuple(name for name in FIELDS if name in wanted and (wanted[name] or None) != fields.get(name))
    cleared = tuple(name for name in changed if not wanted[name])
    if not changed:
        return SummaryChange(current)
    for name in changed:
        if wanted[name]:
            fields[name] = wanted[name]
        else:
            del fields[name]
    ordered = {name: fields[name] for name in FIELDS if name in fields}
    kept = Untrusted(ordered, current.fields.standing)
    return SummaryChange(Summary(current.thread_id, kept, current.revision + 1, now, by), changed, cleared)


def stored_fields(summary: Summary) -> str:
    """The fields of a note as the store keeps them: JSON."""
    return json.dumps(dict(summary.fields.carried()), ensure_ascii=False)


def _known(name: str) -> str:
    if name not in FIELDS:
        raise SummaryError(f"a note has no field {name!r}", next_step=f"the fields are {', '.join(FIELDS)}")
    return name


def _read(name: str, value: object) -> FieldValue:
    if _known(name) in TEXTS:
        if not isinstance(value, str) or len(value) > MOST_TEXT:
            raise SummaryError(
                f"{name} is no text of at most {MOST_TEXT} characters", next_step="give a shorter text"
            )
        return value.strip()
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or len(items) > MOST_ITEMS:
        raise SummaryError(f"{name} is no list of at most {MOST_ITEMS} texts", next_step="give fewer of them")
    if any(not isinstance(item, str) or len(item) > MOST_ITEM for item in items):
        raise SummaryError(
            f"{name} has an item that is no text of at most {MOST_ITEM} characters",
            next_step="give shorter texts",
        )
    return tuple(text for item in items if (text := item.strip()))
