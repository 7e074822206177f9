"""What happens before anything is sent: skills found and chosen, contents read, the gate asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import UsageError
from openclaw_install.common.files import sha256
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.host import skill_host
from openclaw_install.sync import choice
from openclaw_install.sync.errors import SyncError
from openclaw_install.sync.gate import GATE_VERSION, SecretFinding, scan
from openclaw_install.sync.inventory import (
    FACT_VERSION,
    SHIPPED_SOURCES,
    Inventory,
    LocalSkill,
    sync_roots,
    take_inventory,
)
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.operator import Operator
from openclaw_install.sync.planner import Action
from openclaw_install.sync.service import Agent, Upload

Verdicts = Mapping[str, tuple[SecretFinding, ...]]


def inventory_of(location: HostLocation, roots: Sequence[Path], ledger: Ledger) -> Inventory:
    """The skills of a located host; what is learned about contents goes into the ledger.

    Raises:
        ConfigError: the host's config cannot be read.
        UsageError: a root is no folder.
        FileError: the ledger cannot be used.
    """
    host = skill_host(location, read_config(location.config_path, location.env))
    found = take_inventory(host, roots, lambda hashes: ledger.facts("frontmatter", FACT_VERSION, hashes))
    ledger.learn("frontmatter", FACT_VERSION, found.learned)
    return found


def own_roots(location: HostLocation, roots: Sequence[Path]) -> tuple[str, ...]:
    """The folders in which the operator's own skills lie, or may lie one day.

    Raises:
        ConfigError, UsageError: as `inventory_of`.
    """
    host = skill_host(location, read_config(location.config_path, location.env))
    return tuple(root.path for root in sync_roots(host, roots) if root.source not in SHIPPED_SOURCES)


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
    if everything or names:
        return choice.chosen_skills(inventory, names), everything
    if not operator.present:
        raise choice.skills_not_said(inventory)
    there = choice.offered(inventory)
    for skill in there:
        operator.tell(f"  {skill.name}  {skill.path}")
    words = (
        operator.ask(f"Sync which of these {len(there)}? (all, names, or cancel)").replace(",", " ").split()
    )
    if not words or words == ["cancel"]:
        raise SyncError(
            "cancelled; nothing was sent", next_step="run the command again", code="sync.cancelled"
        )
    if words == [choice.ALL]:
        return choice.chosen_skills(inventory, ()), True
    return choice.chosen_skills(inventory, words), False


def choose_agents(agents: Sequence[Agent], wanted: Sequence[str], operator: Operator) -> tuple[Agent, ...]:
    """The agents that are meant; a person is asked where there are several and none was named.

    Raises:
        SyncError: there is none, or the answer was to cancel.
        UsageError: as `choice.chosen_agents`, or nobody can be asked.
    """
    chosen = choice.chosen_agents(agents, wanted)
    if chosen is not None:
        return chosen
    if not operator.present:
        raise choice.agents_not_said(agents)
    for agent in agents:
        operator.tell(f"  {agent.label}{'  running' if agent.running else ''}")
    word = operator.ask("Sync to which agent? (id, name, all, or cancel)").strip()
    if word in ("", "cancel"):
        raise SyncError(
            "cancelled; nothing was sent", next_step="run the command again", code="sync.cancelled"
        )
    return choice.chosen_agents(agents, [word]) or ()


@dataclass(frozen=True)
class Contents:
    """The texts to be sent, by hash, and the skills whose file no longer has the content that was planned."""

    texts: Mapping[str, str]
    changed: frozenset[str]

    def upload(self, action: Action) -> Upload:
        """The upload that an action means."""
        return Upload(action.skill, action.sha256, self.texts[action.sha256])


def read_contents(wanted: Iterable[tuple[str, str]]) -> Contents:
    """Reads files again, by path and expected hash; a file that has changed since is left out."""
    texts: dict[str, str] = {}
    changed = set()
    for path, digest in wanted:
        if digest not in texts:
            try:
                data = Path(path).read_bytes()
            except OSError:
                data = b""
            if sha256(data) == digest:
                texts[digest] = data.decode("utf-8")
            else:
                changed.add(digest)
    return Contents(texts, frozenset(changed))


def known_verdicts(ledger: Ledger, hashes: Sequence[str]) -> dict[str, tuple[SecretFinding, ...]]:
    """What the gate said about contents before, by hash."""
    facts = ledger.facts("gate", GATE_VERSION, hashes)
    return {digest: tuple(map(SecretFinding.from_json, found)) for digest, found in facts.items()}


def scan_all(texts: Mapping[str, str]) -> dict[str, tuple[SecretFinding, ...]]:
    """Asks the gate about contents; no ledger, so it can run in a thread beside the network."""
    return {digest: scan(text) for digest, text in texts.items()}


def learn_verdicts(ledger: Ledger, verdicts: Verdicts) -> None:
    """Keeps what the gate said."""
    facts = {digest: [finding.to_json() for finding in found] for digest, found in verdicts.items()}
    ledger.learn("gate", GATE_VERSION, facts)
