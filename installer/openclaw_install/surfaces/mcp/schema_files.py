"""Reads a tool's schemas from the files that ship, with shared shapes put in where they are referred to."""

from __future__ import annotations

from functools import cache
from typing import Any

from openclaw_install.common.data_files import load_schema


@cache
def tool_schemas(folder: str, tool: str) -> dict[str, dict[str, Any]]:
    """The `input` and the `output` schema of `schemas/<folder>/<tool>.schema.json`.

    Clients and models do not follow references to other files, so none are left in what is served.
    """
    shapes = load_schema(f"{folder}/shapes")["$defs"]
    parts = load_schema(f"{folder}/{tool}")["properties"]
    return {name: _inlined(parts[name], shapes) for name in ("input", "output")}


@cache
def shape(folder: str, name: str) -> dict[str, Any]:
    """One shared shape of `schemas/<folder>/shapes.schema.json`, with the shapes that it refers to put in."""
    shapes = load_schema(f"{folder}/shapes")["$defs"]
    inlined: dict[str, Any] = _inlined(shapes[name], shapes)
    return inlined


def _inlined(value: Any, shapes: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_inlined(one, shapes) for one in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if reference is None:
        return {key: _inlined(one, shapes) for key, one in value.items()}
    # Within the shapes' own file the file's name is left out.
    named = shapes[reference.removeprefix("shapes.schema.json").removeprefix("#/$defs/")]
    # What stands beside the reference is more exact than the shape.
    return {**_inlined(named, shapes), **{key: one for key, one in value.items() if key != "$ref"}}
