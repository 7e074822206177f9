"""Validates documents against the schemas that ship, as a reader of them would."""

from __future__ import annotations

from typing import Any

import jsonschema

from openclaw_install.common.data_files import load_schema


def assert_valid(document: Any, schema: str) -> None:
    """Fails with the first place at which `document` breaks `schemas/<schema>.schema.json`."""
    rules = load_schema(schema)
    jsonschema.Draft202012Validator.check_schema(rules)
    jsonschema.Draft202012Validator(rules).validate(document)
