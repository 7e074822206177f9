"""Which skills and which agents are meant (pure): by name, all, or an error that lists what there is."""

from __future__ import annotations

from collections.abc import Sequence

from openclaw_install.common.errors import UsageError
from openclaw_install.sync.errors import APP_URL, SyncError
from openclaw_install.sync.inventory import Inventory, LocalSkill
from openclaw_install.sync.service import Agent

ALL = "all"
_SHOWN = 40


def chosen_skills(inventory: Inventory, names: Sequence[str]) -> tuple[LocalSkill, ...]:
    """The skills of these names; with no names, all that are the operator's own.

    Raises:
        UsageError: a name that no skill has.
    """
    if not names:
        return tuple(skill for skill in inventory.skills if not skill.shipped)
    known = {skill.name for skill in inventory.skills}
    unknown = sorted(set(names) - known)
    if unknown:
        raise UsageError(
            f"there is no skill called {', '.join(unknown)}",
            next_step=f"name skills from: {listed([skill.name for skill in offered(inventory)])}",
            code="usage.no_such_skill",
        )
    return tuple(skill for skill in inventory.skills if skill.name in names)


def offered(inventory: Inventory) -> tuple[LocalSkill, ...]:
    """The operator's own skills that can go up."""
    return tuple(skill for skill in inventory.skills if not skill.problem and not skill.shipped)


def chosen_agents(agents: Sequence[Agent], wanted: Sequence[str]) -> tuple[Agent, ...] | None:
    """The agents that are meant; None where somebody has to choose.

    Args:
        agents: those of the service.
        wanted: ids, names or `all`; none of them if nothing was said.

    Raises:
        SyncError: `sync.no_agents`.
        UsageError: one is unknown, or a name fits several.
    """
    if not agents:
        raise SyncError(
            "there is no agent to sync to",
            next_step=f"create one at {APP_URL} (on your own hub: openclaw-install hub agents create), "
            "then run the command again",
            code="sync.no_agents",
        )
    if not wanted:
        return (agents[0],) if len(agents) == 1 else None
    if ALL in wanted:
        return tuple(agents)
    found = dict.fromkeys(_agent(agents, word) for word in wanted)
    return tuple(agent for agent in agents if agent in found)


def _agent(agents: Sequence[Agent], word: str) -> Agent:
    by_id = [agent for agent in agents if agent.id == word]
    fits = by_id or [agent for agent in agents if agent.name == word]
    fits = fits or [agent for agent in agents if agent.name.casefold() == word.casefold()]
    if len(fits) == 1:
        return fits[0]
    problem = f"several agents are called {word}" if fits else f"there is no agent {word}"
    raise UsageError(
        problem,
        next_step=f"give --agent one id of: {listed([agent.label for agent in fits or agents])}",
        code="usage.no_such_agent",
    )


def agents_not_said(agents: Sequence[Agent]) -> UsageError:
    """The error for several agents where nobody can be asked."""
    return UsageError(
        "there are several agents, and none was named",
        next_step=f"add --agent ID (or --agent all): {listed([agent.label for agent in agents])}",
        code="usage.agent",
    )


def skills_not_said(inventory: Inventory) -> UsageError:
    """The error for no names and no `--all` where nobody can be asked."""
    names = [skill.name for skill in offered(inventory)]
    return UsageError(
        "nothing was chosen: neither names nor --all",
        next_step=f"add --all, or name some of: {listed(names)}"
        if names
        else "there are no skills to sync yet",
        code="usage.nothing_chosen",
    )


def listed(words: Sequence[str]) -> str:
    """A list for a sentence, cut where it gets long."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
