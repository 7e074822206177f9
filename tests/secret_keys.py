"""Keys of the common providers, made by dice, and the places in a SKILL.md where people leave them."""

# Chinese pages have Chinese punctuation.
# ruff: noqa: RUF001

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping

_DICE = random.Random(20261121)  # noqa: S311 - nothing secret is made with it
_ALNUM = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits
_UPPER = string.ascii_uppercase + string.digits
_HEX = "0123456789abcdef"
_URL = _ALNUM + "-_"
_FENCE = "`" * 3

Make = Callable[[], str]


def made(length: int, alphabet: str = _ALNUM) -> str:
    """Random characters with a fixed seed, so that no real-looking key stands in a file of ours."""
    return "".join(_DICE.choice(alphabet) for _ in range(length))


def _hex(length: int) -> str:
    return made(length, _HEX)


def _url(length: int) -> str:
    return made(length, _URL)


def _digits(length: int) -> str:
    return made(length, string.digits)


def _base64(count: int) -> str:
    return base64.b64encode(_DICE.randbytes(count)).decode()


def _uuid() -> str:
    return "-".join(map(_hex, (8, 4, 4, 4, 12)))


def _web_token() -> str:
    parts = {"alg": "HS256", "typ": "JWT"}, {"sub": made(8), "role": "service"}
    texts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join((*texts, _url(43)))


