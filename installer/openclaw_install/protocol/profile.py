"""Paths of one agent's files; imports nothing that a look at the paths does not need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import UsageError

DEFAULT_PROFILE = "openclaw"
_PROFILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ProfilePaths:
    """Where one agent's files lie."""

    profile: str
    folder: Path
    identity: Path
    store: Path
    trust_policy: Path


def profile_paths(env: Mapping[str, str], home: Path) -> ProfilePaths:
    """The places of the profile that the environment names.

    Args:
        env: PINGAGENT_ROOT_DIR, PINGAGENT_PROFILE, and PINGAGENT_IDENTITY_PATH, PINGAGENT_STORE_PATH,
            PINGAGENT_TRUST_POLICY_PATH for single files; empty ones count as not set.
        home: for the default root `~/.pingagent`, and for `~` in a path.

    Raises:
        UsageError: the profile's name would leave the profiles' folder, or a path is not absolute.
    """
    profile = env.get("PINGAGENT_PROFILE") or DEFAULT_PROFILE
    if not _PROFILE.fullmatch(profile):
        raise UsageError(
            f"PINGAGENT_PROFILE is {profile!r}, which is no name of a profile",
            next_step="use letters, digits, '.', '_' and '-', not starting with '.' or '-'",
        )
    root = _path(env, "PINGAGENT_ROOT_DIR", home) or home / ".pingagent"
    folder = root / "profiles" / profile
    return ProfilePaths(
        profile=profile,
        folder=folder,
        identity=_path(env, "PINGAGENT_IDENTITY_PATH", home) or folder / "identity.json",
        store=_path(env, "PINGAGENT_STORE_PATH", home) or folder / "store.db",
        trust_policy=_path(env, "PINGAGENT_TRUST_POLICY_PATH", home) or folder / "trust-policy.json",
    )


def backup_of(path: Path) -> Path:
    """Where the second copy of the identity in `path` lies."""
    return path.with_name(path.name + ".bak")


def retirement_mark_of(path: Path) -> Path:
    """Where it is marked that the identity in `path` is used in another place."""
    return path.with_name(path.name + ".retired")


def invite_of(path: Path) -> Path:
    """Where the invitation to a relay lies beside the identity in `path`, until the relay has taken it."""
    return path.with_name("relay-invite")


def _path(env: Mapping[str, str], name: str, home: Path) -> Path | None:
    value = env.get(name)
    if not value:
        return None
    path = (
        home / value.removeprefix("~").lstrip("/") if value == "~" or value.startswith("~/") else Path(value)
    )
    if not path.is_absolute():
        raise UsageError(f"{name} is {value!r}, which is no absolute path", next_step="give the whole path")
    return path
