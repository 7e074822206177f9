"""The mark beside an identity that is used in another place: no bridge starts while it is there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import UsageError
from openclaw_install.common.files import PRIVATE_FILE, file_error, read_if_exists, write_atomic
from openclaw_install.common.problems import Problem
from openclaw_install.messaging import store_lock
from openclaw_install.messaging.health import CLAIM, RETIRED
from openclaw_install.messaging.profile_settings import URL_VARIABLE, server_url
from openclaw_install.messaging.relay.client import Relay, RelayError, RelayMaker
from openclaw_install.messaging.relay.http import HttpRelay
from openclaw_install.messaging.store import Store
from openclaw_install.protocol.identity import Identity
from openclaw_install.protocol.instance import MOST_CLAIMS
from openclaw_install.protocol.profile import ProfilePaths, retirement_mark_of
from openclaw_install.protocol.times import iso

ELSEWHERE = "identity.elsewhere"
CLAIMS = "identity.claims"
SEEN = "identity.seen_elsewhere"
_ACKED = "identity.acked_elsewhere"
_FIRST_HEAD = "relay.first_head"
_SEEN_SECONDS = 7 * 86_400.0
_MOST_BYTES = 4096
_WENT = "it went to the other place that used this identity"


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """That an identity is not used here any more.

    Attributes:
        at: seconds since the epoch.
        why: `moved` by a person, or `noticed` by the bridge: another place uses it.
        claims: as the other place's instance has it; a claim here has to be above it.
    """

    at: float
    why: Literal["moved", "noticed"]
    by: str
    claims: int = 0

    @property
    def words(self) -> str:
        """That it is so, in words."""
        if self.why == "moved":
            return f"the identity was moved away by {self.by}: nothing is received or sent here"
        return "another place uses this identity too, and goes on: nothing is received or sent here"


def retirement_of(identity: Path) -> Retirement | None:
    """The mark; None where the identity is used here. One that cannot be read counts.

    Raises:
        FileError: it is there, and must not be read.
    """
    data = read_if_exists(retirement_mark_of(identity), _MOST_BYTES)
    if data is None:
        return None
    try:
        said: Mapping[str, Any] = json.loads(data)
        return Retirement(
            at=float(said["at"]),
            why="moved" if said["why"] == "moved" else "noticed",
            by=str(said["by"]),
            claims=int(said["claims"]),
        )
    except (ValueError, TypeError, KeyError):
        return Retirement(at=0.0, why="noticed", by="an unknown hand")


def retire(identity: Path, retirement: Retirement) -> None:
    """Writes the mark.

    Raises:
        FileError: it cannot be written.
    """
    data = json.dumps(asdict(retirement)).encode() + b"\n"
    write_atomic(retirement_mark_of(identity), data, mode=PRIVATE_FILE)


def record_retired(store: Store, retirement: Retirement) -> None:
    """Keeps in the store that the identity is used elsewhere: for its health, and as an event."""
    with store.write():
        store.facts.set(RETIRED, retirement.words, retirement.at)
        store.events.add(ELSEWHERE, retirement.at, by=retirement.by, detail=retirement.words)


def require_here(identity: Path) -> None:
    """Refuses to use an identity that is used in another place.

    Raises:
        RelayError: `identity.elsewhere`.
    """
    if retirement := retirement_of(identity):
        raise RelayError(retirement.words, next_step=CLAIM, code=ELSEWHERE)


def note_head(store: Store, log_id: str, head: int, now: float) -> None:
    """Keeps how far the relay's inbox went when this store met it first: what is newer comes in here."""
    store.facts.set_once(f"{_FIRST_HEAD}.{log_id}", head, now)


def note_acked_elsewhere(store: Store, log_id: str, seqs: Sequence[int], now: float) -> None:
    """Keeps that places were acknowledged which this store never took in.

    Args:
        seqs: places that the relay gives no more, and that did not expire.
    """
    first = store.facts.get(f"{_FIRST_HEAD}.{log_id}")
    count = sum(seq > first for seq in seqs) if first is not None else 0
    if count:
        store.facts.set(_ACKED, {"at": now, "count": count}, now)


