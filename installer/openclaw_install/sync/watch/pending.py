"""Derives from the ledger which skills the agents have not acknowledged; nothing else is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from openclaw_install.sync.inventory import FACT_VERSION
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.planner import Action, plan
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
        self.unconfirmed: tuple[Action, ...] = ()  # what is not sent again by itself

    async def read(self, view: View) -> Mapping[str, frozenset[str]]:
        """The names of the skills that are pending, by agent; also keeps what the view learned.

        Raises:
            FileError: the ledger cannot be used.
        """
        self._nothing_at = None
        edition, actions = await self._ledger.do(partial(_pending, self._endpoint, view, self._agents))
        self.unconfirmed = tuple(action for action in actions if action.kind == "unconfirmed")
        sending = [action for action in actions if action.sends]
        if not sending:
            self._nothing_at = edition
        return {
            agent.id: frozenset(action.skill for action in sending if action.agent_id == agent.id)
            for agent in self._agents
        }

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
) -> tuple[_Edition, tuple[Action, ...]]:
    ledger.learn("frontmatter", FACT_VERSION, view.learned)
    edition = _edition(ledger)  # before the reading, so that a change during it is not taken for read
    records = ledger.records(endpoint)
    return edition, plan(list(view.skills.values()), records, agents, force=False, now=0.0)
