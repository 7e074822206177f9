"""A program that saves a file over and over, and one of ours that changes it meanwhile: nothing may get lost.

Started as a program it prints its figures: `python -m tests.save_race [tries] [seed]`.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.errors import ConflictError
from openclaw_install.common.shared_files import CHANGED_MEANWHILE, write_expected

WAYS = ("rename", "truncate", "in place")
_PADDING = "x" * 4000


@dataclass
class Figures:
    tries: int = 0
    written: int = 0
    refused: int = 0
    kept: int = 0
    lost: int = 0
    saves: int = 0


def document(theirs: int, ours: int) -> bytes:
    """Of one length, so that writing in place needs no truncation."""
    return json.dumps({"theirs": f"{theirs:09}", "ours": f"{ours:09}", "padding": _PADDING}).encode()


def race(folder: Path, way: str, tries: int, seed: int) -> Figures:
    """Changes the file `tries` times while the other program saves it, and looks after each try.

    The other program counts a save once it is done: from then on it has to be in the file, or in a version
    that was kept beside it.
    """
    path, figures, aside = folder / "config.json", Figures(), folder / "aside"
    aside.mkdir()
    path.write_bytes(document(0, 0))
    path.chmod(0o600)
    with _saver(path, way, seed) as saves:
        for number in range(1, tries + 1):
            planned_on = _whole(path)
            figures.tries += 1
            try:
                write_expected(path, document(_theirs(planned_on), number), planned_on)
                figures.written += 1
            except ConflictError as error:
                figures.refused += error.error_code == CHANGED_MEANWHILE
            done = saves()
            kept = list(folder.glob("config.json.conflict-*"))
            figures.kept += len(kept)
            for one in kept:
                one.rename(aside / f"{number}-{one.name}")  # they may still be writing into it
            versions = [_theirs(_whole(path)), *map(_found_in, aside.iterdir())]
            figures.lost += max(versions) < done
        figures.saves = saves()
    leftovers = [
        one.name for one in folder.iterdir() if one.name.endswith(".tmp") and "theirs" not in one.name
    ]
    assert leftovers == []
    return figures


def _theirs(data: bytes) -> int:
    return int(json.loads(data)["theirs"])


def _found_in(path: Path) -> int:
    try:
        return _theirs(path.read_bytes())
    except ValueError:
        return -1  # a half of a save that was never done


def _whole(path: Path) -> bytes:
    while True:
        data = path.read_bytes()
        try:
            json.loads(data)
        except ValueError:
            continue  # they are writing it in place
        return data


@contextmanager
def _saver(path: Path, way: str, seed: int) -> Iterator[Callable[[], int]]:
    shared = mmap.mmap(-1, 8)
    child = os.fork()
    if child == 0:
        try:
            _save_on(path, way, random.Random(seed), shared)  # noqa: S311 - seeded, for a test
        finally:
            os._exit(1)
    try:
        yield lambda: int.from_bytes(shared[:8], "little")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _save_on(path: Path, way: str, dice: random.Random, shared: mmap.mmap) -> None:
    number = 0
    while True:
        number += 1
        try:
            ours = int(json.loads(path.read_bytes())["ours"])
        except ValueError:
            ours = 0
        data = document(number, ours)
        if way == "rename":
            temporary = path.with_name("theirs.tmp")
            temporary.write_bytes(data)
            temporary.replace(path)
        else:
            with path.open("wb" if way == "truncate" else "r+b") as stream:
                stream.write(data)
        shared[:8] = number.to_bytes(8, "little")
        time.sleep(dice.random() * 0.002)  # the pace of the load, not a wait for anything


def main(tries: int = 3000, seed: int = 1) -> None:
    for way in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{way}: {race(Path(folder), way, tries, seed)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
