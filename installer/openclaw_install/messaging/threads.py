"""Which id a thread has in this store: one that began under version 1 of the envelope keeps that name."""

from __future__ import annotations

from openclaw_install.messaging.models import Session
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.did import canonical_thread, names_thread_of, thread_names


def local_thread(store: Store, me: str, peer: str) -> str:
    """The id under which this store has, or will have, our thread with an agent.

    On the wire each version of the envelope has its own name for it. Here it keeps the one that it began
    with, because sessions of the host, notes and people know it by that.

    Raises:
        ProtocolError: one is no DID, or both are the same.
    """
    older, newer = thread_names(me, peer)
    return older if store.messages.has_thread(older) else newer


def session_by_name(store: Store, me: str, name: str) -> Session | None:
    """The thread that an id names, be it our own or the one that the other side's store has for it.

    Raises:
        ProtocolError: it is no id of a direct thread.
    """
    if found := store.sessions.get(canonical_thread(name)):
        return found
    peer = next((did for did in store.sessions.peers() if names_thread_of(name, me, did)), None)
    return store.sessions.get(local_thread(store, me, peer)) if peer else None
