"""What the shell completes: threads, aliases and DIDs that the store knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from openclaw_install.common.shown_text import neutral

if TYPE_CHECKING:
    from openclaw_install.messaging.store import Store

_MOST = 50
_LOOKED_AT = 1000


def _items(
    context: click.Context, _parameter: click.Parameter, incomplete: str, *, threads: bool
) -> list[CompletionItem]:
    found = known_names(_profile(context), incomplete, threads=threads)
    return [CompletionItem(value, help=neutral(about)) for value, about in found]


agents = partial(_items, threads=False)
"""Completes DIDs and aliases that begin with what was typed; where there is no store nothing is made."""
agents_and_threads = partial(_items, threads=True)
"""As `agents`, and the ids of threads."""


def known_names(profile: str | None, begun: str, *, threads: bool) -> list[tuple[str, str]]:
    """Names with a word about each, at most 50. Aliases come first: `:` in a DID is a problem for bash."""
    from openclaw_install.common.errors import InstallError
    from openclaw_install.messaging.store import Store
    from openclaw_install.surfaces.cli.options import PingOptions

    try:
        path = PingOptions(profile=profile).paths().store
        if not path.is_file():
            return []
        with Store(path, lock_seconds=0.5) as store:
            return _matching(store, begun, threads=threads)[:_MOST]
    except InstallError:
        return []


def _matching(store: Store, begun: str, *, threads: bool) -> list[tuple[str, str]]:
    from openclaw_install.messaging.untrusted import Reader
    from openclaw_install.surfaces.cli.options import operator

    reader = Reader(operator())
    contacts = [(one, reader.open(one.alias)) for one in store.contacts.listed(limit=_LOOKED_AT)]
    found = sorted((f"@{alias}", one.did) for one, alias in contacts if alias)
    if threads and begun.startswith("c_"):
        found += [(thread, "thread") for thread in store.sessions.with_prefix(begun, _MOST)]
    found += [(one.did, alias or one.state) for one, alias in contacts]
    return [(name, about) for name, about in found if name.startswith(begun)]


def _profile(context: click.Context | None) -> str | None:
    while context is not None:
        if value := context.params.get("profile"):
            return str(value)
        context = context.parent
    return None
