"""The policy file: looked at before each use, never half read; a broken one leaves the last good in force."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import ConflictError, FileError, InstallError
from openclaw_install.common.files import (
    PRIVATE_FILE,
    file_error,
    make_private_folder,
    read_if_exists,
    sha256,
    write_atomic,
)
from openclaw_install.common.problems import Problem
from openclaw_install.messaging.store import Store
from openclaw_install.messaging.trust.document import (
    MOST_BYTES,
    PolicyDocument,
    changed_text,
    new_document,
    read_document,
)
from openclaw_install.messaging.trust.edits import Edit
from openclaw_install.messaging.trust.match import TrustPolicyError
from openclaw_install.messaging.trust.policy import CLOSED, DEFAULTS, Policy, PolicySource, cautions

LAST_GOOD = "trust.last_good"
RESTORE = "pingagent trust restore"
LOCK_SECONDS = 10.0
CHANGED_MEANWHILE = "trust.changed_meanwhile"
_LOOK_AGAIN = "look at it, and make the change again: pingagent trust show"
_TRIES = 8
# A file that was changed this shortly before it was read may change again without another time stamp.
_SETTLED_NS = 2_000_000_000
_Mark = tuple[int, ...]
_NO_FILE: _Mark = ()  # the mark of a file that is not there


@dataclass(frozen=True)
class PolicyState:
    """The policy in force, and how it came to be.

    Attributes:
        source: `file`; `defaults` where there is none; `last_good` where the file cannot be used, and the
            one before is in force; `closed` where there is none before either: everything waits for a person.
        problem: what is wrong with the file: a blocker with its cure; None where nothing is.
        warnings: what a person should look at.
        text: the policy as it was written; empty for `defaults` and `closed`.
    """

    policy: Policy
    source: PolicySource
    path: Path
    problem: Problem | None
    warnings: tuple[Problem, ...]
    text: str


@dataclass(frozen=True)
class FileLook:
    """One reading of the file: its bytes (None: there is no file), or why it cannot be read.

    Attributes:
        mark: what tells this state of the file from others; None where that is not known.
        settled: whether a file of the same mark is the same.
    """

    mark: _Mark | None
    data: bytes | None
    digest: str | None = None
    trouble: InstallError | None = None
    settled: bool = False

    def tells_the_same(self, other: FileLook) -> bool:
        """Whether nothing new has to be judged."""
        same = (self.mark, self.digest) == (other.mark, other.digest)
        return same and self.trouble is None and other.trouble is None


class TrustBook:
    """The policy file of one agent, with the last good policy in its store.

    To `look` at the file may take as long as its disk does, and touches no store; `judged` is the store's
    thread's, and reads no file. So neither waits for the other, and nothing here has a lock.

    Args:
        path: the file; it need not exist.
        store: keeps the last good policy, and all that were in force.
    """

    def __init__(self, path: Path, store: Store) -> None:
        self.path = path
        self._store = store
        self._seen: FileLook | None = None
        self._judged: tuple[FileLook, int, PolicyState] | None = None

    def current(self, now: float) -> PolicyState:
        """The policy that is in force now; a changed file counts at once.

        Args:
            now: seconds since the epoch, for the record of a policy that was not seen before.
        """
        return self.judged(self.look(), now)

    def look(self) -> FileLook:
        """Looks at the file, and reads it where it may have changed. Needs no store; one caller at a time."""
        seen = self._seen
        if seen is None or not seen.settled or _mark(self.path) != seen.mark:
            self._seen = seen = _read(self.path)
        return seen

    def judged(self, look: FileLook, now: float) -> PolicyState:
        """The policy that is in force by a look at the file; on the store's thread.

        The same look again costs nothing and writes nothing, also where there is no file.

        Args:
            now: as in `current`.
        """
        if self._judged is not None:
            before, version, state = self._judged
            # What falls back on the last good policy changes where another process has kept a newer one.
            if before.tells_the_same(look) and (state.source == "file" or version == self._version()):
                return state
        version, state = self._version(), self._judge(look, now)
        self._judged = look, version, state
        return state

    def _version(self) -> int:
        return self._store.database.data_version()

    def _judge(self, look: FileLook, now: float) -> PolicyState:
        last = self.last_good()
        if look.data is None and look.trouble is None:
            return self._missing(last)
        try:
            if look.trouble is not None:
                raise look.trouble
            document = read_document(look.data or b"")
        except InstallError as error:
            return self._broken(error, last)
        if document.text != last:
            # Without this note the policy works too: the next look makes it up.
            with contextlib.suppress(FileError):
                self._keep(document, now)
        return PolicyState(
            document.policy, "file", self.path, None, self._warnings(document, look.mark), document.text
        )

    def _keep(self, document: PolicyDocument, now: float) -> None:
        with self._store.write():
            self._store.facts.set(LAST_GOOD, {"text": document.text}, now)
            self._store.trust.remember_policy(document.policy.version, document.text, now)

    def _missing(self, last: str | None) -> PolicyState:
        if last is None:
            return PolicyState(DEFAULTS, "defaults", self.path, None, (), "")
        problem = Problem(
            "trust.policy_missing",
            "the trust policy's file has gone; the last good policy stays in force",
            f"put it back: {RESTORE}; for the defaults: {RESTORE} --defaults",
            path=str(self.path),
        )
        return self._fallen_back(problem, last)

    def _broken(self, error: InstallError, last: str | None) -> PolicyState:
        code = "trust.policy_invalid" if isinstance(error, TrustPolicyError) else "trust.policy_unreadable"
        stays = "the last good policy stays in force" if last else "until then everything waits for a person"
        problem = Problem(
            code,
            f"the trust policy cannot be used: {error.message}; {stays}",
            f"{error.next_step}; or put the last good one back: {RESTORE}" if last else error.next_step,
            path=str(self.path),
        )
        return self._fallen_back(problem, last)

    def _fallen_back(self, problem: Problem, last: str | None) -> PolicyState:
        if last is not None:
            # Another version of this program may have written it, one that knew more or less than we do.
            with contextlib.suppress(TrustPolicyError):
                document = read_document(last.encode())
                return PolicyState(document.policy, "last_good", self.path, problem, (), last)
        return PolicyState(CLOSED, "closed", self.path, problem, (), "")

    def _warnings(self, document: PolicyDocument, mark: _Mark | None) -> tuple[Problem, ...]:
        found = [
            ("unknown_key", f"{key} means nothing here; it is kept", "check its spelling")
            for key in document.unknown[:20]
        ]
        found += [
            (
                "switch_ended",
                f"{key} has no effect any more: only people, and the rules that they write, widen trust",
                "take it out of the file; let somebody in with pingagent contacts approve or a rule",
            )
            for key in document.ended
        ]
        found += [
            (
                f"rule_{one.kind}",
                f"{one.section} rule {one.position}: {one.message}",
                "see whether it is meant so: pingagent trust show",
            )
            for one in cautions(document.policy)[:20]
        ]
        if mark and mark[4] & 0o022:
            message = "others on this machine may change who is trusted"
            found.append(("policy_writable", message, f"chmod 600 {self.path}"))
        return tuple(
            Problem(f"trust.{code}", message, next_step, severity="warn", path=str(self.path))
            for code, message, next_step in found
        )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other programs of ours from changing the file meanwhile.

        Raises:
            ConflictError: one of them has been at it for more than 10 seconds.
            FileError: the folder cannot be made or written.
        """
        # It and the module below cost every command a twentieth of its start, and only a change needs them.
        import filelock

        make_private_folder(self.path.parent)
        lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise ConflictError(
                "another program is changing the trust policy",
                next_step="try again when it has ended",
                code="trust.locked",
            ) from None
        except OSError as error:
            raise file_error(error, self.path, "lock") from error
        try:
            yield
        finally:
            lock.release()

    def changed(self, state: PolicyState, edit: Edit) -> str:
        """The file's text with a change made; nothing is written.

        Raises:
            TrustPolicyError: the file cannot be used as it is, or the change cannot be made.
        """
        if state.problem is not None:
            raise TrustPolicyError(
                state.problem.message, next_step=state.problem.next_step, code=state.problem.code
            )
        return changed_text(state.text or new_document(), edit)

    def write(self, text: str, expected: str) -> None:
        """Replaces the file in one step and keeps the one before as `<name>.bak`; call it `locked`.

        Args:
            text: of a policy that reads.
            expected: the text that the file must still have; empty for no file, and `*` for any.

        Raises:
            ConflictError: somebody else has changed it meanwhile.
            FileError: it cannot be written; the old one is untouched then.
        """
        from openclaw_install.common.shared_files import write_expected

        old = read_if_exists(self.path, MOST_BYTES) if expected != "*" else _whatever(self.path)
        if expected not in ("*", (old or b"").decode("utf-8", "replace")):
            raise ConflictError(
                "somebody else has changed the trust policy just now",
                next_step=_LOOK_AGAIN,
                code=CHANGED_MEANWHILE,
            )
        if old:
            write_atomic(self.path.with_name(f"{self.path.name}.bak"), old, mode=PRIVATE_FILE)
        if old is None and expected == "*":
            write_atomic(self.path, text.encode())  # what is there cannot even be read
            return
        try:
            write_expected(self.path, text.encode(), old)
        except ConflictError as error:
            raise ConflictError(error.message, next_step=_LOOK_AGAIN, code=CHANGED_MEANWHILE) from error

    def last_good(self) -> str | None:
        """The text of the last policy that could be read; None where there never was one."""
        kept = self._store.facts.get(LAST_GOOD)
        return kept["text"] if isinstance(kept, dict) else None


def _mark(path: Path) -> _Mark | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _NO_FILE
    except OSError:
        return None
    return (
        status.st_dev,
        status.st_ino,
        status.st_mtime_ns,
        status.st_size,
        status.st_mode,
        status.st_ctime_ns,
    )


def _is_old(mark: _Mark) -> bool:
    return round(wall_time() * 1e9) - max(mark[2], mark[5]) > _SETTLED_NS


def _read(path: Path) -> FileLook:
    """Reads until the file was the same before and after, so that no half of two of them is taken for one."""
    mark: _Mark | None = None
    data: bytes | None = None
    for _ in range(_TRIES):
        mark = _mark(path)
        try:
            data = read_if_exists(path, MOST_BYTES)
        except InstallError as error:
            return FileLook(None, None, trouble=error)
        if mark == _mark(path) and (data is None) == (mark == _NO_FILE):
            break
    if data is None:
        return FileLook(_NO_FILE, None, settled=True)
    settled = bool(mark) and _is_old(mark or ())
    return FileLook(mark, data, sha256(data), settled=settled)


def _whatever(path: Path) -> bytes | None:
    """The bytes of a file that may be unusable."""
    try:
        return read_if_exists(path)
    except FileError:
        return None
