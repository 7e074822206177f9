"""The gate's detectors: which of `detect-secrets` are used, which are ours, and what of a file they see.

These are its visible text, strings put together again, and what is encoded. Each is a `Layer`: a text, and
where in the file its pieces stand. Work and memory are bounded by the file's size: decoding makes each text
shorter, and is done twice. Importing this costs 0.1 s, so only `gate.scan` does it, and only when something
is to be sent.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import urllib.parse
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from detect_secrets.plugins import (
    azure_storage_key,
    discord,
    github_token,
    gitlab_token,
    mailchimp,
    pypi_token,
    sendgrid,
    square_oauth,
    stripe,
    twilio,
)
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

from openclaw_install.common.invisible import is_invisible
from openclaw_install.sync.gate_forms import find_forms, find_places
from openclaw_install.sync.gate_patterns import EXACT_KEYS, PROVIDER_KEYS
from openclaw_install.sync.gate_values import is_exact_token, is_token

_DEPTH = 2
_MOST_DECODED = 2  # times the length of the text; only the same text read in several ways comes near
_SHORTEST = 8  # characters of a decoded text that is looked at
_LEAST_PRINTABLE = 0.95

# A string that goes on in the next one: after a sign, a line's end or both; or a line after a backslash.
_JOINT = re.compile(
    r"(?<=[A-Za-z0-9+/=_-]{6})(?:"
    r"(?P<quote>[\"'])(?:[ \t]{0,8}[+.&\\][ \t]{0,8}(?:\r?\n[ \t>#*/]{0,40})?"
    r"|[ \t]{0,8}\r?\n[ \t>#*/]{0,40}[+.&]?[ \t]{0,8})"
    r"[bfru]{0,2}(?P=quote)|\\\r?\n[ \t>]{0,40})(?=[A-Za-z0-9+/=_-]{6})"
)
_LINE_END = r"\r?\n[ \t>]{0,40}"
_BASE64 = re.compile(
    rf"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{16,}}+(?:{_LINE_END}[A-Za-z0-9+/_-]{{16,}}+)*+"
    rf"(?:{_LINE_END}[A-Za-z0-9+/_-]{{1,80}}(?==))?={{0,2}}"
)
_HEX = re.compile(r"(?i)(?<![0-9a-z])(?:0x)?(?:[0-9a-f]{2}){12,}+(?![0-9a-z])")
_ESCAPED = re.compile(r"(?i)(?:(?:\\x|\\u00|,? ?0x)[0-9a-f]{2}){8,}+")
_PERCENT = re.compile(
    r"(?i)(?<![\w.~:/?#@!$&'*+,;=-])(?:[\w.~:/?#@!$&'*+,;=-]{0,400}+%[0-9a-f]{2}){1,400}+[\w.~:/?#@!$&'*+,;=-]{0,400}+"
)


@dataclass(frozen=True)
class Layer:
    """A text to judge, made of pieces, and where in the file each of these stands."""

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)
    is_decoded: bool = False
    """Whether a place within a piece is none in the file: then the piece's own is told."""

    def origin(self, offset: int) -> int:
        """Where in the file that stands which is at `offset` here."""
        piece = bisect_right(self.starts, offset) - 1
        return self.origins[piece] + (0 if self.is_decoded else offset - self.starts[piece])


def layers(text: str) -> Iterator[Layer]:
    """All that is to be judged of a file's text, the text itself first."""
    visible = _without(Layer(text), _invisible(text))
    yield visible
    joined = _without(visible, (match.span() for match in _JOINT.finditer(visible.text)))
    if joined is not visible:
        yield joined
    deeper = joined
    for _ in range(_DEPTH):
        deeper = _decoded(deeper)
        if not deeper.text:
            return
        yield deeper


def _invisible(text: str) -> Iterator[tuple[int, int]]:
    if text.isascii() and text.isprintable():
        return
    gone = "".join(char for char in set(text) if char not in "\t\n\r" and is_invisible(char))
    if gone:
        for match in re.finditer(f"[{re.escape(gone)}]+", text):
            yield match.span()


def _without(layer: Layer, spans: Iterable[tuple[int, int]]) -> Layer:
    """The layer without these parts; itself if there are none."""
    ends = [(0, 0), *spans, (len(layer.text), len(layer.text))]
    if len(ends) == 2:
        return layer
    pieces: list[str] = []
    places: dict[int, int] = {}
    length = 0
    for (_, start), (end, _) in itertools.pairwise(ends):
        within = layer.starts[bisect_right(layer.starts, start) : bisect_left(layer.starts, end)]
        for at in (start, *within):
            places[length + at - start] = layer.origin(at)
        pieces.append(layer.text[start:end])
        length += end - start
    return Layer("".join(pieces), tuple(places), tuple(places.values()))


def _decoded(layer: Layer) -> Layer:
    """All texts that are encoded in this layer, one a line; empty where there are none."""
    pieces, starts, origins, length = [], [], [], 0
    for offset, plain in _plain_texts(layer.text):
        pieces.append(plain)
        starts.append(length)
        origins.append(layer.origin(offset))
        length += len(plain) + 2
        if length > _MOST_DECODED * len(layer.text):
            break
    return Layer("\n\n".join(pieces), tuple(starts), tuple(origins), is_decoded=True)


