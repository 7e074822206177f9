"""Starts a program with a low limit of open files: `python -m chaos.limited FILES COMMAND...`."""

from __future__ import annotations

import os
import resource
import sys


def main(files: str, *command: str) -> None:
    """Becomes the program."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(files), int(files)))
    os.execv(command[0], command)  # noqa: S606 - the harness's own command, by list


if __name__ == "__main__":
    main(*sys.argv[1:])
