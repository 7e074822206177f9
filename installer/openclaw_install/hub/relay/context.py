"""Opens the relay of a data folder: its database and its own key, which signs the receipts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openclaw_install.common.clock import SYSTEM, Clock
from openclaw_install.common.errors import FileError
from openclaw_install.common.files import PRIVATE_FILE, read_if_exists, write_atomic
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.sqlite_store import SqliteRelayStore
from openclaw_install.hub.relay.store import RelayStore
from openclaw_install.protocol.canonical import b64u, unb64u
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.keys import SigningKey
from openclaw_install.protocol.receipts import relay_id_of

_MOST_KEY_BYTES = 1024
_SEED_BYTES = 32


@dataclass(frozen=True)
class RelayContext:
    """What a relay works with."""

    store: RelayStore
    key: SigningKey
    limits: RelayLimits
    clock: Clock = SYSTEM


@contextlib.contextmanager
def open_relay(folder: Path, limits: RelayLimits, clock: Clock = SYSTEM) -> Iterator[RelayContext]:
    """`relay.db` and `relay.key` of a data folder that the caller holds; made when they are missing.

    Raises:
        FileError: one of them cannot be used, or they do not belong together.
    """
    database = folder / "relay.db"
    key = load_or_make_key(folder / "relay.key", database)
    with contextlib.closing(SqliteRelayStore(database, relay_id_of(key), limits)) as store:
        yield RelayContext(store, key, limits, clock)


def load_or_make_key(path: Path, database: Path) -> SigningKey:
    """The key at `path`; a new one, mode 0600, when neither it nor the database is there.

    Raises:
        FileError: it cannot be read, is no key, or is missing while there is a database: a new key would
            make every receipt that was given look forged.
    """
    data = read_if_exists(path, _MOST_KEY_BYTES)
    if data is None:
        if database.exists():
            raise FileError(
                f"{path} is missing, and {database} was made with it",
                next_step="put it back from a backup, or move the database away to begin anew",
                code="hub.relay_key",
            )
        key = SigningKey.generate()
        write_atomic(path, b64u(key.reveal_seed()).encode() + b"\n", mode=PRIVATE_FILE)
        return key
    try:
        seed = unb64u(data.decode("ascii").strip())
        if len(seed) != _SEED_BYTES:
            raise ValueError
    except (ProtocolError, ValueError):
        raise FileError(
            f"{path} holds no key of a relay",
            next_step="put it back from a backup",
            code="hub.relay_key",
        ) from None
    os.chmod(path, PRIVATE_FILE)  # noqa: PTH101 - a key that was copied by hand may have any mode
    return SigningKey.from_seed(seed)
