"""Runs the hub: recovers, binds, serves until it is told to stop, and ends within seconds."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from openclaw_install.common.errors import HostError
from openclaw_install.common.redaction import Secret
from openclaw_install.hub.admin import Admin
from openclaw_install.hub.app import MCP_PATH, HubApp, Stores, build_app
from openclaw_install.hub.connection import timed_connection
from openclaw_install.hub.connection_book import ConnectionBook
from openclaw_install.hub.data_folder import DataFolder
from openclaw_install.hub.listener import (
    QUEUE,
    GatedListener,
    connections_within,
    descriptor_limit,
    raise_descriptor_limit,
)
from openclaw_install.hub.log import WriteLog
from openclaw_install.hub.model import Agent, utc_now
from openclaw_install.hub.network import Proxies
from openclaw_install.hub.recovery import recover
from openclaw_install.hub.relay.context import open_relay
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.settings import HubSettings, check_tls_files
from openclaw_install.hub.storage.sqlite_metadata import SqliteMetadata

_FINISH_SECONDS = 3
_START_SECONDS = 20.0
_STOP_SECONDS = 15.0
_ACCEPTED_AT_ONCE = 32


@contextlib.contextmanager
def opened_stores(data: Path, relay: RelayLimits | None = None) -> Iterator[Stores]:
    """The stores of a data folder, recovered, held for one hub.

    Args:
        relay: what the relay allows; its defaults unless given.

    Raises:
        ConflictError: another hub serves the folder.
        UsageError, FileError: the folder cannot be used.
    """
    folder = DataFolder.prepare(data)
    with (
        folder.served(),
        contextlib.closing(SqliteMetadata(folder.database)) as metadata,
        open_relay(folder.root, relay or RelayLimits()) as relay_context,
    ):
        files = folder.skill_files()
        yield Stores(metadata, files, recover(metadata, files, utc_now), relay_context)


class HubServer(uvicorn.Server):
    """uvicorn, with a word when it is ready, streams that end at a shutdown, and a quiet stop."""

    def __init__(self, config: uvicorn.Config, app: HubApp, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            # asyncio has made the queue as short as the number that it accepts at once.
            listener.listen(QUEUE)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close_streams()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # A second signal does not wait for the requests in progress.
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(
    stores: Stores, settings: HubSettings, write_log: WriteLog, on_ready: Callable[[str], None]
) -> None:
    """Serves until SIGTERM or SIGINT; requests in progress have three seconds to end.

    Args:
        on_ready: called with the endpoint's URL once it answers.

    Raises:
        UsageError, HostError: see `prepare_server`.
    """
    raise_descriptor_limit()
    server, listener = prepare_server(stores, settings, write_log, on_ready)
    with contextlib.closing(listener):
        server.run(sockets=[listener])


def prepare_server(
    stores: Stores, settings: HubSettings, write_log: WriteLog, on_ready: Callable[[str], None]
) -> tuple[HubServer, socket.socket]:
    """A server that is bound and not yet running.

    Raises:
        UsageError: the settings are unsafe.
        HostError: the address is taken or not ours, or the TLS files are of no use.
    """
    settings.check()
    listener = _listen(settings)
    try:
        url = _url(settings, listener)
        app = build_app(stores, settings, write_log)
        config = _uvicorn_config(app, settings, listener)
    except BaseException:
        listener.close()
        raise
    return HubServer(config, app, lambda: on_ready(url)), listener


def _uvicorn_config(app: HubApp, settings: HubSettings, listener: GatedListener) -> uvicorn.Config:
    if settings.tls_cert is not None and settings.tls_key is not None:
        check_tls_files(settings.tls_cert, settings.tls_key)
    return uvicorn.Config(
        app.asgi,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        http=timed_connection(settings.relay.header_seconds, listener),
        # The listener's `accept` is our own, and only asyncio's loop calls it.
        loop="asyncio",
        # Else uvicorn reads WEB_CONCURRENCY, and fails where that is no number.
        workers=1,
        backlog=_ACCEPTED_AT_ONCE,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=_FINISH_SECONDS,
    )


@dataclass(frozen=True)
class RunningHub:
    """A hub that serves in a thread of this process.

    Attributes:
        url: the MCP endpoint.
        base_url: what the URLs of MCP and relay begin with; agents that write to each other are given it.
        data: its folder.
        admin: keys, agents and audit of it.
    """

    url: str
    data: Path
    admin: Admin

    @property
    def base_url(self) -> str:
        return base_url(self.url)

    def create_key(self, owner: str) -> Secret:
        """A new key for the agents of `owner`."""
        return self.admin.create_key(owner)[1]

    def create_agent(self, name: str, owner: str, *, running: bool = True) -> Agent:
        """A new agent, whose pod runs unless told otherwise."""
        return self.admin.create_agent(name, owner, running=running)

    def skills_folder(self, agent_id: str) -> Path:
        """The folder that the agent's runtime would have as a skill root."""
        return DataFolder(self.data).skill_files().folder(agent_id)


@contextlib.contextmanager
def running_hub(
    data: Path,
    *,
    port: int = 0,
    settings: HubSettings | None = None,
    write_log: WriteLog | None = None,
    stores: Stores | None = None,
) -> Iterator[RunningHub]:
    """A real hub on loopback in a thread: the seam for tests, benchmarks and the demo.

    Args:
        data: its folder, made if missing.
        port: 0 takes a free one; ignored when `settings` are given.
        write_log: receives the log's events; they are dropped unless given.
        stores: to serve others than those of `data`, for example in memory.

    Raises:
        HostError: it did not start in time.
    """
    chosen = settings or HubSettings(port=port)
    with contextlib.ExitStack() as stack:
        used = stores or stack.enter_context(opened_stores(data, chosen.relay))
        ready: list[str] = []
        started = threading.Event()

        def on_ready(url: str) -> None:
            ready.append(url)
            started.set()

        server, listener = prepare_server(used, chosen, write_log or (lambda _event: None), on_ready)
        stack.enter_context(contextlib.closing(listener))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="hub", daemon=True)
        thread.start()
        try:
            if not started.wait(_START_SECONDS):
                raise HostError("the hub did not start", next_step="look at its log", code="hub.no_start")
            yield RunningHub(ready[0], data, Admin(used.metadata, used.files))
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)


def base_url(url: str) -> str:
    """What the URLs of MCP and relay begin with, given the MCP endpoint."""
    return url.removesuffix(MCP_PATH)


def _listen(settings: HubSettings) -> GatedListener:
    host, port, listener = settings.host, settings.port, None
    most = connections_within(settings.connections, descriptor_limit())
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        book = ConnectionBook(most, max(1, most // 2))
        listener = GatedListener(
            family, book, Proxies(settings.trusted_proxies), settings.relay.header_seconds
        )
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(QUEUE)
    except (OSError, OverflowError) as error:
        if listener is not None:
            listener.close()
        reason = getattr(error, "strerror", None) or "no such address"
        raise HostError(
            f"cannot listen on {host} port {port}: {reason}",
            next_step="choose another --port or --host, or stop what listens there",
            code="hub.address",
        ) from error
    return listener


def _url(settings: HubSettings, listener: socket.socket) -> str:
    scheme = "https" if settings.tls_cert else "http"
    host = socket.gethostname() if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 - compared, not bound
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{listener.getsockname()[1]}{MCP_PATH}"
