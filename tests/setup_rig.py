"""What the tests of the setup stand on: a plain host in a scratch folder, and twins of the seams."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from openclaw_install.common.errors import ConflictError, FileError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.redaction import Secret
from openclaw_install.common.shared_files import CHANGED_MEANWHILE
from openclaw_install.host.boot.memory import Hear
from openclaw_install.host.boot.verdict import Validation
from openclaw_install.host.config.document import ConfigDocument, read_config
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy
from openclaw_install.host.hooks.policy import read_policy
from openclaw_install.host.locate import HostLocation, locate
from openclaw_install.setup.changes import Files, Folder, Present
from openclaw_install.setup.context import Context, Options
from openclaw_install.setup.plan import PlanReport
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.removal import UndoResult, undo, uninstall
from openclaw_install.setup.runtime_control import RuntimeSeam
from openclaw_install.setup.transaction import Recovery, recover
from openclaw_install.setup.undo import UndoPlan
from openclaw_install.setup.verify import RunResult, fix_hooks, set_up, verify_runtime
from tests.schemas import assert_valid

GATEWAY_TOKEN = "gateway-s3cret-0123456789abcdef"
HOOK_TOKEN = "hook-s3cret-0123456789abcdef0123456789"
PLAIN = f"""// An operator's own config.
{{
  gateway: {{ mode: "local", port: 19999, auth: {{ mode: "token", token: "{GATEWAY_TOKEN}" }} }},
  // Hands off.
  logging: {{ level: "info" }},
}}
"""
# Not one rule is broken here, so that only what a test adds is in the way.
SOUND = f"""{{
  gateway: {{ mode: "local", port: 19999, auth: {{ mode: "token", token: "{GATEWAY_TOKEN}" }} }},
  hooks: {{
    enabled: true,
    token: "{HOOK_TOKEN}",
    allowRequestSessionKey: true,
    allowedSessionKeyPrefixes: ["hook:im:", "hook:ingress"],
    defaultSessionKey: "hook:ingress",
    allowedAgentIds: ["main"],
  }},
}}
"""
# Boots no gateway: no prefix admits the keys that it makes up.
BOMBED = SOUND.replace('["hook:im:", "hook:ingress"]', '["hook:im:"]').replace(
    '    defaultSessionKey: "hook:ingress",\n', ""
)
ACCEPTED = Validation("accepted")
T = TypeVar("T")
Tree = dict[str, tuple[str, int, str]]


@dataclass
class PlainHost:
    """A host that needs no OpenClaw: state folder 0700, config 0600, our own state folder beside it."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    profile: str | None = None
    named_config: Path | None = None
    validation: Validation = ACCEPTED
    """What the twin of the installed OpenClaw says of the config."""

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.env = {"HOME": str(self.home), "PATH": str(self.bin), **self.env}
        self.bin.mkdir(exist_ok=True)
        self.state_dir.mkdir(mode=0o700, exist_ok=True)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def ours(self) -> Path:
        return self.root / "ours"

    @property
    def location(self) -> HostLocation:
        return locate(self.env, config=self.named_config, profile=self.profile)

    @property
    def state_dir(self) -> Path:
        return self.location.state_dir

    @property
    def config(self) -> Path:
        return self.location.config_path

    @property
    def skills(self) -> Path:
        return self.state_dir / "skills"

    @property
    def store(self) -> ReceiptStore:
        return ReceiptStore(self.location, root=self.ours)

    @property
    def data(self) -> Any:
        return parse_json5(self.config.read_text())

    def write(self, text: str, mode: int = 0o600) -> None:
        self.config.write_text(text)
        self.config.chmod(mode)

    def edit(self, old: str, new: str) -> None:
        """A person's edit of the config: the text must be there."""
        text = self.config.read_text()
        assert old in text, text
        self.config.write_text(text.replace(old, new, 1))

    def add_command(self, name: str) -> None:
        """Puts a program on the host's PATH."""
        (self.bin / name).write_text("#!/bin/sh\n")
        (self.bin / name).chmod(0o755)

    def tree(self) -> Tree:
        """Everything that is the host's: bytes, permissions, links, folders."""
        return tree_of(self.home)

    def context(self, operator: Operator | None = None, ask: Asker | None = None, **options: Any) -> Context:
        """One command on the host; offline unless somebody is to be asked."""
        said = Options(**{"offline": ask is None, **QUICK, **options})
        return Context(
            self.location,
            said,
            operator or Operator(),
            self.store,
            ask=ask or never_asked,
            witness=self._witness,
        )

    def _witness(
        self, location: HostLocation, document: ConfigDocument, memory: Path, *, offline: bool
    ) -> Hear:
        """The twin of the installed OpenClaw: it answers whether it is to be started or not."""
        del location, document, memory, offline
        return lambda: self.validation

    def setup(self, operator: Operator | None = None, ask: Asker | None = None, **options: Any) -> RunResult:
        return checked(set_up(self.context(operator, ask, **options)))

    def fix_hooks(
        self, operator: Operator | None = None, ask: Asker | None = None, **options: Any
    ) -> RunResult:
        return checked(fix_hooks(self.context(operator, ask, **options)))

    def verify(self, ask: Asker | None = None, **options: Any) -> RunResult:
        return checked(verify_runtime(self.context(None, ask, **options)))

    def undo(self, wanted: str | None = None, operator: Operator | None = None, **options: Any) -> UndoResult:
        result = undo(self.context(operator, **options), wanted)
        assert_valid(jsonable(result), "undo-report")
        return result

    def uninstall(self, operator: Operator | None = None, **options: Any) -> UndoResult:
        result = uninstall(self.context(operator, **options))
        assert_valid(jsonable(result), "undo-report")
        return result

    def settle(self) -> tuple[Recovery, ...]:
        """What the next run does first."""
        with self.store.lock():
            return recover(self.store)


