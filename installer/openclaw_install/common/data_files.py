"""Finds the folders that ship with the package (`skills`, `hooks`, `schemas`), installed or in a checkout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from openclaw_install.common.errors import BundleError

DataFolder = Literal["skills", "hooks", "schemas"]
_PACKAGE = Path(__file__).resolve().parent.parent


def data_folder(name: DataFolder) -> Path:
    """The folder `name` of the wheel's data, or of the checkout that this package is imported from.

    Raises:
        BundleError: neither exists, so the installation is damaged.
    """
    for candidate in (_PACKAGE / "data" / name, _PACKAGE.parent.parent / name):
        if candidate.is_dir():
            return candidate
    raise BundleError(
        f"the folder {name!r} that ships with openclaw-install is missing",
        next_step="reinstall it: pip install --force-reinstall openclaw-install",
        code="bundle.data_missing",
    )


@cache
def load_schema(name: str) -> dict[str, Any]:
    """The JSON Schema `schemas/<name>.schema.json`, parsed once a process."""
    text = (data_folder("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
