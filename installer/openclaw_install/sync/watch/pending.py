"""Derives from the ledger which skills the agents have not acknowledged; nothing else is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from openclaw_install.sync.inventory import FACT_VERSION
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import plan
from openclaw_install.sync.service import Agent
from openclaw_install.sync.watch.index import View
from openclaw_install.sync.watch.ledger_thread import LedgerThread

_Edition = tuple[int, int]


class PendingSkills:
    """Reads which skills are pending.

    Args:
        desk: the open ledger.
        endpoint: the key of the ledger's rows.
        agents: those that the skills go to.
    """

    def __init__(self, ledger_thread: LedgerThread, endpoint: str, agents: Sequence[Agent]) -> None:
        self._ledger = ledger_thread
        self._endpoint = endpoint
        self._agents = agents
        self._nothing_at: _Edition | None = None  # the ledger by which nothing was pending

    async def read(self, view: View) -> Mapping[str, frozenset[str]]:
        """The names of the skills that are pending, by agent; also keeps what the view learned.

        Raises:
            FileError: the ledger cannot be used.
        """
        self._nothing_at = None
        edition, pending = await self._ledger.do(partial(_pending, self._endpoint, view, self._agents))
        if not any(pending.values()):
            self._nothing_at = edition
        return pending

    async def may_differ(self) -> bool:
        """Whether something may be pending though the skills are those that were read for last.

        Raises:
            FileError: the ledger cannot be used.
        """
        return self._nothing_at is None or await self._ledger.do(_edition) != self._nothing_at


def _edition(ledger: Ledger) -> _Edition:
    """A pair of numbers that changes with every change that others, or we, make in the ledger."""
    ((by_others,),) = ledger.query("PRAGMA data_version")
    return by_others, ledger.connection.total_changes


def _pending(
    endpoint: str, view: View, agents: Sequence[Agent], ledger: Ledger
) -> tuple[_Edition, dict[str, frozenset[str]]]:
    ledger.learn("frontmatter", FACT_VERSION, view.learned)
    edition = _edition(ledger)  # before the reading, so that a change during it is not taken for read
    actions = plan(list(view.skills.values()), ledger.records(endpoint), agents, force=False, now=0.0)
    return edition, {
        agent.id: frozenset(
            action.skill for action in actions if action.sends and action.agent_id == agent.id
        )
        for agent in agents
    }
