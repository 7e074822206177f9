"""The hub's skill files in memory: for tests, and as the benchmarks' measure of what durability costs."""

from __future__ import annotations

import threading
from pathlib import Path

from openclaw_install.common.errors import InstallError
from openclaw_install.hub.rules import check_skill_name


class MemorySkillFiles:
    """`SkillFiles` without a disk.

    Attributes:
        failure: raised by every write while it is set; the seam at which a full disk is played.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._agents: dict[str, dict[str, bytes]] = {}
        self.failure: InstallError | None = None

    def folder(self, agent_id: str) -> Path:
        return Path(agent_id)

    def prepare(self, agent_id: str) -> None:
        with self._lock:
            self._agents.setdefault(agent_id, {})

    def read(self, agent_id: str, name: str) -> bytes | None:
        return self._agents[agent_id].get(check_skill_name(name))

    def write(self, agent_id: str, name: str, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        with self._lock:
            self._agents[agent_id][check_skill_name(name)] = data

    def names(self, agent_id: str) -> list[str]:
        return sorted(self._agents[agent_id])
