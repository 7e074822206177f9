"""What the operator agreed to, and wants kept in step for good: asked, recorded, shown and revocable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from openclaw_install.common.errors import UsageError
from openclaw_install.common.jsonable import Timestamp
from openclaw_install.host.locate import HostLocation
from openclaw_install.sync.choice import Operator
from openclaw_install.sync.errors import SyncError
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.service import Agent

ConsentKind = Literal["browser", "connect", "upload", "secret"]
Allowed = frozenset[tuple[str, str, str]]
"""What was let through at the gate: agent's id, skill, and hash of the content."""


@dataclass(frozen=True)
class Consent:
    """One thing that was agreed to.

    Attributes:
        id: by which it can be revoked alone.
        kind: `browser` (a page was opened), `connect` (to an endpoint), `upload` (to an agent, from roots),
            `secret` (one content of a skill to an agent, although the upload gate objects).
        endpoint: the service, or the page.
        agent_id: for an upload and a secret; else empty.
        agent_name: likewise.
        roots: the folders that skills may be taken from.
        skill: for a secret; else empty.
        sha256: of the content that may go despite the gate, and no other; else empty.
        given_by: `answer` to a question, `--yes` or `--allow-secrets`.
        given_at: when.
        revoked_at: null while it stands.
    """

    kind: ConsentKind
    endpoint: str
    agent_id: str
    agent_name: str
    roots: tuple[str, ...]
    given_by: str
    given_at: Timestamp
    revoked_at: Timestamp | None = None
    skill: str = ""
    sha256: str = ""
    id: int = 0


@dataclass(frozen=True)
class ConsentList:
    """The result of `sync consent`.

    Attributes:
        consents: oldest first.
        revoked: how many were revoked now.
    """

    consents: tuple[Consent, ...]
    revoked: int


class Consents:
    """The consents in a ledger.

    Args:
        ledger: where they are kept.
        operator: who is asked.
        now: seconds since the epoch, recorded with new ones.
    """

    def __init__(self, ledger: Ledger, operator: Operator, now: float) -> None:
        self._ledger = ledger
        self._operator = operator
        self._now = now

    def may_connect(self, endpoint: str) -> bool:
        """Whether connecting was agreed to before."""
        return any(consent.endpoint == endpoint for consent in self._standing("connect"))

    def connect(self, endpoint: str) -> None:
        """Asks once for each endpoint.

        Raises:
            UsageError: `usage.consent`: there is nobody to ask.
            SyncError: `sync.declined`: the answer is no.
        """
        if not self.may_connect(endpoint):
            self._agree(
                f"Connect to {endpoint} with the key in MYSTA_API_KEY?",
                Consent("connect", endpoint, *self._given()),
            )

    def upload(self, endpoint: str, agent: Agent, roots: Sequence[str], count: int) -> None:
        """Asks once for each agent, and again when skills come from folders that were not agreed to.

        Raises:
            UsageError, SyncError: as `connect`.
        """
        agreed = {
            root
            for consent in self._standing("upload")
            if (consent.endpoint, consent.agent_id) == (endpoint, agent.id)
            for root in consent.roots
        }
        if missing := sorted(set(roots) - agreed):
            # None is to go now, and those that are kept in step go when they change.
            some = "each SKILL.md that changes" if count == 0 else f"{count} SKILL.md files"
            skills = "1 SKILL.md" if count == 1 else some
            question = f"Upload {skills} to the agent {agent.label} at {endpoint}, from {', '.join(missing)}?"
            by = self._how()
            self._agree(
                question, Consent("upload", endpoint, agent.id, agent.name, tuple(missing), by, self._now)
            )

    def browser(self, url: str) -> bool:
        """Asks whether to open a page, every time; nobody there means no."""
        if not self._operator.present or not self._operator.confirm(f"Open {url} in the browser?"):
            return False
        self._record(Consent("browser", url, "", "", (), "answer", self._now))
        return True

    def allow_secret(self, endpoint: str, agent: Agent, skill: str, sha256: str) -> None:
        """Records that this content may go to this agent despite the gate, unless that stands already."""
        if (agent.id, skill, sha256) not in allowed_secrets(self._ledger, endpoint):
            consent = Consent("secret", endpoint, agent.id, agent.name, (), "--allow-secrets", self._now)
            self._record(replace(consent, skill=skill, sha256=sha256))

    def _agree(self, question: str, consent: Consent) -> None:
        if not self._operator.agreed:
            if not self._operator.present:
                raise UsageError(
                    f"this needs your consent, and there is no terminal to ask: {question}",
                    next_step="add --yes to consent, or --dry-run to see the plan",
                    code="usage.consent",
                )
            if not self._operator.confirm(question):
                raise SyncError(
                    "you did not agree, so nothing was sent",
                    next_step="run the command again when you want to; --dry-run shows what would be sent",
                    code="sync.declined",
                )
        self._record(consent)

    def _how(self) -> str:
        return "--yes" if self._operator.agreed else "answer"

    def _given(self) -> tuple[str, str, tuple[str, ...], str, float]:
        return "", "", (), self._how(), self._now

    def _standing(self, kind: ConsentKind) -> list[Consent]:
        return [
            consent
            for consent in all_consents(self._ledger)
            if consent.kind == kind and not consent.revoked_at
        ]

    def _record(self, consent: Consent) -> None:
        with self._ledger.write() as connection:
            connection.execute(
                "INSERT INTO consent "
                "(kind, endpoint, agent_id, agent_name, roots, given_by, given_at, skill, sha256) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    consent.kind,
                    consent.endpoint,
                    consent.agent_id,
                    consent.agent_name,
                    json.dumps(consent.roots),
                    consent.given_by,
                    consent.given_at,
                    consent.skill,
                    consent.sha256,
                ),
            )


