"""The gate's detectors: which of `detect-secrets` are used, which are ours, and which values they may name.

Importing this costs 0.1 s, so only `gate.scan` does it, and only when something is to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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

from openclaw_install.sync.gate_forms import find_forms
from openclaw_install.sync.gate_values import is_exact_token, is_token

# Left out of `detect-secrets`: public addresses (no secrets), the entropy of every quoted string (trips on
# checksums and images; `gate_forms` judges assigned values), providers whose keys have no own form
# (Artifactory, Cloudant, IBM, SoftLayer), which trip on plain words, those whose patterns match within longer
# values or much shorter ones (Slack, Telegram), and those whose patterns take minutes on a long line made for
# that (OpenAI, npm, JSON Web Tokens). Private keys are judged over many lines.
_THEIRS: Sequence[type[RegexBasedDetector]] = (
    azure_storage_key.AzureStorageKeyDetector,
    discord.DiscordBotTokenDetector,
    github_token.GitHubTokenDetector,
    gitlab_token.GitLabTokenDetector,
    mailchimp.MailchimpDetector,
    pypi_token.PypiTokenDetector,
    sendgrid.SendGridDetector,
    square_oauth.SquareOAuthDetector,
    stripe.StripeDetector,
    twilio.TwilioKeyDetector,
)

# Kind, and a pattern whose first group is the part that is random in a real key.
_OURS: Sequence[tuple[str, str]] = (
    ("Mysta API key", r"mysta_([A-Za-z0-9_-]{16,})"),
    ("Mistro API key", r"mistro_([A-Za-z0-9_-]{16,})"),
    ("Anthropic API key", r"sk-ant-(?:[a-z]+\d+-)?([A-Za-z0-9_-]{20,})"),
    ("OpenAI API key", r"sk-(?:proj|svcacct|admin|None)-([A-Za-z0-9_-]{20,})"),
    ("API key (sk-)", r"sk-(?:or-v1-|lf-)?([A-Za-z0-9]{32,})"),
    ("GitHub fine-grained token", r"github_pat_([A-Za-z0-9_]{36,})"),
    ("Google API key", r"AIza([0-9A-Za-z_-]{35})"),
    ("Google OAuth secret", r"GOCSPX-([0-9A-Za-z_-]{28})"),
    ("npm token", r"npm_([A-Za-z0-9]{36})"),
    ("PyPI token", r"pypi-([A-Za-z0-9_-]{60,})"),
    ("Slack token", r"xox[a-eo-s](?:\.xox[a-z])?-(?:\d{1,14}-)*([0-9A-Za-z-]{20,})"),
    ("Slack app token", r"xapp-\d-([0-9A-Za-z-]{20,})"),
    (
        "Slack webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z]\w{7,}/\w{8,}/([A-Za-z0-9/]{20,})",
    ),
    ("Telegram bot token", r"(?<![A-Za-z0-9])\d{8,10}:([A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    ("Stripe secret", r"(?:[rs]k_live|whsec)_([0-9A-Za-z+/]{24,})"),
    ("Hugging Face token", r"(?:hf|api_org)_([A-Za-z0-9]{30,})"),
    ("Groq API key", r"gsk_([A-Za-z0-9]{40,})"),
    ("xAI API key", r"xai-([A-Za-z0-9]{60,})"),
    ("Replicate token", r"r8_([A-Za-z0-9]{36,})"),
    ("Perplexity API key", r"pplx-([A-Za-z0-9]{40,})"),
    ("Tavily API key", r"tvly-([A-Za-z0-9-]{28,})"),
    ("Firecrawl API key", r"fc-([a-f0-9]{32})(?![a-z0-9])"),
    ("DigitalOcean token", r"do[opr]_v1_([a-f0-9]{64})"),
    ("Shopify token", r"shp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})"),
    ("Notion token", r"(?:ntn|ret)_([A-Za-z0-9]{40,})"),
    ("Linear API key", r"lin_(?:api|oauth)_([A-Za-z0-9]{40,})"),
    ("Supabase token", r"sb(?:p|_secret)_([A-Za-z0-9_-]{28,})"),
    ("Databricks token", r"dapi([a-f0-9]{32})"),
    ("Vault token", r"hv[sbr]\.([A-Za-z0-9_-]{24,})"),
    ("Figma token", r"figd_([A-Za-z0-9_-]{40,})"),
    ("Mailgun key", r"key-([a-f0-9]{32})(?![a-z0-9])"),
    ("age private key", r"AGE-SECRET-KEY-1([A-Z0-9]{58})"),
    ("Discord webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,}/([A-Za-z0-9_-]{60,})"),
    ("ElevenLabs API key", r"(?<![A-Za-z0-9])sk_([a-f0-9]{48})(?![A-Za-z0-9])"),
    ("Pinecone API key", r"pcsk_([A-Za-z0-9_]{40,})"),
    ("LangSmith API key", r"lsv2_(?:pt|sk)_([a-f0-9]{32}_[a-f0-9]{10})"),
    ("Grafana token", r"gl(?:sa|c)_([A-Za-z0-9+/=_]{32,})"),
    ("Docker token", r"dckr_[po]at_([A-Za-z0-9_-]{27,})"),
    ("Atlassian token", r"ATATT3([A-Za-z0-9_=-]{60,})"),
    ("Airtable token", r"(?<![A-Za-z0-9])pat([A-Za-z0-9]{14}\.[a-f0-9]{64})"),
    ("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?([A-Za-z0-9]{40,44})"),
    ("Google OAuth token", r"ya29\.([A-Za-z0-9_-]{20,})"),
    ("Square token", r"(?<![A-Za-z0-9+/_-])(?:EAAA([A-Za-z0-9_-]{60})(?![A-Za-z0-9+/_-]))"),
    ("Square secret", r"sq0[a-z]{3}-([A-Za-z0-9_-]{22,})"),
    ("Brave API key", r"(?<![A-Za-z0-9+/_-])BSA([A-Za-z0-9_-]{27,28})(?![A-Za-z0-9+/_-])"),
    ("Google refresh token", r"(?<![A-Za-z0-9/])1//0([A-Za-z0-9_-]{40,})"),
    ("Azure client secret", r"(?<![A-Za-z0-9])[A-Za-z0-9_~.]{3}\dQ~([A-Za-z0-9_~.-]{31,34})"),
    ("Azure signature", r"[?&]sig=([A-Za-z0-9%+/]{43,})"),
    ("Mailgun key", r"(?<![a-f0-9-])([a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8})(?![a-f0-9-])"),
    ("Vercel token", r"(?<![A-Za-z0-9])(?:vc[aikpr]|vercel_blob_rw)_([A-Za-z0-9_]{24,})"),
    ("Cloudflare token", r"(?<![A-Za-z0-9])cf(?:ut|at|k)_([A-Za-z0-9]{40,})"),
    ("Cloudflare origin key", r"(?<![A-Za-z0-9])v1\.0-([a-f0-9]{24}-[a-f0-9]{146})"),
    ("Sentry token", r"sntry[us]_([A-Za-z0-9+/=_]{40,})"),
    ("New Relic key", r"NRAK-([A-Z0-9]{27})"),
    ("Dynatrace token", r"dt0[a-z]\d\d\.([A-Z0-9]{24}\.[A-Z0-9]{64})"),
    ("Postman key", r"PMAK-([a-f0-9]{24}-[a-f0-9]{34})"),
    ("Terraform token", r"[A-Za-z0-9]{14}\.atlasv1\.([A-Za-z0-9_-]{60,})"),
    ("Pulumi token", r"(?<![A-Za-z0-9])pul-([a-f0-9]{40})"),
    ("PlanetScale token", r"pscale_(?:tkn|oauth|pw)_([A-Za-z0-9_.-]{32,})"),
    ("RubyGems key", r"rubygems_([a-f0-9]{48})"),
    ("Heroku key", r"HRKU-AA([A-Za-z0-9_-]{58})"),
    ("PostHog key", r"(?<![A-Za-z0-9])ph[sx]_([A-Za-z0-9]{40,})"),
    ("Fly.io token", r"(?<![A-Za-z0-9])fm\d[ar]?_([A-Za-z0-9+/=]{80,})"),
    ("1Password token", r"(?<![A-Za-z0-9])ops_(eyJ[A-Za-z0-9_-]{200,})"),
    ("Render key", r"(?<![A-Za-z0-9])rnd_([A-Za-z0-9]{28,})"),
    ("Langfuse key", r"sk-lf-([a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12})"),
    ("NVIDIA key", r"nvapi-([A-Za-z0-9_-]{40,})"),
    ("Together key", r"tgp_v1_([A-Za-z0-9_-]{40,})"),
    ("Fireworks key", r"(?<![A-Za-z0-9])fw_([A-Za-z0-9]{24})(?![A-Za-z0-9])"),
    ("JSON Web Token", r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})"),
    ("bearer token", r"(?<![A-Za-z])[Bb]earer\s+([A-Za-z0-9._~+/-]{24,}=*)"),
)

# Kinds whose length and alphabet are fixed, so that nothing but a placeholder needs to be told from a key.
_EXACT: Sequence[tuple[str, re.Pattern[str]]] = (
    ("AWS access key", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)([A-Z0-9]{16})(?![A-Za-z0-9])")),
    (
        "AWS secret key",
        re.compile(
            r"(?i:aws_?secret_?(?:access_?)?key|secret_?access_?key)[\"'`]?\s*(?::=|=>|=|:)\s*[\"'`]?"
            r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
)

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


def find(text: str) -> Iterator[tuple[int, str]]:
    """Where in `text` a secret seems to stand: the offset and its kind, in no order, perhaps twice.

    A detector looks at single lines, as in `detect-secrets`; its patterns are first run over the whole text,
    because most texts hold nothing for most of them.
    """
    for detector in _DETECTORS:
        for offset, line in _lines_with(text, detector.patterns):
            if detector.names(line):
                yield offset, detector.kind
    for kind, pattern in _EXACT:
        for match in pattern.finditer(text):
            if is_exact_token(match[1]):
                yield match.start(1), kind
    yield from find_forms(text)
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
