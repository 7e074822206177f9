"""`pingagent identity`: take the identity elsewhere, bring it back, and give it new keys."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.surfaces.cli.options import PingOptions, agreed, operator
from openclaw_install.surfaces.cli.passphrase import passphrase_options, read_passphrase
from openclaw_install.surfaces.cli.reply import Answer, Reply, planned
from openclaw_install.surfaces.cli.verbs import AppGroup, ProfileVerb
from openclaw_install.surfaces.views.text import Text

if TYPE_CHECKING:
    from openclaw_install.protocol.identity import Identity

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_MOST_BYTES = 524_288


@click.group("identity", cls=AppGroup)
def identity_group() -> None:
    """This agent's private keys: whoever has them is this agent."""


@identity_group.command("export", cls=ProfileVerb)
@click.argument("file", type=_FILE)
@passphrase_options
def export_command(options: PingOptions, file: Path, **source: Any) -> Answer | Reply | None:
    """Write the identity to a new FILE ('-': stdout), sealed with a passphrase."""
    from openclaw_install.messaging.models.identity import in_file
    from openclaw_install.protocol.identity_document import export_identity
    from openclaw_install.protocol.profile_files import load_identity

    if str(file) == "-" and options.as_json:
        raise UsageError("--json and the identity cannot share stdout", next_step="name a file")
    identity = load_identity(options.paths().identity)
    if options.dry_run:
        return planned("identity export", f"would write {identity.did}, sealed, to {file}")
    data = export_identity(identity, read_passphrase(**source, twice=True))
    if str(file) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return None
    _write_new(file, data)
    text = Text([f"{identity.did} is in {file}, sealed with your passphrase"])
    return Answer(in_file(identity, str(file.absolute())), text=text)


@identity_group.command("move", cls=ProfileVerb)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@passphrase_options
def move_command(options: PingOptions, file: Path, **source: Any) -> Answer | Reply:
    """Write the identity to a new FILE, sealed with a passphrase, and stop using it here.

    In the new place: pingagent identity import FILE. Contacts and threads stay here.
    """
    from openclaw_install.messaging.models.identity import in_file
    from openclaw_install.messaging.retirement import retire_here
    from openclaw_install.protocol.identity_document import export_identity
    from openclaw_install.protocol.profile_files import load_identity

    paths = options.paths()
    identity = load_identity(paths.identity)
    if options.dry_run:
        plan = f"would write {identity.did}, sealed, to {file}, and stop using it here"
        return planned("identity move", plan)
    agreed(f"Move {identity.did}? Nothing is received or sent here then.", yes=options.yes)
    _write_new(file, export_identity(identity, read_passphrase(**source, twice=True)))
    stopped = retire_here(paths, operator())
    lines = [
        f"{identity.did} is in {file}, sealed with your passphrase, and not used here any more",
        "in the new place: pingagent identity import FILE; back to this one: pingagent identity claim",
    ]
    lines += [] if stopped else ["the runtime here has not let go of it yet: openclaw-install runtime stop"]
    return Answer(in_file(identity, str(file.absolute())), text=Text(lines))


@identity_group.command("claim", cls=ProfileVerb)
def claim_command(options: PingOptions) -> Answer | Reply:
    """Use the identity here, and nowhere else: another place stops when both meet at the relay.

    What waits here and went to the other place meanwhile is not given to the agent again.
    """
    from openclaw_install.messaging.models.identity import in_file
    from openclaw_install.messaging.retirement import claim_here
    from openclaw_install.protocol.profile_files import load_identity

    paths = options.paths()
    identity = load_identity(paths.identity)
    if options.dry_run:
        return planned("identity claim", f"would use {identity.did} here, and nowhere else")
    agreed(f"Use {identity.did} here, and nowhere else?", yes=options.yes)
    went = asyncio.run(claim_here(options.env, paths, identity, operator()))
    lines = [f"{identity.did} is used here from now on; a runtime that runs begins by itself"]
    lines += [f"{went} waiting messages went to the other place, and stay there"] if went else []
    return Answer(in_file(identity, str(paths.identity)), text=Text(lines))


@identity_group.command("import", cls=ProfileVerb)
@click.argument("file", type=_FILE)
@passphrase_options
def import_command(options: PingOptions, file: Path, **source: Any) -> Answer | Reply:
    """Bring an exported identity into this profile; one that is there is never overwritten."""
    from openclaw_install.common.errors import ConflictError
    from openclaw_install.messaging.models.identity import in_file
    from openclaw_install.protocol.identity_document import import_identity
    from openclaw_install.protocol.profile_files import store_new_identity

    place = options.paths().identity
    if os.path.lexists(place):
        raise ConflictError(
            f"there is an identity at {place} already; it is left as it is",
            next_step="choose another profile with --profile, or export that one and move it away",
            code="identity.exists",
        )
    identity = import_identity(_read(file), read_passphrase(**source, twice=False))
    if options.dry_run:
        return planned("identity import", f"would put {identity.did} at {place}")
    store_new_identity(place, identity)
    warning = "use it in one place at a time; to take it to another one: pingagent identity move"
    return Answer(in_file(identity, str(place)), text=Text([f"{identity.did} is in {place}", warning]))


@identity_group.command("rotate", cls=ProfileVerb)
@click.option("--encryption-only", is_flag=True, help="A new encryption key; the signing key stays.")
@click.option("--correct-time", is_flag=True, help="The last rotation was dated by a clock that ran ahead.")
def rotate_command(options: PingOptions, *, encryption_only: bool, correct_time: bool) -> Answer | Reply:
    """Give the identity new keys; its DID, contacts and threads stay, and others learn them from its card."""
    from openclaw_install.common.clock import SYSTEM
    from openclaw_install.messaging.bridge.own_clock import check_clock
    from openclaw_install.messaging.models.identity import in_file
    from openclaw_install.protocol.identity import rotate_encryption, rotate_signing
    from openclaw_install.protocol.profile_files import load_identity, update_identity

    path = options.paths().identity
    what = "a new encryption key" if encryption_only else "a new signing key and a new encryption key"
    before = load_identity(path)
    asyncio.run(check_clock(options.env, options.paths(), before, SYSTEM))
    if options.dry_run:
        return planned("identity rotate", f"would give {before.did} {what}")
    agreed(f"Give {before.did} {what}? The old signing key is gone then.", yes=options.yes)

    def change(identity: Identity) -> Identity:
        now = SYSTEM.wall()
        fresh = rotate_encryption(identity, now)
        return fresh if encryption_only else rotate_signing(fresh, now, correcting=correct_time)

    after = update_identity(path, change)
    text = Text([f"{after.did} has {what}", _published_by(options)])
    return Answer(in_file(after, str(path)), text=text)


def _published_by(options: PingOptions) -> str:
    from openclaw_install.messaging.store_lock import is_held

    if is_held(options.paths().store):
        return "the running runtime publishes the new card"
    return "the runtime publishes the new card when it runs: openclaw-install runtime start"


def _write_new(path: Path, data: bytes) -> None:
    from openclaw_install.common.files import PRIVATE_FILE, file_error

    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise UsageError(
            f"{path} exists already; it is left as it is", next_step="name a file that does not exist yet"
        ) from None
    except OSError as error:
        raise file_error(error, path, "write") from error


def _read(path: Path) -> bytes:
    from openclaw_install.common.files import read_if_exists

    if str(path) == "-":
        return sys.stdin.buffer.read(_MOST_BYTES + 1)
    data = read_if_exists(path, _MOST_BYTES)
    if data is None:
        raise UsageError(f"there is no file {path}", next_step="name the file that `identity export` wrote")
    return data
