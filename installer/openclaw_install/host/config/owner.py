"""Decides whether edits belong into the root config file, or into one that it includes."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.config.edit import Edit, Remove
from openclaw_install.host.config.includes import Origin
from openclaw_install.host.config.paths import dotted


def editable(document: ConfigDocument, edits: Sequence[Edit]) -> None:
    """Makes sure that each edit can be made in the root file and will then be what OpenClaw reads.

    Raises:
        ConfigError: `config.owned_by_include`: an included file holds the key or a part of it, so a change in
            the root file would be merged with that; the message names the file to edit.
            `config.encoding`: the root file is not UTF-8.
    """
    _ = document.text
    for edit in edits:
        foreign = _foreign(document, edit)
        if foreign:
            raise ConfigError(
                f"{dotted(edit.path)} comes from {foreign}, which {document.path} includes",
                next_step=f"make the change in {foreign} by hand",
                code="config.owned_by_include",
            )


def _foreign(document: ConfigDocument, edit: Edit) -> str:
    """The included file that stands against the edit, or an empty text."""
    here = document.origin
    for part in edit.path:
        others = [str(file) for file in here.files if file != document.path]
        if others and (document.path not in here.files or isinstance(part, int)):
            return others[-1]  # in a joined list no place means the same as in the root file
        if part not in here.children:
            return ""  # a new key beside included ones merges with nothing
        here = here.children[part]
    others = [str(file) for file in _contributors(here) if file != document.path]
    overrides = not isinstance(edit, Remove) and not isinstance(edit.value, dict | list)
    if others and overrides and document.path in here.files:
        return ""  # a plain value beside `$include` wins over the included one, whatever that is
    return others[-1] if others else ""


def _contributors(origin: Origin) -> list[object]:
    found: list[object] = list(origin.files)
    for child in origin.children.values():
        found += _contributors(child)
    return found
