"""`openclaw-install hub`: run the self-hosted other side, and keep its keys, agents, relay and audit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.surfaces.cli.options import CommonOptions
from openclaw_install.surfaces.cli.reply import Answer, Reply, planned
from openclaw_install.surfaces.cli.verbs import Verb, VerbGroup

if TYPE_CHECKING:
    from openclaw_install.hub import results
    from openclaw_install.hub.admin import Admin

_FILE = click.Path(path_type=Path)


def _default_data() -> Path:
    import platformdirs

    return platformdirs.user_data_path("openclaw-install") / "hub"


_DATA = click.Option(
    ["--data"],
    type=_FILE,
    default=_default_data,
    help="The hub's folder (default: in the user's data folder).",
)


class DataVerb(Verb):
    """A command over a hub's folder, which `--data` names."""

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.params = [_DATA, *self.params]


class AdminVerb(DataVerb):
    """What the operator of hub and relay does: the function is given an `Admin` first."""

    def given(self, _options: CommonOptions) -> contextlib.AbstractContextManager[Any]:
        from openclaw_install.hub.admin import open_admin

        return open_admin(click.get_current_context().params.pop("data"))


class AdminGroup(VerbGroup):
    """Commands of the operator under one word."""

    command_class = AdminVerb


def _would(what: str) -> Callable[[dict[str, Any]], str]:
    """What `--dry-run` says; `{name}` in it stands for the option of that name."""
    return lambda said: f"dry run: this would {what.format(**said)}; nothing was written"


@click.group("hub", cls=AdminGroup)
def hub_group() -> None:
    """Run the self-hosted hub (skills, and messages between agents), and manage its keys and agents."""


@hub_group.command("run", cls=DataVerb)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="0: a free one.")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="Private key of the certificate (PEM).")
@click.option("--insecure-bind", is_flag=True, help="Plain HTTP beyond loopback, behind a proxy with TLS.")
@click.option("--allow-host", "allow_hosts", multiple=True, metavar="NAME", help="A name that clients use.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDR|CIDR",
    help="Its X-Forwarded-For counts.",
)
@click.option("--rate", type=click.FloatRange(min=0.1), help="Requests a second for each key (default: 50).")
@click.option("--closed-registration", is_flag=True, help="Relay for the agents that it knows already only.")
@click.option("--open-registration", is_flag=True, help="Let everybody register, also beyond this machine.")
@click.option(
    "--relay-disk", type=click.IntRange(min=16), metavar="MIB", help="Most of the relay's database."
)
@click.option("--no-access-log", is_flag=True, help="Log warnings only, not every request.")
@click.option("--until-eof", is_flag=True, help="End when the standard input does, as with its parent.")
def run_command(
    common: CommonOptions, *, data: Path, no_access_log: bool, until_eof: bool, **said: Any
) -> results.HubRun | Reply:
    """Serve until SIGTERM or Ctrl-C; the log goes to stderr, one JSON object a line."""
    from openclaw_install.common.jsonable import jsonable
    from openclaw_install.hub.log import line_writer, take_over_logging
    from openclaw_install.hub.log_lines import ReadyLine, RecoveredLine
    from openclaw_install.hub.results import HubRun
    from openclaw_install.hub.server import base_url, opened_stores, serve

    settings = _settings(said)
    settings.check()
    if common.dry_run:
        return planned("hub run", _would(f"serve {data} at {settings.host}:{settings.port}")({}))
    if until_eof:
        _end_with_input()
    write_log = line_writer(sys.stderr)
    take_over_logging(write_log)
    url = ""

    def ready(at: str) -> None:
        nonlocal url
        url = at
        line = jsonable(ReadyLine(url=at, relay=base_url(at)))
        words = f"the hub serves at {at}\nfor messages between agents: PINGAGENT_SERVER_URL={base_url(at)}"
        click.echo(json.dumps(line) if common.as_json else words, err=True)

    with opened_stores(data, settings.relay) as stores:
        for found in stores.recovered:
            write_log(RecoveredLine(agent=found.agent_id, skill=found.skill, outcome=found.outcome))
        serve(stores, settings, (lambda _event: None) if no_access_log else write_log, ready)
    return HubRun(url, base_url(url), str(data), len(stores.recovered))


