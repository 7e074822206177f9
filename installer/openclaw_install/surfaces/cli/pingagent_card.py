"""`pingagent card`: what an agent publishes of itself, as the relay has it now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.surfaces.cli.pingagent_completion import agents_and_threads
from openclaw_install.surfaces.cli.pingagent_options import gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.messaging.app import App
    from openclaw_install.protocol.card import AgentCard


@click.command("card")
@ping_options
@click.argument("who", required=False, shell_complete=agents_and_threads, metavar="[DID|@ALIAS]")
@click.pass_context
def card_command(context: click.Context, /, *, who: str | None, **said: Any) -> Reply:
    """Show the card of this agent, or of WHO: names, keys and capabilities, its signatures checked.

    Exit code 1 says that this agent's card is not at the relay: nobody can write to it yet.
    """
    from openclaw_install.surfaces.cli.render_pingagent import card_lines

    options = gather_ping(context, said)
    with options.app() as app:
        body = asyncio.run(_look(app, who))
    return Reply("card", body, card_lines(body), 0 if body["published"] else 1)


async def _look(app: App, who: str | None) -> dict[str, Any]:
    from openclaw_install.messaging.actions.messages import resolve
    from openclaw_install.messaging.relay.client import RelayError
    from openclaw_install.messaging.relay.http import HttpRelay

    if app.relay_url is None:
        if who is not None:
            raise RelayError(
                "no relay is set, and only it has cards",
                next_step="set PINGAGENT_SERVER_URL",
                code="relay.none",
            )
        return _own(app, "no relay is set (PINGAGENT_SERVER_URL)")
    relay = HttpRelay(app.relay_url, lambda: app.identity)
    try:
        did = app.did if who is None else await resolve(app, who, relay)
        return _published(await relay.card(did))
    except RelayError as error:
        if who is not None:
            raise
        return _own(app, error.message)
    finally:
        await relay.aclose()


def _published(card: AgentCard) -> dict[str, Any]:
    document = card.to_json()
    return {
        "did": card.did,
        "alias": card.alias,
        "display_name": card.display_name,
        "published": True,
        "reason": "",
        "version": card.version,
        "signing_key": document["signing_key"],
        "encryption_keys": [_key(key) for key in document["encryption_keys"]],
        "capabilities": list(card.capabilities),
        "card": document,
    }


def _own(app: App, reason: str) -> dict[str, Any]:
    """What the card will say. It is not signed: a card that nobody published would only confuse others."""
    from openclaw_install.protocol.canonical import b64u
    from openclaw_install.protocol.times import iso

    identity = app.identity
    keys = [
        {"kid": key.kid, "epoch": key.epoch, "expires_at": iso(key.expires_at)} for key in identity.encryption
    ]
    return {
        "did": identity.did,
        "alias": identity.alias,
        "display_name": identity.display_name,
        "published": False,
        "reason": reason,
        "version": None,
        "signing_key": b64u(identity.signing.public_raw),
        "encryption_keys": keys,
        "capabilities": [],
        "card": None,
    }


def _key(key: dict[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in ("kid", "epoch", "expires_at")}