def _plain_texts(text: str) -> Iterator[tuple[int, str]]:
    for marks, pattern, decode in _ENCODINGS:
        if not any(mark in text for mark in marks):
            continue
        for match in pattern.finditer(text):
            plain = decode(match[0])
            if len(plain) >= _SHORTEST and plain != match[0]:
                yield match.start(), plain


def _from_base64(encoded: str) -> str:
    bare = re.sub(r"[\s>=]+", "", encoded).translate(str.maketrans("-_", "+/"))
    if len(bare) % 4 == 1:
        return ""
    try:
        return _as_text(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except binascii.Error:
        return ""


def _from_hex(encoded: str) -> str:
    return _as_text(bytes.fromhex(re.sub(r"(?i)\\x|\\u00|[, ]|0x", "", encoded)))


def _from_percent(encoded: str) -> str:
    return _as_text(urllib.parse.unquote_to_bytes(encoded))


def _as_text(data: bytes) -> str:
    """The text that these bytes are, without invisible characters; empty where they are none."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    shown = sum(char.isprintable() or char in "\t\r\n" for char in text)
    if shown < _LEAST_PRINTABLE * len(text):
        return ""
    return "".join(char for char in text if char in "\t\r\n" or not is_invisible(char))


# A mark that a text with one has, a pattern, and how it is read.
_ENCODINGS: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[str], str]], ...] = (
    (("",), _BASE64, _from_base64),
    (("",), _HEX, _from_hex),
    (("\\x", "\\u00", "0x"), _ESCAPED, _from_hex),
    (("%",), _PERCENT, _from_percent),
)


# Left out of `detect-secrets`: public addresses (no secrets), the entropy of every quoted string (trips on
# checksums and images; `gate_forms` judges assigned values), providers whose keys have no own form
# (Artifactory, Cloudant, IBM, SoftLayer), which trip on plain words, those whose patterns match within longer
# values or much shorter ones (Slack, Telegram), and those whose patterns take minutes on a long line made for
# that (OpenAI, npm, JSON Web Tokens). Private keys are judged over many lines.
# Each with a text that all its matches hold.
_THEIRS: Mapping[type[RegexBasedDetector], str] = {
    azure_storage_key.AzureStorageKeyDetector: "AccountKey",
    discord.DiscordBotTokenDetector: ".",
    github_token.GitHubTokenDetector: "gh",
    gitlab_token.GitLabTokenDetector: "",
    mailchimp.MailchimpDetector: "-us",
    pypi_token.PypiTokenDetector: "pypi-",
    sendgrid.SendGridDetector: "SG.",
    square_oauth.SquareOAuthDetector: "sq0csp",
    stripe.StripeDetector: "k_live",
    twilio.TwilioKeyDetector: "",
}

_EXACT = tuple((kind, re.compile(pattern)) for kind, pattern in EXACT_KEYS)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----((?:[^-]|-(?!----)){0,800})")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")


@dataclass(frozen=True)
class _Detector:
    """One kind of secret: patterns to find suspects in a whole text, and the plugin that judges a line."""

    kind: str
    patterns: tuple[re.Pattern[str], ...]
    plugin: BasePlugin
    mark: str
    """A text that every match holds."""
    is_ours: bool = False

    def names(self, line: str) -> bool:
        """Whether the plugin sees a secret in the line that does not look like a placeholder."""
        seen = list(self.plugin.analyze_string(line))
        if not self.is_ours and seen:
            # Some of their patterns give back no more than a prefix.
            seen = [match[0] for pattern in self.patterns for match in pattern.finditer(line)]
        return any(map(is_token, seen))


def _detectors() -> tuple[_Detector, ...]:
    theirs = [(kind(), mark) for kind, mark in _THEIRS.items()]
    found = [_Detector(str(p.secret_type), tuple(p.denylist), p, mark) for p, mark in theirs]
    for key in PROVIDER_KEYS:
        compiled = re.compile(key.pattern)
        detector = type("_Ours", (RegexBasedDetector,), {"secret_type": key.kind, "denylist": [compiled]})
        found.append(_Detector(key.kind, (compiled,), detector(), key.mark, is_ours=True))
    return tuple(found)


_DETECTORS = _detectors()


def find(text: str) -> Iterator[tuple[int, str]]:
    """Where in `text` a secret seems to stand: the offset and its kind, in no order, perhaps twice.

    A detector looks at single lines, as in `detect-secrets`; its patterns are first run over the whole text,
    because most texts hold nothing for most of them.
    """
    for detector in _DETECTORS:
        if detector.mark not in text:
            continue
        for offset, line in _lines_with(text, detector.patterns):
            if detector.names(line):
                yield offset, detector.kind
    for kind, pattern in _EXACT:
        for match in pattern.finditer(text):
            if is_exact_token(match[1]):
                yield match.start(1), kind
    yield from find_forms(text)
    yield from find_places(text)
    for match in _PRIVATE_KEY.finditer(text):
        if any(is_token(body) for body in _KEY_BODY.findall(match[1])):
            yield match.start(), "private key"


def _lines_with(text: str, patterns: Sequence[re.Pattern[str]]) -> Iterator[tuple[int, str]]:
    """The lines in which one of the patterns matches, each once, with the offset of its start."""
    seen = set()
    for pattern in patterns:
        for match in pattern.finditer(text):
            start = text.rfind("\n", 0, match.start()) + 1
            if start not in seen:
                seen.add(start)
                end = text.find("\n", match.start())
                yield start, text[start : end if end >= 0 else len(text)]
