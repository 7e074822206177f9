"""The marks at which a list goes on: given to the caller, and refused where no list gave them."""

from __future__ import annotations

import base64
import json
import math

from openclaw_install.common.errors import UsageError


def write_page(at: float, key: str) -> str:
    """The mark after the row of this time and key."""
    return base64.urlsafe_b64encode(json.dumps([at, key]).encode()).decode()


def read_page(page: str | None, prefix: str) -> tuple[float, str] | None:
    """The time and key of a mark; None where the list begins.

    Args:
        prefix: with which all keys of that list begin.

    Raises:
        UsageError: `page` is no mark of that list.
    """
    if page is None:
        return None
    try:
        at, key = json.loads(base64.urlsafe_b64decode(page.encode()))
        if is_key(key, prefix) and math.isfinite(at):
            return float(at), key
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise no_page()


def is_key(value: object, prefix: str) -> bool:
    """Whether it is of the list whose keys begin so, and can be compared with them."""
    return isinstance(value, str) and value.isascii() and value.startswith(prefix)


def no_page() -> UsageError:
    """What is said of a mark that the list asked for did not give."""
    return UsageError("this is no page of that list", next_step="begin at the first page again")
