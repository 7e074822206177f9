"""Takes secrets out of texts that leave the machine: those that are known here, and what looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import open_if_exists
from openclaw_install.common.redaction import MASK, Secret, redact
from openclaw_install.host.config.document import read_config
from openclaw_install.host.config.secrets import is_sensitive, secrets_in
from openclaw_install.host.locate import HostLocation

_SHORTEST = 4
_MOST_BYTES = 1024 * 1024
# What a word like this introduces is a secret, however short; a quote or a bracket may stand between.
_INTRODUCED = (
    r"((?:token|password|passwd|passphrase|secret|api[_-]?key|private[_-]?key|authorization|cookie|credential)"
    r"[\w-]*[\"'\\]*\s*[:=]\s*"
)
_NAMED = re.compile(
    _INTRODUCED + r"[\"'\\]*(?:bearer\s+|basic\s+)?)([^\s\"'\\,;}\]]+)",
    re.IGNORECASE,
)
# Between quotes it may have blanks and commas; a document inside a text has backslashes before its quotes.
_QUOTED = re.compile(
    _INTRODUCED + r")(\\*[\"'])(?:(?!\2)(?:\\.|[^\n])){1,4000}?\2",
    re.IGNORECASE,
)
_COOKIES = re.compile(r"(\bcookie\s*[:=]\s*)(?![\"'\\])[^\n\"'\\]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)
# A password in an address may have a slash or an at sign of its own.
_IN_ADDRESS = re.compile(r"(://)(?:[^/\s:@\"']*:[^\s\"']*|[^/\s\"']*)@")
# The parts of an address that may be told without it.
_PARTS = re.compile(r"://[^:/@\s]*:(\S+)@|[?&][\w.-]*=([^&\s#]+)")
_QUERY = re.compile(r"([?&][\w.-]*=)[^&\s\"'#]+")
_VALUE = re.compile(r":\s*[\"'`]?([^\s\"'`,{}\[\]]{4,})")
# A run of letters and digits as long as a key; paths and dates have a mark before that.
_LONG = re.compile(r"[\w+=-]{20,}")


class Scrubber:
    """Masks secrets in texts.

    Args:
        secrets: values that are masked wherever they stand, as they are and as JSON writes them.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        whole = {one.reveal() for one in secrets}
        parts = {
            part for value in whole for match in _PARTS.finditer(value) for part in match.groups() if part
        }
        parts |= {unquote(part) for part in parts}
        known = {value for value in whole | parts if len(value) >= _SHORTEST}
        escaped = {
            json.dumps(value, ensure_ascii=ascii_only)[1:-1]
            for value in known
            for ascii_only in (False, True)
        }
        self._secrets = [Secret(value) for value in known | escaped]

    def clean(self, text: str) -> str:
        """The text with a mask in the place of every secret, and of what looks like one."""
        text = redact(text, self._secrets)
        text = _IN_ADDRESS.sub(rf"\1{MASK}@", text)
        text = _QUERY.sub(rf"\1{MASK}", text)
        text = _QUOTED.sub(rf"\1\2{MASK}\2", text)
        text = _COOKIES.sub(rf"\1{MASK}", text)
        text = _NAMED.sub(_named, text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        return _LONG.sub(_long, text)

    def cleaned(self, value: Any) -> Any:
        """A JSON value with every text in it clean."""
        if isinstance(value, Mapping):
            return {self.clean(key): self.cleaned(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.cleaned(child) for child in value]
        return self.clean(value) if isinstance(value, str) else value


def known_secrets(location: HostLocation, env: Mapping[str, str], files: Iterable[Path]) -> list[Secret]:
    """The secrets of a host that can be found here.

    Args:
        location: the host; its config, and the `.env` beside it, are read.
        env: variables; the values of those that are named like secrets count, and addresses with one in them.
        files: documents of ours with secrets in them, JSON or `NAME=VALUE` lines; all their values count.
    """
    found = [
        Secret(value)
        for name, value in env.items()
        if value and (is_sensitive((name,)) or _IN_ADDRESS.search(value))
    ]
    try:
        found += secrets_in(read_config(location.config_path, location.env))
    except InstallError:
        # Of one that cannot be parsed, whatever stands where values stand.
        found += [Secret(word) for word in _VALUE.findall(_text(location.config_path))]
    for path in (location.state_dir / ".env", *files):
        found += map(Secret, _values(_text(path)))
    return found


def shape_of(value: Any) -> Any:
    """A config without its values: names, kinds and lengths; switches and places in lists stay."""
    if isinstance(value, Mapping):
        return {_name(key): shape_of(child) for key, child in value.items()}
    if isinstance(value, list):
        return [shape_of(child) for child in value]
    if isinstance(value, str):
        return f"text of {len(value)}"
    if isinstance(value, bool) or value is None:
        return value
    return "number"


def _name(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_$][\w.$/-]{0,40}", key) and not _LONG.search(key) else MASK


def _named(found: re.Match[str]) -> str:
    return found[0] if found[2].startswith(MASK) else f"{found[1]}{MASK}"


def _long(found: re.Match[str]) -> str:
    word = found[0]
    is_mixed = any(one.isdigit() for one in word) and any(one.isalpha() for one in word)
    return MASK if is_mixed else word


def _text(path: Path) -> str:
    try:
        stream = open_if_exists(path)
        if stream is None:
            return ""
        with stream:
            return stream.read(_MOST_BYTES).decode(errors="replace")
    except (InstallError, OSError):
        return ""


def _values(text: str) -> Iterator[str]:
    try:
        yield from _strings(json.loads(text))
    except (ValueError, RecursionError):
        for line in text.splitlines():
            value = line.partition("=")[2].strip() or line.strip()
            yield from (value, value.strip("\"'"))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for child in value:
            yield from _strings(child)
    # Short words of such a file are its own vocabulary.
    elif isinstance(value, str) and len(value) >= 12:
        yield value
