"""The arguments that several actions take: their bounds, as the schemas say them, and the marks of pages."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Annotated, Any

from openclaw_install.common.errors import UsageError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MOST = 200
_MOST_NUMBER = 2**53 - 1


class Rule:
    """A bound of an argument, by pydantic's name for it; pydantic finds the method, and a command needs none.

    Args:
        bounds: `ge`, `le`, `min_length`, `max_length`, `pattern` (the whole text has to match).
    """

    def __init__(self, **bounds: int | str) -> None:
        self._bounds = bounds

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        return {**schema, **self._bounds}


Rows = Annotated[int, Rule(ge=1, le=MOST)]
Page = Annotated[str, Rule(min_length=1, max_length=400)]
Count = Annotated[int, Rule(ge=1)]
Number = Annotated[int, Rule(ge=1, le=_MOST_NUMBER)]
Cursor = Annotated[int, Rule(ge=0, le=_MOST_NUMBER)]
AgentName = Annotated[str, Rule(min_length=1, max_length=128)]
Text = Annotated[str, Rule(min_length=1, max_length=65_536)]
Key = Annotated[str, Rule(pattern="^[!-~]+$", min_length=1, max_length=200)]
MessageId = Annotated[str, Rule(pattern="^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}(?:[0-9A-HJKMNP-TV-Z]{8})?$")]
Seconds = Annotated[float, Rule(ge=0, le=60)]
Reason = Annotated[str, Rule(max_length=500)]
Operator = Annotated[str, Rule(pattern="^[A-Za-z0-9_.@:-]{1,64}$")]


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
