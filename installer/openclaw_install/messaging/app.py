"""What the service functions work on: the store, who we are, and who is asking."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.models import RouteMode
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.messaging.route_mode import ROUTE_VARIABLE, mode_in_force
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.policy_file import TrustBook
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.profile_files import ProfilePaths, load_identity, profile_paths


@dataclass(frozen=True)
class Desk:
    """One caller's place of work.

    Attributes:
        identity: our own.
        caller: who asks, for the audit and for the focused thread: `cli:alice`, `mcp:<session>`.
        clock: seconds since the epoch.
        relay_url: as configured; None without a relay.
        trust: the trust policy's file; None means the one beside the store.
        route_value: IM_INGRESS_SESSION_ROUTE_MODE of this process; None where it is not set.
    """

    store: Store
    identity: Identity
    caller: str
    clock: Callable[[], float] = wall_time
    relay_url: str | None = None
    trust: TrustBook | None = None
    route_value: str | None = None

    @property
    def did(self) -> str:
        return self.identity.did

    @property
    def reader(self) -> Reader:
        """Who is answered, and so may see whose words."""
        return Reader(self.caller)

    @property
    def runtime_running(self) -> bool:
        """Whether a bridge drives the store now."""
        return store_lock.is_held(self.store.path)

    @property
    def route_mode(self) -> RouteMode:
        """The mode by which messages find their OpenClaw session."""
        return mode_in_force(self.store, self.route_value, running=self.runtime_running)


@contextlib.contextmanager
def open_desk(env: Mapping[str, str], home: Path, caller: str) -> Iterator[Desk]:
    """The desk of the profile that the environment names.

    Raises:
        IdentityError, FileError: there is no identity yet, or it or the store cannot be used.
    """
    paths: ProfilePaths = profile_paths(env, home)
    identity = load_identity(paths.identity)
    with Store(paths.store) as store:
        trust = TrustBook(paths.trust_policy, store)
        yield Desk(
            store,
            identity,
            caller,
            relay_url=server_url(env, paths),
            trust=trust,
            route_value=env.get(ROUTE_VARIABLE),
        )
