"""What every run is given: its folder, its processes, its own random numbers and its size."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from chaos.hub import Hub
from chaos.processes import Processes
from chaos.size import Size


@dataclass(frozen=True)
class Scene:
    """The scene of one run.

    Attributes:
        random: seeded by the run's name and the harness's seed, so that each run can be repeated alone.
    """

    folder: Path
    processes: Processes
    random: random.Random
    size: Size

    def hub(self, name: str = "hub", *, files: int | None = None, data: Path | None = None) -> Hub:
        """A hub that serves, in a folder of its own."""
        return Hub(self.processes, self.folder / name, files, data).start()
