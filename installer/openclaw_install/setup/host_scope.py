"""Paths that the receipts of one host may name; receipts that name others are rejected."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from openclaw_install.host.locate import HostLocation
from openclaw_install.setup.changes import real_path


@dataclass(frozen=True)
class HostScope:
    """One host, as its receipts know it.

    Attributes:
        config: the config as named; links above it are resolved, its own is not.
        state_dir: the state folder, links resolved.
        targets: where the config and the skills folder lead; links of the user's may lead out of the state
            folder, and elsewhere after a while.
    """

    config: Path
    state_dir: Path
    targets: tuple[Path, ...]

    @classmethod
    def of(cls, location: HostLocation) -> HostScope:
        """The reach of the host as its links lead now."""
        return cls(
            # The config's own link is not followed: pointed elsewhere, it is still the same host.
            real_path(location.config_path.parent) / location.config_path.name,
            real_path(location.state_dir),
            (real_path(location.config_path), real_path(location.state_dir / "skills")),
        )

    def widened(self, others: Iterable[HostScope | None]) -> HostScope:
        """This one, and where the links of the same host led in earlier runs."""
        found = [target for other in others if other is not None for target in other.targets]
        return replace(self, targets=tuple(dict.fromkeys([*self.targets, *found])))

    def same_host(self, other: HostScope) -> bool:
        """Whether both are of one host, wherever its links lead."""
        return (self.config, self.state_dir) == (other.config, other.state_dir)

    def outside(self, paths: Sequence[Path], folders: Sequence[Path] = ()) -> Path | None:
        """The first that is no part of the host: files and folders of it, and folders on the way to it.

        Args:
            paths: what is written, deleted or has its permissions changed.
            folders: what is made, or removed when it is empty.
        """
        roots = (self.config, self.state_dir, *self.targets)
        for path in paths:
            if not _plain(path) or not any(path.is_relative_to(root) for root in roots):
                return path
        for folder in folders:
            near = any(folder.is_relative_to(root) or root.is_relative_to(folder) for root in roots)
            if not _plain(folder) or not near:
                return folder
        return None


def _plain(path: Path) -> bool:
    """Whether a path says where it leads: absolute, and no `..` in it."""
    return path.is_absolute() and os.path.normpath(path) == str(path)
