"""What a row of a tool table is: how it is described to clients, and the function that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from openclaw_install.surfaces.mcp.schema_files import tool_schemas
from openclaw_install.surfaces.tool import Effect

Arguments = Mapping[str, Any]
Body = dict[str, Any]
Caller = TypeVar("Caller")


@dataclass(frozen=True)
class ToolEntry(Generic[Caller]):
    """One tool.

    Attributes:
        name: as clients call it.
        description: for the model that chooses among tools: when to use it, and when not.
        family: the heading under which the manual lists it.
        folder: the folder of `schemas/` that has `<name>.schema.json` with `input` and `output`.
        run: gives the structured answer, or raises InstallError for a tool error.
        text: what of that answer clients without structured content get; at most `MOST_TEXT` characters.
        read_only: whether it changes nothing, here or elsewhere.
        destructive: whether it can undo or overwrite something.
        idempotent: whether a repetition with the same arguments changes nothing more.
        open_world: whether it reaches beyond this host.
    """

    name: str
    title: str
    description: str
    family: str
    folder: str
    run: Callable[[Caller, Arguments], Awaitable[Body]]
    text: Callable[[Body], str]
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    open_world: bool = False

    @property
    def input_schema(self) -> dict[str, Any]:
        return tool_schemas(self.folder, self.name)["input"]

    @property
    def answer_schema(self) -> dict[str, Any]:
        return tool_schemas(self.folder, self.name)["output"]

    @property
    def effect(self) -> Effect:
        return Effect(self.read_only, self.destructive, self.idempotent, self.open_world)
