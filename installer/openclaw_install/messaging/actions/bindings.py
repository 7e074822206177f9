"""Session bindings: which thread goes to which working session while the route mode is map-active-group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openclaw_install.common.errors import InstallError
from openclaw_install.common.shown_text import quoted
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.hooks.policy import INGRESS_PREFIX, active_group_key, route_prefix
from openclaw_install.host.hooks.text import admits, fold
from openclaw_install.messaging.actions.messages import MOST, find_session, session_view
from openclaw_install.messaging.app import App
from openclaw_install.messaging.control_records import Binding, BindingOrigin
from openclaw_install.messaging.control_results import BindingChange, BindingPage, BindingView
from openclaw_install.messaging.pagination import is_key, no_page

MODE = "map-active-group"
FIX = "openclaw-install verify-runtime --fix-hooks"
_FIX_HERE = f"IM_INGRESS_SESSION_ROUTE_MODE={MODE} {FIX}"
ActiveGroup = Callable[[], str | None]
Live = Callable[[], LivePolicy]


class BindingError(InstallError):
    """A binding that cannot be made or taken away."""

    code = "binding"


def bindings(
    app: App, active_group: ActiveGroup, live: Live, *, limit: int = 20, page: str | None = None
) -> BindingPage:
    """The bindings, and whether anything uses them.

    Args:
        active_group: gives the text of ACTIVE_GROUP.md.
        live: asks the running gateway what it admits.
        limit: 1 to 200.
        page: `next` of the page before.

    Raises:
        UsageError: `page` is not one that this function gave.
        InstallError: the host's files cannot be read.
    """
    if page is not None and not is_key(page, "c_dm_"):
        raise no_page()
    limit = max(1, min(limit, MOST))
    found = app.store.bindings.listed(after=page or "", limit=limit + 1)
    shown = found[:limit]
    in_use = app.route_mode == MODE
    text = active_group() if in_use else None
    prefixes = _prefixes(live()) if in_use else None
    return BindingPage(
        mode=app.route_mode,
        in_use=in_use,
        active_group=active_group_key(text) if text is not None else None,
        prefixes=prefixes,
        bindings=tuple(_view(app, one, prefixes) for one in shown),
        total=app.store.bindings.count(),
        next=shown[-1].thread_id if len(found) > limit else None,
    )


def bind_current(app: App, active_group: ActiveGroup, live: Live, target: str | None = None) -> BindingChange:
    """Binds a thread to the session that ACTIVE_GROUP.md names now; it stays there when the file changes.

    Args:
        target: a thread id, a DID or `@alias`; None is the focused thread.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        BindingError: another route mode is in force, the file names no session, or the running gateway
            does not admit it or does not answer.
    """
    require_mode(app)
    text = active_group()
    key = active_group_key(text) if text is not None else None
    if key is None:
        raise BindingError(
            "ACTIVE_GROUP.md names no session",
            next_step="write the working thread's session key into ACTIVE_GROUP.md of the workspace",
            code="binding.no_active_group",
        )
    return _bind(app, target, key, "current", live, text)


def bind(
    app: App, session_key: str, active_group: ActiveGroup, live: Live, target: str | None = None
) -> BindingChange:
    """Binds a thread to a session that is named.

    Args:
        session_key: such as `feishu:default:oc_1`.
        target: as in `bind_current`.

    Raises:
        As `bind_current`; BindingError also where it is no session key, or another thread's own session.
    """
    require_mode(app)
    key = session_key.strip()
    if active_group_key(key) != key:
        raise BindingError(
            f"{quoted(session_key, 80)} is no session key",
            next_step="name one such as feishu:default:oc_1: two or more parts, with ':' between them",
            code="binding.bad_key",
        )
    return _bind(app, target, key, "set", live, active_group())


def clear(app: App, target: str | None = None) -> BindingChange:
    """Takes a thread's binding away: it follows ACTIVE_GROUP.md again.

    Args:
        target: as in `bind_current`.

    Raises:
        ThreadError: there is no such thread, or none is focused.
        BindingError: another route mode is in force.
    """
    require_mode(app)
    session = find_session(app, target)
    with app.store.write():
        before = app.store.bindings.get(session.thread_id)
        if before is not None:
            app.store.bindings.remove(session.thread_id)
            app.store.events.add("session.unbound", app.clock(), thread_id=session.thread_id, by=app.caller)
    return BindingChange(session_view(app, session), before, None, changed=before is not None)


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
    app: App, target: str | None, key: str, origin: BindingOrigin, live: Live, active_group: str | None
) -> BindingChange:
    session = find_session(app, target)
    if _is_ingress(key) and key != f"{INGRESS_PREFIX}{session.thread_id}":
        raise BindingError(
            "that is the own session of another agent's thread",
            next_step="bind to a working thread, such as feishu:default:oc_1",
            code="binding.foreign_thread",
        )
    _require_admitted(key, live(), active_group)
    now = app.clock()
    with app.store.write():
        before = app.store.bindings.get(session.thread_id)
        if before is not None and (before.session_key, before.origin) == (key, origin):
            return BindingChange(session_view(app, session), before, before, changed=False)
        made = Binding(session.thread_id, key, origin, now, app.caller)
        app.store.bindings.put(made)
        app.store.events.add(
            "session.bound", now, thread_id=session.thread_id, by=app.caller, session_key=key
        )
    return BindingChange(session_view(app, session), before, made, changed=True)


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
            next_step=_cure(key, active_group),
            code="binding.not_admitted",
        )


def _prefixes(policy: LivePolicy) -> tuple[str, ...] | None:
    if policy.request_session_key is False:
        return ()
    return policy.prefixes


def _cure(key: str, active_group: str | None) -> str:
    prefix = route_prefix(key)
    if prefix is not None and active_group is not None and route_prefix(active_group) == prefix:
        return _FIX_HERE
    wanted = prefix or "its prefix"
    where = "hooks.allowedSessionKeyPrefixes (or its session to ACTIVE_GROUP.md)"
    return f"add {wanted} to {where}, then {_FIX_HERE}"


def _view(app: App, one: Binding, prefixes: Sequence[str] | None) -> BindingView:
    session = app.store.sessions.get(one.thread_id)
    view = session_view(app, session) if session else None
    return BindingView(one, view, None if prefixes is None else admits(prefixes, one.session_key))
