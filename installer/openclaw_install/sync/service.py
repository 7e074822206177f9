"""The interface of a skill service (Protocol): three calls, their answers, and how often each is tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from openclaw_install.common import backoff

OutcomeKind = Literal["acknowledged", "refused", "unconfirmed", "failed", "not_sent"]


@dataclass(frozen=True)
class Agent:
    """An agent that skills can be synced to.

    Attributes:
        id: what the service calls it.
        name: what people call it; may be empty.
        running: whether its dev pod runs; None where the service does not say.
    """

    id: str
    name: str = ""
    running: bool | None = None

    @property
    def label(self) -> str:
        """How it is shown: name and id."""
        return f"{self.name} ({self.id})" if self.name and self.name != self.id else self.id


@dataclass(frozen=True)
class Upload:
    """One skill on its way up; `sha256` is that of the content's UTF-8 bytes."""

    name: str
    sha256: str
    content: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What became of one upload.

    Attributes:
        skill: the skill's name.
        kind: `acknowledged` only where the answer is about that very skill; `refused` where it says no;
            `unconfirmed`: it answered twice and said neither; `failed` on the way, so that nobody knows;
            `not_sent`.
        live: whether the agent works with it already; None where the answer does not say.
        code: the cause of a failure as a word, the service's own for a refusal.
        detail: what it answered, shortened and without control characters, or why that failed.
        next_step: what to do about a failure.
    """

    skill: str
    kind: OutcomeKind
    live: bool | None = None
    code: str = ""
    detail: str = ""
    next_step: str = ""


class SkillService(Protocol):
    """A skill service with a session of its own; every call may raise a `ServiceError`."""

    async def list_agents(self) -> Sequence[Agent]:
        """The agents that the key may use."""

    async def sync_skill(self, agent_id: str, upload: Upload) -> Outcome:
        """Stores one skill for an agent, over the one of the same name.

        Raises:
            ServiceError: no answer that says either yes or no about this skill.
        """

    async def sync_batch(self, agent_id: str, uploads: Sequence[Upload]) -> Mapping[str, Outcome]:
        """Stores several skills in one request; a skill that the result lacks was not answered for.

        Raises:
            ServiceError: the request as a whole failed.
        """


@dataclass(frozen=True)
class RetryPolicy:
    """Bounds on trying again.

    Attributes:
        tries: how often a request is sent at most.
        first_pause: seconds before the second try; each further pause is twice as long, and each is cut by
            up to half of it, by chance.
        longest_pause: seconds; what the service asks for in `Retry-After` is kept to within it.
        call_seconds: how long one try may take, from the first byte sent to the last one read.
    """

    tries: int = 4
    first_pause: float = 0.3
    longest_pause: float = 30.0
    call_seconds: float = 60.0

    def pause(self, tried: int, asked: float | None, jitter: float) -> float | None:
        """Seconds to wait before the next try; None when there is to be none.

        Args:
            tried: how many tries were made.
            asked: what the service asked for, if it did.
            jitter: a random number from 0 to 1, by which the pauses of many clients differ.
        """
        if tried >= self.tries:
            return None
        if asked is not None:
            return None if asked > self.longest_pause else asked + 0.1 * jitter
        return backoff.pause(tried, jitter, base=self.first_pause, most=self.longest_pause)
