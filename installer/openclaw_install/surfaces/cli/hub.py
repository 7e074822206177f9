"""`openclaw-install hub`: run the self-hosted other side, and keep its keys, agents and audit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.surfaces.cli.hub_options import data_option, hub_answered, planned
from openclaw_install.surfaces.cli.hub_relay import relay_group
from openclaw_install.surfaces.cli.options import common_options, gather
from openclaw_install.surfaces.cli.reply import Reply

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)


@click.group("hub")
@common_options
@click.pass_context
def hub_group(context: click.Context, /, **said: Any) -> None:
    """Run the self-hosted hub (skills, and messages between agents), and manage its keys and agents."""
    context.obj = gather(context, said)


@hub_group.command("run")
@common_options
@data_option
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
@click.pass_context
def run_command(context: click.Context, /, *, data: Path, **said: Any) -> Reply:
    """Serve until SIGTERM or Ctrl-C; the log goes to stderr, one JSON object a line."""
    from openclaw_install.hub.log import line_writer, take_over_logging
    from openclaw_install.hub.results import HubRun
    from openclaw_install.hub.server import base_url, opened_stores, serve

    quiet, until_eof = said.pop("no_access_log"), said.pop("until_eof")
    common = gather(context, said)
    settings = _settings(said)
    settings.check()
    if common.dry_run:
        return planned("hub run", f"serve {data} at {settings.host}:{settings.port}")
    if until_eof:
        _end_with_input()
    write_log = line_writer(sys.stderr)
    take_over_logging(write_log)
    url = ""

    def ready(at: str) -> None:
        nonlocal url
        url = at
        told = {"event": "ready", "url": at, "relay": base_url(at)}
        words = f"the hub serves at {at}\nfor messages between agents: PINGAGENT_SERVER_URL={base_url(at)}"
        click.echo(json.dumps(told) if common.as_json else words, err=True)

    with opened_stores(data, settings.relay) as stores:
        for found in stores.recovered:
            write_log(
                {"event": "recovered", "agent": found.agent_id, "skill": found.skill, "as": found.outcome}
            )
        serve(stores, settings, (lambda _event: None) if quiet else write_log, ready)
    return hub_answered("hub run", HubRun(url, base_url(url), str(data), len(stores.recovered)))


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

    from openclaw_install.hub.limits import MIB, Limits
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


hub_group.add_command(relay_group)


@hub_group.group("keys")
@common_options
@click.pass_context
def keys_group(context: click.Context, /, **said: Any) -> None:
    """API keys; each reaches the agents of its owner."""
    context.obj = gather(context, said)


@keys_group.command("create")
@common_options
@data_option
@click.option("--owner", required=True, help="Whose agents the key reaches.")
@click.pass_context
def keys_create(context: click.Context, /, *, data: Path, owner: str, **said: Any) -> Reply:
    """Make a key and print it, this once."""
    from openclaw_install.hub.admin import open_admin
    from openclaw_install.hub.results import NewKey, key_info

    if gather(context, said).dry_run:
        return planned("hub keys create", f"make a key for the agents of {owner}")
    with open_admin(data) as admin:
        key, secret = admin.create_key(owner)
    # The one place that shows a key: it is in no file, so nobody can be shown it again.
    return hub_answered("hub keys create", NewKey((key_info(key),), secret.reveal()))


@keys_group.command("list")
@common_options
@data_option
@click.pass_context
def keys_list(context: click.Context, /, *, data: Path, **said: Any) -> Reply:
    """Show id, owner and use of every key; never a key."""
    from openclaw_install.hub.admin import open_admin
    from openclaw_install.hub.results import KeyList, key_info

    gather(context, said)
    with open_admin(data) as admin:
        keys = admin.keys()
    return hub_answered("hub keys list", KeyList(tuple(key_info(key) for key in keys)))


@keys_group.command("revoke")
@common_options
@data_option
@click.argument("key_id", metavar="ID")
@click.pass_context
def keys_revoke(context: click.Context, /, *, data: Path, key_id: str, **said: Any) -> Reply:
    """End a key at once, also in open sessions."""
    from openclaw_install.hub.admin import open_admin
    from openclaw_install.hub.results import KeyList, key_info

    if gather(context, said).dry_run:
        return planned("hub keys revoke", f"end the key {key_id}")
    with open_admin(data) as admin:
        key = admin.revoke_key(key_id)
    return hub_answered("hub keys revoke", KeyList((key_info(key),)))


@hub_group.group("agents")
@common_options
@click.pass_context
def agents_group(context: click.Context, /, **said: Any) -> None:
    """Agents, and whether their pods run."""
    context.obj = gather(context, said)


def _agents_answered(command: str, data: Path, admin: Any, agents: Any) -> Reply:
    from openclaw_install.hub.data_folder import DataFolder

    return hub_answered(command, admin.described(agents, DataFolder(data).skill_files().folder))


@agents_group.command("create")
@common_options
@data_option
@click.argument("name")
@click.option("--owner", required=True, help="Whose keys reach the agent.")
@click.option("--start", is_flag=True, help="Its pod runs already.")
@click.pass_context
def agents_create(
    context: click.Context, /, *, data: Path, name: str, owner: str, start: bool, **said: Any
) -> Reply:
    """Make the agent NAME with an empty skills folder."""
    from openclaw_install.hub.admin import open_admin

    if gather(context, said).dry_run:
        return planned("hub agents create", f"make the agent {name} of {owner}")
    with open_admin(data) as admin:
        agent = admin.create_agent(name, owner, running=start)
        return _agents_answered("hub agents create", data, admin, [agent])


@agents_group.command("list")
@common_options
@data_option
@click.pass_context
def agents_list(context: click.Context, /, *, data: Path, **said: Any) -> Reply:
    """Show every agent, its pod state, and its skills folder."""
    from openclaw_install.hub.admin import open_admin

    gather(context, said)
    with open_admin(data) as admin:
        return _agents_answered("hub agents list", data, admin, admin.agents())


@agents_group.command("start")
@common_options
@data_option
@click.argument("agent", metavar="ID|NAME")
@click.pass_context
def agents_start(context: click.Context, /, *, data: Path, agent: str, **said: Any) -> Reply:
    """Note that the agent's pod runs: what is in its folder is live."""
    from openclaw_install.hub.admin import open_admin

    if gather(context, said).dry_run:
        return planned("hub agents start", f"note that the pod of {agent} runs")
    with open_admin(data) as admin:
        return _agents_answered("hub agents start", data, admin, [admin.set_pod_state(agent, "running")])


