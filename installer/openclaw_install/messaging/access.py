"""Our access key: given to approved contacts inside sealed messages, replaced when one of them is shut out.

The relay learns its hash. A sender that shows the key is known to be admitted by us, and the relay does not
learn whom we know.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from openclaw_install.common.redaction import Secret
from openclaw_install.messaging.bridge.context import BridgeContext
from openclaw_install.messaging.relay.client import Relay, RelayRefused
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.canonical import b64u, unb64u
from openclaw_install.protocol.content import ACCESS_KEY_BYTES

# A relay from before there were access keys has no such place.
_NO_SUCH_PLACE = frozenset({404, 405})
_FACT = "access.keys"
# So long the key before counts too, for contacts that did not hear of the new one yet.
OVERLAP_SECONDS = 7 * 86_400.0


def current_key(store: Store, now: float) -> Secret:
    """The key that contacts are given now."""
    return Secret(str(_keys(store, now)["current"]))


def hash_of(key: Secret) -> str:
    """SHA-256 in hex of a key's bytes, which is what the relay is told."""
    return hashlib.sha256(unb64u(key.reveal())).hexdigest()


def hashes(store: Store, now: float) -> list[str]:
    """The hashes of the keys that count: the current one, and for a while the one before."""
    keys = _keys(store, now)
    counting = [keys["current"]]
    if keys["previous"] and now < float(keys["until"]):
        counting.append(keys["previous"])
    return [hash_of(Secret(str(key))) for key in counting]


def renew(store: Store, now: float) -> bool:
    """Makes a new key where somebody who was shut out since has the current one; whether it did."""
    with store.write():
        keys = _keys(store, now)
        if not store.access.is_with_shut_out(hash_of(Secret(str(keys["current"])))):
            return False
        made = {"current": _new_key(), "previous": keys["current"], "until": now + OVERLAP_SECONDS}
        store.facts.set(_FACT, made, now)
        store.events.add("access.renewed", now)
    return True


async def publish(context: BridgeContext, relay: Relay) -> None:
    """Tells the relay which keys count; one that knows of no such keys is no trouble.

    Raises:
        RelayUnreachable: it cannot be asked.
    """
    wanted = await context.store.run(hashes, context.store, context.now())
    try:
        await relay.put_access(wanted)
    except RelayRefused as error:
        # Messages come in without it too; the inbox then keeps less for those whom we admitted.
        if error.status not in _NO_SUCH_PLACE:
            context.event("access.refused", reason=error.reason)


def _keys(store: Store, now: float) -> Mapping[str, Any]:
    keys: Mapping[str, Any] = store.facts.set_once(
        _FACT, {"current": _new_key(), "previous": None, "until": 0.0}, now
    )
    return keys


def _new_key() -> str:
    return b64u(secrets.token_bytes(ACCESS_KEY_BYTES))
