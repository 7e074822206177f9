"""Whether a turn was begun: looks for a mark in the transcripts that OpenClaw keeps on disk."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal, Protocol

Sight = Literal["found", "absent", "unreadable"]
# Clocks and file times are coarse; a transcript's row can only be later than the request.
_SLACK_SECONDS = 120.0
_EVENTS = """
SELECT e.event_json IS NULL, instr(e.event_json, :mark) > 0
FROM transcript_events AS e
WHERE e.created_at >= :since AND (e.event_json IS NULL OR instr(e.event_json, :mark) > 0)
AND e.session_id IN (SELECT session_id FROM session_windows WHERE updated_at >= :since)
LIMIT 1000
"""
_LONGEST_LINE = 4 * 1024 * 1024


class TurnEvidence(Protocol):
    """The seam to the host's transcripts."""

    def look(self, mark: str, since: float) -> Sight:
        """Whether a turn whose text carries `mark` was begun after `since` (seconds since the epoch)."""
        ...


class TranscriptEvidence:
    """The transcripts under a state folder; they are only read.

    OpenClaw 2026.9.6 keeps one SQLite file an agent, `agents/<id>/agent/openclaw-agent.sqlite`; earlier ones
    kept `agents/<id>/sessions/*.jsonl`.

    Args:
        state_dir: the host's state folder.
    """

    def __init__(self, state_dir: Path) -> None:
        self._state = state_dir

    def look(self, mark: str, since: float) -> Sight:
        agents = self._state / "agents"
        databases = sorted(agents.glob("*/agent/openclaw-agent.sqlite"))
        journals = sorted(agents.glob("*/sessions/*.jsonl"))
        if not databases and not journals:
            # A host that never had a session has no transcript; anything else is a layout that we don't know.
            known = (self._state / "state" / "openclaw.sqlite").exists()
            return "absent" if known else "unreadable"
        start = since - _SLACK_SECONDS
        sights = {_in_database(path, mark, start) for path in databases}
        sights |= {_in_journal(path, mark, start) for path in journals}
        if "found" in sights:
            return "found"
        return "unreadable" if "unreadable" in sights else "absent"


def _in_database(path: Path, mark: str, since: float) -> Sight:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)
        try:
            rows = connection.execute(_EVENTS, {"mark": mark, "since": int(since * 1000)}).fetchall()
        finally:
            connection.close()
    except sqlite3.Error:
        return "unreadable"
    if any(found for _, found in rows):
        return "found"
    # A compressed row may hold it; OpenClaw compresses old ones only, so this is not to be expected.
    return "unreadable" if rows else "absent"


def _in_journal(path: Path, mark: str, since: float) -> Sight:
    try:
        if path.stat().st_mtime < since:
            return "absent"
        wanted = mark.encode()
        with path.open("rb") as stream:
            before = b""
            while part := stream.read(_LONGEST_LINE):
                if wanted in before + part:
                    return "found"
                before = part[-len(wanted) :]
    except OSError as error:
        return "absent" if isinstance(error, FileNotFoundError) else "unreadable"
    return "absent"


def evidence_of(state_dir: Path) -> TurnEvidence:
    """The evidence of a host's state folder, with links followed once."""
    return TranscriptEvidence(Path(os.path.realpath(state_dir)))
