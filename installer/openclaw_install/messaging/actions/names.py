"""Which thread or agent a name means: a thread id, a DID, an alias, or the focused thread."""

from __future__ import annotations

from openclaw_install.common.errors import InstallError
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import Session
from openclaw_install.messaging.relay.client import Relay
from openclaw_install.protocol.did import fold_alias, is_conversation, is_did


class ThreadError(InstallError):
    """No such thread, or none was named and none is focused."""

    code = "thread"


def find_session(app: App, target: str | None) -> Session:
    """The thread that `target` means; the focused one where it is None.

    Raises:
        ThreadError: there is no such thread, or none is focused.
    """
    store = app.store
    if target is None:
        focused = store.sessions.focus(app.caller)
        found = store.sessions.get(focused) if focused else None
        if found is None:
            raise ThreadError(
                "no thread is focused",
                next_step="focus one first, or name it: a thread id, a DID or @alias",
                code="thread.none_focused",
            )
        return found
    if is_conversation(target):
        found = store.sessions.by_name(app.did, target)
    elif is_did(target):
        found = _session_with(app, target)
    else:
        contact = store.contacts.by_alias(fold_alias(target))
        found = _session_with(app, contact.did) if contact else None
    if found is None:
        raise ThreadError(
            f"there is no thread {target!r} here",
            next_step="list them: pingagent sessions",
            code="thread.unknown",
        )
    return found


async def resolve(app: App, to: str, relay: Relay | None = None) -> str:
    """The DID that a DID, `@alias` or thread id means.

    Raises:
        ThreadError: it means nothing here, and there is no relay to ask.
        RelayError: the relay knows no such alias, or cannot be asked.
    """
    if is_did(to):
        return to
    if is_conversation(to):
        return (await app.store.run(find_session, app, to)).peer
    if to.startswith("did:"):
        raise ThreadError(
            f"{to} is no DID of an agent: did:agent: and 32 letters and digits",
            next_step="copy what `pingagent whoami` says over there",
            code="thread.no_did",
        )
    alias = fold_alias(to)
    known = await app.store.run(app.store.contacts.by_alias, alias)
    # The relay's word comes first: an alias can have changed hands since we met it.
    if relay is not None:
        return await relay.resolve(alias)
    if known is None:
        raise ThreadError(
            f"no contact is called @{alias}",
            next_step="name the agent by its DID",
            code="thread.unknown_alias",
        )
    return known.did


def _session_with(app: App, did: str) -> Session | None:
    if did == app.did:
        return None
    return app.store.sessions.get(app.store.sessions.local_id(app.did, did))
