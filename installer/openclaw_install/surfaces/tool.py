"""What a row of a tool table is: an action, and what its signature does not say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openclaw_install.common.docstrings import described
from openclaw_install.surfaces.schemas import Schema, input_schema, output_schema

MOST_TEXT = 1200
"""Characters of a tool's text; whatever has no room is in the structured answer."""


@dataclass(frozen=True)
class Effect:
    """What a call changes, as MCP's annotations have it.

    Attributes:
        read_only: it changes nothing, here or elsewhere.
        destructive: it can undo or overwrite something.
        idempotent: a repetition with the same arguments changes nothing more.
        open_world: it reaches beyond this host.
    """

    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False


READS = Effect(read_only=True, idempotent=True)
ADDS = Effect()
MARKS = Effect(idempotent=True)
OVERWRITES = Effect(destructive=True, idempotent=True)
REMOVES = Effect(destructive=True)
SENDS = Effect(open_world=True)


@dataclass(frozen=True)
class Tool:
    """One tool: its input schema is the action's signature, its output schema the type that it returns.

    Attributes:
        action: `(app, *, arguments) -> record`; its docstring tells a model when to use it. What other agents
            wrote is opened with `app.reader` when the record is made: an answer holds no `Untrusted`.
            One that waits is a coroutine function and reaches the store by `app.store.run`.
        title: for people.
        family: the heading under which the docs list it.
        named: its name without the prefix of the table, where it is not the action's.
    """

    action: Callable[..., Any]
    title: str
    family: str
    effect: Effect
    prefix: str = "pingagent_"
    named: str = ""

    @property
    def name(self) -> str:
        """As clients call it."""
        return self.prefix + (self.named or self.action.__name__)

    @property
    def description(self) -> str:
        """For the model: when to use it, and when not."""
        return described(self.action).summary

    @property
    def input_schema(self) -> Schema:
        """Of the arguments."""
        return input_schema(self.action)

    @property
    def answer_schema(self) -> Schema:
        """Of an answer that is no error, with descriptions: as the docs and the snapshots have it."""
        return output_schema(self.action)
