"""Which skills and which agents are meant: by name, all, or as a person answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from openclaw_install.common.errors import UsageError
from openclaw_install.sync.errors import APP_URL, SyncError
from openclaw_install.sync.inventory import Inventory, LocalSkill
from openclaw_install.sync.service import Agent

ALL = "all"
_SHOWN = 40


class Operator(Protocol):
    """Whoever runs the command; see `cli.sync_terminal` for the real one."""

    @property
    def present(self) -> bool:
        """Whether somebody can answer questions."""

    @property
    def agreed(self) -> bool:
        """Whether `--yes` was given, which answers questions of consent."""

    def tell(self, line: str) -> None:
        """Shows one line."""

    def confirm(self, question: str) -> bool:
        """Asks a question that is answered by yes or no."""

    def ask(self, question: str) -> str:
        """Asks a question that is answered by words."""

    def open_page(self, url: str) -> bool:
        """Opens a page in the browser; whether that could be done."""

    def progress(self, done: int, total: int) -> None:
        """Shows how far the uploads are."""


def choose_skills(
    inventory: Inventory, names: Sequence[str], operator: Operator, *, everything: bool
) -> tuple[tuple[LocalSkill, ...], bool]:
    """The skills that are meant, and whether these are all; a person is asked where nothing was said.

    Raises:
        UsageError: nothing was said and nobody can be asked, or a name fits nothing.
        SyncError: `sync.cancelled`.
    """
    if everything and names:
        raise UsageError("names and --all exclude each other", next_step="give either names or --all")
    offered = [skill for skill in inventory.skills if not skill.problem and not skill.only_by_name]
    some = _listed([skill.name for skill in offered])
    if not (everything or names):
        if not operator.present:
            raise UsageError(
                "nothing was chosen: neither names nor --all",
                next_step=f"add --all, or name some of: {some}"
                if offered
                else "there are no skills to sync yet",
                code="usage.nothing_chosen",
            )
        for skill in offered:
            operator.tell(f"  {skill.name}  {skill.path}")
        answer = _answer(operator, f"Sync which of these {len(offered)}? (all, names, or cancel)")
        names = answer.replace(",", " ").split()
        everything = names == [ALL]
    if everything:
        return tuple(skill for skill in inventory.skills if not skill.only_by_name), True
    unknown = sorted(set(names) - {skill.name for skill in inventory.skills})
    if unknown:
        raise UsageError(
            f"there is no skill called {', '.join(unknown)}",
            next_step=f"name skills from: {some}",
            code="usage.no_such_skill",
        )
    return tuple(skill for skill in inventory.skills if skill.name in names), False


def choose_agents(agents: Sequence[Agent], wanted: Sequence[str], operator: Operator) -> tuple[Agent, ...]:
    """The agents that are meant; a person is asked where there are several and none was named.

    Args:
        agents: those of the service.
        wanted: ids, names or `all`; none of them if nothing was said.
        operator: who is asked.

    Raises:
        SyncError: `sync.no_agents`, or the answer was to cancel.
        UsageError: one is unknown, a name fits several, or nobody can be asked.
    """
    if not wanted and len(agents) > 1:
        if not operator.present:
            raise UsageError(
                "there are several agents, and none was named",
                next_step=f"add --agent ID (or --agent all): {_listed([agent.label for agent in agents])}",
                code="usage.agent",
            )
        for agent in agents:
            operator.tell(f"  {agent.label}{'  running' if agent.running else ''}")
        wanted = [_answer(operator, "Sync to which agent? (id, name, all, or cancel)")]
    return named_agents(agents, wanted)


def named_agents(agents: Sequence[Agent], wanted: Sequence[str]) -> tuple[Agent, ...]:
    """The agents with these ids or names; all of them for `all`, or if nothing was said.

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
    if not wanted or ALL in wanted:
        return tuple(agents)
    found = {named_agent(agents, word) for word in wanted}
    return tuple(agent for agent in agents if agent in found)


def _answer(operator: Operator, question: str) -> str:
    """What a person answers.

    Raises:
        SyncError: `sync.cancelled`: to cancel, or nothing.
    """
    answer = operator.ask(question).strip()
    if answer.strip(" ,") in ("", "cancel"):
        raise SyncError(
            "cancelled; nothing was sent", next_step="run the command again", code="sync.cancelled"
        )
    return answer


def named_agent(agents: Sequence[Agent], word: str, option: str = "--agent") -> Agent:
    """The one agent with this id or name.

    Args:
        agents: those of the service.
        word: its id or its name.
        option: which option gave the word.

    Raises:
        UsageError: it is unknown, or the name fits several.
    """
    by_id = [agent for agent in agents if agent.id == word]
    fits = by_id or [agent for agent in agents if agent.name == word]
    fits = fits or [agent for agent in agents if agent.name.casefold() == word.casefold()]
    if len(fits) == 1:
        return fits[0]
    problem = f"several agents are called {word}" if fits else f"there is no agent {word}"
    raise UsageError(
        problem,
        next_step=f"give {option} one id of: {_listed([agent.label for agent in fits or agents])}",
        code="usage.no_such_agent",
    )


def _listed(words: Sequence[str]) -> str:
    """A list for a sentence, cut where it gets long."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more
