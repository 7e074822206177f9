"""What the service functions return: frozen, plain, ready for a renderer."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw_install.common.problems import Problem
from openclaw_install.messaging.models import (
    Message,
    OutboxItem,
)
from openclaw_install.messaging.transport import TransportHealth


@dataclass(frozen=True)
class Doctor:
    """What the checks of identity, store, relay and bridge found, and what was mended."""

    findings: tuple[Problem, ...]
    repaired: tuple[str, ...]
    health: TransportHealth
    parked: tuple[Message, ...]
    failed: tuple[OutboxItem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is left that blocks."""
        return not any(finding.severity == "critical" for finding in self.findings)
