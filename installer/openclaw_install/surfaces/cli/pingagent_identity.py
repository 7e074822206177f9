"""`pingagent identity`: take the identity elsewhere, bring it back, and give it new keys."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openclaw_install.common.errors import UsageError
from openclaw_install.surfaces.cli.passphrase import passphrase_options, read_passphrase
from openclaw_install.surfaces.cli.pingagent_options import PingOptions, confirm, gather_ping, ping_options
from openclaw_install.surfaces.cli.reply import Reply

if TYPE_CHECKING:
    from openclaw_install.protocol.identity import Identity

_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_MOST_BYTES = 524_288


@click.group("identity")
@ping_options
@click.pass_context
def identity_group(context: click.Context, /, **said: Any) -> None:
    """This agent's private keys: whoever has them is this agent."""
    gather_ping(context, said)


@identity_group.command("export")
@ping_options
@click.argument("file", type=_FILE)
@passphrase_options
@click.pass_context
def export_command(
    context: click.Context,
    /,
    *,
    file: Path,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
    **said: Any,
) -> Reply | None:
    """Write the identity to a new FILE ('-': stdout), sealed with a passphrase."""
    from openclaw_install.protocol.profile_files import export_identity, load_identity

    options = gather_ping(context, said)
    if str(file) == "-" and options.as_json:
        raise UsageError("--json and the identity cannot share stdout", next_step="name a file")
    identity = load_identity(options.paths().identity)
    if options.dry_run:
        return _planned("export", f"write {identity.did}, sealed, to {file}")
    data = export_identity(identity, read_passphrase(passphrase_fd, passphrase_file, twice=True))
    if str(file) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return None
    _write_new(file, data)
    result = {**_shown(identity), "file": str(file.absolute())}
    return Reply("identity export", result, [f"{identity.did} is in {file}, sealed with your passphrase"])


@identity_group.command("import")
@ping_options
@click.argument("file", type=_FILE)
@passphrase_options
@click.pass_context
def import_command(
    context: click.Context,
    /,
    *,
    file: Path,
    passphrase_fd: int | None,
    passphrase_file: Path | None,
    **said: Any,
) -> Reply:
    """Bring an exported identity into this profile; one that is there is never overwritten."""
    from openclaw_install.common.errors import ConflictError
    from openclaw_install.protocol.profile_files import import_identity, store_new_identity

    options = gather_ping(context, said)
    place = options.paths().identity
    if os.path.lexists(place):
        raise ConflictError(
            f"there is an identity at {place} already; it is left as it is",
            next_step="choose another profile with --profile, or export that one and move it away",
            code="identity.exists",
        )
    data = _read(file)
    identity = import_identity(data, read_passphrase(passphrase_fd, passphrase_file, twice=False))
    if options.dry_run:
        return _planned("import", f"put {identity.did} at {place}")
    store_new_identity(place, identity)
    result = {**_shown(identity), "file": str(place)}
    lines = [
        f"{identity.did} is in {place}",
        "use it in one place at a time: two runtimes with one identity take each other's messages",
    ]
    return Reply("identity import", result, lines)


@identity_group.command("rotate")
@ping_options
@click.option("--encryption-only", is_flag=True, help="A new encryption key; the signing key stays.")
@click.option("--correct-time", is_flag=True, help="The last rotation was dated by a clock that ran ahead.")
@click.pass_context
def rotate_command(
    context: click.Context, /, *, encryption_only: bool, correct_time: bool, **said: Any
) -> Reply:
    """Give the identity new keys; its DID, contacts and threads stay, and others learn them from its card."""
    import asyncio

    from openclaw_install.common.clock import SYSTEM
    from openclaw_install.messaging.bridge.own_clock import check_clock
    from openclaw_install.protocol.identity import rotate_encryption, rotate_signing
    from openclaw_install.protocol.profile_files import load_identity, update_identity

    options = gather_ping(context, said)
    path = options.paths().identity
    what = "a new encryption key" if encryption_only else "a new signing key and a new encryption key"
    before = load_identity(path)
    asyncio.run(check_clock(options.env, options.paths(), before, SYSTEM))
    if options.dry_run:
        return _planned("rotate", f"give {before.did} {what}")
    if not confirm(f"Give {before.did} {what}? The old signing key is gone then.", options):
        raise UsageError("not agreed: nothing was changed", next_step="run it again to agree")

    def change(identity: Identity) -> Identity:
        now = SYSTEM.wall()
        fresh = rotate_encryption(identity, now)
        return fresh if encryption_only else rotate_signing(fresh, now, correcting=correct_time)

    after = update_identity(path, change)
    result = {**_shown(after), "file": str(path)}
    lines = [f"{after.did} has {what}", _published_by(options)]
    return Reply("identity rotate", result, lines)


def _published_by(options: PingOptions) -> str:
    from openclaw_install.messaging.store_lock import is_held

    if is_held(options.paths().store):
        return "the running runtime publishes the new card"
    return "the runtime publishes the new card when it runs: openclaw-install runtime start"


def _shown(identity: Identity) -> dict[str, Any]:
    """What of an identity is public."""
    return {
        "did": identity.did,
        "alias": identity.alias,
        "display_name": identity.display_name,
        "signing_keys": len(identity.rotation),
        "encryption_epoch": identity.current_encryption.epoch,
    }


def _planned(verb: str, what: str) -> Reply:
    return Reply(f"identity {verb}", {"dry_run": True, "planned": [what]}, [f"would {what}"])


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
