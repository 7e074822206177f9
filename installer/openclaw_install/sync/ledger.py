"""The ledger: what each agent acknowledged, what is under way, and facts about contents."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.files import file_error, make_private_folder
from openclaw_install.common.sqlite_file import transaction
from openclaw_install.sync.database import LEDGER, copy_in_memory, open_database
from openclaw_install.sync.ledger_path import LEDGER_FILE, ledger_folder
from openclaw_install.sync.service import Agent, Upload

FactKind = Literal["frontmatter", "gate"]
_FACTS_A_QUERY = 500
# A content that met so many unclear answers is not sent again by itself: once, and once more alone.
UNCLEAR_ANSWERS_BORNE = 2
_CUT = "sync.interrupted", "the run ended before the service answered, or has not ended yet"


@dataclass(frozen=True)
class Record:
    """What the ledger knows about one skill at one agent.

    Attributes:
        sha256: the content that the service acknowledged last; None if it never did.
        acknowledged_at: when, in seconds since the epoch.
        in_doubt: whether a later attempt may have reached the service without an acknowledgement.
        error_code, error, error_at: of the newest attempt after that, if it failed.
        unclear_sha256: the content that the service answered last without saying yes or no.
        unclear_answers: how often in a row it did so for that content.
        cut_off: whether a later attempt ended without any answer, so that it is tried again.
    """

    sha256: str | None = None
    acknowledged_at: float | None = None
    in_doubt: bool = False
    error_code: str = ""
    error: str = ""
    error_at: float | None = None
    unclear_sha256: str = ""
    unclear_answers: int = 0
    cut_off: bool = False

    def is_unconfirmed(self, sha256: str) -> bool:
        """Whether this content was sent and repeated, and no answer said whether the service stored it."""
        enough = self.unclear_answers >= UNCLEAR_ANSWERS_BORNE
        return enough and self.unclear_sha256 == sha256 and not self.cut_off


class Ledger:
    """One open ledger. Not for use by several threads at once.

    Args:
        folder: where it lives; our state folder unless given.
        to_look: work on a copy in memory, so that nothing is written.
    """

    def __init__(self, folder: Path | None = None, *, to_look: bool = False) -> None:
        self.folder = folder or ledger_folder()
        self.path = self.folder / LEDGER_FILE
        self._connection = copy_in_memory(self.path) if to_look else open_database(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The database, for the other tables (`consent.py`)."""
        return self._connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction.

        Raises:
            FileError: the disk is full, or the ledger is busy or damaged; nothing of it was written then.
        """
        with LEDGER.errors(self.path), transaction(self._connection):
            yield self._connection

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            FileError: as `write`.
        """
        with LEDGER.errors(self.path):
            return self._connection.execute(sql, tuple(values)).fetchall()

    @contextlib.contextmanager
    def lock(self, endpoint: str, patience: float = 0.0) -> Iterator[None]:
        """Holds an endpoint for one run.

        Args:
            endpoint: the endpoint.
            patience: seconds to wait for another run to end; a watcher holds it for a push at a time.

        Raises:
            ConflictError: another run syncs to it.
        """
        import filelock

        make_private_folder(self.folder)
        name = hashlib.sha256(endpoint.encode()).hexdigest()[:16]
        lock = filelock.FileLock(self.folder / f"{name}.lock", mode=0o600)
        try:
            lock.acquire(timeout=patience, poll_interval=0.01)
        except filelock.Timeout as error:
            raise ConflictError(
                "another sync to this endpoint is running",
                next_step="wait until it has ended and run the command again",
                code="conflict.sync_locked",
            ) from error
        except OSError as error:
            raise file_error(error, self.folder, "lock") from error
        try:
            yield
        finally:
            lock.release()

    def records(self, endpoint: str, skills: Sequence[str] | None = None) -> Mapping[tuple[str, str], Record]:
        """What is known about an endpoint, by agent id and skill name.

        Args:
            endpoint: the endpoint.
            skills: the names that matter; None for all.
        """
        found: dict[tuple[str, str], Record] = {}
        wanted = None if skills is None else json.dumps(list(skills))
        for agent_id, skill, digest, at in self.query(
            "SELECT agent_id, skill, sha256, acknowledged_at FROM acknowledgement WHERE endpoint = ?1 "
            "AND (?2 IS NULL OR skill IN (SELECT value FROM json_each(?2)))",
            [endpoint, wanted],
        ):
            found[agent_id, skill] = Record(digest, at)
        # Attempts are deleted when they are settled, so all that are left are later than the acknowledgement.
        for agent_id, skill, *attempt in self.query(
            "SELECT agent_id, skill, outcome, unclear_answers, sha256, code, detail, "
            "coalesce(ended_at, begun_at) FROM attempt WHERE endpoint = ?1 "
            "AND (?2 IS NULL OR skill IN (SELECT value FROM json_each(?2))) ORDER BY id",
            [endpoint, wanted],
        ):
            found[agent_id, skill] = _with_attempt(found.get((agent_id, skill), Record()), *attempt)
        return found

    def begin(self, endpoint: str, agent_id: str, uploads: Sequence[Upload], now: float) -> Mapping[str, int]:
        """Records, durably, that these skills are about to be sent; returns the attempts' ids by skill."""
        ids: dict[str, int] = {}
        with self.write() as connection:
            for upload in uploads:
                cursor = connection.execute(
                    "INSERT INTO attempt (endpoint, agent_id, skill, sha256, begun_at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (endpoint, agent_id, upload.name, upload.sha256, now),
                )
                ids[upload.name] = int(cursor.lastrowid or 0)
        return ids

    def acknowledge(
        self, endpoint: str, agent_id: str, settled: Sequence[tuple[Upload, int, str]], now: float
    ) -> None:
        """Records that the service holds these contents; each comes with its attempt's id and the answer."""
        with self.write() as connection:
            for upload, attempt, answer in settled:
                connection.execute(
                    "INSERT OR REPLACE INTO acknowledgement VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (endpoint, agent_id, upload.name, upload.sha256, attempt, now, answer),
                )
                connection.execute(
                    "DELETE FROM attempt WHERE endpoint = ? AND agent_id = ? AND skill = ? AND id <= ?",
                    (endpoint, agent_id, upload.name, attempt),
                )

    def fail(self, attempts: Sequence[tuple[int, str, str, str]], now: float) -> None:
        """Records failed attempts: id, outcome, code and detail.

        The outcome is `refused`, `unsent`, `doubtful` (cut off before an answer) or `unclear` (an answer that
        says neither yes nor no). Of older failures of the same skill only those stay that leave a doubt about
        what the service holds.
        """
        with self.write() as connection:
            for attempt, outcome, code, detail in attempts:
                is_unclear = outcome == "unclear"
                connection.execute(
                    "UPDATE attempt SET outcome = ?, code = ?, detail = ?, ended_at = ? WHERE id = ?",
                    ("doubtful" if is_unclear else outcome, code, detail, now, attempt),
                )
                if is_unclear:
                    _count_unclear(connection, attempt)
                connection.execute(
                    "DELETE FROM attempt WHERE id < ?1 AND outcome IN ('refused', 'unsent') AND "
                    "(endpoint, agent_id, skill) = "
                    "(SELECT endpoint, agent_id, skill FROM attempt WHERE id = ?1)",
                    (attempt,),
                )

    def remember_agents(self, endpoint: str, agents: Sequence[Agent], now: float) -> None:
        """Keeps the names of the agents, for commands that do without the network."""
        with self.write() as connection:
            connection.execute("DELETE FROM agent WHERE endpoint = ?", (endpoint,))
            connection.executemany(
                "INSERT OR REPLACE INTO agent VALUES (?, ?, ?, ?, ?)",
                [(endpoint, agent.id, agent.name, agent.running, now) for agent in agents],
            )

    def agents(self, endpoint: str) -> tuple[Agent, ...]:
        """The agents as they were listed last, without the state of their pods, which is stale."""
        rows = self.query(
            "SELECT agent_id, name FROM agent WHERE endpoint = ? ORDER BY name, agent_id", [endpoint]
        )
        return tuple(Agent(agent_id, name) for agent_id, name in rows)

    def facts(self, kind: FactKind, version: str, hashes: Sequence[str]) -> dict[str, Any]:
        """What is known about contents, by hash; only what this version of the reader found."""
        found: dict[str, Any] = {}
        for start in range(0, len(hashes), _FACTS_A_QUERY):
            part = hashes[start : start + _FACTS_A_QUERY]
            marks = ",".join("?" * len(part))
            rows = self.query(
                "SELECT sha256, document FROM content_fact "  # noqa: S608 - only question marks are put in
                f"WHERE kind = ? AND version = ? AND sha256 IN ({marks})",
                [kind, version, *part],
            )
            found.update((digest, json.loads(text)) for digest, text in rows)
        return found

    def learn(self, kind: FactKind, version: str, facts: Mapping[str, Any]) -> None:
        """Keeps facts about contents, by hash."""
        if facts:
            rows = [(digest, version, kind, json.dumps(fact)) for digest, fact in facts.items()]
            with self.write() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO content_fact (sha256, version, kind, document) "
                    "VALUES (?, ?, ?, ?)",
                    rows,
                )


