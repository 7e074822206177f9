"""The kinds of arguments that several actions take, with the bounds that their schemas say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
Operator = Annotated[str, Rule(pattern="^[A-Za-z0-9_.@:-]{1,64}$")]
