"""The exceptions that operators see: each has a code, a message and a next step."""

from __future__ import annotations

from typing import ClassVar, Literal

from openclaw_install.common.problems import Problem

ExitCode = Literal[0, 1, 2, 3, 130]
"""0 done and ready, 1 findings remain or blocked, 2 wrong usage, 3 unexpected error, 130 interrupted."""


class InstallError(Exception):
    """An expected failure: it carries a code for machines, a message and a next step for people.

    Args:
        message: what happened, naming the place (file, key path, port). It must hold no secret.
        next_step: the one thing to do about it, as a sentence or a command.
        code: overrides the class's own code where one class serves several causes.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = 1

    def __init__(self, message: str, *, next_step: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.error_code = code or self.code

    @property
    def problem(self) -> Problem:
        """The error as a record, for reports."""
        return Problem(self.error_code, self.message, self.next_step)


class UsageError(InstallError):
    """The command line itself is wrong (exit code 2)."""

    code = "usage"
    exit_code = 2


class ConfigError(InstallError):
    """The host's config document cannot be read, parsed or edited."""

    code = "config"


class HostError(InstallError):
    """The host's folders or programs are not what they must be."""

    code = "host"


class GatewayError(InstallError):
    """The gateway does not answer, or answers as no OpenClaw does."""

    code = "gateway"


class BundleError(InstallError):
    """A shipped bundle is damaged or declares something that this version does not know."""

    code = "bundle"


class FileError(InstallError):
    """A file could not be read or written: permissions, space, or a folder where a file should be."""

    code = "file"


class ConflictError(InstallError):
    """Somebody else changed what we were about to change, or another run holds the lock."""

    code = "conflict"
