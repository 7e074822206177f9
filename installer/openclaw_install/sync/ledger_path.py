"""Where the ledger is; apart from it, so that a look whether there is one loads no database code."""

from __future__ import annotations

from pathlib import Path

LEDGER_FILE = "ledger.sqlite3"


def ledger_folder() -> Path:
    """Our own state folder for sync, one for all hosts of this user."""
    import platformdirs

    return platformdirs.user_state_path("openclaw-install") / "sync"


def ledger_path() -> Path:
    """The ledger's database, whether it exists or not."""
    return ledger_folder() / LEDGER_FILE
