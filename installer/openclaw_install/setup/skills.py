"""`skills check` and `skills list` on a located host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.host import skill_host
from openclaw_install.host.skills.inventory import check, list_roots
from openclaw_install.host.skills.results import SkillsCheck, SkillsList


def check_skills(location: HostLocation, paths: Sequence[Path]) -> SkillsCheck:
    """Checks every SKILL.md below `paths`, or in the host's own roots where none is given.

    A config that cannot be read does not stop the check of folders: a note says that settings count as unset.

    Raises:
        ConfigError: no path is given, and the host's config cannot be read.
        UsageError: a path is neither a folder nor a SKILL.md.
    """
    try:
        document = read_config(location.config_path, location.env)
    except ConfigError as error:
        if not paths:
            raise
        found = check(paths, skill_host(location, None))
        note = f"the host's config was left out of account: {error.message}"
        return replace(found, notes=(*found.notes, note))
    return check(paths, skill_host(location, document))


def list_skills(location: HostLocation) -> SkillsList:
    """The host's skill roots in order of precedence, and who wins each name.

    Raises:
        ConfigError: the host's config cannot be read.
    """
    return list_roots(skill_host(location, read_config(location.config_path, location.env)))
