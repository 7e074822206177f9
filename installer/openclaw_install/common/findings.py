"""What a check has to say: one finding, with a stable id, a place and a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warn", "info"]


@dataclass(frozen=True)
class Finding:
    """One observation about the host.

    Attributes:
        id: stable and dotted; where `openclaw security audit` has the same check, its `checkId`.
        severity: `critical` blocks the activation, `warn` should be looked at, `info` is context.
        path: config path (`hooks.token`) or file path that it is about.
        message: one sentence for a person; never holds a secret.
        repair: what mends it, as a command or an edit in words; empty when nothing has to be done.
    """

    id: str
    severity: Severity
    path: str
    message: str
    repair: str = ""
