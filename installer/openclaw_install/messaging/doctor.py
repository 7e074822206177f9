"""Checks identity, store, relay and runtime of a profile, and mends what needs no decision."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import file_error
from openclaw_install.common.problems import Severity
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.bridge.own_clock import relay_offset
from openclaw_install.messaging.doctor_identity import Visit, check_identity, check_keys
from openclaw_install.messaging.findings import contact_findings, order_findings
from openclaw_install.messaging.health import (
    CLAIM,
    OWNER,
    OWNER_NEXT_STEP,
    STOPPED,
    read_health,
    stopped_health,
)
from openclaw_install.messaging.inbound_guard import inbound_findings
from openclaw_install.messaging.models import RelayCursor
from openclaw_install.messaging.models.messages import ShownMessage, shown_message
from openclaw_install.messaging.models.overview import DoctorReport, FailedMessage
from openclaw_install.messaging.profile_settings import URL_VARIABLE, server_url
from openclaw_install.messaging.relay.client import About, Relay, RelayMaker, RelayRefused
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.retirement import ELSEWHERE, retirement_of, seen_elsewhere
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.transport_health import GOES_ON, TransportHealth
from openclaw_install.messaging.trust.policy_file import TrustBook
from openclaw_install.messaging.untrusted import Reader, opened_as
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.times import MAX_SKEW

_NOT_THERE = {401, 404}
_BODY = 1_000


async def examine(
    env: Mapping[str, str],
    home: Path,
    caller: str,
    *,
    fix: bool = False,
    new_relay: bool = False,
    relay: RelayMaker = HttpRelay,
    clock: Callable[[], float] = wall_time,
) -> DoctorReport:
    """Looks at everything that a message needs on this side. What is missing or damaged is a finding.

    Args:
        env: names the profile, its files and the relay.
        caller: who asks and is answered; recorded with what is mended in the store.
        fix: mends file modes, an identity that has its second copy, old encryption keys and a damaged store
            (which is kept beside the new one). Never while a bridge uses what would be moved.
        new_relay: the relay that answers now is to be trusted in the place of the one that was known: whoever
            can answer at its address could say so too, so that it is a person's decision.
        relay: makes the client.

    Raises:
        UsageError: the variables name no profile.
    """
    visit = Visit(profile_paths(env, home), fix, new_relay, clock())
    identity = await asyncio.to_thread(check_identity, visit)
    if identity is not None:
        offset = await relay_offset(env, visit.paths, identity, clock, relay) if fix else None
        identity = await asyncio.to_thread(check_keys, visit, identity, offset)
    health, parked, failed = await asyncio.to_thread(_store, visit, identity, caller)
    await _relay(visit, env, identity, relay)
    await asyncio.to_thread(_record_repairs, visit, caller)
    return DoctorReport(
        ok=not any(one.severity == "critical" for one in visit.findings),
        findings=tuple(visit.findings),
        repaired=tuple(visit.repaired),
        health=health,
        parked=parked,
        failed=failed,
    )


def _store(
    visit: Visit, identity: Identity | None, caller: str
) -> tuple[TransportHealth, tuple[ShownMessage, ...], tuple[FailedMessage, ...]]:
    path = visit.paths.store
    if not path.exists():
        visit.note("store.missing", "info", path, "there is no store yet; the runtime makes it")
        return stopped_health(visit.now), (), ()
    trouble = _checked(path)
    if trouble is not None and trouble.error_code == "store.damaged" and visit.fix:
        trouble = _renewed(visit, path)
    if trouble is not None:
        visit.error(trouble, path)
        return stopped_health(visit.now), (), ()
    with Store(path) as store:
        running = store_lock.is_held(path)
        health = read_health(store, running=running, now=visit.now)
        _ownership(visit, store, identity)
        if retirement := retirement_of(visit.paths.identity):
            visit.note(ELSEWHERE, "critical", visit.paths.identity, retirement.words, CLAIM)
        else:
            _runtime(visit, health, running=running)
        policy = TrustBook(visit.paths.trust_policy, store).current(visit.now)
        told = {finding.code for finding in visit.findings}
        problems = (policy.problem, *policy.warnings)
        visit.findings += [one for one in problems if one is not None and one.code not in told]
        visit.findings += contact_findings(store)
        visit.findings += order_findings(store)
        visit.findings += inbound_findings(store, visit.now)
        visit.findings += seen_elsewhere(store, visit.now)
        found = (store.messages.get(row.id) for row in store.ingress.parked())
        reader = Reader(caller)
        parked = tuple(shown_message(one, reader, _BODY) for one in found if one)
        return (
            health,
            parked,
            tuple(opened_as(FailedMessage, one, reader) for one in store.outbox.in_state("failed")),
        )


def _record_repairs(visit: Visit, caller: str) -> None:
    """Records what was repaired and for whom; a store that cannot be used is a finding already."""
    if visit.repaired and visit.paths.store.exists() and _checked(visit.paths.store) is None:
        with Store(visit.paths.store) as store:
            for done in visit.repaired:
                store.events.add("doctor.repaired", visit.now, by=caller, what=done)


def _checked(path: Path) -> InstallError | None:
    try:
        with Store(path) as store:
            answer = store.database.check()
    except InstallError as error:
        return error
    if answer == "ok":
        return None
    return InstallError(
        f"the store {path} is damaged: {answer}",
        next_step="stop the runtime, then: pingagent doctor --fix",
        code="store.damaged",
    )


def _renewed(visit: Visit, path: Path) -> InstallError | None:
    """Moves a damaged store aside, with what belongs to it, and begins a new one."""
    try:
        with store_lock.held(path):
            stamp = datetime.fromtimestamp(visit.now, UTC).strftime("%Y%m%dT%H%M%SZ")
            for suffix in ("", "-wal", "-shm"):
                part = path.with_name(path.name + suffix)
                with contextlib.suppress(FileNotFoundError):
                    part.rename(path.with_name(f"{path.name}.damaged-{stamp}{suffix}"))
            Store(path).close()
    except InstallError as error:
        return error
    except OSError as error:
        return file_error(error, path, "move")
    visit.repaired.append(f"began a new store; the damaged one is {path.name}.damaged-{stamp}")
    visit.note(
        "store.renewed",
        "warn",
        path,
        "contacts and threads begin anew; the relay gives again what was not acknowledged",
    )
    return None


def _ownership(visit: Visit, store: Store, identity: Identity | None) -> None:
    owner = store.facts.get(OWNER)
    if identity is not None and owner not in (None, identity.did):
        visit.note(
            "store.other_identity",
            "critical",
            store.path,
            f"the store belongs to {owner}, and the identity is {identity.did}",
            OWNER_NEXT_STEP,
        )


def _runtime(visit: Visit, health: TransportHealth, *, running: bool) -> None:
    if not running:
        _, _, command = STOPPED.partition(": ")
        message = "the runtime is not running: nothing is received or sent"
        visit.note("runtime.stopped", "critical", visit.paths.store, message, command)
    elif health.blocker is not None:
        visit.findings.append(health.blocker)
    elif health.state == "degraded":
        severity: Severity = "warn" if health.next_step == GOES_ON else "critical"
        visit.note("transport.degraded", severity, "", health.detail, health.next_step)


async def _relay(visit: Visit, env: Mapping[str, str], identity: Identity | None, make: RelayMaker) -> None:
    try:
        url = server_url(env, visit.paths)
    except InstallError as error:
        visit.error(error, URL_VARIABLE)
        return
    if url is None:
        next_step = f"set {URL_VARIABLE} and run openclaw-install, or openclaw-install --with-hub"
        visit.note("relay.none", "critical", URL_VARIABLE, "no relay is set", next_step)
        return
    if identity is None:
        return
    try:
        async with contextlib.aclosing(make(url, lambda: identity)) as client:
            await _asked(visit, client, identity, url)
    except InstallError as error:
        visit.error(error, url)


async def _asked(visit: Visit, client: Relay, identity: Identity, url: str) -> None:
    """Asks the relay for its clock, and for our card as others get it.

    Raises:
        RelayError: it cannot be asked.
    """
    about = await client.about()
    await asyncio.to_thread(_known_relay, visit, about, url)
    offset = about.time - visit.now
    if abs(offset) > MAX_SKEW:
        message = f"this machine's clock and the relay's differ by {abs(offset):.0f} s"
        visit.note("relay.clock", "warn", url, message, "set this machine's clock")
    try:
        card = await client.card(identity.did)
    except RelayRefused as error:
        if error.status not in _NOT_THERE:
            raise
        card = None
    if card is None:
        message = "the relay does not have our card: nobody can write to us"
        visit.note("card.missing", "critical", url, message, STOPPED)
    elif card.signing_key != identity.signing.public_raw:
        visit.note("card.old", "warn", url, "the relay has our card from before a key rotation", STOPPED)


def _known_relay(visit: Visit, about: About, url: str) -> None:
    """Whether the relay is the one that this store met first."""
    if not visit.paths.store.exists():
        return
    try:
        with Store(visit.paths.store) as store:
            known = store.relay.cursor(url)
            if known is None or known.relay_id == about.relay_id:
                return
            if visit.new_relay:
                with store_lock.held(visit.paths.store):
                    store.relay.set_cursor(RelayCursor(url, about.relay_id, about.log_id, 0), visit.now)
                visit.repaired.append(f"trusts the relay {about.relay_id} at {url} from now on")
                return
    except InstallError as error:
        visit.error(error, url)
        return
    visit.note(
        "relay.identity_changed",
        "critical",
        url,
        f"another relay answers than the one this store knows: {about.relay_id}, not {known.relay_id}",
        "if it was set up anew on purpose, stop the runtime, then: pingagent doctor --new-relay",
    )
