"""Where sync keeps what it knows; apart, so that a look whether there is a ledger loads no more."""

from __future__ import annotations

from pathlib import Path


def ledger_folder() -> Path:
    """Where the ledger lives: our own state folder, one for all hosts of this user."""
    import platformdirs

    return platformdirs.user_state_path("openclaw-install") / "sync"
