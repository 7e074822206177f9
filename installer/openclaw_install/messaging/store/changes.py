"""The columns of the ledgers that a step may change, by name and type."""

from __future__ import annotations

from typing import TypedDict

from openclaw_install.messaging.models import OutboxState, Stage


class IngressChanges(TypedDict, total=False):
    """Columns of `ingress` to be written; those that are not named stay as they are. See `Ingress`."""

    stage: Stage
    attempts: int
    faults: int
    doubts: int
    doubt_at: float | None
    next_attempt_at: float
    session_key: str | None
    degraded: str | None
    shown: str | None
    gateway: str | None
    attempted_at: float | None
    run_id: str | None
    accepted_at: float | None
    evidence: str | None
    confirmed_at: float | None
    acked_at: float | None
    receipted_at: float | None
    reason: str


class OutboxChanges(TypedDict, total=False):
    """Columns of `outbox` to be written; those that are not named stay as they are. See `OutboxItem`."""

    state: OutboxState
    attempts: int
    next_attempt_at: float
    wire: str | None
    expires_at: float | None
    log_id: str | None
    seq: int | None
    receipt: str | None
    committed_at: float | None
    delivered_at: float | None
    reason: str
    next_step: str
