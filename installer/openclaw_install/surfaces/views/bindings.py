"""The texts about session bindings. Pure."""

from __future__ import annotations

from openclaw_install.common.shown_text import cut, neutral
from openclaw_install.messaging.models.bindings import BindingChange, BindingPage, BoundThread
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.contacts import peer_name
from openclaw_install.surfaces.views.text import Text


@view.register
def binding_page(page: BindingPage) -> Text:
    """Which thread goes where, and whether that counts."""
    if not page.in_use:
        return Text(
            [
                f"Not in use: the route mode is {page.route_mode}, so each thread has a session of its own. "
                f"Kept bindings: {page.total}."
            ]
        )
    prefixes = page.admitted_prefixes
    admitted = "it did not say" if prefixes is None else ", ".join(map(neutral, prefixes)) or "none"
    return Text(
        head=[
            f"{page.total} bindings. "
            f"ACTIVE_GROUP.md: {cut(neutral(page.active_group or 'no session'), 150)}.",
            cut(f"The running gateway admits: {admitted}.", 300),
        ],
        rows=[_bound_row(one) for one in page.bindings],
        tail=[f"More: page={page.next_page}"] if page.next_page else [],
    )


def _bound_row(one: BoundThread) -> str:
    state = " [not admitted: goes to its own session]" if one.admitted is False else ""
    return f"- {one.thread_id} -> {cut(neutral(one.session_key), 150)}{state}"


@view.register
def binding_change(done: BindingChange) -> Text:
    """What a thread is bound to now."""
    where = "follows ACTIVE_GROUP.md"
    if done.binding is not None:
        where = f"goes to {cut(neutral(done.binding.session_key), 520)}"
    same = "" if done.changed else " as before"
    return Text([f"{done.thread_id} with {peer_name(done.peer)} {where}{same}; from the next message on."])
