"""What an agent publishes of itself, as the relay has it now."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_install.messaging.actions.names import resolve
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models.identity import PublishedKey, ShownCard
from openclaw_install.messaging.relay.client import RelayError
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.protocol.canonical import b64u
from openclaw_install.protocol.card import AgentCard, EncryptionKey
from openclaw_install.protocol.identity import OwnEncryptionKey


async def agent_card(app: App, *, who: str | None = None) -> ShownCard:
    """The card of another agent, or our own: what the relay has, else what it will get, with the reason.

    Args:
        who: a DID, `@alias` or thread id; None means this agent.

    Raises:
        RelayError: the card of another agent is wanted, and the relay does not give it.
        ThreadError: as `resolve`.
    """
    if app.relay_url is None:
        if who is not None:
            raise RelayError(
                "no relay is set, and only it has cards",
                next_step="set PINGAGENT_SERVER_URL",
                code="relay.none",
            )
        return _unpublished(app, "no relay is set (PINGAGENT_SERVER_URL)")
    relay = HttpRelay(app.relay_url, lambda: app.identity)
    try:
        did = app.did if who is None else await resolve(app, who, relay)
        return _published(await relay.card(did))
    except RelayError as error:
        if who is not None:
            raise
        return _unpublished(app, error.message)
    finally:
        await relay.aclose()


def _published(card: AgentCard) -> ShownCard:
    return ShownCard(
        did=card.did,
        alias=card.alias,
        display_name=card.display_name,
        published=True,
        reason="",
        version=card.version,
        signing_key=b64u(card.signing_key),
        encryption_keys=_keys(card.encryption_keys),
        capabilities=card.capabilities,
        card=card.to_json(),
    )


def _unpublished(app: App, reason: str) -> ShownCard:
    """What the card will say. It is not signed: a card that nobody published would only confuse others."""
    identity = app.identity
    return ShownCard(
        did=identity.did,
        alias=identity.alias,
        display_name=identity.display_name,
        published=False,
        reason=reason,
        version=None,
        signing_key=b64u(identity.signing.public_raw),
        encryption_keys=_keys(identity.encryption),
        capabilities=(),
        card=None,
    )


def _keys(keys: Sequence[EncryptionKey | OwnEncryptionKey]) -> tuple[PublishedKey, ...]:
    return tuple(PublishedKey(kid=key.kid, epoch=key.epoch, expires_at=key.expires_at) for key in keys)
