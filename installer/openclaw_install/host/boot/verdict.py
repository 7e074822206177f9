"""Whether the gateway would start from this file, by rules of our own and by OpenClaw's word. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.problems import Problem
from openclaw_install.host.hooks.findings import NO_START

BootState = Literal["would_start", "would_stop", "not_judged"]
ValidationState = Literal["accepted", "migrated", "refused", "unclear", "not_asked"]
VALIDATE = "openclaw config validate"
DOCTOR = "openclaw doctor --fix"
_UNKNOWN_KEY = "Unrecognized key"
_SHOWN_AT_MOST = 3


@dataclass(frozen=True)
class Issue:
    """One refusal of `openclaw config validate`: the config path and its words for it, without secrets."""

    path: str
    message: str

    @property
    def words(self) -> str:
        """Place and refusal in one text."""
        return f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Validation:
    """What the installed OpenClaw says of the file.

    It says nothing of hooks that stop a start, nor of `gateway.mode`: it accepts those.

    Attributes:
        state: `accepted`; `migrated`: it refuses the file as it is, and a start mends that first; `refused`,
            by a start as well; `unclear`: it refuses the file, and whether a start would mend it first is not
            known; `not_asked`, or no answer came.
        issues: what it refuses.
        reason: why nothing is known.
    """

    state: ValidationState
    issues: tuple[Issue, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BootVerdict:
    """Whether the gateway would start from this file.

    Attributes:
        state: `would_start`; `would_stop`; or `not_judged`: nothing that is judged here stops it, and the
            rest of the file was not judged.
        rule: id of the first rule that stops it.
        message: what stops it, or why it was not judged.
        path: config path that the rule is about.
        next_step: what cures it, or what judges it; None where it would start.
    """

    state: BootState
    rule: str | None = None
    message: str | None = None
    path: str | None = None
    next_step: str | None = None


def judge(stops: Iterable[Problem], validation: Validation, *, secret_elsewhere: bool = False) -> BootVerdict:
    """The verdict on the whole file.

    Args:
        stops: what stops a start: the boot rules of the hooks, the rules of `host/boot/rules.py`, and
            `refusals`; the first one is told.
        validation: what OpenClaw says of the rest.
        secret_elsewhere: the gateway's secret lies where only a start looks.
    """
    for problem in stops:
        return BootVerdict(
            state="would_stop",
            rule=problem.code,
            message=problem.message.removeprefix(NO_START),
            path=problem.path,
            next_step=problem.next_step,
        )
    if secret_elsewhere:
        validation = Validation("not_asked", reason="the gateway's secret is looked up at a start only")
    if validation.state in ("accepted", "migrated"):
        return BootVerdict(state="would_start")
    return BootVerdict(state="not_judged", message=_not_judged(validation), next_step=VALIDATE)


def _not_judged(validation: Validation) -> str:
    if validation.state == "unclear":
        refused = _listed(validation.issues)
        return f"OpenClaw refuses the file ({refused}), and whether a start mends it first is not known"
    return (
        f"nothing that is judged here stops a start; the rest of the file was not judged: {validation.reason}"
    )


def refusals(validation: Validation, told: Iterable[Problem]) -> Iterator[Problem]:
    """`boot.config_invalid`: what OpenClaw refuses at a start, beyond what is told already.

    Args:
        validation: what it says of the file.
        told: problems that stop a start by rules of our own.
    """
    if validation.state != "refused":
        return
    known = {problem.path for problem in told}
    issues = [one for one in validation.issues if one.path not in known and not one.path.startswith("hooks")]
    if issues or not validation.issues:
        words = _listed(issues) or "openclaw config validate names no key"
        path = issues[0].path if issues else ""
        yield Problem("boot.config_invalid", f"{NO_START}{words}", _cure(issues), path=path)


def _listed(issues: Iterable[Issue]) -> str:
    listed = list(issues)
    more = len(listed) - _SHOWN_AT_MOST
    shown = "; ".join(one.words for one in listed[:_SHOWN_AT_MOST])
    return f"{shown}; and {more} more" if more > 0 else shown


def _cure(issues: list[Issue]) -> str:
    """The edit. OpenClaw's own repair removes unknown keys; where a value is wrong it writes nothing."""
    if issues and all(one.message.startswith(_UNKNOWN_KEY) for one in issues):
        return f"{DOCTOR} removes the unknown keys, or take them out by hand"
    places = ", ".join(dict.fromkeys(one.path for one in issues)) or "the file"
    return f"correct {places} by hand: {VALIDATE} shows each rule"


def stops_reload(problem: Problem) -> bool:
    """Whether a running gateway ignores a file with this problem, and goes on with what it had."""
    return problem.code.startswith(("hooks.boot.", "boot."))


def makes_invalid(problem: Problem) -> bool:
    """Whether OpenClaw's own commands refuse to write into a file with this problem."""
    return problem.code in ("hooks.boot.schema", "boot.wrong_type", "boot.config_invalid")
