"""Session bindings: which thread goes to which working session while the route mode is map-active-group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from openclaw_install.common.errors import InstallError
from openclaw_install.common.shown_text import quoted
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.hooks.policy import INGRESS_PREFIX
from openclaw_install.host.hooks.text import admits, fold
from openclaw_install.host.workspace import active_group_key, route_prefix
from openclaw_install.messaging.actions.arguments import AgentName, Page, Rows, Rule, is_key, no_page
from openclaw_install.messaging.actions.names import find_session
from openclaw_install.messaging.app import App
from openclaw_install.messaging.models import Session
from openclaw_install.messaging.models import bindings as models
from openclaw_install.messaging.models.contacts import Peer, peer_of
from openclaw_install.messaging.untrusted import Reader

MODE = "map-active-group"
FIX = "openclaw-install verify-runtime --fix-hooks"
_FIX_HERE = f"IM_INGRESS_SESSION_ROUTE_MODE={MODE} {FIX}"


class BindingError(InstallError):
    """A binding that cannot be made or taken away."""

    code = "binding"


def session_bindings(
    app: App,
    *,
    limit: Rows = 20,
    page: Page | None = None,
) -> models.BindingPage:
    """Which threads are bound to which working session, what ACTIVE_GROUP.md names, and what the running
    gateway admits. Only for the route mode map-active-group.

    Args:
        limit: At most so many bindings.
        page: `next_page` of the answer before.

    Raises:
        UsageError: `page` is not one that this function gave.
        InstallError: the host's files cannot be read.
    """
    if page is not None and not is_key(page, "c_dm_"):
        raise no_page()
    found = app.store.bindings.listed(after=page or "", limit=limit + 1)
    shown, in_use = found[:limit], app.route_mode == MODE
    text = app.host().active_group() if in_use else None
    prefixes = _prefixes(app.host().live_policy()) if in_use else None
    return models.BindingPage(
        route_mode=app.route_mode,
        in_use=in_use,
        active_group=active_group_key(text) if text is not None else None,
        admitted_prefixes=prefixes,
        bindings=tuple(_bound(one, prefixes, app.reader) for one in shown),
        total=app.store.bindings.count(),
        next_page=shown[-1].binding.thread_id if len(found) > limit else None,
    )


def session_binding_bind_current(app: App, *, session: AgentName | None = None) -> models.BindingChange:
    """Bind a thread to the working session that ACTIVE_GROUP.md names now. Only in the route mode
    map-active-group, and where the running gateway admits that session.

    Args:
        session: As in pingagent_trust_status.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        BindingError: another route mode is in force, the file names no session, or the running gateway
            does not admit it or does not answer.
    """
    require_mode(app)
    text = app.host().active_group()
    key = active_group_key(text) if text is not None else None
    if key is None:
        raise BindingError(
            "ACTIVE_GROUP.md names no session",
            next_step="write the working thread's session key into ACTIVE_GROUP.md of the workspace",
            code="binding.no_active_group",
        )
    return _bind(app, session, key, "current", text)


def session_binding_set(
    app: App,
    *,
    session_key: Annotated[str, Rule(min_length=3, max_length=512)],
    session: AgentName | None = None,
) -> models.BindingChange:
    """Bind a thread to the working session that you name. Only in the route mode map-active-group, and where
    the running gateway admits that session.

    Args:
        session_key: The OpenClaw session, such as feishu:default:oc_1.
        session: As in pingagent_trust_status.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        BindingError: as `session_binding_bind_current`; also where it is no session key, or another
            thread's own session.
    """
    require_mode(app)
    key = session_key.strip()
    if active_group_key(key) != key:
        raise BindingError(
            f"{quoted(session_key, 80)} is no session key",
            next_step="name one such as feishu:default:oc_1: two or more parts, with ':' between them",
            code="binding.bad_key",
        )
    return _bind(app, session, key, "set", app.host().active_group())


def session_binding_clear(app: App, *, session: AgentName | None = None) -> models.BindingChange:
    """Let a thread follow ACTIVE_GROUP.md again. Only in the route mode map-active-group.

    Args:
        session: As in pingagent_trust_status.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        BindingError: another route mode is in force.
    """
    require_mode(app)
    found = find_session(app, session)
    with app.store.write():
        before = app.store.bindings.get(found.thread_id)
        if before is not None:
            app.store.bindings.remove(found.thread_id)
            app.store.events.add("session.unbound", app.clock(), thread_id=found.thread_id, by=app.caller)
    return _change(app, found, before, None)


def require_mode(app: App) -> None:
    """Refuses where bindings are not used.

    Raises:
        BindingError: the route mode is another one.
    """
    if app.route_mode != MODE:
        raise BindingError(
            f"bindings are used only in the route mode {MODE}, and {app.route_mode} is in force: "
            "each thread has a session of its own",
            next_step=f"leave it so; or set IM_INGRESS_SESSION_ROUTE_MODE={MODE} for the runtime, and start "
            "it again",
            code="binding.other_mode",
        )


def _bind(
    app: App, target: str | None, key: str, origin: models.BindingOrigin, active_group: str | None
) -> models.BindingChange:
    session = find_session(app, target)
    if _is_ingress(key) and key != f"{INGRESS_PREFIX}{session.thread_id}":
        raise BindingError(
            "that is the own session of another agent's thread",
            next_step="bind to a working thread, such as feishu:default:oc_1",
            code="binding.foreign_thread",
        )
    _require_admitted(key, app.host().live_policy(), active_group)
    now = app.clock()
    with app.store.write():
        before = app.store.bindings.get(session.thread_id)
        if before is not None and (before.session_key, before.origin) == (key, origin):
            return _change(app, session, before, before)
        made = models.Binding(session.thread_id, key, origin, now, app.caller)
        app.store.bindings.put(made)
        app.store.events.add(
            "session.bound", now, thread_id=session.thread_id, by=app.caller, session_key=key
        )
    return _change(app, session, before, made)


def _change(
    app: App, session: Session, before: models.Binding | None, now: models.Binding | None
) -> models.BindingChange:
    contact = app.store.contacts.get(session.peer)
    return models.BindingChange(
        thread_id=session.thread_id,
        peer=peer_of(session.peer, contact, app.reader),
        changed=before != now,
        before=before,
        binding=now,
    )


def _is_ingress(key: str) -> bool:
    """Whether a thread's own session is meant, also with the agent that it belongs to named before it."""
    parts = fold(key).split(":")
    while len(parts) > 2 and parts[0] == "agent":
        parts = parts[2:]
    return ":".join(parts).startswith(INGRESS_PREFIX)


