"""The watcher's events as lines for a person: calm, and never with a character that a name smuggled in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from openclaw_install.common.shown_text import neutral as plain
from openclaw_install.sync.watch.event import EventKind, WatchEvent

# Said only with --verbose: they come often, or before something that says more.
_QUIET: frozenset[EventKind] = frozenset({"changed", "reconciled"})
_WORDS: Mapping[str, str] = {
    "watching": "watching; save a file, and it goes up (Ctrl-C ends)",
    "acknowledged": "acknowledged by",
    "unchanged": "is there already at",
    "refused": "refused by",
    "unconfirmed": "not confirmed by",
    "held": "held back",
    "deleted": "deleted here",
    "waiting": "waiting",
    "recovered": "goes on",
    "polling": "looking at the files every few seconds",
}


def watch_lines(event: WatchEvent, *, verbose: bool = False) -> list[str]:
    """The lines for one event: none where nothing is worth a glance."""
    if event.kind in _QUIET and not verbose:
        return []
    if event.kind == "blocked":
        return []  # the error itself follows on stderr
    moment = datetime.fromtimestamp(event.time).astimezone().strftime("%H:%M:%S")
    words = [event.skill, _WORDS.get(event.kind, event.kind), event.agent]
    text = "  ".join(word for word in words if word)
    if event.milliseconds is not None:
        text += f"  {_duration(event)}"
    if event.reason:
        text += f": {event.reason}"
    if event.pending and event.kind != "acknowledged":
        text += f"  [{event.pending} pending, {event.waiting} waiting]"
    lines = [plain(f"{moment}  {text}")]
    if event.next_step and event.kind in ("refused", "unconfirmed", "held", "warning"):
        lines.append(plain(f"          next: {event.next_step}"))
    return lines


def _duration(event: WatchEvent) -> str:
    took = event.milliseconds or 0.0
    if event.kind == "waiting":
        return f"next try in {took / 1000:.0f} s"
    return f"{took:.0f} ms"