def _end_with_input() -> None:
    """Ends this process as SIGTERM does once nobody holds the other end of its standard input any more."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _registration(*, closed: bool, opened: bool, beyond: bool) -> Any:
    """Who may register: everybody on this machine, who is invited beyond it, or as the operator says."""
    if closed and opened:
        raise UsageError(
            "--open-registration and --closed-registration contradict each other",
            next_step="give one of them",
        )
    if closed:
        return "closed"
    return "open" if opened or not beyond else "invitation"


def _settings(said: dict[str, Any]) -> Any:
    from dataclasses import replace

    from openclaw_install.hub.mcp.limits import MIB, Limits
    from openclaw_install.hub.relay.limits import RelayLimits
    from openclaw_install.hub.settings import HubSettings

    rate, limits = said.pop("rate"), Limits()
    closed, opened = said.pop("closed_registration"), said.pop("open_registration")
    disk = said.pop("relay_disk")
    beyond = HubSettings(**{**said, "limits": limits}).reaches_beyond
    relay = RelayLimits(registration=_registration(closed=closed, opened=opened, beyond=beyond))
    if disk is not None:
        relay = replace(relay, disk_bytes=disk * MIB)
    if rate is not None:
        limits = replace(limits, requests_per_second=rate, burst=max(1, int(rate * 4)))
    return HubSettings(limits=limits, relay=relay, **said)


@hub_group.group("keys")
def keys_group() -> None:
    """API keys; each reaches the agents of its owner."""


@keys_group.command("create", plan=_would("make a key for the agents of {owner}"))
@click.option("--owner", required=True, help="Whose agents the key reaches.")
def keys_create(admin: Admin, owner: str) -> results.NewKey:
    """Make a key and print it, this once."""
    from openclaw_install.hub.results import NewKey

    key, secret = admin.create_key(owner)
    # The one place that shows a key: it is in no file, so nobody can be shown it again.
    return NewKey((key,), secret.reveal())


@keys_group.command("list")
def keys_list(admin: Admin) -> results.KeyList:
    """Show id, owner and use of every key; never a key."""
    from openclaw_install.hub.results import KeyList

    return KeyList(tuple(admin.keys()))


@keys_group.command("revoke", plan=_would("end the key {key_id}"))
@click.argument("key_id", metavar="ID")
def keys_revoke(admin: Admin, key_id: str) -> results.KeyList:
    """End a key at once, also in open sessions."""
    from openclaw_install.hub.results import KeyList

    return KeyList((admin.revoke_key(key_id),))


@hub_group.group("agents")
def agents_group() -> None:
    """Agents, and whether their pods run."""


@agents_group.command("create", plan=_would("make the agent {name} of {owner}"))
@click.argument("name")
@click.option("--owner", required=True, help="Whose keys reach the agent.")
@click.option("--start", is_flag=True, help="Its pod runs already.")
def agents_create(admin: Admin, *, name: str, owner: str, start: bool) -> results.HubAgentList:
    """Make the agent NAME with an empty skills folder."""
    return admin.listed(admin.create_agent(name, owner, running=start))


@agents_group.command("list")
def agents_list(admin: Admin) -> results.HubAgentList:
    """Show every agent, its pod state, and its skills folder."""
    return admin.listed(*admin.agents())


@agents_group.command("start", plan=_would("note that the pod of {agent} runs"))
@click.argument("agent", metavar="ID|NAME")
def agents_start(admin: Admin, agent: str) -> results.HubAgentList:
    """Note that the agent's pod runs: what is in its folder is live."""
    return admin.listed(admin.set_pod_state(agent, "running"))


@agents_group.command("stop", plan=_would("note that the pod of {agent} is stopped"))
@click.argument("agent", metavar="ID|NAME")
def agents_stop(admin: Admin, agent: str) -> results.HubAgentList:
    """Note that the agent's pod is stopped: uploads are kept, and live from its next start."""
    return admin.listed(admin.set_pod_state(agent, "stopped"))


@hub_group.command("audit")
@click.option("--verify", is_flag=True, help="Follow the hash chain; exit code 1 if it is broken.")
@click.option("--head", metavar="HASH", help="With --verify: a head noted earlier that must be in the chain.")
@click.option(
    "--last", type=click.IntRange(min=0), default=50, show_default=True, help="Rows to show, the newest."
)
def audit_command(admin: Admin, *, verify: bool, head: str | None, last: int) -> Answer:
    """Show who did what, oldest first, and prove that nothing was changed or removed."""
    from collections import deque

    from openclaw_install.hub.results import AuditReport

    rows = deque(admin.audit_rows(), maxlen=min(last, sys.maxsize))
    verdict = admin.verify_audit(head) if verify or head else None
    return Answer(AuditReport(tuple(rows), verdict), 0 if verdict is None or verdict.ok else 1)


@hub_group.group("relay")
def relay_group() -> None:
    """The relay for messages: who is registered, and who may register."""


@relay_group.group("agents")
def relay_agents_group() -> None:
    """Agents that are registered at the relay."""


@relay_agents_group.command("list")
def relay_agents_list(admin: Admin) -> results.RelayAgentList:
    """Show every registered agent, when it was last there, and what waits for it."""
    from openclaw_install.hub.results import RelayAgentList

    return RelayAgentList(tuple(admin.relay_agents()))


@relay_agents_group.command("remove", plan=_would("give back the place of {agent}"))
@click.argument("agent", metavar="DID|ALIAS")
def relay_agents_remove(admin: Admin, agent: str) -> results.RelayAgentRemoved:
    """Give back an agent's place, and drop what waits in it; registering again undoes it."""
    from openclaw_install.hub.results import RelayAgentRemoved

    return RelayAgentRemoved((admin.remove_relay_agent(agent),))


@click.command("invite", cls=AdminVerb, plan=_would("make an invitation for {uses}"))
@click.option(
    "--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Agents it lets in."
)
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="It holds so long.")
def invite_command(admin: Admin, uses: int, days: int) -> results.NewInvitation:
    """Make an invitation and print its code, this once."""
    from openclaw_install.hub.results import NewInvitation

    invite, code = admin.invite(uses, timedelta(days=days))
    # The one place that shows a code: it is in no file, so nobody can be shown it again.
    return NewInvitation((invite,), code.reveal())


@relay_group.group("invite", alone=invite_command)
def invite_group() -> None:
    """Make an invitation and print its code, this once; or `list` and `revoke` them."""


@invite_group.command("list")
def invite_list(admin: Admin) -> results.InvitationList:
    """Show every invitation and how much of it is left; never a code."""
    from openclaw_install.hub.results import InvitationList

    return InvitationList(tuple(admin.invites()))


@invite_group.command("revoke", plan=_would("end the invitation {name}"))
@click.argument("name", metavar="ID")
def invite_revoke(admin: Admin, name: str) -> results.InvitationList:
    """End an invitation; who registered by it stays."""
    from openclaw_install.hub.results import InvitationList

    return InvitationList((admin.revoke_invite(name),))
