"""The gate's detectors: which of `detect-secrets` are used, which are ours, and which values they may name.

Importing this costs 0.1 s, so only `gate.scan` does it, and only when something is to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    basic_auth,
    discord,
    github_token,
    gitlab_token,
    jwt,
    keyword,
    mailchimp,
    npm,
    openai,
    pypi_token,
    sendgrid,
    slack,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector

from openclaw_install.sync.gate_values import is_assigned_secret, is_password, is_token

# Left out of `detect-secrets`: public addresses (no secrets), the entropy of every quoted string (trips on
# checksums and images; an assigned value is judged below), and providers whose keys have no form of their own
# (Artifactory, Cloudant, IBM, SoftLayer), which trip on plain words. Private keys are judged over many lines.
_THEIRS: Sequence[type[RegexBasedDetector]] = (
    aws.AWSKeyDetector,
    azure_storage_key.AzureStorageKeyDetector,
    discord.DiscordBotTokenDetector,
    github_token.GitHubTokenDetector,
    gitlab_token.GitLabTokenDetector,
    jwt.JwtTokenDetector,
    mailchimp.MailchimpDetector,
    npm.NpmDetector,
    openai.OpenAIDetector,
    pypi_token.PypiTokenDetector,
    sendgrid.SendGridDetector,
    slack.SlackDetector,
    square_oauth.SquareOAuthDetector,
    stripe.StripeDetector,
    telegram_token.TelegramBotTokenDetector,
    twilio.TwilioKeyDetector,
)

# Kind, and a pattern whose first group is the part that is random in a real key.
_OURS: Sequence[tuple[str, str]] = (
    ("Mysta API key", r"mysta_([A-Za-z0-9_-]{16,})"),
    ("Anthropic API key", r"sk-ant-(?:[a-z]+\d+-)?([A-Za-z0-9_-]{20,})"),
    ("OpenAI API key", r"sk-(?:proj|svcacct|admin)-([A-Za-z0-9_-]{20,})"),
    ("API key (sk-)", r"sk-(?:or-v1-|lf-)?([A-Za-z0-9]{32,})"),
    ("GitHub fine-grained token", r"github_pat_([A-Za-z0-9_]{36,})"),
    ("Google API key", r"AIza([0-9A-Za-z_-]{35})"),
    ("Google OAuth secret", r"GOCSPX-([0-9A-Za-z_-]{28})"),
    ("npm token", r"npm_([A-Za-z0-9]{36})"),
    ("PyPI token", r"pypi-([A-Za-z0-9_-]{60,})"),
    ("Slack token", r"xox[abeoprs]-([0-9A-Za-z-]{20,})"),
    ("Slack app token", r"xapp-\d-([0-9A-Za-z-]{20,})"),
    ("Stripe secret", r"(?:k_live|whsec)_([0-9A-Za-z+/]{24,})"),
    ("Hugging Face token", r"hf_([A-Za-z0-9]{30,})"),
    ("Groq API key", r"gsk_([A-Za-z0-9]{40,})"),
    ("xAI API key", r"xai-([A-Za-z0-9]{60,})"),
    ("Replicate token", r"r8_([A-Za-z0-9]{36,})"),
    ("Perplexity API key", r"pplx-([A-Za-z0-9]{40,})"),
    ("Tavily API key", r"tvly-([A-Za-z0-9-]{28,})"),
    ("Firecrawl API key", r"fc-([a-f0-9]{32})(?![a-z0-9])"),
    ("DigitalOcean token", r"do[opr]_v1_([a-f0-9]{64})"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})"),
    ("Notion token", r"(?:ntn|ret)_([A-Za-z0-9]{40,})"),
    ("Linear API key", r"lin_api_([A-Za-z0-9]{40})"),
    ("Supabase token", r"sb(?:p|_secret)_([A-Za-z0-9_-]{28,})"),
    ("Databricks token", r"dapi([a-f0-9]{32})"),
    ("Vault token", r"hv[sbr]\.([A-Za-z0-9_-]{24,})"),
    ("Figma token", r"figd_([A-Za-z0-9_-]{40,})"),
    ("Mailgun key", r"key-([a-f0-9]{32})(?![a-z0-9])"),
    ("age private key", r"AGE-SECRET-KEY-1([A-Z0-9]{58})"),
    ("Discord webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,}/([A-Za-z0-9_-]{60,})"),
    ("bearer token", r"[Bb]earer\s+([A-Za-z0-9._~+/-]{24,}=*)"),
)

_NAMES = ("key", "passw", "passphrase", "pwd", "secret", "token", "credential")
_ASSIGNED = re.compile(
    r"(?i)(?:key|passw(?:or)?d|passphrase|pwd|secret|token|credential)[\w.-]{0,40}[\]\"'`]{0,2}"
    r"[ \t]*(?::=|=>|={1,3}|:)"
    r"[ \t]*(?:\"([^\"\n]{10,200})\"|'([^'\n]{10,200})'|`([^`\n]{10,200})`|([^\s\"'`,;]{10,200}))"
)
_CHUNK = re.compile(r"[^\s\"'`,;()]{12,}")
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----((?:[^-]|-(?!----)){0,800})")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")


@dataclass(frozen=True)
class _Detector:
    """One kind of secret: patterns to find suspects in a whole text, and the plugin that judges a line."""

    kind: str
    patterns: tuple[re.Pattern[str], ...]
    plugin: BasePlugin
    is_ours: bool = False

    def names(self, line: str) -> bool:
        """Whether the plugin sees a secret in the line that does not look like a placeholder."""
        seen = list(self.plugin.analyze_string(line))
        if not self.is_ours and seen:
            # Some of their patterns give back no more than a prefix.
            seen = [match[0] for pattern in self.patterns for match in pattern.finditer(line)]
        return any(map(is_token, seen))


def _detectors() -> tuple[_Detector, ...]:
    theirs = [kind() for kind in _THEIRS]
    found = [_Detector(str(p.secret_type), tuple(p.denylist), p) for p in theirs]
    for kind, pattern in _OURS:
        compiled = re.compile(pattern)
        detector = type("_Ours", (RegexBasedDetector,), {"secret_type": kind, "denylist": [compiled]})
        found.append(_Detector(kind, (compiled,), detector(), is_ours=True))
    return tuple(found)


_DETECTORS = _detectors()
_BASIC_AUTH = basic_auth.BasicAuthDetector()
_KEYWORD = keyword.KeywordDetector()


def find(text: str) -> Iterator[tuple[int, str]]:
    """Where in `text` a secret seems to stand: the offset and its kind, in no order, perhaps twice.

    A detector looks at single lines, as in `detect-secrets`; its patterns are first run over the whole text,
    because most texts hold nothing for most of them.
    """
    for detector in _DETECTORS:
        for offset, line in _lines_with(text, detector.patterns):
            if detector.names(line):
                yield offset, detector.kind
    for offset, line in _lines_with(text, tuple(_BASIC_AUTH.denylist)):
        if any(is_password(value) for value in _BASIC_AUTH.analyze_string(line)):
            yield offset, "password in an address"
    for offset, line in _lines_naming_secrets(text):
        if _assigns_secret(line):
            yield offset, "assigned secret"
    for match in _PRIVATE_KEY.finditer(text):
        if any(is_token(body) for body in _KEY_BODY.findall(match[1])):
            yield match.start(), "private key"


def _assigns_secret(line: str) -> bool:
    for match in _ASSIGNED.finditer(line):
        if is_assigned_secret(next(filter(None, match.groups()))):
            return True
    # The detector takes a millisecond a line, so only lines with anything random in them reach it.
    random = any(map(is_assigned_secret, _CHUNK.findall(line)))
    return random and any(is_assigned_secret(value) for value in _KEYWORD.analyze_string(line))


def _lines_naming_secrets(text: str) -> Iterator[tuple[int, str]]:
    """The lines that speak of keys, tokens or passwords; only the first 2,000 characters of each."""
    offset = 0
    for line in text.split("\n"):
        folded = line.lower()
        if any(name in folded for name in _NAMES):
            yield offset, line[:2_000]
        offset += len(line) + 1


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
