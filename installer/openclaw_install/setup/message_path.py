"""The way that messages of other agents take to this host: identity, relay and consent."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from openclaw_install.common.errors import InstallError
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import HostLocation
from openclaw_install.messaging.profile_settings import (
    load_settings,
    server_url,
)
from openclaw_install.protocol.profile import ProfilePaths, backup_of, profile_paths

PROGRAM = "openclaw-install"
WITH_HUB = f"{PROGRAM} --with-hub"
Presence = Literal["present", "missing", "damaged"]
# From this version on the store has all that is read here; a bridge from before an upgrade still writes it.
_FIRST_READ = 3


@dataclass(frozen=True)
class MessagePath:
    """How the way stands.

    Attributes:
        paths: where the agent's files lie.
        relay: its address; None where none was agreed to.
        hub: whether the relay is the hub that the runtime runs.
        did: the agent's identity; None where there is none, or it cannot be read.
        identity, store: whether the files are there and whole.
        health: what the bridge last said of the transport; None without a store.
        served: the relay that the bridge was started for; None where none ever ran.
        problems: what is wrong with any of it, the trust policy included; and what is worth a look.
    """

    paths: ProfilePaths
    relay: str | None = None
    hub: bool = False
    did: str | None = None
    identity: Presence = "missing"
    store: Presence = "missing"
    health: Mapping[str, Any] | None = None
    served: str | None = None
    problems: tuple[Problem, ...] = field(default=())

    @property
    def configured(self) -> bool:
        """Whether a relay was agreed to."""
        return self.relay is not None

    def to_json(self) -> dict[str, Any]:
        """The `agent` section of the activation report."""
        return {
            "profile": self.paths.profile,
            "did": self.did,
            "relay": self.relay,
            "embedded_hub": self.hub,
            "identity": {"path": str(self.paths.identity), "state": self.identity},
            "store": {"path": str(self.paths.store), "state": self.store},
            "transport": None if self.health is None else dict(self.health),
        }


def look_at_message_path(location: HostLocation, env: Mapping[str, str], now: float) -> MessagePath:
    """How the way stands on this host; changes nothing, and raises nothing for what is damaged.

    Args:
        location: the host.
        env: `PINGAGENT_*`.
        now: seconds since the epoch.

    Raises:
        UsageError: a variable names no usable profile or path.
    """
    paths = profile_paths(env, location.home)
    problems: list[Problem] = []
    relay, hub = None, False
    try:
        relay = server_url(env, paths)
        settings = load_settings(paths)
        hub = settings is not None and settings.hub is not None and settings.server_url == relay
    except InstallError as error:
        problems.append(_finding("relay.settings", paths.folder, error))
    else:
        if relay is None:
            problems.append(_no_relay(paths))
    did, identity = _look_at_identity(paths, problems, wanted=relay is not None)
    health, served, store = _look_at_store(paths, did, problems, now)
    return MessagePath(paths, relay, hub, did, identity, store, health, served, tuple(problems))


def _no_relay(paths: ProfilePaths) -> Problem:
    message = "no relay is configured, so no agent elsewhere can reach this one"
    return Problem("relay.not_configured", message, WITH_HUB, path=str(paths.folder))


def _finding(name: str, place: Path, error: InstallError) -> Problem:
    return Problem(name, error.message, error.next_step, path=str(place))


def _look_at_identity(
    paths: ProfilePaths, problems: list[Problem], *, wanted: bool
) -> tuple[str | None, Presence]:
    if _is_missing(paths.identity):
        if wanted:
            cure, message = _way_to_an_identity(paths.identity), f"there is no identity at {paths.identity}"
            problems.append(Problem("identity.missing", message, cure, path=str(paths.identity)))
        return None, "missing"
    # Here, because a host without an agent shall not wait for the cryptography.
    from openclaw_install.protocol.profile_files import load_identity

    try:
        return load_identity(paths.identity).did, "present"
    except InstallError as error:
        problems.append(_finding("identity.unusable", paths.identity, error))
        return None, "damaged"


def _is_missing(path: Path) -> bool:
    """What cannot be looked at (a folder without the right to enter it) is there for all we know."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _way_to_an_identity(path: Path) -> str:
    """The one command: a new identity is no cure where the second copy of the old one lies."""
    copy = backup_of(path)
    return shlex.join(["mv", str(copy), str(path)]) if os.path.lexists(copy) else PROGRAM


def _look_at_store(
    paths: ProfilePaths, did: str | None, problems: list[Problem], now: float
) -> tuple[Mapping[str, Any] | None, str | None, Presence]:
    if not paths.store.exists():
        return None, None, "missing"
    from openclaw_install.messaging import store_lock
    from openclaw_install.messaging.contact_findings import CONTACTS_SINCE, contact_findings
    from openclaw_install.messaging.health import OWNER, OWNER_CURE, read_health, served_relay
    from openclaw_install.messaging.store import Store
    from openclaw_install.messaging.trust.policy_file import TrustBook

    try:
        # A report changes nothing: the policy that is in force is kept, and an old store upgraded, by others.
        with Store(paths.store, reading=True) as store:
            if store.database.version < _FIRST_READ:
                return None, None, "present"
            health = read_health(store, running=store_lock.is_held(paths.store), now=now)
            served, owner = served_relay(store), store.facts.get(OWNER)
            policy = TrustBook(paths.trust_policy, store).current(now)
            problems += [*([policy.problem] if policy.problem else []), *policy.warnings]
            if store.database.version >= CONTACTS_SINCE:
                problems += contact_findings(store)
    except InstallError as error:
        problems.append(_finding("store.unusable", paths.store, error))
        return None, None, "damaged"
    if did is not None and owner not in (None, did):
        message = f"the store belongs to {owner}, and the identity is {did}"
        problems.append(Problem("store.other_identity", message, OWNER_CURE, path=str(paths.store)))
    return asdict(health), served, "present"
