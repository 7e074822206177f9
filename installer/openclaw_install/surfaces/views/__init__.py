"""One text for each kind of answer, shared by the command line and the MCP servers."""

from __future__ import annotations

from functools import singledispatch
from importlib import import_module
from typing import Any

from openclaw_install.surfaces.views.text import Text


@singledispatch
def view(answer: Any) -> Text:
    """The text of an answer.

    Raises:
        TypeError: no view is registered for this kind of answer; add one beside those of its family.
    """
    raise TypeError(f"there is no view of a {type(answer).__name__}")


for _family in ("bindings", "contacts", "messages", "overview", "sessions", "trust"):
    import_module(f"{__name__}.{_family}")  # each registers its views