@dataclass(frozen=True)
class WholeHost:
    """A host with a twin of its runtime, and its agent where `env` is given; its gateway follows the file."""

    host: PlainHost
    runtime: RuntimeSeam
    env: Mapping[str, str] | None = None
    now: float = 1_800_000_000.0

    def context(self, operator: Operator | None = None, **options: Any) -> Context:
        made = self.host.context(operator, Asker(follower(self.host)), **options)
        env = None if self.env is None else {**self.host.env, **self.env}
        return replace(made, runtime=self.runtime, env=env, clock=lambda: self.now)

    def set_up(self, operator: Operator | None = None, **options: Any) -> RunResult:
        return checked(set_up(self.context(operator, **options)))

    def verify(self, **options: Any) -> RunResult:
        return checked(verify_runtime(self.context(**options)))

    def fix_hooks(self, **options: Any) -> RunResult:
        return checked(fix_hooks(self.context(**options)))


QUICK: dict[str, Any] = {"starting_seconds": 0.0, "take_over_seconds": 0.0, "settle_seconds": 0.0}


def checked(run: RunResult) -> RunResult:
    """Every result of every test is held against the schema, and its exit code against its state."""
    assert_valid(jsonable(run.report), "activation-report")
    foreseen = None if run.applied is None else run.applied.would_be
    if run.report.blockers and foreseen is None:
        assert run.exit_code == 1
    if foreseen == "blocked":
        assert run.exit_code == 1
    return run


def tree_of(root: Path, *, times: bool = False) -> Tree:
    """Each path below `root`: what it is and holds, its permissions, and its time where that is asked for."""
    found: Tree = {}
    for path in sorted([root, *root.rglob("*")]):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            content = f"link to {path.readlink()}"
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = "folder" if stat.S_ISDIR(status.st_mode) else "special"
        moment = str(status.st_mtime_ns) if times else ""
        found[str(path.relative_to(root))] = (content, stat.S_IMODE(status.st_mode), moment)
    return found


