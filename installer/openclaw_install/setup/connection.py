"""Connects the agent of a host to a relay after consent, and forgets that again; no identity is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import HostError, InstallError
from openclaw_install.common.files import PRIVATE_FILE, make_private_folder, write_atomic
from openclaw_install.common.ports import free_port
from openclaw_install.common.redaction import Secret
from openclaw_install.host.locate import HostLocation
from openclaw_install.messaging.profile_settings import (
    URL_VARIABLE,
    EmbeddedHub,
    ProfileSettings,
    forget_settings,
    load_settings,
    save_settings,
    server_url,
)
from openclaw_install.protocol.profile import ProfilePaths, invite_of, profile_paths
from openclaw_install.setup.context import Operator, Options
from openclaw_install.setup.leftovers import Left, left, of_ours, profile_places
from openclaw_install.setup.private_state import remaining

_HUB_PORT = 8787


@dataclass(frozen=True)
class Connected:
    """What `connect` did.

    Attributes:
        outcome: `unchanged`, `connected`, `planned` (dry run), or `declined`.
        created: whether the identity was made just now.
        relay: the relay's address.
    """

    outcome: Literal["unchanged", "connected", "planned", "declined"]
    created: bool
    relay: str


@dataclass(frozen=True)
class ConnectionPlan:
    """What connecting the agent means.

    Attributes:
        paths: where the agent's files lie.
        url: the relay's address.
        hub: the embedded hub, where that is the relay.
        is_agreed: this relay was agreed to before.
        has_identity: there is an identity that can be used.
    """

    paths: ProfilePaths
    url: str
    hub: EmbeddedHub | None
    is_agreed: bool
    has_identity: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """What would be done, in words; nothing where all is so already."""
        made = () if self.has_identity else (f"make this agent's identity in {self.paths.identity}",)
        if self.is_agreed:
            return made
        if self.hub is None:
            return (*made, f"connect this agent to the relay at {self.url}")
        taken = "" if self.hub.port == _HUB_PORT else f", because {_HUB_PORT} is taken"
        return (*made, f"run a relay here at {self.url}{taken}, with its data in {self.hub.data}")


def plan_connection(
    location: HostLocation,
    env: Mapping[str, str],
    options: Options,
    choose_port: Callable[[], int] | None = None,
) -> ConnectionPlan | None:
    """What `connect` would do; None where no relay is named. Arguments and errors are those of `connect`."""
    from openclaw_install.protocol.profile_files import load_identity

    paths = profile_paths(env, location.home)
    agreed = load_settings(paths)
    wanted = _wanted(env, paths, agreed, options, choose_port or _free_port)
    if wanted is None:
        return None
    url, hub = wanted
    is_agreed = agreed is not None and agreed.server_url == url and agreed.hub == hub
    has_identity = False
    with contextlib.suppress(InstallError):
        load_identity(paths.identity)
        has_identity = True
    return ConnectionPlan(paths, url, hub, is_agreed, has_identity)


def connect(
    location: HostLocation,
    env: Mapping[str, str],
    options: Options,
    operator: Operator,
    now: float,
    choose_port: Callable[[], int] | None = None,
    *,
    consented: bool = False,
) -> Connected | None:
    """Makes the identity and remembers the relay, after consent; None where no relay is named.

    A second time changes nothing. The identity is never overwritten.

    Args:
        now: seconds since the epoch.
        choose_port: gives a port for the embedded hub; the usual one where it is free unless given.
        consented: the person agreed to a plan that named it: nobody is asked again.

    Raises:
        UsageError: `PINGAGENT_SERVER_URL` and `--with-hub` name two relays, or nobody can be asked.
        ConfigError, IdentityError, FileError: what is there cannot be used; it stays as it is.
    """
    from openclaw_install.protocol.profile_files import ensure_identity

    plan = plan_connection(location, env, options, choose_port)
    if plan is None:
        return None
    paths, url, hub = plan.paths, plan.url, plan.hub
    is_done = plan.is_agreed and plan.has_identity
    if options.dry_run:
        outcome: Literal["unchanged", "planned"] = "unchanged" if is_done else "planned"
        return Connected(outcome, created=not plan.has_identity, relay=url)
    if is_done:
        _keep_invite(paths, options.invite(is_new=False))
        return Connected("unchanged", created=False, relay=url)
    where = "the hub that the runtime runs here" if hub else url
    question = f"Connect this agent to the relay at {where} (its identity is kept at {paths.identity})?"
    if not plan.is_agreed and not consented and not operator.confirm(question):
        return Connected("declined", created=False, relay=url)
    code = None if hub else options.invite(is_new=not plan.is_agreed)
    _, created = ensure_identity(paths.identity, now)
    _keep_invite(paths, code)
    if not plan.is_agreed:
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        save_settings(paths, ProfileSettings(url, moment, hub))
    return Connected("connected", created=created, relay=url)


def _keep_invite(paths: ProfilePaths, code: Secret | None) -> None:
    """Leaves the code where the bridge finds it at its next try to register, which removes it."""
    if code is not None:
        make_private_folder(paths.identity.parent)
        write_atomic(invite_of(paths.identity), code.reveal().encode() + b"\n", mode=PRIVATE_FILE)


def _wanted(
    env: Mapping[str, str],
    paths: ProfilePaths,
    agreed: ProfileSettings | None,
    options: Options,
    choose_port: Callable[[], int],
) -> tuple[str, EmbeddedHub | None] | None:
    named = server_url(env, paths)
    if not options.with_hub:
        if named is None:
            return None
        kept = agreed.hub if agreed is not None and agreed.server_url == named else None
        return named, kept
    if agreed is not None and agreed.hub is not None:
        hub = agreed.hub
    else:
        hub = EmbeddedHub(options.hub_data or _default_hub_data(), choose_port())
    if env.get(URL_VARIABLE, "").strip() and named != hub.url:
        raise HostError(
            f"{URL_VARIABLE} names another relay than the embedded hub",
            next_step=f"unset {URL_VARIABLE}, or leave --with-hub out",
            code="relay.two_named",
        )
    return hub.url, hub


def _default_hub_data() -> Path:
    import platformdirs

    return platformdirs.user_data_path("openclaw-install") / "hub"


@dataclass(frozen=True)
class Forgotten:
    """What an uninstall removed, and what it leaves on purpose."""

    removed: tuple[str, ...] = ()
    stays: tuple[Left, ...] = ()


def forget(location: HostLocation, env: Mapping[str, str]) -> Forgotten:
    """Takes the consent back. The identity and the threads stay: nobody could ever make them again.

    Raises:
        FileError: the settings cannot be removed.
    """
    paths = profile_paths(env, location.home)
    places = [*profile_places(paths)]
    with contextlib.suppress(InstallError):
        settings = load_settings(paths)
        # The relay's key lies there, by which other agents know it, and what they have not fetched yet.
        places += [of_ours(settings.hub.data)] if settings is not None and settings.hub is not None else []
    invite_of(paths.identity).unlink(missing_ok=True)
    removed = forget_settings(paths)
    beside = remaining((paths.folder,))  # locks, and what was kept of files that were replaced
    return Forgotten(
        removed=() if removed is None else (str(removed),),
        stays=left([*places, *((path, "a part of the agent's files") for path in beside)]),
    )


def _free_port() -> int:
    """The hub's usual port, or one that is free where that is taken; it is kept from then on."""
    try:
        return free_port(_HUB_PORT)
    except OSError as error:
        raise HostError(
            "no port is free on this machine",
            next_step="close some programs that listen",
            code="relay.no_port",
        ) from error
