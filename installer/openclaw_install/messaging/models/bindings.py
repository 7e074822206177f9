"""Session bindings: which thread goes to which working session, as the store keeps them and as answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.jsonable import Timestamp
from openclaw_install.messaging.models import RouteMode
from openclaw_install.messaging.models.contacts import Peer
from openclaw_install.messaging.untrusted import Untrusted

BindingOrigin = Literal["current", "set"]


@dataclass(frozen=True)
class Binding:
    """A thread that goes to a working session of its own.

    Attributes:
        origin: `current`: it was ACTIVE_GROUP.md's when the thread was bound; `set`: somebody named it.
        bound_by: the caller.
    """

    thread_id: str
    session_key: str
    origin: BindingOrigin
    bound_at: Timestamp
    bound_by: str


@dataclass(frozen=True)
class KeptBinding:
    """A binding with the other side of its thread; `did` is None where the thread is not there any more."""

    binding: Binding
    did: str | None
    alias: Untrusted[str | None]
    display_name: Untrusted[str | None]


@dataclass(frozen=True, kw_only=True)
class BoundThread(Binding):
    """A binding of a list.

    Attributes:
        peer: the other side of the thread; None where the thread is not there any more.
        admitted: whether the running gateway admits the session; None where it did not say.
    """

    peer: Peer | None
    admitted: bool | None


@dataclass(frozen=True, kw_only=True)
class BindingPage:
    """Bindings by thread.

    Attributes:
        in_use: whether the route mode uses bindings at all.
        active_group: the session key of ACTIVE_GROUP.md; None where there is none.
        admitted_prefixes: what the running gateway admits; None where it did not say.
        next_page: goes on with the list; None at the end.
    """

    route_mode: RouteMode
    in_use: bool
    active_group: str | None
    admitted_prefixes: tuple[str, ...] | None
    bindings: tuple[BoundThread, ...]
    total: int
    next_page: str | None


@dataclass(frozen=True, kw_only=True)
class BindingChange:
    """A change of a binding.

    Attributes:
        changed: False where it was so already.
        before, binding: None where the thread had, or has, none: it follows ACTIVE_GROUP.md.
    """

    thread_id: str
    peer: Peer
    changed: bool
    before: Binding | None
    binding: Binding | None