# Keys with a form of their own, and addresses, headers and commands that hold one: they trip anywhere.
MARKED: Mapping[str, Make] = {
    "OpenAI": lambda: "sk-" + made(20) + "T3Blbk" + "FJ" + made(20),
    "OpenAI project": lambda: "sk-" + "proj-" + _url(74) + "T3Blbk" + "FJ" + _url(74),
    "OpenAI service account": lambda: "sk-" + "svcacct-" + _url(74) + "T3Blbk" + "FJ" + _url(74),
    "OpenAI without project": lambda: "sk-" + "None-" + made(48),
    "Anthropic": lambda: "sk-" + "ant-api03-" + _url(93) + "AA",
    "Anthropic OAuth": lambda: "sk-" + "ant-oat01-" + _url(86) + "AA",
    "OpenRouter": lambda: "sk-" + "or-v1-" + _hex(64),
    "DeepSeek": lambda: "sk-" + _hex(32),
    "GitHub": lambda: "gh" + _DICE.choice("pousr") + "_" + made(36),
    "GitHub fine-grained": lambda: "github" + "_pat_" + made(22) + "_" + made(59),
    "GitLab": lambda: "gl" + "pat-" + _url(20),
    "GitLab deploy": lambda: "gl" + "dt-" + _url(20),
    "AWS id": lambda: "AK" + "IA" + made(16, string.ascii_uppercase + "234567"),
    "Google": lambda: "AI" + "za" + _url(35),
    "Google OAuth secret": lambda: "GOC" + "SPX-" + _url(28),
    "Google OAuth access": lambda: "ya29" + ".a0" + _url(120),
    "Google OAuth refresh": lambda: "1/" + "/0" + _digits(1) + _url(60),
    "Slack bot": lambda: "xox" + f"b-{_digits(12)}-{_digits(13)}-{made(24)}",
    "Slack user": lambda: "xox" + f"p-{_digits(11)}-{_digits(12)}-{_digits(12)}-{_hex(32)}",
    "Slack cookie": lambda: "xox" + f"c-{_digits(12)}-{_digits(12)}-{_hex(64)}",
    "Slack rotated": lambda: "xox" + f"e.xoxp-1-{made(140)}",
    "Slack app": lambda: "xap" + f"p-1-A{made(10, _UPPER)}-{_digits(13)}-{_hex(64)}",
    "Slack webhook": lambda: (
        f"https://hooks.slack.com/services/T{made(10, _UPPER)}/B{made(10, _UPPER)}/{made(24)}"
    ),
    "Stripe": lambda: "sk" + "_live_51" + made(97),
    "Stripe restricted": lambda: "rk" + "_live_" + made(24),
    "Stripe webhook": lambda: "whs" + "ec_" + made(32),
    "Twilio": lambda: "SK" + _hex(32),
    "SendGrid": lambda: "SG." + _url(22) + "." + _url(43),
    "Mailgun": lambda: "key" + "-" + _hex(32),
    "Mailgun sending": lambda: f"{_hex(32)}-{_hex(8)}-{_hex(8)}",
    "npm": lambda: "npm" + "_" + made(36),
    "PyPI": lambda: "pypi-" + "AgEIcHlwaS5vcmc" + _url(150),
    "Hugging Face": lambda: "hf" + "_" + made(34, string.ascii_letters),
    "Telegram": lambda: made(10, "123456789") + ":AA" + _url(33),
    "Discord": lambda: base64.b64encode(made(18, "123456789").encode()).decode() + f".{_url(6)}.{_url(38)}",
    "DigitalOcean": lambda: "dop" + "_v1_" + _hex(64),
    "Azure storage": lambda: (
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={_base64(64)};EndpointSuffix=core.windows.net"
    ),
    "Azure Service Bus": lambda: (
        f"Endpoint=sb://n.servicebus.windows.net/;SharedAccessKeyName=R;SharedAccessKey={_base64(32)}"
    ),
    "Azure SQL": lambda: f"Server=tcp:x.database.windows.net;User ID=sa;Password={made(15)}7a;Encrypt=True;",
    "Azure client": lambda: made(3) + "8Q" + "~" + _url(34),
    "Azure signature": lambda: f"https://x.blob.core.windows.net/c?sv=2022-11-02&sig={made(43)}%3D",
    "JSON Web Token": _web_token,
    "database": lambda: f"postgresql+asyncpg://app:{made(15)}4@db.internal:5432/x",
    "MongoDB": lambda: f"mongodb+srv://u:{made(15)}4@c0.ab1cd.mongodb.net/x",
    "Redis": lambda: f"rediss://default:{made(32)}@x.cache.internal:6379",
    "password in an address": lambda: f"https://bob:{made(15)}4@git.corp.net/x.git",
    "token in an address": lambda: f"https://{_hex(40)}@git.corp.net/x.git",
    "bearer": lambda: "Authorization: Bearer " + made(40),
    "token header": lambda: "Authorization: Token " + _hex(40),
    "bare header": lambda: "Authorization: " + _hex(40),
    "key header": lambda: "X-Api-Key: " + _hex(32),
    "basic": lambda: "Authorization: Basic " + base64.b64encode(f"bob:{made(15)}4".encode()).decode(),
    "Mysta": lambda: "mysta" + "_" + _url(43),
    "Mistro": lambda: "mistro" + "_" + made(40),
    "Groq": lambda: "gsk" + "_" + made(52),
    "xAI": lambda: "xai" + "-" + made(80),
    "Replicate": lambda: "r8" + "_" + made(37),
    "Notion": lambda: "ntn" + "_" + made(46),
    "Linear": lambda: "lin" + "_api_" + made(40),
    "Linear OAuth": lambda: "lin" + "_oauth_" + _hex(64),
    "Vercel": lambda: "vcp" + "_" + made(56),
    "Vercel blob": lambda: "vercel" + "_blob_rw_" + made(16) + "_" + made(30),
    "Cloudflare origin": lambda: f"v1.0-{_hex(24)}-{_hex(146)}",
    "Supabase": lambda: "sbp" + "_" + _hex(40),
    "Supabase secret": lambda: "sb" + "_secret_" + _url(31),
    "Sentry": lambda: "sntr" + "yu_" + _hex(64),
    "NVIDIA": lambda: "nva" + "pi-" + _url(64),
    "Fireworks": lambda: "fw" + "_" + made(24),
    "Together": lambda: "tgp" + "_v1_" + _url(43),
    "New Relic": lambda: "NR" + "AK-" + made(27, _UPPER),
    "Dynatrace": lambda: f"dt0c01.{made(24, _UPPER)}.{made(64, _UPPER)}",
    "Postman": lambda: "PM" + f"AK-{_hex(24)}-{_hex(34)}",
    "Terraform": lambda: made(14) + ".atl" + "asv1." + _url(67),
    "Pulumi": lambda: "pu" + "l-" + _hex(40),
    "PlanetScale": lambda: "pscale" + "_tkn_" + _url(43),
    "RubyGems": lambda: "rubygems" + "_" + _hex(48),
    "Heroku": lambda: "HR" + "KU-AA" + _url(58),
    "PostHog": lambda: "ph" + "x_" + made(43),
    "Fly.io": lambda: "fm" + "2_" + made(200),
    "1Password": lambda: "ops" + "_eyJ" + made(250),
    "Render": lambda: "rnd" + "_" + made(32),
    "Langfuse": lambda: "sk-" + "lf-" + _uuid(),
}
# Keys that are told only by the name beside them.
NAMED: Mapping[str, Make] = {
    "AWS_SECRET_ACCESS_KEY": lambda: made(40, _ALNUM + "+/"),
    "TWILIO_AUTH_TOKEN": lambda: _hex(32),
    "VERCEL_TOKEN": lambda: made(22) + "4a",
    "CLOUDFLARE_API_TOKEN": lambda: made(38) + "4a",
    "CF_API_KEY": lambda: _hex(37),
    "DD_API_KEY": lambda: _hex(32),
    "DD_APP_KEY": lambda: _hex(40),
    "SENTRY_AUTH_TOKEN": lambda: _hex(64),
    "AZURE_OPENAI_KEY": lambda: _hex(32),
    "HEROKU_API_KEY": _uuid,
    "DB_PASS": lambda: made(8) + "4" + made(6) + "7a",
    "DATABASE_PASSWORD": lambda: made(8) + "4" + made(6) + "7a",
    "JWT_SECRET": lambda: made(30) + "4a",
    "NEXTAUTH_SECRET": lambda: _base64(32),
    "MISTRAL_API_KEY": lambda: made(30) + "4a",
    "SUPABASE_SERVICE_ROLE_KEY": _web_token,
    "apiKey": lambda: made(30) + "4a",
    "client_secret": lambda: made(38) + "4a",
    "refreshToken": lambda: made(38) + "4a",
    "privateKey": lambda: "0x" + _hex(64),
}


