"""JSON Schemas and argument checks, derived by pydantic from signatures of actions and from frozen records.

Only MCP servers and `make schemas` import this module: pydantic is too slow to load for a command.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from openclaw_install.common.docstrings import described
from openclaw_install.common.errors import InstallError

Schema = dict[str, Any]
Action = Callable[..., Any]
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_BY_NAME = frozenset({"properties", "$defs"})
_NULL = {"type": "null"}
_SHAPES = "#/$defs/"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class ArgumentError(InstallError):
    """The arguments of a call break the tool's input schema."""

    code = "invalid_arguments"


class _Generator(GenerateJsonSchema):
    """Says of each record that it has exactly its fields, with the descriptions that docstrings give.

    An answer has all of them, so that its schema lists no defaults.
    """

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        made = super().dataclass_schema(schema)
        properties = made.get("properties", {})
        for kind in schema["cls"].__mro__:  # a class says more of its fields than the ones below it
            for name, text in described(kind).names.items():
                if name in properties:
                    properties[name].setdefault("description", text)
        made["additionalProperties"] = False
        if self.mode == "serialization":
            made["required"] = list(properties)
            for one in properties.values():
                one.pop("default", None)
        made.pop("description", None)
        return made


@cache
def input_schema(action: Action) -> Schema:
    """The JSON Schema of an action's arguments: every parameter after the first."""
    schema = _arguments(action).model_json_schema(schema_generator=_Generator)
    made = {"additionalProperties": False, "required": [], **_concise(schema)}
    made["properties"] = {name: _without_null(one) for name, one in made.get("properties", {}).items()}
    return made


@cache
def record_schema(record: Any) -> Schema:
    """The JSON Schema of a record (or of a union of records) as `jsonable` writes it."""
    schema = TypeAdapter(record).json_schema(mode="serialization", schema_generator=_Generator)
    concise: Schema = _concise(schema)
    return concise


def output_schema(action: Action) -> Schema:
    """The JSON Schema of what an action returns."""
    return record_schema(get_type_hints(action, include_extras=True)["return"])


def without_descriptions(schema: Any) -> Any:
    """The same rules without the texts for people: clients check answers by it, models do not read it.

    The type beside the values that are allowed goes too.
    """
    if isinstance(schema, list):
        return [without_descriptions(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    said = {"description"} | ({"type"} if schema.keys() & {"enum", "const"} else set())
    return {
        key: {name: without_descriptions(part) for name, part in value.items()}
        if key in _BY_NAME
        else without_descriptions(value)
        for key, value in schema.items()
        if key not in said
    }


def compact(schema: Schema) -> Schema:
    """The same rules in few characters: no texts for people, and in `$defs` only shapes that are shared."""
    bare: Schema = without_descriptions(schema)
    shapes = bare.pop("$defs", {})
    text = json.dumps([bare, shapes])
    once = {name for name in shapes if text.count(f'"{_SHAPES}{name}"') == 1}
    single = {name: shape for name, shape in shapes.items() if name in once}
    made: Schema = _with_shapes(bare, single)
    shared = {name: _with_shapes(shape, single) for name, shape in shapes.items() if name not in once}
    return {**made, "$defs": shared} if shared else made


def _with_shapes(schema: Any, shapes: Mapping[str, Schema]) -> Any:
    """A schema with these shapes in the place of references to them."""
    if isinstance(schema, list):
        return [_with_shapes(one, shapes) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix(_SHAPES)
    if name in shapes:
        return _with_shapes(shapes[name], shapes)
    return {key: _with_shapes(value, shapes) for key, value in schema.items()}


def document(schema: Schema, title: str, name: str) -> Schema:
    """A schema as a file of `schemas/`.

    Args:
        name: of the file, without its ending.
    """
    head = {"$schema": _DIALECT, "$id": f"https://openclaw-install.invalid/schemas/{name}.schema.json"}
    return {**head, "title": title, **schema}


def checked(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the action takes them, records included; what was not given is left to its defaults.

    Raises:
        ArgumentError: the first rule that is broken, by place; the value itself is never quoted.
    """
    model = _arguments(action)
    for name, value in arguments.items():
        if not _is_unicode(value):
            raise ArgumentError(
                f"the argument {_shown(name)} must be Unicode text: it has half a character",
                next_step="call the tool again with arguments that its input schema admits",
            )
    try:
        given = model.model_validate_json(json.dumps(dict(arguments)))
    except ValidationError as error:
        raise _argument_error(error, list(model.model_fields)) from None
    return {name: getattr(given, name) for name in given.model_fields_set}


def _is_unicode(value: Any) -> bool:
    """Whether no text in it has half of a surrogate pair, which JSON can write and no reader takes."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _arguments(action: Action) -> type[BaseModel]:
    hints = get_type_hints(action, include_extras=True)
    texts = described(action).names
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(action).parameters.items())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=texts.get(name)))
    return create_model(action.__name__, __config__=_STRICT, **fields)


def _argument_error(error: ValidationError, allowed: list[str]) -> ArgumentError:
    first = error.errors(include_url=False, include_input=False, include_context=True)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(allowed) if allowed else "none"
        return ArgumentError(
            f"there is no argument {_shown(place)}"
            if len(first["loc"]) == 1
            else f"{_shown(place)} has no place",
            next_step=f"the arguments are: {known}",
        )
    rule = "is missing" if first["type"] == "missing" else _rule(first["msg"])
    return ArgumentError(
        f"the argument {_shown(place)} {rule}" if place else "the arguments are no JSON object",
        next_step="call the tool again with arguments that its input schema admits",
    )


def _rule(message: str) -> str:
    """Pydantic's words for a broken rule as the end of a sentence; they name the rule and no value."""
    return message.removeprefix("Input ").replace("should", "must", 1)[:200]


def _shown(place: str) -> str:
    from openclaw_install.common.shown_text import quoted

    return quoted(place, 80)


def _concise(schema: Any) -> Any:
    """Without pydantic's titles, which repeat the names, and with `type: [T, null]` for what may be null."""
    if isinstance(schema, list):
        return [_concise(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: _concise(part) for name, part in value.items()} if key in _BY_NAME else _concise(value)
        for key, value in schema.items()
        if key != "title"
    }
    alternatives = kept.get("anyOf", [])
    if len(alternatives) == 2 and alternatives[1] == _NULL and isinstance(alternatives[0].get("type"), str):
        first = kept.pop("anyOf")[0]
        values = {"enum": [*first["enum"], None]} if "enum" in first else {}
        return {**kept, **first, **values, "type": [first["type"], "null"]}
    return kept


def _without_null(schema: Schema) -> Schema:
    """An argument that may be left out, as clients are told of it; null is taken too, and not mentioned."""
    if schema.get("default", ...) is not None:
        return schema
    rest = {key: value for key, value in schema.items() if key != "default"}
    if isinstance(rest.get("type"), list):
        values = {"enum": [one for one in rest["enum"] if one is not None]} if "enum" in rest else {}
        return {**rest, **values, "type": rest["type"][0]}
    alternatives = [one for one in rest.pop("anyOf", []) if one != _NULL]
    return {**rest, **(alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives})}
