"""What actions work on: the store, our identity, who asks; and the context that opens it for a caller."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.models import RouteMode
from openclaw_install.messaging.profile_settings import server_url, settings_path
from openclaw_install.messaging.routing import ROUTE_VARIABLE, mode_in_force
from openclaw_install.messaging.store import Store, StoreThread
from openclaw_install.messaging.trust.policy_file import PolicyState, TrustBook
from openclaw_install.messaging.untrusted import Reader
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.profile import ProfilePaths, profile_paths
from openclaw_install.protocol.profile_files import load_identity

if TYPE_CHECKING:
    from openclaw_install.messaging.bridge.settings import HostView

P = ParamSpec("P")
R = TypeVar("R")
_Marks = tuple[tuple[int, ...] | None, ...]


def _no_host() -> HostView:
    raise UsageError(
        "no OpenClaw host is known here", next_step="name its state folder in OPENCLAW_STATE_DIR", code="host"
    )


@dataclass(frozen=True)
class App:
    """What every action is given first.

    Attributes:
        identity: our own.
        caller: who asks, for the audit and for the focused thread: `cli:alice`, `mcp:<session>`.
        clock: seconds since the epoch.
        relay_url: as configured; None without a relay.
        trust: the trust policy's file; None means the one beside the store.
        route_value: IM_INGRESS_SESSION_ROUTE_MODE of this process; None where it is not set.
        host: finds the OpenClaw host whose gateway takes the messages, when it is first asked for.
    """

    store: Store
    identity: Identity
    caller: str
    clock: Callable[[], float] = wall_time
    relay_url: str | None = None
    trust: TrustBook | None = None
    route_value: str | None = None
    host: Callable[[], HostView] = _no_host

    @property
    def did(self) -> str:
        return self.identity.did

    @property
    def reader(self) -> Reader:
        """Who is answered, and so may see whose words. An action opens them when it makes its answer."""
        return Reader(self.caller)

    @property
    def runtime_running(self) -> bool:
        """Whether a bridge drives the store now."""
        return store_lock.is_held(self.store.path)

    @property
    def route_mode(self) -> RouteMode:
        """The mode by which messages find their OpenClaw session."""
        return mode_in_force(self.store, self.route_value, running=self.runtime_running)

    @property
    def policy_file(self) -> TrustBook:
        """The trust policy's file."""
        return self.trust or TrustBook(self.store.path.with_name("trust-policy.json"), self.store)

    def policy_state(self) -> PolicyState:
        """The trust policy in force."""
        return self.policy_file.current(self.clock())


class AppContext:
    """Keeps the app of one caller. An MCP process serves one client, so what it focuses is that client's own.

    The store and the identity are opened at the first call, so that a host without them still sees the tools
    and is told what is missing; and again when another file has taken their place.

    Tools come by `work`, which has one thread for all of them. A program without an event loop uses `app`
    instead, in its own thread: one or the other, for a store belongs to the thread that opened it.

    Args:
        env: names the profile, its files and the relay.
        home: the user's home folder.
        caller: for the audit and the focused thread; a new name for each process unless given.
        host: what the OpenClaw host says of itself; the one that the environment names unless given.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        home: Path,
        caller: str | None = None,
        host: Callable[[], HostView] | None = None,
    ) -> None:
        self.caller = caller or f"mcp:{secrets.token_hex(8)}"
        self.reader = Reader(self.caller)
        self._env = dict(env)
        self._home = home
        self._find_host = host or self._real_host
        self._host: HostView | None = None
        self._thread = StoreThread("tools")
        self._app: App | None = None
        self._marks: _Marks | None = None
        self._stores: list[Store] = []

    async def work(self, function: Callable[Concatenate[App, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs an action in the store's thread: it waits for disks and other writers.

        Raises:
            InstallError: what the function raises, or why there is no app.
        """
        return await self._thread.run(lambda: function(self.app(), *args, **kwargs))

    def app(self) -> App:
        """The app on the files as they are now.

        Raises:
            IdentityError, FileError, UsageError, ConfigError: there is no identity, or one of the files or
                the relay's address cannot be used.
        """
        paths = profile_paths(self._env, self._home)
        if self._app is None or self._marks != _marks(paths):
            identity, relay = load_identity(paths.identity), server_url(self._env, paths)
            store = self._store(paths.store)
            self._app = App(
                *(store, identity, self.caller),
                relay_url=relay,
                trust=TrustBook(paths.trust_policy, store),
                route_value=self._env.get(ROUTE_VARIABLE),
                host=self.host,
            )
            self._marks = _marks(paths)
        return self._app

    def host(self) -> HostView:
        """The OpenClaw host whose gateway takes the messages.

        Raises:
            HostError, UsageError: there is none where the environment says.
        """
        if self._host is None:
            self._host = self._find_host()
        return self._host

    def _real_host(self) -> HostView:
        from openclaw_install.host.locate import locate
        from openclaw_install.messaging.bridge.settings import host_view

        return host_view(locate(self._env))

    def _store(self, path: Path) -> Store:
        mark = _mark(path)
        if self._app and self._marks and mark is not None and self._marks[0] == mark:
            return self._app.store
        store = Store(path, thread=self._thread if self._thread.is_here else None)
        # The one before may be in use by a call that runs still: it is closed at the end.
        self._stores.append(store)
        return store

    def close(self) -> None:
        """Closes what was opened, after the calls that run still; none may come afterwards."""
        if self._thread.has_begun:
            self._thread.close_and_wait(self._close)
        else:
            self._close()

    def _close(self) -> None:
        for store in self._stores:
            store.close()
        self._stores, self._app = [], None


def _marks(paths: ProfilePaths) -> _Marks:
    """What tells these files from others at the same places, and from other contents of the small ones."""
    return _mark(paths.store), _mark(paths.identity, content=True), _mark(settings_path(paths), content=True)


def _mark(path: Path, *, content: bool = False) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_mtime_ns if content else 0)
