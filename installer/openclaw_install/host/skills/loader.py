"""Asks the installed OpenClaw how it reads frontmatter of which our own reader is not sure.

All questions of a run go to one Node process, which imports the loader out of OpenClaw's package. It is given
texts and no path of a skill, it runs nothing of them, and it is ended when it takes too long.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.file import SkillFile, refused, skill_file

_SCRIPT = Path(__file__).with_name("loader.mjs")
_PACKAGE_DEPTH = 4
_TIMEOUT = 30.0
_MAX_QUESTION_CHARACTERS = 16_000_000
_NODE_OPTIONS = ("--no-warnings", "--max-old-space-size=512")


@dataclass(frozen=True)
class LoaderAnswer:
    """What OpenClaw makes of one frontmatter: its fields, or the error it refuses it with."""

    fields: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


class FrontmatterLoader(Protocol):
    """Somebody who knows for sure how OpenClaw reads a frontmatter."""

    def read(self, blocks: Sequence[str]) -> Mapping[str, LoaderAnswer]:
        """The answers by block; those that there is no answer to are left out."""
        ...


@dataclass(frozen=True)
class InstalledLoader:
    """The loader of an OpenClaw that is installed here.

    Attributes:
        node: the Node executable.
        package: OpenClaw's npm package folder.
        timeout: how long all questions of one call may take, in seconds.
    """

    node: Path
    package: Path
    timeout: float = _TIMEOUT

    def read(self, blocks: Sequence[str]) -> Mapping[str, LoaderAnswer]:
        """Asks one process about all blocks; without a process that answers there are no answers."""
        asked: list[str] = []
        left = _MAX_QUESTION_CHARACTERS
        for block in dict.fromkeys(blocks):
            if len(block) <= left:
                left -= len(block)
                asked.append(block)
        questions = (json.dumps({"id": number, "block": block}) for number, block in enumerate(asked))
        answers: dict[str, LoaderAnswer] = {}
        for line in self._run("\n".join(questions).encode()).split(b"\n"):
            found = _answer(line, len(asked))
            if found:
                answers[asked[found[0]]] = found[1]
        return answers

    def _run(self, questions: bytes) -> bytes:
        command = [str(self.node), *_NODE_OPTIONS, str(_SCRIPT), str(self.package)]
        # Options and hooks of the caller's environment would run in that process, too.
        env = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        try:
            done = subprocess.run(
                command, input=questions, capture_output=True, env=env, timeout=self.timeout, check=False
            )
        except subprocess.TimeoutExpired as late:
            return late.stdout or b""
        except OSError:
            return b""
        return done.stdout


def _answer(line: bytes, count: int) -> tuple[int, LoaderAnswer] | None:
    """The question's number and the answer of one line; None for a line that is no answer."""
    try:
        found = json.loads(line) if line else None
    except (ValueError, RecursionError):
        return None
    number = found.get("id") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(number, int) or not 0 <= number < count:
        return None
    error, fields = found.get("error"), found.get("fields")
    if isinstance(error, str):
        return number, LoaderAnswer(error=error)
    if isinstance(fields, dict) and all(isinstance(text, str) for text in fields.values()):
        return number, LoaderAnswer(fields)
    return None


def installed_package(cli: Path | None) -> Path | None:
    """The OpenClaw package that the program `openclaw` belongs to, or None if it does not show."""
    if cli is None:
        return None
    program = cli.resolve()
    return next(
        (folder for folder in list(program.parents)[:_PACKAGE_DEPTH] if (folder / "openclaw.mjs").is_file()),
        None,
    )


def installed_loader(location: HostLocation) -> InstalledLoader | None:
    """The loader of the host's OpenClaw, or None where it or Node is not to be found."""
    package = installed_package(location.cli)
    node = shutil.which("node", path=location.env.get("PATH", ""))
    if package is None or node is None or not (package / "dist").is_dir():
        return None
    return InstalledLoader(Path(node).absolute(), package)


def answers_about(files: Iterable[SkillFile], loader: FrontmatterLoader | None) -> Mapping[str, LoaderAnswer]:
    """What OpenClaw says about every uncertain one of the files, by block; one batch for all of them."""
    blocks = [file.uncertain.block for file in files if file.uncertain]
    return loader.read(blocks) if loader is not None and blocks else {}


def settled(file: SkillFile, answers: Mapping[str, LoaderAnswer]) -> SkillFile:
    """The file as OpenClaw reads it, where there is an answer about it, else as it is."""
    answer = answers.get(file.uncertain.block) if file.uncertain else None
    if file.uncertain is None or answer is None:
        return file
    if answer.error is not None:
        return refused(answer.error)
    return skill_file(answer.fields, None, file.uncertain.folder_name)


def settle(file: SkillFile, loader: FrontmatterLoader | None) -> SkillFile:
    """One file as OpenClaw reads it, where that is in doubt and somebody can be asked."""
    return settled(file, answers_about([file], loader)) if file.uncertain else file
