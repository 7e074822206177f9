"""The doctor's notes, and its look at the identity: there, whole, private, and its keys fresh."""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass, field
from pathlib import Path

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import file_error
from openclaw_install.common.problems import Problem, Severity
from openclaw_install.protocol.identity import Identity, needs_encryption_rotation, rotate_encryption
from openclaw_install.protocol.profile import ProfilePaths, backup_of
from openclaw_install.protocol.profile_files import load_identity, update_identity
from openclaw_install.protocol.times import MAX_SKEW


@dataclass
class Visit:
    """What one examination has found so far."""

    paths: ProfilePaths
    fix: bool
    new_relay: bool
    now: float
    findings: list[Problem] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    def note(
        self, code: str, severity: Severity, path: Path | str, message: str, next_step: str = ""
    ) -> None:
        self.findings.append(Problem(code, message, next_step, severity=severity, path=str(path)))

    def error(self, error: InstallError, path: Path | str) -> None:
        self.note(error.error_code, "critical", path, error.message, error.next_step)


def check_identity(visit: Visit) -> Identity | None:
    """The identity, repaired where that was asked for; None where there is none that can be used."""
    path = visit.paths.identity
    if visit.fix:
        with contextlib.suppress(InstallError):
            _private(visit, path)
        _restored(visit, path)
    try:
        identity = load_identity(path)
    except InstallError as error:
        visit.error(error, path)
        return None
    return identity


def check_keys(visit: Visit, identity: Identity, offset: float | None) -> Identity:
    """Makes the encryption key that is due where that was asked for; to forget old ones is the runtime's.

    Args:
        offset: the relay's time minus ours; None where no relay said.
    """
    path = visit.paths.identity
    if not needs_encryption_rotation(identity, visit.now):
        return identity
    if visit.fix and abs(offset or 0.0) <= MAX_SKEW:
        visit.repaired.append("made a new encryption key; the runtime publishes it")
        return update_identity(path, lambda found: rotate_encryption(found, visit.now))
    next_step = "set the clock that is wrong" if visit.fix else "pingagent doctor --fix"
    message = "the encryption key is due for its weekly rotation, which a running runtime does"
    visit.note("identity.encryption_old", "warn", path, message, next_step)
    return identity


def _private(visit: Visit, path: Path) -> None:
    try:
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o600)
            visit.repaired.append(f"took away the rights of other users on {path}")
            visit.note(
                "identity.was_open",
                "warn",
                path,
                "other users could read the private keys until now",
                "if one of them may have done so: pingagent identity rotate",
            )
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, path, "change the mode of") from error


def _restored(visit: Visit, path: Path) -> None:
    """Puts the second copy in the place of an identity that is gone; one that is there is left alone."""
    with contextlib.suppress(InstallError, OSError):
        load_identity(backup_of(path))
        # A second name for the same file: it is whole at once, fails where something is, and a later change
        # replaces either name by a file of its own.
        path.hardlink_to(backup_of(path))
        visit.repaired.append(f"restored {path} from its second copy")
