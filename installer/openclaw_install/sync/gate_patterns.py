"""Secrets that need no name beside them: keys of providers, and where commands and files take one.

Data only. Each row of a table is a kind and a pattern whose first group that took part is what has to look
random; a `mark` is a text that every match holds, so that most patterns need not run over most files.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class ProviderKey(NamedTuple):
    """Keys with a form of their own, which trip wherever they stand."""

    kind: str
    mark: str
    pattern: str


PROVIDER_KEYS: Sequence[ProviderKey] = (
    ProviderKey("Mysta API key", "mysta_", r"mysta_([A-Za-z0-9_-]{16,})"),
    ProviderKey("Mistro API key", "mistro_", r"mistro_([A-Za-z0-9_-]{16,})"),
    ProviderKey("Anthropic API key", "sk-ant-", r"sk-ant-(?:[a-z]+\d+-)?([A-Za-z0-9_-]{20,})"),
    ProviderKey("OpenAI API key", "sk-", r"sk-(?:proj|svcacct|admin|None)-([A-Za-z0-9_-]{20,})"),
    ProviderKey("API key (sk-)", "sk-", r"sk-(?:or-v1-|lf-)?([A-Za-z0-9]{32,})"),
    ProviderKey("GitHub fine-grained token", "github_pat_", r"github_pat_([A-Za-z0-9_]{36,})"),
    ProviderKey("Google API key", "AIza", r"AIza([0-9A-Za-z_-]{35})"),
    ProviderKey("Google OAuth secret", "GOCSPX-", r"GOCSPX-([0-9A-Za-z_-]{28})"),
    ProviderKey("npm token", "npm_", r"npm_([A-Za-z0-9]{36})"),
    ProviderKey("PyPI token", "pypi-", r"pypi-([A-Za-z0-9_-]{60,})"),
    ProviderKey("Slack token", "xox", r"xox[a-eo-s](?:\.xox[a-z])?-(?:\d{1,14}-)*([0-9A-Za-z-]{20,})"),
    ProviderKey("Slack app token", "xapp-", r"xapp-\d-([0-9A-Za-z-]{20,})"),
    ProviderKey(
        "Slack webhook",
        "hooks.slack.com/",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Z]\w{7,}/\w{8,}/([A-Za-z0-9/]{20,})",
    ),
    ProviderKey("Telegram bot token", ":", r"(?<![A-Za-z0-9])\d{8,10}:([A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])"),
    ProviderKey("Stripe secret", "k_live_", r"[rs]k_live_([0-9A-Za-z+/]{24,})"),
    ProviderKey("Stripe webhook secret", "whsec_", r"whsec_([0-9A-Za-z+/]{24,})"),
    ProviderKey("Hugging Face token", "hf_", r"hf_([A-Za-z0-9]{30,})"),
    ProviderKey("Hugging Face token", "api_org_", r"api_org_([A-Za-z0-9]{30,})"),
    ProviderKey("Groq API key", "gsk_", r"gsk_([A-Za-z0-9]{40,})"),
    ProviderKey("xAI API key", "xai-", r"xai-([A-Za-z0-9]{60,})"),
    ProviderKey("Replicate token", "r8_", r"r8_([A-Za-z0-9]{36,})"),
    ProviderKey("Perplexity API key", "pplx-", r"pplx-([A-Za-z0-9]{40,})"),
    ProviderKey("Tavily API key", "tvly-", r"tvly-([A-Za-z0-9-]{28,})"),
    ProviderKey("Firecrawl API key", "fc-", r"fc-([a-f0-9]{32})(?![a-z0-9])"),
    ProviderKey("DigitalOcean token", "_v1_", r"do[opr]_v1_([a-f0-9]{64})"),
    ProviderKey("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_([a-fA-F0-9]{32})"),
    ProviderKey("Notion token", "ntn_", r"ntn_([A-Za-z0-9]{40,})"),
    ProviderKey("Notion token", "ret_", r"ret_([A-Za-z0-9]{40,})"),
    ProviderKey("Linear API key", "lin_", r"lin_(?:api|oauth)_([A-Za-z0-9]{40,})"),
    ProviderKey("Supabase token", "sb", r"sb(?:p|_secret)_([A-Za-z0-9_-]{28,})"),
    ProviderKey("Databricks token", "dapi", r"dapi([a-f0-9]{32})"),
    ProviderKey("Vault token", "hv", r"hv[sbr]\.([A-Za-z0-9_-]{24,})"),
    ProviderKey("Figma token", "figd_", r"figd_([A-Za-z0-9_-]{40,})"),
    ProviderKey("Mailgun key", "key-", r"key-([a-f0-9]{32})(?![a-z0-9])"),
    ProviderKey("age private key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1([A-Z0-9]{58})"),
    ProviderKey(
        "Discord webhook",
        "discord",
        r"discord(?:app)?\.com/api/webhooks/\d{17,}/([A-Za-z0-9_-]{60,})",
    ),
    ProviderKey("ElevenLabs API key", "sk_", r"(?<![A-Za-z0-9])sk_([a-f0-9]{48})(?![A-Za-z0-9])"),
    ProviderKey("Pinecone API key", "pcsk_", r"pcsk_([A-Za-z0-9_]{40,})"),
    ProviderKey("LangSmith API key", "lsv2_", r"lsv2_(?:pt|sk)_([a-f0-9]{32}_[a-f0-9]{10})"),
    ProviderKey("Grafana token", "gl", r"gl(?:sa|c)_([A-Za-z0-9+/=_]{32,})"),
    ProviderKey("Docker token", "dckr_", r"dckr_[po]at_([A-Za-z0-9_-]{27,})"),
    ProviderKey("Atlassian token", "ATATT3", r"ATATT3([A-Za-z0-9_=-]{60,})"),
    ProviderKey("Airtable token", "pat", r"(?<![A-Za-z0-9])pat([A-Za-z0-9]{14}\.[a-f0-9]{64})"),
    ProviderKey(
        "Doppler token",
        "dp.",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?([A-Za-z0-9]{40,44})",
    ),
    ProviderKey("Google OAuth token", "ya29.", r"ya29\.([A-Za-z0-9_-]{20,})"),
    ProviderKey(
        "Square token",
        "EAAA",
        r"(?<![A-Za-z0-9+/_-])(?:EAAA([A-Za-z0-9_-]{60})(?![A-Za-z0-9+/_-]))",
    ),
    ProviderKey("Square secret", "sq0", r"sq0[a-z]{3}-([A-Za-z0-9_-]{22,})"),
    ProviderKey("Brave API key", "BSA", r"(?<![A-Za-z0-9+/_-])BSA([A-Za-z0-9_-]{27,28})(?![A-Za-z0-9+/_-])"),
    ProviderKey("Google refresh token", "1//0", r"(?<![A-Za-z0-9/])1//0([A-Za-z0-9_-]{40,})"),
    ProviderKey(
        "Azure client secret",
        "Q~",
        r"(?<![A-Za-z0-9])[A-Za-z0-9_~.]{3}\dQ~([A-Za-z0-9_~.-]{31,34})",
    ),
    ProviderKey("Azure signature", "sig=", r"[?&]sig=([A-Za-z0-9%+/]{43,})"),
    ProviderKey("Mailgun key", "-", r"(?<![a-f0-9-])([a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8})(?![a-f0-9-])"),
    ProviderKey("Vercel token", "vc", r"(?<![A-Za-z0-9])vc[aikpr]_([A-Za-z0-9_]{24,})"),
    ProviderKey("Vercel token", "vercel_blob_rw_", r"(?<![A-Za-z0-9])vercel_blob_rw_([A-Za-z0-9_]{24,})"),
    ProviderKey("Cloudflare token", "cf", r"(?<![A-Za-z0-9])cf(?:ut|at|k)_([A-Za-z0-9]{40,})"),
    ProviderKey("Cloudflare origin key", "v1.0-", r"(?<![A-Za-z0-9])v1\.0-([a-f0-9]{24}-[a-f0-9]{146})"),
    ProviderKey("Sentry token", "sntry", r"sntry[us]_([A-Za-z0-9+/=_]{40,})"),
    ProviderKey("New Relic key", "NRAK-", r"NRAK-([A-Z0-9]{27})"),
    ProviderKey("Dynatrace token", "dt0", r"dt0[a-z]\d\d\.([A-Z0-9]{24}\.[A-Z0-9]{64})"),
    ProviderKey("Postman key", "PMAK-", r"PMAK-([a-f0-9]{24}-[a-f0-9]{34})"),
    ProviderKey("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.([A-Za-z0-9_-]{60,})"),
    ProviderKey("Pulumi token", "pul-", r"(?<![A-Za-z0-9])pul-([a-f0-9]{40})"),
    ProviderKey("PlanetScale token", "pscale_", r"pscale_(?:tkn|oauth|pw)_([A-Za-z0-9_.-]{32,})"),
    ProviderKey("RubyGems key", "rubygems_", r"rubygems_([a-f0-9]{48})"),
    ProviderKey("Heroku key", "HRKU-AA", r"HRKU-AA([A-Za-z0-9_-]{58})"),
    ProviderKey("PostHog key", "ph", r"(?<![A-Za-z0-9])ph[sx]_([A-Za-z0-9]{40,})"),
    ProviderKey("Fly.io token", "fm", r"(?<![A-Za-z0-9])fm\d[ar]?_([A-Za-z0-9+/=]{80,})"),
    ProviderKey("1Password token", "ops_", r"(?<![A-Za-z0-9])ops_(eyJ[A-Za-z0-9_-]{200,})"),
    ProviderKey("Render key", "rnd_", r"(?<![A-Za-z0-9])rnd_([A-Za-z0-9]{28,})"),
    ProviderKey("Langfuse key", "sk-lf-", r"sk-lf-([a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12})"),
    ProviderKey("NVIDIA key", "nvapi-", r"nvapi-([A-Za-z0-9_-]{40,})"),
    ProviderKey("Together key", "tgp_v1_", r"tgp_v1_([A-Za-z0-9_-]{40,})"),
    ProviderKey("Fireworks key", "fw_", r"(?<![A-Za-z0-9])fw_([A-Za-z0-9]{24})(?![A-Za-z0-9])"),
    ProviderKey(
        "JSON Web Token",
        "eyJ",
        r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})",
    ),
    ProviderKey("bearer token", "earer", r"(?<![A-Za-z])[Bb]earer\s+([A-Za-z0-9._~+/-]{24,}=*)"),
)

# Kinds whose length and alphabet are fixed, so that nothing but a placeholder needs to be told from a key.
EXACT_KEYS: Sequence[tuple[str, str]] = (
    ("AWS access key", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)([A-Z0-9]{16})(?![A-Za-z0-9])"),
    (
        "AWS secret key",
        r"(?i:aws_?secret_?(?:access_?)?key|secret_?access_?key)[\"'`]?\s*(?::=|=>|=|:)\s*[\"'`]?"
        r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
)


class Judge(Enum):
    """How what stands in a place is judged."""

    BY_WEIGHT = "a password: by weight, or as words with a number"
    LONG = "a key: by weight, from 16 characters on"
    LOGIN = "decoded from Base64: a user, a colon and a password"
    LETTERS = "sixteen small letters in fours, which have little weight"


class Place(NamedTuple):
    """Where a command, a file or an address takes a secret."""

    kind: str
    mark: str
    pattern: str
    judge: Judge = Judge.BY_WEIGHT


_VALUE = r"(?:\"([^\s\"]{8,200})\"|'([^\s']{8,200})'|([^\s\"'`|;&<>]{8,200}))"
_COMMAND = "password in a command"

PLACES: Sequence[Place] = (
    Place(
        "password in an address",
        "://",
        r"(?<=[A-Za-z0-9])://[^\s:/@\"'`<>]{0,80}:([^\s@\"'`<>/]{8,200})@[\w\[]",
    ),
    Place(
        "token in an address",
        "://",
        r"://([A-Za-z0-9_-]{20,200})@(?![\w.-]*sentry)",  # Sentry's are public
        Judge.LONG,
    ),
    Place(
        _COMMAND,
        "curl",
        r"\bcurl\b[^\n]{0,300}?(?<!date)\s(?:-u|--user|-U|--proxy-user)[ =]?[\"']?"
        r"[^\s:\"']{1,80}:([^\s\"'`]{8,200})",
    ),
    Place(_COMMAND, "mysql", rf"\bmysql\w*\b[^\n]{{0,300}}?\s-p{_VALUE}"),
    Place(_COMMAND, "mariadb", rf"\bmariadb\w*\b[^\n]{{0,300}}?\s-p{_VALUE}"),
    Place(_COMMAND, "sshpass", rf"\bsshpass\s+-p\s?{_VALUE}"),
    Place(_COMMAND, "redis-cli", rf"\bredis-cli\b[^\n]{{0,200}}?\s(?:-a|--pass)[ =]{_VALUE}"),
    Place(_COMMAND, "mongo", rf"\bmongo(?:sh|dump|restore|import|export)?\b[^\n]{{0,200}}?\s-p\s{_VALUE}"),
    Place(
        _COMMAND,
        "login",
        rf"\b(?:docker|podman|helm|oras|az|oc)\s+(?:registry\s+)?login\b[^\n]{{0,200}}?\s-p\s{_VALUE}",
    ),
    Place(_COMMAND, "openssl", rf"\bopenssl\b[^\n]{{0,200}}?\s-pass(?:in|out)?\s+[\"']?pass:{_VALUE}"),
    Place(_COMMAND, "ldap", rf"\bldap\w{{3,10}}\b[^\n]{{0,200}}?\s-w\s{_VALUE}"),
    Place(_COMMAND, "sqlcmd", rf"\bsqlcmd\b[^\n]{{0,200}}?\s-P\s?{_VALUE}"),
    Place(
        _COMMAND, "smbclient", r"\bsmbclient\b[^\n]{0,200}?\s-U\s?[\"']?[^\s%\"']{1,80}%([^\s\"'`]{8,200})"
    ),
    Place(_COMMAND, "zip", rf"\b(?:un)?zip\b[^\n]{{0,100}}?\s-P\s?{_VALUE}"),
    Place(_COMMAND, "7z", rf"\b7za?\b[^\n]{{0,100}}?\s-p{_VALUE}"),
    Place(_COMMAND, "htpasswd", rf"\bhtpasswd\s+-\w{{0,6}}b\w{{0,6}}\s+\S{{1,200}}\s+\S{{1,80}}\s+{_VALUE}"),
    Place(_COMMAND, "pass", rf"\s-(?:store|key|deststore|srcstore)pass[ =]{_VALUE}"),
    Place(_COMMAND, "sudo -S", r"\becho\s+[\"']?([^\s\"'|;&]{8,200})[\"']?\s*\|\s*sudo\s+-S"),
    Place(
        _COMMAND,
        "chpasswd",
        r"\becho\s+[\"']?[\w.-]{1,60}:([^\s\"'|;&]{8,200})[\"']?\s*\|\s*(?:sudo\s+)?chpasswd",
    ),
    Place(
        "password file of PostgreSQL",
        ":",
        r"(?m)^[ \t>`]*[\w.*-]{1,253}:(?:\d{1,5}|\*):[\w.*-]{1,63}:[\w.*-]{1,63}:([^\s`]{8,200})",
    ),
    Place(
        "netrc",
        "machine",
        r"\bmachine\s+\S{1,253}\s{1,20}login\s+\S{1,80}\s{1,20}password\s+([^\s\"'`]{8,200})",
    ),
    Place(
        "PuTTY private key",
        "Private-Lines:",
        r"Private-Lines:[ \t]*\d{1,3}\s{1,20}([A-Za-z0-9+/=]{20,})",
        Judge.LONG,
    ),
    Place(
        "Bitcoin private key",
        "",
        r"(?<![A-Za-z0-9+/=_-])([5KL][1-9A-HJ-NP-Za-km-z]{50,51})(?![A-Za-z0-9+/=_-])",
        Judge.LONG,
    ),
    Place(
        "password hash",
        "$",
        r"\$(?:[1567y]|2[abxy]?|gy|apr1|sha1|argon2(?:id|[id]))\$(?:[\w=,./-]{1,80}\$){0,3}([A-Za-z0-9./+]{20,120})",
        Judge.LONG,
    ),
    Place(
        "basic authentication", "asic", r"\b[Bb]asic[ \t]{1,4}([A-Za-z0-9+/_-]{12,400}={0,2})", Judge.LOGIN
    ),
    Place(
        "registry login", '"auth"', r"\"auth\"\s{0,8}:\s{0,8}\"([A-Za-z0-9+/_-]{12,400}={0,2})\"", Judge.LOGIN
    ),
    *(
        Place(
            "app password",
            mark,
            r"(?i:app[ _-]?pass|(?:mail|smtp|imap)_?pass)[^\n]{0,40}?[\"'`=: \t]"
            r"([a-z]{4}(?:[ \u00a0-][a-z]{4}){3})(?![ \u00a0-]?[A-Za-z])",
            Judge.LETTERS,
        )
        for mark in ("pass", "Pass", "PASS")
    ),
)