def _require_admitted(key: str, policy: LivePolicy, active_group: str | None) -> None:
    prefixes = _prefixes(policy)
    if prefixes is None:
        raise BindingError(
            f"the running gateway does not tell which sessions it admits: {policy.detail or policy.state}",
            next_step="openclaw-install verify-runtime",
            code="binding.gateway_unknown",
        )
    if not admits(prefixes, key):
        raise BindingError(
            f"the running gateway does not admit the session {key}; it admits "
            f"{', '.join(prefixes) if prefixes else 'none that a message names'}",
            next_step=_next_step(key, active_group),
            code="binding.not_admitted",
        )


def _prefixes(policy: LivePolicy) -> tuple[str, ...] | None:
    if policy.allow_request_session_key is False:
        return ()
    return policy.allowed_session_key_prefixes


def _next_step(key: str, active_group: str | None) -> str:
    prefix = route_prefix(key)
    if prefix is not None and active_group is not None and route_prefix(active_group) == prefix:
        return _FIX_HERE
    wanted = prefix or "its prefix"
    where = "hooks.allowedSessionKeyPrefixes (or its session to ACTIVE_GROUP.md)"
    return f"add {wanted} to {where}, then {_FIX_HERE}"


def _bound(kept: models.KeptBinding, prefixes: Sequence[str] | None, reader: Reader) -> models.BoundThread:
    return models.BoundThread(
        **vars(kept.binding),
        peer=None
        if kept.did is None
        else Peer(kept.did, reader.open(kept.alias), reader.open(kept.display_name)),
        admitted=None if prefixes is None else admits(prefixes, kept.binding.session_key),
    )
