"""The way that messages of other agents take to this host: identity, relay and consent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import HostLocation
from openclaw_install.messaging.profile_settings import (
    load_settings,
    server_url,
)
from openclaw_install.messaging.transport_health import TransportHealth
from openclaw_install.protocol.profile import ProfilePaths, backup_of, profile_paths

Presence = Literal["present", "missing", "damaged"]
# From this version on the store has all that is read here; a bridge from before an upgrade still writes it.
_FIRST_READ = 3


@dataclass(frozen=True)
class MessagePath:
    """What was found of the way; nothing of it is judged here.

    Attributes:
        paths: where the agent's files lie.
        relay: its address; None where none was agreed to.
        embedded_hub: whether the relay is the hub that the runtime runs.
        settings_problem: why the relay's settings cannot be read.
        did: the agent's identity; None where there is none, or it cannot be read.
        identity, store: whether the files are there and whole.
        identity_problem, store_problem: why they cannot be used.
        identity_copy: the second copy of the identity, where only that one is there.
        store_owner: the identity that the store belongs to; None where it does not say.
        store_problems: what the messaging floor's own checks say of the store and the trust policy.
        transport: what the bridge last said of the transport; None without a store.
        served: the relay that the bridge was started for; None where none ever ran.
    """

    paths: ProfilePaths
    relay: str | None = None
    embedded_hub: bool = False
    settings_problem: Problem | None = None
    did: str | None = None
    identity: Presence = "missing"
    identity_problem: Problem | None = None
    identity_copy: Path | None = None
    store: Presence = "missing"
    store_problem: Problem | None = None
    store_owner: str | None = None
    store_problems: tuple[Problem, ...] = ()
    transport: TransportHealth | None = None
    served: str | None = None


def look_at_message_path(location: HostLocation, env: Mapping[str, str], now: float) -> MessagePath:
    """How the way stands on this host; changes nothing, and raises nothing for what is damaged.

    Args:
        location: the host.
        env: `PINGAGENT_*`.
        now: seconds since the epoch.

    Raises:
        UsageError: a variable names no usable profile or path.
    """
    found = MessagePath(profile_paths(env, location.home))
    return _with_store(_with_identity(_with_relay(found, env)), now)


def _with_relay(found: MessagePath, env: Mapping[str, str]) -> MessagePath:
    try:
        relay = server_url(env, found.paths)
        settings = load_settings(found.paths)
    except InstallError as error:
        return replace(found, settings_problem=error.problem)
    hub = settings is not None and settings.hub is not None and settings.server_url == relay
    return replace(found, relay=relay, embedded_hub=hub)


def _with_identity(found: MessagePath) -> MessagePath:
    path = found.paths.identity
    if _is_missing(path):
        copy = backup_of(path)
        return replace(found, identity_copy=copy if os.path.lexists(copy) else None)
    # Here, because a host without an agent shall not wait for the cryptography.
    from openclaw_install.protocol.profile_files import load_identity

    try:
        return replace(found, did=load_identity(path).did, identity="present")
    except InstallError as error:
        return replace(found, identity="damaged", identity_problem=error.problem)


def _is_missing(path: Path) -> bool:
    """What cannot be looked at (a folder without the right to enter it) is there for all we know."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _with_store(found: MessagePath, now: float) -> MessagePath:
    paths = found.paths
    if not paths.store.exists():
        return found
    from openclaw_install.messaging import store_lock
    from openclaw_install.messaging.findings import CONTACTS_SINCE, contact_findings
    from openclaw_install.messaging.health import OWNER, read_health, served_relay
    from openclaw_install.messaging.inbound_guard import INBOUND_SINCE, inbound_findings
    from openclaw_install.messaging.retirement import seen_elsewhere
    from openclaw_install.messaging.store import Store
    from openclaw_install.messaging.trust.policy_file import TrustBook

    try:
        # A report changes nothing: the policy that is in force is kept, and an old store upgraded, by others.
        with Store(paths.store, reading=True) as store:
            if store.database.version < _FIRST_READ:
                return replace(found, store="present")
            policy = TrustBook(paths.trust_policy, store).current(now)
            problems = [*([policy.problem] if policy.problem else []), *policy.warnings]
            if store.database.version >= CONTACTS_SINCE:
                problems += contact_findings(store)
            if store.database.version >= INBOUND_SINCE:
                problems += inbound_findings(store, now) + seen_elsewhere(store, now)
            return replace(
                found,
                store="present",
                store_owner=store.facts.get(OWNER),
                store_problems=tuple(problems),
                transport=read_health(store, running=store_lock.is_held(paths.store), now=now),
                served=served_relay(store),
            )
    except InstallError as error:
        return replace(found, store="damaged", store_problem=error.problem)
