"""The kinds of arguments that several actions take, with the bounds that their schemas say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Le, MaxLen, MinLen

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MOST = 200
_MOST_NUMBER = 2**53 - 1


@dataclass(frozen=True)
class Pattern:
    """A regular expression that the whole text has to match; pydantic finds the method."""

    regex: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        return {**schema, "pattern": self.regex}


Rows = Annotated[int, Ge(1), Le(MOST)]
Page = Annotated[str, MinLen(1), MaxLen(400)]
Count = Annotated[int, Ge(1)]
Number = Annotated[int, Ge(1), Le(_MOST_NUMBER)]
Cursor = Annotated[int, Ge(0), Le(_MOST_NUMBER)]
AgentName = Annotated[str, MinLen(1), MaxLen(128)]
Text = Annotated[str, MinLen(1), MaxLen(65_536)]
Key = Annotated[str, Pattern("^[!-~]+$"), MinLen(1), MaxLen(200)]
MessageId = Annotated[str, Pattern("^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}(?:[0-9A-HJKMNP-TV-Z]{8})?$")]
Seconds = Annotated[float, Ge(0), Le(60)]
Operator = Annotated[str, Pattern("^[A-Za-z0-9_.@:-]{1,64}$")]