def in_text(key: str) -> list[str]:
    """Where a key that has a form of its own may stand."""
    return [
        *(key, f'"{key}"', f"Use `{key}` here", f"Ours ({key}) works", f"It is {key}, keep it", f"- {key}"),
        *(f"It is {key}.", f"| x | `{key}` |", f"| x | {key} |", f"**{key}**", f"{_FENCE}\n{key}\n{_FENCE}"),
        *(f"值为{key}。", f"see <{key}>", f"{key};", f"<code>{key}</code>", f'"{{\\"x\\":\\"{key}\\"}}"'),
    ]


def beside_name(name: str, key: str) -> list[str]:
    """Where a key and its name may stand."""
    return [
        *(f"{name}={key}", f'export {name}="{key}"', f"export {name}='{key}'", f'$env:{name} = "{key}"'),
        *(f"{name}: {key}", f'  {name}: "{key}"', f'{{"{name}": "{key}"}}', f'  "{name}" : "{key}",'),
        *(f"const {name} = '{key}';", f"| `{name}` | `{key}` |", f"| {name} | {key} |", f"> {name}={key}"),
        *(f"docker run -e {name}={key} image", f"Set {name} to `{key}`.", f"The {name} is {key}."),
        *(f'os.environ["{name}"] = "{key}"', f"process.env.{name} = '{key}';", f"# {name}={key}"),
        *(f"{name}:\n\n{_FENCE}\n{key}\n{_FENCE}", f"您的{name}：{key}（保密）", f"({name}={key})"),
        *(f'-d "{{\\"{name}\\": \\"{key}\\"}}"', f'gh secret set {name} --body "{key}"', f"{name} -> {key}"),
        *(f'openclaw config set env.{name} "{key}"', f"<{name}>{key}</{name}>", f"{name}={key};"),
        *(f"--set {name}={key}, and more", f"- **{name}**: `{key}`", f"{name}={key}\r"),
    ]
