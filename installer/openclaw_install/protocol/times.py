"""Times as the protocol writes them: UTC with milliseconds, one spelling for each instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from openclaw_install.protocol.errors import ProtocolError

DAY = 86_400.0
MAX_SKEW = 300.0
"""Seconds by which the clocks of two sides may differ before a message counts as early or late."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_LAST_MILLISECOND = 253_402_300_799_999


def iso(seconds: float) -> str:
    """`seconds` since 1970 (as a clock's `wall` gives them) as `2026-11-21T01:29:00.123Z`.

    Raises:
        ProtocolError: before 1970, after 9999, or no number.
    """
    milliseconds = seconds * 1000
    if not 0 <= milliseconds <= _LAST_MILLISECOND:
        raise ProtocolError("a time lies outside the years 1970 to 9999", code="time.range")
    moment = _EPOCH + timedelta(milliseconds=round(milliseconds))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def seconds_of(text: str) -> float:
    """The seconds since 1970 that `iso` spells as `text`.

    Raises:
        ProtocolError: any other spelling, or a day or hour that does not exist.
    """
    if not _FORM.fullmatch(text):
        raise ProtocolError("a time is not of the form 2026-11-21T01:29:00.123Z", code="time.form")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProtocolError("a time names a day or an hour that does not exist", code="time.form") from None
    if moment < _EPOCH:
        raise ProtocolError("a time lies outside the years 1970 to 9999", code="time.range")
    return round((moment - _EPOCH) / timedelta(milliseconds=1)) / 1000


def to_milliseconds(seconds: float) -> float:
    """`seconds` with the precision that the wire has, so that what was written equals what is read."""
    return round(seconds * 1000) / 1000
