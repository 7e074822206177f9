"""Runs one of our commands in children that kill themselves at their Nth change of the file system.

Started as a program: `python -m tests.setup_killer`; JSON on stdin says what to run. An audit hook counts
what the interpreter is about to do to files, the journal's and the host's alike: nothing of ours is patched.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest import mock

from tests.setup_rig import PlainHost, tree_of

_CHANGES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.chmod", "open"})


def kill_at(number: int) -> None:
    """From now on, this process dies as with `kill -9` when it is about to make its Nth change."""
    seen = 0

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in _CHANGES or (event == "open" and not _writes(args)):
            return
        seen += 1
        if seen > number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _writes(args: tuple[object, ...]) -> bool:
    flags = args[2]
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))


def in_child(host: PlainHost, command: str, number: int) -> bool:
    """Runs a command in a child that dies at its Nth change; returns whether it died."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kill_at(number)
            getattr(host, command)()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise AssertionError(f"{command} failed in the child")
    return os.WIFSIGNALED(status)


def deaths(template: Path, work: Path, command: str) -> Iterator[dict[str, object]]:
    """One entry for each death, and a last one for the run that lived: what the next run made of it.

    Args:
        template: a host to copy for each child.
        work: where the copies go; always the same path, because receipts name paths.
        command: the method of `PlainHost` to run.
    """
    for number in count():
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(template, work, symlinks=True)
        host = PlainHost(work)
        died = in_child(host, command, number)
        if died:
            host.settle()
        yield {
            "died": died,
            "tree": tree_of(host.home),
            "standing": len(host.store.in_force()),
            "interrupted": len(host.store.interrupted()),
            "stray": [str(path) for path in host.root.rglob(".*.tmp")],
        }
        if not died:
            return


def main() -> None:
    said = json.load(sys.stdin)
    # It is processes that die here, not machines: nothing has to reach the disk.
    with mock.patch.object(os, "fsync"):
        for death in deaths(Path(said["template"]), Path(said["work"]), said["command"]):
            sys.stdout.write(json.dumps(death) + "\n")


if __name__ == "__main__":
    main()
