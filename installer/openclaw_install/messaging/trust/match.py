"""Whom a rule of the trust policy is about: an agent, an alias, a pattern of either, or everybody. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from openclaw_install.common.errors import InstallError
from openclaw_install.common.shown_text import quoted
from openclaw_install.messaging.untrusted import Untrusted

MOST_CHARACTERS = 96
Field = Literal["did", "alias", "any"]
_DID = re.compile(r"did:agent:[a-z0-9*]+")
_ALIAS = re.compile(r"@[a-z0-9._*-]+")
_WHOLE_DID = re.compile(r"did:agent:[a-z2-7]{32}")


class TrustPolicyError(InstallError):
    """A trust policy, or a change that was asked for, is not what it must be."""

    code = "trust.policy"


@dataclass(frozen=True, init=False)
class Subject:
    """An agent as the policy sees it.

    Attributes:
        did: None where only an alias is supposed; then no rule about DIDs matches.
        alias: folded, without `@`; None where it has none, and then no rule about aliases matches. A plain
            text is the asker's own word.
    """

    did: str | None
    alias: Untrusted[str | None]

    def __init__(self, did: str | None, alias: str | Untrusted[str | None] | None = None) -> None:
        object.__setattr__(self, "did", did)
        known = alias if isinstance(alias, Untrusted) else Untrusted(alias, "ours")
        object.__setattr__(self, "alias", known)

    @property
    def name(self) -> str:
        """How a sentence calls it: an alias that it gave itself is not in it, since sentences go anywhere."""
        supposed = self.alias.carried() if self.alias.standing == "ours" else None
        return self.did or (f"@{supposed}" if supposed else "an unknown agent")


@dataclass(frozen=True)
class Match:
    """What stands in a rule's `match`, read.

    Attributes:
        text: the one spelling of it.
        field: what it is compared with; `any` is `*` alone.
        pieces: the text between the stars; one piece where there is no star.
    """

    text: str
    field: Field
    pieces: tuple[str, ...]

    @property
    def is_exact(self) -> bool:
        """Whether it names one agent or alias."""
        return self.field != "any" and len(self.pieces) == 1

    @property
    def breadth(self) -> int:
        """0 a DID, 1 an alias, 2 a pattern, 3 everybody: a new rule goes before all broader ones."""
        if self.field == "any":
            return 3
        return (0 if self.field == "did" else 1) if self.is_exact else 2

    @property
    def is_idle(self) -> bool:
        """Whether it cannot match anybody: a DID that is too short or too long to be one."""
        return self.field == "did" and self.is_exact and _WHOLE_DID.fullmatch(self.pieces[0]) is None

    def matches(self, subject: Subject) -> bool:
        """Whether the rule is about `subject`."""
        if self.field == "any":
            return True
        value = subject.did if self.field == "did" else subject.alias.carried()
        return value is not None and _fits(self.pieces, value)


def read_match(text: str) -> Match:
    """Reads `*`, `did:agent:...` or `@alias`; in the latter two, `*` stands for any characters, also none.

    Nothing but `*` is special, so a test takes no longer than reading the text a few times. Aliases are
    folded to lower case.

    Raises:
        TrustPolicyError: it is none of these, or longer than 96 characters.
    """
    folded = text.lower() if text.startswith("@") and text.isascii() else text
    folded = re.sub(r"\*{2,}", "*", folded)
    if len(text) <= MOST_CHARACTERS:
        if folded == "*":
            return Match("*", "any", ("", ""))
        if _DID.fullmatch(folded):
            return Match(folded, "did", tuple(folded.split("*")))
        if _ALIAS.fullmatch(folded):
            return Match(folded, "alias", tuple(folded[1:].split("*")))
    raise TrustPolicyError(
        f"{quoted(text, 60)} names no agent",
        next_step="write a DID (did:agent:...), an alias (@name), either with * for any characters, or *",
        code="trust.match",
    )


def covers(wide: Match, narrow: Match) -> bool:
    """Whether `wide` surely matches every agent that `narrow` matches."""
    if wide.field == "any":
        return True
    # A star of `narrow` is no character of any piece, so only a star of `wide` can take it in.
    return wide.field == narrow.field and _fits(wide.pieces, "*".join(narrow.pieces))


def may_overlap(one: Match, other: Match) -> bool:
    """Whether an agent may exist that both match; in doubt, yes."""
    if one.field != other.field or "any" in (one.field, other.field):
        return True
    if one.is_exact or other.is_exact:
        exact, wide = (one, other) if one.is_exact else (other, one)
        return _fits(wide.pieces, exact.pieces[0])
    return _agree(one.pieces[0], other.pieces[0]) and _agree(one.pieces[-1][::-1], other.pieces[-1][::-1])


def _agree(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _fits(pieces: tuple[str, ...], text: str) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        # The leftmost place leaves the most room for the rest, so no other has to be tried.
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
