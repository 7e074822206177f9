"""Settings of the bridge: files, timing, limits, and how the relay and the gateway are reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.common.files import file_stamp
from openclaw_install.host.config.document import read_config
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy, ask_gateway
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.dispatch import HookIngress, HookTarget, HttpHookIngress
from openclaw_install.host.hooks.policy import read_policy
from openclaw_install.host.hooks.turn_evidence import TurnEvidence, evidence_of
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.workspace import active_group_text, agent_workspace
from openclaw_install.messaging.bridge.chain_rules import OrderLimits
from openclaw_install.messaging.bridge.delivery_state import InboundLimits
from openclaw_install.messaging.contact_gate import GateLimits
from openclaw_install.messaging.models import RouteMode
from openclaw_install.messaging.pacing import PacingLimits
from openclaw_install.messaging.profile_settings import server_url
from openclaw_install.messaging.relay.client import RelayMaker
from openclaw_install.messaging.relay.http import HttpRelay, check_url
from openclaw_install.messaging.routing import ROUTE_VARIABLE, read_route_mode
from openclaw_install.messaging.turn_ceilings import TurnCeilings
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.profile import profile_paths
from openclaw_install.protocol.profile_files import load_identity


@dataclass(frozen=True)
class Timing:
    """How often and how much; seconds, unless said otherwise.

    Attributes:
        concurrency: threads that are dispatched, or sent, at the same time.
        quantum: messages of one thread before the next thread gets its turn.
        page: entries that are asked for at a time; with the largest envelopes it bounds the memory.
        watch: between looks whether another process changed the store.
        poll: between looks into the inbox while the stream does not work.
        stream_again: how long the stream is left alone after it failed repeatedly.
        keep: between rounds of housekeeping.
        most_pause: the longest wait between tries.
        alone: how long another place that uses this identity may take to answer.
    """

    concurrency: int = 8
    quantum: int = 16
    page: int = 48
    watch: float = 0.2
    poll: float = 2.0
    stream_again: float = 60.0
    keep: float = 10.0
    most_pause: float = 30.0
    alone: float = 5.0


@dataclass(frozen=True)
class HostView:
    """What the bridge needs to know of the host, read afresh whenever it asks.

    Attributes:
        target: where hook requests go.
        active_group: the text of ACTIVE_GROUP.md; None where there is none.
        live_policy: what the running gateway admits; asks it, and blocks for as long as that takes.
    """

    target: Callable[[], HookTarget]
    active_group: Callable[[], str | None]
    live_policy: Callable[[], LivePolicy]


@dataclass(frozen=True)
class BridgeSettings:
    """Everything that `run_bridge` needs.

    Attributes:
        store: path of the store.
        identity: path of the identity file.
        trust_policy: path of the trust policy; None means the one beside the store.
        url: the relay's URL, by which the cursor is kept.
        relay: makes the client, given how to get the identity.
        ingress: makes the client of the hook ingress.
        pacing: how fast two agents may answer each other.
        ceilings: how many turns may begin, where no person set it in the store.
        order: how long a message waits for earlier ones of its sender.
        clock: seconds since the epoch.
    """

    store: Path
    identity: Path
    url: str
    host: HostView
    evidence: TurnEvidence
    route_mode: RouteMode = "stable-hook-session"
    relay: RelayMaker = HttpRelay
    ingress: Callable[[], HookIngress] = HttpHookIngress
    timing: Timing = field(default_factory=Timing)
    gate: GateLimits = field(default_factory=GateLimits)
    inbound: InboundLimits = field(default_factory=InboundLimits)
    pacing: PacingLimits = field(default_factory=PacingLimits)
    ceilings: TurnCeilings = field(default_factory=TurnCeilings)
    order: OrderLimits = field(default_factory=OrderLimits)
    trust_policy: Path | None = None
    clock: Callable[[], float] = wall_time

    def load_identity(self) -> Identity:
        """The identity as it is on disk now."""
        return load_identity(self.identity)


def bridge_settings(location: HostLocation, env: Mapping[str, str]) -> BridgeSettings:
    """The settings that the environment and the host's config ask for.

    Args:
        location: the host.
        env: `PINGAGENT_*`, `IM_INGRESS_SESSION_ROUTE_MODE`.

    Raises:
        UsageError: there is no relay, its URL is not allowed, or the route mode is none.
        ConfigError, FileError: the profile's settings cannot be read.
    """
    paths = profile_paths(env, location.home)
    url = server_url(env, paths)
    if url is None:
        raise UsageError(
            "no relay is set",
            next_step="set PINGAGENT_SERVER_URL, or run the setup with --with-hub",
            code="relay.none",
        )
    check_url(url)
    return BridgeSettings(
        store=paths.store,
        identity=paths.identity,
        url=url,
        host=host_view(location),
        evidence=evidence_of(location.state_dir),
        route_mode=route_mode(env),
        trust_policy=paths.trust_policy,
    )


def route_mode(env: Mapping[str, str]) -> RouteMode:
    """The route mode of the environment.

    Raises:
        UsageError: it is neither of the two.
    """
    return read_route_mode(env.get(ROUTE_VARIABLE))


def host_view(location: HostLocation) -> HostView:
    """The view of a real host; the config is read again only when its file has changed."""
    reader = _ConfigReader(location)
    return HostView(
        target=reader.target,
        active_group=reader.active_group,
        live_policy=lambda: ask_gateway(reader.target().address, reader.target().token),
    )


class _ConfigReader:
    """Reads the target out of the config, at most once for each state of its file."""

    def __init__(self, location: HostLocation) -> None:
        self._location = location
        self._seen: tuple[object, float] | None = None
        self._target: HookTarget | None = None

    def target(self) -> HookTarget:
        # A config can include other files, so an unchanged root file counts for a few seconds only.
        stamp, now = file_stamp(self._location.config_path), time.monotonic()
        if self._target is None or self._seen is None or self._seen[0] != stamp or now - self._seen[1] > 5.0:
            self._target = self._read()
            self._seen = (stamp, now)
        return self._target

    def active_group(self) -> str | None:
        document = read_config(self._location.config_path, self._location.env)
        return active_group_text(agent_workspace(document.data, self._location))

    def _read(self) -> HookTarget:
        document = read_config(self._location.config_path, self._location.env)
        policy = read_policy(document.data)
        tls = section(document.data, "gateway", "tls").get("enabled") is True
        address = GatewayAddress(self._location.port(document.data), policy.path, tls)
        return HookTarget(address, policy.token)