@agents_group.command("stop")
@common_options
@data_option
@click.argument("agent", metavar="ID|NAME")
@click.pass_context
def agents_stop(context: click.Context, /, *, data: Path, agent: str, **said: Any) -> Reply:
    """Note that the agent's pod is stopped: uploads are kept, and live from its next start."""
    from openclaw_install.hub.admin import open_admin

    if gather(context, said).dry_run:
        return planned("hub agents stop", f"note that the pod of {agent} is stopped")
    with open_admin(data) as admin:
        return _agents_answered("hub agents stop", data, admin, [admin.set_pod_state(agent, "stopped")])


@hub_group.command("audit")
@common_options
@data_option
@click.option("--verify", is_flag=True, help="Follow the hash chain; exit code 1 if it is broken.")
@click.option("--head", metavar="HASH", help="With --verify: a head noted earlier that must be in the chain.")
@click.option(
    "--last", type=click.IntRange(min=0), default=50, show_default=True, help="Rows to show, the newest."
)
@click.pass_context
def audit_command(
    context: click.Context, /, *, data: Path, verify: bool, head: str | None, last: int, **said: Any
) -> Reply:
    """Show who did what, oldest first, and prove that nothing was changed or removed."""
    from collections import deque

    from openclaw_install.hub.admin import open_admin
    from openclaw_install.hub.results import AuditReport, audit_check, audit_line

    gather(context, said)
    with open_admin(data) as admin:
        rows = deque(admin.audit_rows(), maxlen=last)
        verdict = admin.verify_audit(head) if verify or head else None
    check = None if verdict is None else audit_check(verdict)
    report = AuditReport(tuple(audit_line(row) for row in rows), check)
    return hub_answered("hub audit", report, 0 if check is None or check.ok else 1)
