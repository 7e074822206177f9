"""The far side, as this side needs it: three calls, and what an answer to each can mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

OutcomeKind = Literal["acknowledged", "refused"]


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
    """What the service said about one skill.

    Attributes:
        skill: the skill's name.
        kind: `acknowledged` only where the answer is about that very skill; `refused` where it says no.
        live: whether the agent works with it already; None where the answer does not say.
        code: the service's reason for a refusal, as a word.
        detail: what it answered, shortened and without control characters.
    """

    skill: str
    kind: OutcomeKind
    live: bool | None = None
    code: str = ""
    detail: str = ""


@dataclass(frozen=True)
class BatchAnswer:
    """What the service said about many skills.

    Attributes:
        outcomes: by skill; a skill that is missing here was not answered for.
        live: as in `Outcome`, for all of them.
    """

    outcomes: Mapping[str, Outcome]
    live: bool | None = None


class SkillService(Protocol):
    """A skill service with a session of its own; every call may raise a `ServiceError`."""

    async def list_agents(self) -> Sequence[Agent]:
        """The agents that the key may use."""
        ...

    async def sync_skill(self, agent_id: str, upload: Upload) -> Outcome:
        """Stores one skill for an agent, over the one of the same name.

        Raises:
            ServiceError: no answer that says either yes or no about this skill.
        """
        ...

    async def sync_batch(self, agent_id: str, uploads: Sequence[Upload]) -> BatchAnswer:
        """Stores several skills in one request.

        Raises:
            ServiceError: the request as a whole failed.
        """
        ...