def _with_attempt(
    known: Record,
    outcome: str | None,
    unclear_answers: int,
    sha256: str,
    code: str,
    detail: str,
    at: float,
) -> Record:
    """A record with one more attempt, later than all in it."""
    is_cut_off = outcome is None or (outcome == "doubtful" and not unclear_answers)
    record = replace(
        known,
        in_doubt=known.in_doubt or is_cut_off or unclear_answers > 0,
        error_code=code or _CUT[0],
        error=detail or _CUT[1],
        error_at=at,
        cut_off=is_cut_off or (outcome == "unsent" and known.cut_off),
    )
    if unclear_answers:
        return replace(record, unclear_sha256=sha256, unclear_answers=unclear_answers)
    return replace(record, unclear_sha256="", unclear_answers=0) if outcome == "refused" else record


def _count_unclear(connection: sqlite3.Connection, attempt: int) -> None:
    """Counts an unclear answer; the newest attempt stands for those before it."""
    connection.execute(
        "UPDATE attempt SET unclear_answers = 1 + coalesce((SELECT max(older.unclear_answers) "
        "FROM attempt AS older WHERE older.id < attempt.id AND older.sha256 = attempt.sha256 "
        "AND (older.endpoint, older.agent_id, older.skill) = "
        "(attempt.endpoint, attempt.agent_id, attempt.skill)), 0) WHERE id = ?",
        (attempt,),
    )
    connection.execute(
        "DELETE FROM attempt WHERE id < ?1 AND unclear_answers > 0 AND (endpoint, agent_id, skill) = "
        "(SELECT endpoint, agent_id, skill FROM attempt WHERE id = ?1)",
        (attempt,),
    )
