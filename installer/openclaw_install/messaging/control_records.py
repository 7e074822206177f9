"""What is kept for steering threads, as frozen records: summaries, and how far somebody looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from openclaw_install.messaging.untrusted import Untrusted

FieldValue = str | tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """A thread's carry-forward note.

    Attributes:
        fields: what is filled, by the names of `summary.FIELDS`; an absent one is empty. Agents write it, and
            can have quoted the other side.
        revision: counts the changes; 0 where nothing was ever written.
        updated_at: seconds since the epoch; None where nothing was ever written.
        updated_by: the caller that changed it last.
    """

    thread_id: str
    fields: Untrusted[Mapping[str, FieldValue]] = field(default_factory=lambda: Untrusted({}, "ours"))
    revision: int = 0
    updated_at: float | None = None
    updated_by: str | None = None


@dataclass(frozen=True)
class Seen:
    """How far an operator has looked; `at` is when, in seconds since the epoch."""

    operator: str
    cursor: int
    at: float
