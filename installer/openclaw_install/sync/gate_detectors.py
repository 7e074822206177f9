"""The gate's detectors: which of `detect-secrets` are used, which are ours, and which values they may name.

Importing this costs 0.1 s, so only `gate.scan` does it, and only when something is to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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

from openclaw_install.sync.gate_forms import find_forms, find_places
from openclaw_install.sync.gate_patterns import EXACT_KEYS, PROVIDER_KEYS
from openclaw_install.sync.gate_values import is_exact_token, is_token

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
