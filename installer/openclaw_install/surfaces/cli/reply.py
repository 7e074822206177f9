"""What a command answers: the frozen result as JSON, as text, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from openclaw_install.common.errors import ExitCode, InstallError
from openclaw_install.common.shown_text import shown_json

if TYPE_CHECKING:
    from openclaw_install.surfaces.views.text import Text


@dataclass(frozen=True)
class ShownError:
    """What went wrong, and what helps."""

    code: str
    message: str
    next_step: str


@dataclass(frozen=True)
class Document:
    """The one document that every command prints with --json.

    Attributes:
        ok: true exactly when exit_code is 0.
        exit_code: 0 done and ready, 1 findings remain or blocked, 2 wrong usage, 3 unexpected error,
            130 interrupted.
        result: the command's own document; null when the command could not begin.
    """

    command: str
    ok: bool
    exit_code: ExitCode
    result: dict[str, Any] | None
    errors: tuple[ShownError, ...]


@dataclass(frozen=True)
class Reply:
    """A command's answer.

    Attributes:
        command: the command's name, as in the JSON document.
        result: the JSON result; None when there is none.
        lines: the same for a person.
        exit_code: 0 done and ready, 1 findings remain or blocked, 2 wrong usage, 3 unexpected error.
        errors: what went wrong, for the JSON document and for stderr.
    """

    command: str
    result: Any
    lines: Sequence[str] = ()
    exit_code: ExitCode = 0
    errors: Sequence[InstallError] = field(default=())

    def document(self) -> str:
        """The one JSON document (`schemas/envelope.schema.json`)."""
        from openclaw_install.common.jsonable import jsonable

        errors = tuple(ShownError(one.error_code, one.message, one.next_step) for one in self.errors)
        document = Document(self.command, self.exit_code == 0, self.exit_code, self.result, errors)
        return shown_json(jsonable(document), indent=2)


@dataclass(frozen=True)
class Answer:
    """What a command answers where it is more than a record that says that all is done.

    Attributes:
        record: the result, as an action made it.
        exit_code: as `Reply.exit_code`.
        text: for a person; None means the view of the record.
        errors: as `Reply.errors`.
    """

    record: Any
    exit_code: ExitCode = 0
    text: Text | None = None
    errors: Sequence[InstallError] = ()


def reply_to(command: str, answer: Any) -> Reply | None:
    """The reply with a command's answer: a record, an `Answer`, or a reply that it made itself."""
    if answer is None or isinstance(answer, Reply):
        return answer
    if not isinstance(answer, Answer):
        return answered(command, answer)
    return answered(command, answer.record, answer.exit_code, text=answer.text, errors=answer.errors)


def answered(
    command: str,
    answer: Any,
    exit_code: ExitCode = 0,
    *,
    text: Text | None = None,
    errors: Sequence[InstallError] = (),
) -> Reply:
    """What an action answered, as JSON and as text."""
    from openclaw_install.common.jsonable import jsonable
    from openclaw_install.surfaces.views import view

    return Reply(command, jsonable(answer), (text or view(answer)).lines, exit_code, errors)


@dataclass(frozen=True)
class Planned:
    """What a command would do that was tried with `--dry-run`."""

    planned: tuple[str, ...]
    dry_run: Literal[True] = True


def planned(command: str, *lines: str) -> Reply:
    """The answer of a command that was tried with `--dry-run`."""
    from openclaw_install.common.jsonable import jsonable

    return Reply(command, jsonable(Planned(lines)), lines)