def all_consents(ledger: Ledger) -> list[Consent]:
    """Every consent ever given, oldest first."""
    rows = ledger.query(
        "SELECT kind, endpoint, agent_id, agent_name, roots, given_by, given_at, revoked_at, skill, "
        "sha256, id FROM consent ORDER BY id"
    )
    return [
        Consent(kind, endpoint, agent, name, tuple(json.loads(roots)), *others)
        for kind, endpoint, agent, name, roots, *others in rows
    ]


@dataclass(frozen=True)
class Agreed:
    """What stands of the consents for one endpoint.

    Attributes:
        connect: whether connecting was agreed to.
        roots: by agent's id, the folders that skills may be taken from.
    """

    connect: bool
    roots: Mapping[str, frozenset[str]]


def agreed(ledger: Ledger, endpoint: str) -> Agreed:
    """What was agreed to for an endpoint and not revoked."""
    standing = [c for c in all_consents(ledger) if c.endpoint == endpoint and c.revoked_at is None]
    roots: dict[str, frozenset[str]] = {}
    for consent in standing:
        if consent.kind == "upload":
            roots[consent.agent_id] = roots.get(consent.agent_id, frozenset()) | frozenset(consent.roots)
    return Agreed(any(consent.kind == "connect" for consent in standing), roots)


def revoke(ledger: Ledger, now: float, only: int | None = None) -> int:
    """Revokes all that stands, or one consent by its id; returns how many were revoked.

    Raises:
        UsageError: `usage.no_such_consent`: none with this id stands.
    """
    one = "" if only is None else " AND id = ?"
    with ledger.write() as connection:
        count = connection.execute(
            f"UPDATE consent SET revoked_at = ? WHERE revoked_at IS NULL{one}",  # noqa: S608 - no value is in it
            (now,) if only is None else (now, only),
        ).rowcount
    if only is not None and not count:
        raise UsageError(
            f"there is no consent {only} that stands",
            next_step="openclaw-install sync consent, which shows their numbers",
            code="usage.no_such_consent",
        )
    return int(count)


def allowed_secrets(ledger: Ledger, endpoint: str) -> Allowed:
    """The findings that were let through for the agents of an endpoint, and not revoked."""
    rows = ledger.query(
        "SELECT agent_id, skill, sha256 FROM consent "
        "WHERE kind = 'secret' AND endpoint = ? AND revoked_at IS NULL",
        [endpoint],
    )
    return frozenset((agent, skill, digest) for agent, skill, digest in rows)


@dataclass(frozen=True)
class StandingChoice:
    """Which skills go to which agents from now on.

    Attributes:
        endpoint: the service's address, normalised.
        names: skills by folder name; None for all of the operator's own, also those that are made later.
        agents: ids of agents; an agent that is made later is not among them.
        roots: further folders with skills, absolute.
        chosen_at: seconds since the epoch.
    """

    endpoint: str
    names: tuple[str, ...] | None
    agents: tuple[str, ...]
    roots: tuple[str, ...]
    chosen_at: float


def record_choice(ledger: Ledger, location: HostLocation, choice: StandingChoice) -> None:
    """Records a choice, over the one for the same host and service.

    Raises:
        FileError: the ledger cannot be written.
    """
    names = None if choice.names is None else json.dumps(choice.names)
    roots = [os.path.abspath(Path(root).expanduser()) for root in choice.roots]  # noqa: PTH100 - no link is followed
    with ledger.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO standing_choice VALUES (?, ?, ?, ?, ?, ?)",
            (
                _host(location),
                choice.endpoint,
                names,
                json.dumps(choice.agents),
                json.dumps(roots),
                choice.chosen_at,
            ),
        )


def standing_choice(ledger: Ledger, location: HostLocation, endpoint: str) -> StandingChoice | None:
    """The choice for a host and a service; None where nothing was chosen: sync is not configured.

    Whether the consent for it still stands is looked at by the watcher, before every push.

    Raises:
        FileError: the ledger cannot be read.
    """
    rows = ledger.query(
        "SELECT names, agents, roots, chosen_at FROM standing_choice WHERE host = ? AND endpoint = ?",
        [_host(location), endpoint],
    )
    for names, agents, roots, at in rows:
        chosen = None if names is None else tuple(json.loads(names))
        return StandingChoice(endpoint, chosen, tuple(json.loads(agents)), tuple(json.loads(roots)), at)
    return None


def forget_choice(ledger: Ledger, location: HostLocation, endpoint: str) -> bool:
    """Forgets the choice, so that nothing is kept in step any more; whether there was one.

    Raises:
        FileError: the ledger cannot be written.
    """
    with ledger.write() as connection:
        gone = connection.execute(
            "DELETE FROM standing_choice WHERE host = ? AND endpoint = ?", (_host(location), endpoint)
        )
        return gone.rowcount > 0


def forget_host(ledger: Ledger, location: HostLocation) -> None:
    """Forgets the choices for all services of a host.

    Raises:
        FileError: the ledger cannot be written.
    """
    with ledger.write() as connection:
        connection.execute("DELETE FROM standing_choice WHERE host = ?", (_host(location),))


def _host(location: HostLocation) -> str:
    return os.path.realpath(location.state_dir)
