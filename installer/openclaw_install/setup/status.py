"""One look: how host, gateway, runtime, relay, skills and contacts are, from what was last seen of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openclaw_install import __version__
from openclaw_install.common.errors import ExitCode, InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import HostLocation
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.setup.history import ago
from openclaw_install.setup.last_verdict import LastVerdict, recalled
from openclaw_install.setup.runtime_control import RuntimeSeam

Area = Literal["host", "gateway", "runtime", "relay", "skills", "contacts"]
Health = Literal["well", "look", "blocked", "unknown"]
_LOOK = "verify-runtime"
_OLD_SECONDS = 86400.0
# One that was made later than that by its own word is as good as none.
_SKEW_SECONDS = 60.0
_OF_AREA: Mapping[str, Area] = {
    "gateway": "gateway", "mcp": "gateway", "bundle": "skills", "skill": "skills", "sync": "skills",
    "runtime": "runtime", "relay": "relay", "identity": "relay", "store": "relay", "network": "relay",
    "trust": "contacts", "contact": "contacts", "inbound": "contacts", "chain": "contacts",
}  # fmt: skip


@dataclass(frozen=True)
class StatusLine:
    """How one part is.

    Attributes:
        state: `well`, `look` (something is worth a look), `blocked`, or `unknown` (nobody has looked).
        message: in a few words.
        next_step: what helps; empty where nothing has to be done.
    """

    area: Area
    state: Health
    message: str
    next_step: str = ""


@dataclass(frozen=True)
class HostStatus:
    """How a host is, by what was last seen.

    Attributes:
        version: of this program.
        looked: when the last report on the host was made, in words; empty where there is none.
        lines: one for each part.
        waits: what waits for a person.
        next_step: the one command to run now; empty where all is well.
    """

    version: str
    looked: str
    lines: tuple[StatusLine, ...]
    waits: tuple[str, ...]
    next_step: str

    @property
    def exit_code(self) -> ExitCode:
        """0 where all is well or worth a look at most; 1 where a part is blocked, or not known."""
        return 1 if any(line.state in ("blocked", "unknown") for line in self.lines) else 0


@dataclass(frozen=True)
class Contacts:
    """What of the agent's store a person should know; numbers alone.

    Attributes:
        pending: contacts that nobody decided about.
        waiting: their messages that wait.
        problems: what the store's own checks say.
        connection: how the bridge reaches the relay.
        detail: more about that.
        next_step: what helps the bridge.
    """

    pending: int
    waiting: int
    problems: tuple[Problem, ...]
    connection: str
    detail: str
    next_step: str


def host_status(
    location: HostLocation, env: Mapping[str, str], runtime: RuntimeSeam, invocation: str, now: float
) -> HostStatus:
    """How a host is; changes nothing, asks no gateway and no relay.

    Args:
        location: the host.
        env: `PINGAGENT_*`.
        runtime: its runtime, which is looked at now.
        invocation: how this program is called for this host.
        now: seconds since the epoch.

    Raises:
        UsageError: a variable names no usable profile, path or relay.
    """
    verdict = recalled(location)
    paths = profile_paths(env, location.home)
    relay = server_url(env, paths)
    seen = _contacts(paths.store, now) if paths.store.exists() else None
    lines = (
        *_of_verdict(verdict, location, invocation, now),
        _runtime(runtime, invocation),
        _relay(relay, seen, invocation),
        _skills(verdict, invocation),
        _contact_line(seen),
    )
    waits = tuple(_waits(seen, lines))
    return HostStatus(
        version=__version__,
        looked="" if verdict is None else ago(now - verdict.at),
        lines=lines,
        waits=waits,
        next_step=_next(lines, waits, verdict, f"{invocation} {_LOOK}", now),
    )


def _contacts(path: Path, now: float) -> Contacts | None:
    from openclaw_install.messaging import store_lock
    from openclaw_install.messaging.findings import CONTACTS_SINCE, contact_findings
    from openclaw_install.messaging.health import read_health
    from openclaw_install.messaging.store import Store

    try:
        with Store(path, reading=True) as store:
            if store.database.version < CONTACTS_SINCE:
                return None
            health = read_health(store, running=store_lock.is_held(path), now=now)
            pending = store.contacts.counts().get("pending", 0)
            waiting = store.contacts.waiting_in_all()
            found = tuple(contact_findings(store))
            return Contacts(pending, waiting, found, health.connection, health.detail, health.next_step)
    except InstallError as error:
        return Contacts(0, 0, (error.problem,), "stopped", error.message, error.next_step)


def _of_verdict(
    verdict: LastVerdict | None, location: HostLocation, invocation: str, now: float
) -> Iterator[StatusLine]:
    look = f"{invocation} {_LOOK}"
    if verdict is None:
        yield StatusLine("host", "unknown", f"{location.state_dir}: nobody has looked yet", look)
        yield StatusLine("gateway", "unknown", "nobody has asked it yet", look)
        return
    when = ago(now - verdict.at)
    yield _worst("host", verdict.problems, f"{location.state_dir}, as it was {when}")
    port = "its port is not known" if verdict.port is None else f"port {verdict.port}"
    if not verdict.asked and not any(_area(one) == "gateway" for one in verdict.problems):
        yield StatusLine("gateway", "unknown", f"{port}; not asked {when}", look)
    else:
        yield _worst("gateway", verdict.problems, f"{port}, as it answered {when}")


def _runtime(runtime: RuntimeSeam, invocation: str) -> StatusLine:
    try:
        report, wanted = runtime.report(), runtime.wanted()
    except InstallError as error:
        return StatusLine("runtime", "blocked", error.message, error.next_step)
    if not wanted and report.state == "stopped":
        return StatusLine("runtime", "well", "nothing is configured for it to do")
    parts = ", ".join(f"{one.name} {one.phase}" for one in report.components if one.phase != "off")
    words = report.message + (f"; version {report.version}" if report.version else "")
    words += f"; {parts}" if parts else ""
    if report.problem is not None or report.state != "running":
        step = report.problem.next_step if report.problem else f"{invocation} runtime status"
        return StatusLine("runtime", "look" if report.state == "starting" else "blocked", words, step)
    if report.version not in (None, __version__):
        words += f", and {__version__} is installed"
        return StatusLine("runtime", "look", words, f"{invocation} runtime restart")
    return StatusLine("runtime", "well" if report.ok else "look", words)


def _relay(relay: str | None, seen: Contacts | None, invocation: str) -> StatusLine:
    if relay is None:
        return StatusLine("relay", "blocked", "no relay is configured", f"{invocation} --with-hub")
    if seen is None:
        return StatusLine("relay", "unknown", f"{relay}: no bridge has run yet", invocation)
    words = f"{relay}: {seen.connection}" + (f", {seen.detail}" if seen.detail else "")
    if seen.connection in ("connected", "polling"):
        return StatusLine("relay", "well", words)
    step = f"{invocation} runtime status" if seen.connection == "stopped" else "pingagent doctor"
    return StatusLine("relay", "blocked", words, step)


def _skills(verdict: LastVerdict | None, invocation: str) -> StatusLine:
    if verdict is None:
        return StatusLine("skills", "unknown", "nobody has looked yet", f"{invocation} {_LOOK}")
    noun = "bundle" if verdict.bundles == 1 else "bundles"
    return _worst("skills", verdict.problems, f"{verdict.bundles} {noun} installed as shipped")


def _contact_line(seen: Contacts | None) -> StatusLine:
    if seen is None:
        return StatusLine("contacts", "well", "none yet")
    if seen.problems:
        return StatusLine("contacts", "look", seen.problems[0].message, seen.problems[0].next_step)
    if seen.pending:
        return StatusLine(
            "contacts",
            "look",
            f"{seen.pending} to decide about, {seen.waiting} of their messages wait",
            "pingagent contacts list",
        )
    return StatusLine("contacts", "well", "nobody waits for a decision")


def _worst(area: Area, problems: Iterable[Problem], well: str) -> StatusLine:
    """The line of a part: its first blocker, else its first warning, else that it is well."""
    own = [one for one in problems if _area(one) == area]
    for state, severity in (("blocked", "critical"), ("look", "warn")):
        found = [one for one in own if one.severity == severity]
        if found:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            is_blocked: Health = "blocked" if state == "blocked" else "look"
            return StatusLine(area, is_blocked, f"{found[0].message}{more}", found[0].next_step)
    return StatusLine(area, "well", well)


def _area(problem: Problem) -> Area:
    return _OF_AREA.get(problem.code.partition(".")[0], "host")


def _waits(seen: Contacts | None, lines: Sequence[StatusLine]) -> Iterator[str]:
    if seen is not None and seen.pending:
        noun = "contact waits" if seen.pending == 1 else "contacts wait"
        yield f"{seen.pending} {noun} for your decision"
    blocked = [line.area for line in lines if line.state == "blocked"]
    if blocked:
        yield f"{', '.join(blocked)} cannot go on without you"


def _next(
    lines: Sequence[StatusLine], waits: Sequence[str], verdict: LastVerdict | None, look: str, now: float
) -> str:
    """The one next command: of the first part that is blocked, then not known, then worth a look."""
    for state in ("blocked", "unknown"):
        for line in lines:
            if line.state == state and line.next_step:
                return line.next_step
    if waits:
        return "pingagent contacts list"
    if verdict is None or not -_SKEW_SECONDS < now - verdict.at <= _OLD_SECONDS:
        return look
    return next((line.next_step for line in lines if line.state == "look" and line.next_step), "")
