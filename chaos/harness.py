"""Plays the runs one after the other, each on a scene of its own that is cleared away afterwards."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

from chaos.processes import Processes
from chaos.result import Result
from chaos.scene import Scene
from chaos.size import Size

RUNS = {
    "load": "load",
    "hub-kill": "hub_kill",
    "one-turn": "one_turn",
    "resources": "resources",
    "flood": "flood",
    "fuzz": "fuzz",
}
"""The runs, and the module of each."""


def play(names: Iterable[str], *, seed: int, size: Size, tell: Callable[[str], None]) -> list[Result]:
    """Plays the runs.

    Args:
        seed: of what is random; timing is not.
        tell: is told of each run as it begins and ends.
    """
    results = []
    for name in names:
        tell(f"{name} ...")
        begun = time.monotonic()
        try:
            results.append(_played(name, seed, size))
        except Exception as error:  # noqa: BLE001 - what ends a run is what it found; the others are played
            tell(traceback.format_exc())
            results.append(
                Result(name, {"why": f"{type(error).__name__}: {error}"[:200]}, {"ended early": 1})
            )
        tell(f"{name}: {'held' if results[-1].held else 'BROKEN'} ({time.monotonic() - begun:.0f} s)")
    return results


def _played(name: str, seed: int, size: Size) -> Result:
    module = import_module(f"chaos.{RUNS[name]}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, Processes() as processes:
        scene = Scene(Path(folder), processes, random.Random(f"{seed} {name}"), size)
        result: Result = asyncio.run(module.run(scene))
        return result
