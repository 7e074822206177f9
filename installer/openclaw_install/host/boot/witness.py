"""Asks the installed OpenClaw about the file: `openclaw config validate --json`, beside our own work.

It refuses files that a start mends first: older keys, in a file without `$include`. What it refuses is
therefore put to OpenClaw's own plan of a start as well (`start_plan.mjs`), which writes nothing.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from openclaw_install.common.redaction import redact
from openclaw_install.common.shown_text import cut, neutral
from openclaw_install.host.boot.verdict import Issue, Validation
from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.locate import HostLocation

if TYPE_CHECKING:
    from concurrent.futures import Future

NO_CLI = "no openclaw is on PATH"
_ANSWER_LIMIT = 1_048_576
_ISSUES_AT_MOST = 50
_WORDS_AT_MOST = 300
_SECONDS = 20.0
_START_PLAN = Path(__file__).with_name("start_plan.mjs")


@dataclass(frozen=True)
class Installed:
    """The OpenClaw that is on PATH.

    Attributes:
        cli: its program.
    """

    cli: Path

    @cached_property
    def package(self) -> Path | None:
        """Its npm package; None where the program is a script of another kind."""
        folder = self.cli.resolve().parent
        return folder if (folder / "dist").is_dir() and (folder / "package.json").is_file() else None

    @cached_property
    def version(self) -> str | None:
        """The package's version; None where it cannot be read."""
        try:
            document = json.loads((self.package / "package.json").read_bytes()) if self.package else {}
        except (OSError, ValueError):
            return None
        version = document.get("version") if isinstance(document, dict) else None
        return version if isinstance(version, str) else None


def installed(location: HostLocation) -> Installed | None:
    """The OpenClaw on the host's PATH; None where there is none."""
    return Installed(location.cli) if location.cli else None


def in_background(work: Any, *arguments: Any) -> Future[Validation]:
    """The result of `work(*arguments)`, which runs aside; the end of the program does not wait for it."""
    from concurrent.futures import Future

    future: Future[Validation] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)

    Thread(target=run, daemon=True, name="boot-witness").start()
    return future


def ask_openclaw(
    program: Installed, location: HostLocation, document: ConfigDocument, seconds: float = _SECONDS
) -> Validation:
    """What the installed OpenClaw says of the config on disk. No word of it is a secret of the config.

    Args:
        program: the OpenClaw that is asked; it changes nothing.
        location: the host.
        document: its config, for the secrets in it.
        seconds: how long each of the two questions may take.
    """
    answer = _json_of([str(program.cli), "config", "validate", "--json"], location.env, seconds)
    if isinstance(answer, str):
        return Validation("not_asked", reason=answer)
    if answer.get("valid") is True:
        return Validation("accepted")
    issues = _issues(answer.get("issues"), document)
    if not issues:
        return Validation("not_asked", reason="openclaw config validate names nothing that it refuses")
    if document.included:  # a start mends no file with includes
        return Validation("refused", issues)
    mended = _mended(program, location, seconds)
    state = {True: "migrated", False: "refused", None: "unclear"}
    return Validation(state[mended], issues)  # type: ignore[arg-type]


def _mended(program: Installed, location: HostLocation, seconds: float) -> bool | None:
    """Whether a start would mend the file first; None where that cannot be told."""
    node = shutil.which("node", path=location.env.get("PATH"))
    if program.package is None or node is None:
        return None
    answer = _json_of([node, str(_START_PLAN), str(program.package / "dist")], location.env, seconds)
    mended = answer.get("mended") if isinstance(answer, dict) else None
    return mended if isinstance(mended, bool) else None


def _json_of(command: Sequence[str], env: Mapping[str, str], seconds: float) -> dict[str, Any] | str:
    """The JSON object that a command prints last; else why there is none, in a few words."""
    import tempfile

    with tempfile.TemporaryFile() as printed:
        try:
            done = subprocess.run(
                command,
                env={**env, "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"openclaw did not answer within {seconds:g} s"
        except OSError as error:
            return f"openclaw could not be started: {error.strerror or type(error).__name__}"
        printed.seek(0)
        text = printed.read(_ANSWER_LIMIT).decode("utf-8", "replace")
    begin = re.search(r"^\{", text, re.MULTILINE)
    try:
        document = json.loads(text[begin.start() :]) if begin else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return f"openclaw answered without a result (exit code {done.returncode})"
    return document


def _issues(listed: Any, document: ConfigDocument) -> tuple[Issue, ...]:
    from openclaw_install.host.config.secrets import secrets_in

    secrets = secrets_in(document)

    def shown(value: Any) -> str:
        return cut(neutral(redact(str(value), secrets)), _WORDS_AT_MOST)

    found = [
        Issue(shown(one.get("path", "")), shown(one.get("message", "")))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return tuple(found[:_ISSUES_AT_MOST])
