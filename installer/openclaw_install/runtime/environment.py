"""Environment variables that a service gets: a short list of names, in a private file, with consent."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from openclaw_install.common.errors import FileError
from openclaw_install.common.files import file_stamp, make_private_folder, read_if_exists, write_atomic

_NAMES = frozenset({"MYSTA_API_KEY", "MYSTA_MCP_URL", "IM_INGRESS_SESSION_ROUTE_MODE"})
_PREFIXES = ("OPENCLAW_", "PINGAGENT_")
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_MOST_BYTES = 256 * 1024
_HEADER = "# Written by `openclaw-install runtime enable`; removed by `runtime disable`.\n"


def allowed(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that a service may get, in order of their names; empty ones mean not set."""
    return {
        name: env[name]
        for name in sorted(env)
        if env[name] and _NAME.fullmatch(name) and (name in _NAMES or name.startswith(_PREFIXES))
    }


def environment_text(variables: Mapping[str, str]) -> str:
    """The file's text: `NAME=value`, quoted as a shell reads it, one variable a line.

    Raises:
        FileError: `runtime.variable`: a value has a line break or another control character.
    """
    for name, value in variables.items():
        if any(ord(char) < 32 or ord(char) == 127 for char in value):
            raise FileError(
                f"the variable {name} has a control character, and no line of a file can hold it",
                next_step=f"set {name} to a value of one line, or unset it, and run the command again",
                code="runtime.variable",
            )
    return _HEADER + "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items())


def parse_environment(text: str) -> dict[str, str]:
    """What `environment_text` wrote, or a person edited; other names than the allowed ones are left out.

    Raises:
        ValueError: a line is something else; the text does not hold its content.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            raise ValueError(f"line {number} has an open quote") from None
        if not words:
            continue
        name, is_set, value = words[0].partition("=")
        if len(words) > 1 or not is_set or not _NAME.fullmatch(name):
            raise ValueError(f"line {number} is no NAME=value")
        found[name] = value
    return allowed(found)


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """Writes the file with mode 0600.

    Raises:
        FileError: it cannot be written, or a value does not fit.
    """
    text = environment_text(variables)
    make_private_folder(path.parent)
    write_atomic(path, text.encode(errors="surrogateescape"), mode=0o600)


def read_environment(path: Path) -> dict[str, str]:
    """The variables of the file.

    Raises:
        FileError: it is missing, unreadable or damaged.
    """
    data = read_if_exists(path, _MOST_BYTES)
    problem = "it is not there"
    if data is not None:
        try:
            return parse_environment(data.decode(errors="surrogateescape"))
        except ValueError as error:
            problem = str(error)
    raise FileError(
        f"cannot take the service's variables from {path}: {problem}",
        next_step="openclaw-install runtime enable, which writes it anew",
        code="runtime.env_file",
    )


class Variables:
    """The variables as they are now: those of the process, and over them those of the file.

    Args:
        env: the process's own.
        path: the service's file; None without one.
    """

    def __init__(self, env: Mapping[str, str], path: Path | None) -> None:
        self._env = dict(env)
        self._path = path
        self._seen: object = None
        self._current: dict[str, str] = self._env
        if path is not None:
            read_environment(path)

    def current(self) -> Mapping[str, str]:
        """Reads the file again when it has changed; one that is damaged meanwhile changes nothing."""
        if self._path is None:
            return self._current
        seen = file_stamp(self._path)
        if seen != self._seen:
            with contextlib.suppress(FileError):
                self._current = {**self._env, **read_environment(self._path)}
                self._seen = seen
        return self._current