def seen_elsewhere(store: Store, now: float) -> list[Problem]:
    """That another place used this identity within the last week."""
    place, found = str(store.path), []
    at = store.facts.get(SEEN)
    if at and now - at <= _SEEN_SECONDS:
        text = f"another place used this identity too, last at {iso(at)}; it stopped, and this one goes on"
        step = "remove the identity there; to move it on purpose: pingagent identity move"
        found.append(Problem(ELSEWHERE, text, step, severity="warn", path=place))
    acked = store.facts.get(_ACKED)
    if acked and now - acked["at"] <= _SEEN_SECONDS:
        text = (
            f"{acked['count']} message(s) were acknowledged at the relay and never came in here: by another "
            "place that has this identity, or by a later state of this store"
        )
        step = "if the identity was copied, remove it there, or move it on purpose: pingagent identity move"
        found.append(Problem("identity.acked_elsewhere", text, step, severity="warn", path=place))
    return found


def retire_here(paths: ProfilePaths, by: str, *, patience: float = 20.0) -> bool:
    """Stops using an identity here, because a person moves it.

    Args:
        patience: seconds to wait for a running bridge, which looks for the mark every few seconds.

    Returns:
        Whether no bridge runs any more.

    Raises:
        FileError: the mark cannot be written.
    """
    retirement = Retirement(at=wall_time(), why="moved", by=by)
    retire(paths.identity, retirement)
    if not paths.store.exists():
        return True
    with Store(paths.store) as store:
        record_retired(store, retirement)
    end = time.monotonic() + patience
    while (running := store_lock.is_held(paths.store)) and time.monotonic() < end:
        time.sleep(0.1)
    return not running


async def claim_here(
    env: Mapping[str, str],
    paths: ProfilePaths,
    identity: Identity,
    by: str,
    make: RelayMaker = HttpRelay,
) -> int:
    """Takes the identity over for this place; another one stops when both meet at the relay.

    What waits here and was acknowledged by the other place is not dispatched again.

    Args:
        by: the person who says so.

    Returns:
        How many messages went to the other place.

    Raises:
        UsageError: there is no relay.
        ConflictError: a bridge runs here.
        RelayError: the relay cannot be asked what the other place took; nothing was changed.
        FileError, ConfigError: a file cannot be used.
    """
    url = server_url(env, paths)
    if url is None:
        raise UsageError("no relay is set", next_step=f"set {URL_VARIABLE}, or run openclaw-install")
    relay = make(url, lambda: identity)
    mark = retirement_mark_of(paths.identity)
    try:
        with store_lock.held(paths.store), Store(paths.store) as store:
            gone = await _taken_elsewhere(store, relay)
            _record_claim(store, gone, retirement_of(paths.identity), by)
            try:
                mark.unlink(missing_ok=True)
            except OSError as error:
                raise file_error(error, mark, "remove") from error
            return len(gone)
    finally:
        await relay.aclose()


async def _taken_elsewhere(store: Store, relay: Relay) -> list[int]:
    """The messages that wait here, and that the relay gives no more: another place acknowledged them."""
    gone = []
    for number, log_id, seq in store.ingress.waiting_places():
        page = await relay.inbox(seq - 1, 1)
        there = any(one.seq == seq and one.gone is None for one in page.entries)
        if page.log_id == log_id and not there:
            gone.append(number)
    return gone


def _record_claim(store: Store, gone: list[int], retirement: Retirement | None, by: str) -> None:
    now = wall_time()
    with store.write():
        for number in gone:
            store.ingress.update(number, stage="refused", reason=_WENT)
            store.messages.set_state(number, "refused", reason=_WENT)
        claims = max(store.facts.get(CLAIMS) or 0, retirement.claims if retirement else 0) + 1
        store.facts.set(CLAIMS, min(claims, MOST_CLAIMS), now)
        store.facts.set(SEEN, None, now)
        store.facts.set(RETIRED, None, now)
        store.events.add("identity.claimed", now, by=by, went_elsewhere=len(gone))
