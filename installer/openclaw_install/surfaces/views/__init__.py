"""One text for each kind of answer, shared by the command line and the MCP servers."""

from __future__ import annotations

from functools import singledispatch
from importlib import import_module
from typing import Any

from openclaw_install.surfaces.views.text import Text

_FAMILIES = {
    "host": ("skills",),
    "hub": ("hub",),
    "messaging": ("bindings", "contacts", "identity", "messages", "overview", "sessions", "trust"),
    "runtime": ("runtime",),
    "setup": ("setup", "status"),
    "sync": ("sync",),
}
"""The modules with the views of each floor's records."""


@singledispatch
def view(answer: Any) -> Text:
    """The text of an answer; the views of a floor's records are loaded with the first of them.

    Raises:
        TypeError: no view is registered for this kind of answer; add one beside those of its family.
    """
    floor = type(answer).__module__.removeprefix("openclaw_install.").partition(".")[0]
    for family in _FAMILIES.get(floor, ()):
        import_module(f"{__name__}.{family}")
    show = view.dispatch(type(answer))
    if show is _UNKNOWN:
        raise TypeError(f"there is no view of a {type(answer).__name__}")
    return show(answer)


_UNKNOWN = view.dispatch(object)
