"""What is wrong, and what helps: one record for errors, checks, blockers and reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["critical", "warn", "info"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth a look.

    Attributes:
        code: stable and dotted; where `openclaw security audit` has the same check, its `checkId`.
        message: one sentence for a person; never holds a secret.
        next_step: the command, or the edit in words, that helps; empty where nothing has to be done.
        severity: `critical` is in the way, `warn` should be looked at, `info` is context.
        path: the config path (`hooks.token`), file or address that it is about; empty where it is about none.
    """

    code: str
    message: str
    next_step: str = ""
    severity: Severity = field(default="critical", kw_only=True)
    path: str = field(default="", kw_only=True)


def problem_from(document: Mapping[str, Any]) -> Problem:
    """A stored problem, by today's names or by those of version 0.2.0.

    Raises:
        KeyError: it is something else.
    """
    old = "id" in document
    return Problem(
        document["id" if old else "code"],
        document["message"],
        document["repair" if old else "next_step"],
        severity=document["severity"],
        path=document["path"],
    )
