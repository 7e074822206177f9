"""Parses a relay's responses defensively: bounded size and time, every number and name checked."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from openclaw_install.messaging.relay.client import About, Entry, InboxPage, RelayRefused, StreamItem
from openclaw_install.protocol.canonical import MAX_INTEGER
from openclaw_install.protocol.did import is_did
from openclaw_install.protocol.instance import is_instance
from openclaw_install.protocol.keys import KEY_BYTES
from openclaw_install.protocol.receipts import LOG_ID
from openclaw_install.protocol.shape import base64url
from openclaw_install.protocol.times import seconds_of
from openclaw_install.protocol.tokens import RUN

MOST_PAGE = 16 * 1024 * 1024
"""Bytes of a page of the inbox; a relay of ours gives 4 MiB at most."""
MOST_ANSWER = 256 * 1024
"""Bytes of every other answer; a card is the largest and has 96 KiB at most."""
_MOST_LINE = 1024 * 1024


class TooLarge(ValueError):  # noqa: N818 - says what it is
    """More than any honest answer has."""


async def bounded(parts: AsyncIterator[bytes], most: int) -> bytes:
    """All of an answer.

    Raises:
        TooLarge: it has more than `most` bytes.
    """
    gathered, size = [], 0
    async for part in parts:
        gathered.append(part)
        size += len(part)
        if size > most:
            raise TooLarge
    return b"".join(gathered)


def about_of(answer: Mapping[str, Any]) -> About:
    """What a relay says of itself.

    Raises:
        KeyError, TypeError, ValueError, ProtocolError: it is not of that form.
    """
    base64url(KEY_BYTES).read("relay_id", answer["relay_id"])
    log_id, limits = answer["log_id"], answer.get("limits")
    if not LOG_ID.fullmatch(log_id):
        raise ValueError("no name of a log")
    known = dict(limits) if isinstance(limits, Mapping) else {}
    run = answer.get("run")
    if run is not None and not RUN.fullmatch(run):
        raise ValueError("no name of a run")
    return About(answer["relay_id"], log_id, seconds_of(answer["time"]), known, run)


def did_of_alias(answer: Mapping[str, Any]) -> str:
    """The DID that an alias stands for.

    Raises:
        TypeError, ValueError: it is none.
    """
    did = answer.get("did")
    if not isinstance(did, str) or not is_did(did):
        raise ValueError("no DID")
    return did


def page_of(answer: Mapping[str, Any], limit: int) -> InboxPage:
    """A page of the inbox that was asked for with `limit`.

    Raises:
        KeyError, TypeError, ValueError: it is not of that form, or says what cannot be.
    """
    head, floor, previous = _place(answer["head"]), _place(answer.get("floor", 0)), answer.get("previous")
    listed = answer["entries"]
    if not isinstance(listed, list) or len(listed) > limit:
        raise ValueError("more entries than were asked for")
    entries = [_entry(one) for one in listed]
    if floor > head or any(entry.seq > head for entry in entries):
        raise ValueError("a place behind the end")
    return InboxPage(
        log_id=str(answer["log_id"]),
        head=head,
        entries=entries,
        next=_place(answer["next"]),
        floor=floor,
        previous=previous if isinstance(previous, str) else None,
    )


async def stream_items(
    parts: AsyncIterator[bytes], patience: float, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[StreamItem]:
    """The events of an SSE stream.

    Args:
        patience: seconds within which a line has to be whole, or a stream could be kept open byte by byte.

    Raises:
        ValueError, KeyError, TypeError: an event is too large, too slow, or not of the form it must have.
    """
    events, rest, begun = _Events(), bytearray(), clock()
    async for part in parts:
        if not rest:
            begun = clock()
        rest += part
        # Only new bytes can end a line: to look at all of them each time would cost the square of the line.
        if b"\n" not in part and b"\r" not in part:
            if len(rest) > _MOST_LINE or clock() - begun > patience:
                raise TooLarge("a line of the stream does not end")
            continue
        *lines, left = re.split(rb"\r\n|\n|\r(?!$)", bytes(rest))
        rest, begun = bytearray(left), clock()
        for raw in lines:
            if item := events.line(raw.decode("utf-8", "replace").rstrip("\r")):
                yield item


class _Events:
    """Puts the lines of a stream together."""

    def __init__(self) -> None:
        self._name, self._data = "", ""

    def line(self, line: str) -> StreamItem | None:
        """What the line ends or is; None for a part of something."""
        if line.startswith(":"):
            return StreamItem("beat")
        if line.startswith("event:"):
            self._name = line[6:].strip()
        elif line.startswith("data:"):
            self._data += line[5:].removeprefix(" ")
            if len(self._data) > _MOST_LINE:
                raise TooLarge("an event of the stream does not end")
        elif not line:
            name, data, self._name, self._data = self._name, self._data, "", ""
            return _item(name, data)
        return None


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> RelayRefused:
    """The error that a relay answered with, whatever it wrote."""
    error: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(body)
        if isinstance(document, dict) and isinstance(document.get("error"), dict):
            error = document["error"]
    reason = str(error.get("code", "http"))
    reason = reason if re.fullmatch(r"[a-z0-9_.]{1,60}", reason) else "http"
    after = headers.get("retry-after", "").strip()
    return RelayRefused(
        status,
        reason,
        _line(error.get("message")) or f"the relay answered {status}",
        next_step=_line(error.get("next_step")) or "look at the relay's log",
        retry_after=min(float(after), 3600.0) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", after) else None,
    )


def _item(event: str, data: str) -> StreamItem | None:
    if event == "hello":
        hello = json.loads(data)
        return StreamItem("hello", str(hello["log_id"]), _place(hello["head"]))
    if event == "envelope":
        return StreamItem("entry", entry=_entry(json.loads(data)))
    if event == "alone":
        return StreamItem("alone", others=_place(json.loads(data)["others"]))
    if event == "other":
        instance = str(json.loads(data)["instance"])
        return StreamItem("other", instance=instance) if is_instance(instance) else StreamItem("beat")
    return StreamItem("beat") if event else None


def _entry(value: Any) -> Entry:
    seq = _place(value["seq"])
    if seq < 1:
        raise ValueError("an entry without a number")
    gone = value.get("gone")
    return Entry(seq, value.get("receipt"), value.get("envelope"), None if gone is None else str(gone)[:40])


def _place(value: Any) -> int:
    """A place in an inbox; JSON of Python's kind also has infinities, and integers beyond any database's."""
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ValueError("no place in an inbox")
    return value


def _line(value: Any) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", value)[:300] if isinstance(value, str) else ""
