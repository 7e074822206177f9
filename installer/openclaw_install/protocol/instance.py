"""Which run of a bridge listens for an agent, and which of two goes on where an identity was copied. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

from openclaw_install.protocol.errors import ProtocolError

_FORM = re.compile(r"([0-9]{1,6})\.([0-9]{1,15})\.([0-9a-f]{16})")
MOST_CLAIMS = 999_999


def is_instance(text: str) -> bool:
    """Whether a text names an instance."""
    return _FORM.fullmatch(text) is not None


class Instance(NamedTuple):
    """One run of a bridge.

    Attributes:
        claims: how often a person said that the identity is used in that place; more wins.
        started: in milliseconds since the epoch by the relay's clock; the one that ran first goes on.
        name: 64 random bits, in hex: a copy of the disk has another one.
    """

    claims: int
    started: int
    name: str

    def __str__(self) -> str:
        return f"{self.claims}.{self.started}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The instance of a text.

        Raises:
            ProtocolError: it is none.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ProtocolError("no instance of a bridge")
        claims, started, name = found.groups()
        return cls(int(claims), int(started), name)

    def gives_way_to(self, other: Instance) -> bool:
        """Whether this one stops and the other goes on: both come to the same end by themselves."""
        return (-other.claims, other.started, other.name) < (-self.claims, self.started, self.name)
