"""Untrusted text by type: only a Reader opens it, by what was decided about its sender. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, NoReturn, Self, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
# Of whom the words are: of this host itself, or of an agent in that state. `unknown`: nothing was decided.
Standing = Literal["ours", "unknown", "pending", "awaiting_reply", "approved", "rejected", "blocked"]
# Whom a person is behind, and no agent: what was typed with `pingagent`. The index `outbox_by_agent` says it
# in SQL.
PERSON = "cli:"
_OPEN: frozenset[Standing] = frozenset({"ours", "approved"})


def is_person(caller: str) -> bool:
    """Whether somebody at a terminal asks. Whoever asks in another way counts as an agent."""
    return caller.startswith(PERSON)


class Untrusted(Generic[T_co]):
    """What another agent wrote or calls itself, with what was decided about that agent when it was read.

    Neither text nor JSON of it shows the value, so that what forgets to ask a `Reader` tells nothing. Two
    are equal when their values are.

    Args:
        value: the words.
        standing: of their author.
    """

    __slots__ = ("_value", "standing")

    def __init__(self, value: T_co, standing: Standing) -> None:
        self._value = value
        self.standing = standing

    def carried(self) -> T_co:
        """The value, for code that matches it or passes it on and shows it to nobody; never for an answer."""
        return self._value

    def __repr__(self) -> str:
        return f"<words of an agent that is {self.standing}>"

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Untrusted) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(Untrusted)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: Mapping[int, Any]) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("words of other agents are not pickled: the copy would be open")


@dataclass(frozen=True)
class Reader:
    """Somebody who is answered.

    Attributes:
        caller: `cli:alice`, `mcp:<session>`. People see everything, because they decide; an agent sees the
            words of whom a person, or the policy that a person wrote, has approved.
    """

    caller: str

    def opens(self, standing: Standing) -> bool:
        """Whether this reader may see the words of an author of that standing."""
        return is_person(self.caller) or standing in _OPEN

    def open(self, words: Untrusted[T_co]) -> T_co | None:
        """The words; None where they are not for this reader."""
        return words.carried() if self.opens(words.standing) else None


def opened_as(shown: type[T], record: object, reader: Reader, **more: object) -> T:
    """What `reader` may see of a record.

    Args:
        shown: a record class with fields of the same names; where `record` has words of another agent, its
            field is a text, or None where they are not for `reader`.
        more: fields that `record` does not have.
    """
    known = {one.name for one in fields(shown)} - more.keys()  # type: ignore[arg-type]  # records are dataclasses
    values = {name: getattr(record, name) for name in known}
    return shown(
        **{name: reader.open(one) if isinstance(one, Untrusted) else one for name, one in values.items()},
        **more,
    )
