"""Decides which steps of the bridge become events, so that a long outage does not fill the store. Pure."""

from __future__ import annotations

from openclaw_install.messaging.bridge.delivery_state import Step

_KINDS = {"parked": "message.parked", "in_doubt": "message.in_doubt"}
_RETRIES = {"retry", "gateway_later", "gateway_blocked"}


def event_of(step: Step, attempts: int) -> str | None:
    """The event's kind for what became of one request to the gateway; None where nothing is told."""
    if step.effect in _RETRIES:
        return "message.retry" if is_told(attempts) else None
    return _KINDS.get(step.effect)


def is_told(attempts: int) -> bool:
    """Whether the failed try of this number is told: the first, second, fourth, eighth and so on."""
    return attempts > 0 and attempts & (attempts - 1) == 0