@dataclass
class Operator:
    """The person's twin: notes what is shown and answers from a script, `yes` beyond its end."""

    answers: list[bool] = field(default_factory=list)
    while_asked: list[Callable[[], None]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    plans: list[PlanReport] = field(default_factory=list)
    undo_plans: list[UndoPlan] = field(default_factory=list)
    questions: int = 0

    def show(self, text: str) -> None:
        self.shown.append(text)

    def show_plan(self, plan: PlanReport) -> None:
        self.plans.append(plan)

    def show_undo(self, plan: UndoPlan) -> None:
        self.undo_plans.append(plan)

    def progress(self, text: str) -> None:
        self.shown.append(text)

    def confirm(self, question: str) -> bool:
        self.questions += 1
        if self.while_asked:
            self.while_asked.pop(0)()
        return self.answers.pop(0) if self.answers else True


Answer = LivePolicy | Callable[[GatewayAddress, Secret | None], LivePolicy]


class Asker:
    """The gateway's twin: answers from a table, the last answer again and again, and notes who asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[GatewayAddress, str | None]] = []

    def __call__(
        self, address: GatewayAddress, token: Secret | None, *, agent_id: str | None = None
    ) -> LivePolicy:
        self.asked.append((address, agent_id))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, LivePolicy) else answer(address, token)


def never_asked(address: GatewayAddress, token: Secret | None, *, agent_id: str | None = None) -> LivePolicy:
    raise AssertionError("the gateway was asked although the run is offline")


def enforcing(*prefixes: str) -> LivePolicy:
    return LivePolicy(
        "enforced", 19999, allow_request_session_key=True, allowed_session_key_prefixes=prefixes
    )


def follower(host: PlainHost) -> Answer:
    """A gateway that enforces whatever the file says, as a reload does it."""

    def answer(address: GatewayAddress, token: Secret | None) -> LivePolicy:
        policy = read_policy(read_config(host.config, host.env).data)
        return LivePolicy(
            "enforced", address.port, policy.allow_request_session_key, tuple(policy.prefixes or ())
        )

    return answer


class MemoryFiles:
    """The file system's twin in memory: paths to content or folder, with permissions."""

    def __init__(self, *folders: Path) -> None:
        self.entries: dict[Path, tuple[bytes | None, int]] = dict.fromkeys(folders, (None, 0o700))

    def look(self, path: Path) -> Present:
        return Present(*self.entries.get(path, (None, None)))

    def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
        old = self.entries.get(path)
        if old is not None and old[0] is None:
            raise FileError(f"{path} is a folder", next_step="move it away", code="file.eisdir")
        self._need_folder(path.parent)
        self._need_content(path, expected)
        kept = old[1] if old is not None else 0o600
        self.entries[path] = (data, kept if mode is None else mode)

    def delete(self, path: Path, expected: bytes | None) -> None:
        if self.entries.get(path, (b"", 0))[0] is None:
            raise FileError(f"{path} is a folder", next_step="move it away", code="file.eisdir")
        if path in self.entries:
            self._need_content(path, expected)
        self.entries.pop(path, None)

    def set_mode(self, path: Path, mode: int) -> None:
        if path not in self.entries:
            raise FileError(f"nothing at {path}", next_step="make it first", code="file.enoent")
        self.entries[path] = (self.entries[path][0], mode)

    def make_folders(self, folders: Sequence[Folder]) -> None:
        for folder in folders:
            self._need_folder(folder.path.parent)
            if self.entries.setdefault(folder.path, (None, folder.mode))[0] is not None:
                raise FileError(f"{folder.path} is a file", next_step="move it away", code="file.eexist")

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            inside = any(path.parent == folder for path in self.entries)
            if not inside and self.entries.get(folder, (b"", 0))[0] is None:
                self.entries.pop(folder, None)

    def remove_leftovers(self, path: Path, known: Sequence[bytes | None]) -> tuple[Path, ...]:
        """There are none: a write in memory is one step."""
        return ()

    def _need_content(self, path: Path, expected: bytes | None) -> None:
        if self.entries.get(path, (None, 0))[0] != expected:
            raise ConflictError(f"{path} changed", next_step="look again", code=CHANGED_MEANWHILE)

    def _need_folder(self, folder: Path) -> None:
        if self.entries.get(folder, (b"", 0))[0] is not None:
            raise FileError(f"no folder {folder}", next_step="make it first", code="file.enoent")


class Died(BaseException):
    """Stands for the end of the process: not even an `except Exception` sees it."""


class DyingFiles:
    """Another file system of which operation number `at` fails, counted from 0.

    Args:
        behind: what does the work until then.
        at: the operation that fails; reading counts too.
        forever: every later one fails as well, as if the process had died; else the disk was full once.
        done: the operation itself is still carried out.
    """

    def __init__(self, behind: Files, at: int, *, forever: bool, done: bool = False) -> None:
        self.behind = behind
        self.at = at
        self.forever = forever
        self.done = done
        self.count = 0
        self.reached = False

    def _do(self, operation: Callable[[], T]) -> T:
        number, self.count = self.count, self.count + 1
        fails = number == self.at or (self.forever and number > self.at)
        if fails and not (self.done and number == self.at):
            self._fail()
        result = operation()
        if fails:
            self._fail()
        return result

    def _fail(self) -> None:
        self.reached = True
        if self.forever:
            raise Died
        raise FileError("cannot write: No space left", next_step="free some", code="file.enospc")

    def look(self, path: Path) -> Present:
        return self._do(lambda: self.behind.look(path))

    def write(self, path: Path, data: bytes, mode: int | None, expected: bytes | None) -> None:
        self._do(lambda: self.behind.write(path, data, mode, expected))

    def delete(self, path: Path, expected: bytes | None) -> None:
        self._do(lambda: self.behind.delete(path, expected))

    def set_mode(self, path: Path, mode: int) -> None:
        self._do(lambda: self.behind.set_mode(path, mode))

    def make_folders(self, folders: Sequence[Folder]) -> None:
        # Each folder is a moment of its own.
        for folder in folders:
            self._do(partial(self.behind.make_folders, [folder]))

    def remove_empty_folders(self, folders: Sequence[Path]) -> None:
        for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
            self._do(partial(self.behind.remove_empty_folders, [folder]))

    def remove_leftovers(self, path: Path, known: Sequence[bytes | None]) -> tuple[Path, ...]:
        return self._do(lambda: self.behind.remove_leftovers(path, known))


def without_ours(env: Mapping[str, str]) -> dict[str, str]:
    """A child's environment in which only `env` speaks of OpenClaw and of us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENCLAW_", "XDG_"))}
    return {**kept, **env}
