"""The one error boundary of the command line: every way out ends here, with the right exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from openclaw_install.common.errors import ExitCode, InstallError, UsageError
from openclaw_install.common.private_memory import keep_memory_private
from openclaw_install.common.shown_text import neutral as plain
from openclaw_install.surfaces.cli.reply import Reply

INTERRUPTED: ExitCode = 130
UNEXPECTED: ExitCode = 3


class UnexpectedError(InstallError):
    """Something that we did not foresee; the details are in a log file."""

    code = "unexpected"
    exit_code = UNEXPECTED


class InterruptedRunError(InstallError):
    """The operator pressed Ctrl-C, or answered no prompt."""

    code = "interrupted"
    exit_code = INTERRUPTED


def enter(group: click.Group, *, program: str = "openclaw-install", bare: str = "setup") -> NoReturn:
    """A console script: runs the command line of this process, and ends with its exit code."""
    keep_memory_private()
    sys.exit(run_command(group, sys.argv[1:], program=program, bare=bare))


def run_command(
    group: click.Group, arguments: Sequence[str], *, program: str = "openclaw-install", bare: str = "setup"
) -> int:
    """Runs the command line and returns its exit code; nothing is raised.

    Args:
        program: the console script's name, for usage messages and shell completion.
        bare: what the command without a name is called in the JSON document.
    """
    as_json = "--json" in arguments
    try:
        reply = _invoke(group, arguments, program)
    except InstallError as error:
        reply = Reply(_name_of(group, arguments, bare), None, exit_code=error.exit_code, errors=[error])
    if reply is None:
        return 0
    try:
        _emit(reply, as_json=as_json)
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing is left to say, and the exit code stays true.
        sys.stderr.close()
    except OSError as error:
        return _unwritten(error, reply.exit_code)
    return reply.exit_code


def _invoke(group: click.Group, arguments: Sequence[str], program: str) -> Reply | None:
    try:
        reply = group.main(list(arguments), prog_name=program, standalone_mode=False)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else program
        raise UsageError(error.format_message(), next_step=f"{where} --help") from error
    except click.FileError as error:
        raise UsageError(error.format_message(), next_step="check the path") from error
    except (click.Abort, KeyboardInterrupt) as error:
        if sys.stderr.isatty():
            click.echo(err=True)  # the question, or the `^C`, stands on a line that has no end yet
        raise InterruptedRunError(
            "interrupted: what was finished stands, a half-made change of this host was taken back",
            next_step="run the command again",
        ) from error
    except InstallError:
        raise
    except Exception as error:
        # This is the boundary: what reaches it is a bug, and is logged.
        raise _unexpected(error) from error
    return reply if isinstance(reply, Reply) else None


def _emit(reply: Reply, *, as_json: bool) -> None:
    if as_json:
        click.echo(reply.document())
    else:
        for error in reply.errors:
            # Lines after the first are indented: none of them can pass for a line of ours.
            first, *more = error.message.split("\n")
            for line in (f"error: {first}", *(f"       {line}" for line in more)):
                click.echo(plain(line), err=True)
            click.echo(plain(f"  next: {error.next_step}"), err=True)
        for line in reply.lines:
            click.echo(line)
    sys.stdout.flush()


def _unwritten(error: OSError, exit_code: int) -> int:
    """The answer did not get out (a full disk behind `>`): said on stderr, and never a success."""
    with contextlib.suppress(OSError):
        click.echo(f"error: the answer cannot be written: {error.strerror}", err=True)
        click.echo("  next: look where stdout goes, and run the command again", err=True)
    # What is still in the buffer would fail again at the end of the process, with a traceback.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exit_code or UNEXPECTED


def _name_of(group: click.Group, arguments: Sequence[str], bare: str) -> str:
    known = [word for word in arguments if word in group.commands]
    return known[0] if known else bare


def _unexpected(error: Exception) -> UnexpectedError:
    from openclaw_install.common.crash_log import write_crash_log

    path = write_crash_log(error, "error")
    return UnexpectedError(
        f"unexpected {type(error).__name__}; nothing more is known to be wrong",
        next_step="openclaw-install report writes what a bug report needs"
        + (f", with the log {path}" if path else "; add what you did"),
    )
