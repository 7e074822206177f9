"""Secrets as people leave them in a SKILL.md: 78 forms, each filled with random values when it is asked.

No value stands in this file, so that no scanner of repositories has to be told about it.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping

_ALNUM = string.ascii_letters + string.digits
_HEX = string.hexdigits.lower()[:16]
_BASE32 = string.ascii_uppercase + "234567"
_BASE58 = "".join(char for char in _ALNUM if char not in "0OIl")
_URL = _ALNUM + "-_"
_FENCE = "`" * 3
_WORDS = ("River", "tiger", "Kitchen", "summer", "Berlin", "coffee", "guitar", "Monday", "purple", "rocket")


def forms(seed: int) -> Mapping[str, Callable[[], str]]:
    """The forms by name; each call makes a new value, the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - nothing secret is made with it

    def r(length: int, alphabet: str = _ALNUM) -> str:
        return "".join(dice.choice(alphabet) for _ in range(length))

    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    def manager() -> str:
        """As a password manager makes it."""
        return r(20, _ALNUM + "!@#%^*-_=+")

    def human() -> str:
        """As people make it."""
        return (
            dice.choice(_WORDS) + dice.choice(_WORDS) + str(dice.randrange(10, 9999)) + dice.choice("!#$@?")
        )

    def pem() -> str:
        lines = "\n".join(r(64, _ALNUM + "+/") for _ in range(24))
        return f"-----BEGIN {'PRIVATE'} KEY-----\n{lines}\n-----END {'PRIVATE'} KEY-----"

    return {
        "env .env random": lambda: f"{_FENCE}sh\nDB_PASSWORD={manager()}\n{_FENCE}",
        "env human password": lambda: f"{_FENCE}sh\nexport DB_PASSWORD={human()}\n{_FENCE}",
        "postgres url random": lambda: f"postgres://app:{r(20)}@db.internal:5432/prod",
        "postgres url human": lambda: f"postgres://app:{human().rstrip('!#$@?')}@db.internal:5432/prod",
        "mongodb+srv": lambda: f"mongodb+srv://root:{r(16)}@cluster0.ab1cd.mongodb.net/x",
        "redis url no user": lambda: f"redis://:{r(24)}@10.0.0.5:6379/0",
        "sqlserver conn string": lambda: (
            f"Server=tcp:db.local,1433;Database=x;User ID=sa;Password={manager()};Encrypt=true;"
        ),
        "jdbc password param": lambda: f"jdbc:mysql://db/x?user=root&password={r(18)}",
        "AWS pair": lambda: f"AKIA{r(16, _BASE32)}\n{r(40, _ALNUM + '/+')}",
        "AWS secret bare in table": lambda: (
            f"| access key id | secret |\n|---|---|\n| AKIA.. | {r(40, _ALNUM + '/+')} |"
        ),
        "AWS secret env": lambda: f"AWS_SECRET_ACCESS_KEY={r(40, _ALNUM + '/+')}",
        "JWT": lambda: (
            "token: "
            + ".".join(
                base64.urlsafe_b64encode(x).decode().rstrip("=")
                for x in (
                    b'{"alg":"HS256","typ":"JWT"}',
                    json.dumps({"sub": r(8), "exp": 1999999999}).encode(),
                    dice.randbytes(32),
                )
            )
        ),
        "PEM": pem,
        "PEM indented in list": lambda: "1. key:\n" + "\n".join("    " + line for line in pem().split("\n")),
        "PEM quoted > ": lambda: "\n".join("> " + line for line in pem().split("\n")),
        "PEM one line \\n": lambda: '"private_key": "' + pem().replace("\n", "\\n") + '"',
        "PEM base64 again": lambda: "TLS_KEY_B64=" + base64.b64encode(pem().encode()).decode(),
        "OPENSSH": lambda: (
            "-----BEGIN OPENSSH "
            + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"
            + r(46)
            + "\n"
            + r(70)
            + "\n-----END OPENSSH "
            + "PRIVATE KEY-----"
        ),
        "PuTTY ppk": lambda: (
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n"
            + r(44, _ALNUM + "+/")
            + "="
        ),
        "k8s secret yaml base64": lambda: (
            "apiVersion: v1\nkind: Secret\ndata:\n  password: "
            + base64.b64encode(manager().encode()).decode()
        ),
        "docker config auth": lambda: (
            '{"auths":{"ghcr.io":{"auth":"'
            + base64.b64encode(("ann:" + "ghp_" + r(36)).encode()).decode()
            + '"}}}'
        ),
        "basic auth header": lambda: (
            "Authorization: Basic " + base64.b64encode(("ann:" + manager()).encode()).decode()
        ),
        "X-Api-Key header curl": lambda: f"curl -H 'X-Api-Key: {r(32)}' https://api.example.com",
        "X-Api-Key hex": lambda: f"curl -H 'X-Api-Key: {r(32, _HEX)}' https://api.example.com",
        "query ?key=": lambda: f"https://maps.example.com/v1?q=1&key={r(32)}",
        "query ?api_key hex": lambda: f"https://api.example.com/v1?api_key={r(40, _HEX)}",
        "sentence the password is": lambda: f"The password is {manager()} for the wifi.",
        "sentence login with": lambda: f"Log in as admin / {r(14)} on the router.",
        "user/pass table": lambda: f"| user | password |\n|---|---|\n| admin | {manager()} |",
        "python var": lambda: f'API_KEY = "{r(40)}"',
        "python concat": lambda: f'API_KEY = ("{r(20)}"\n           "{r(20)}")',
        "yaml folded": lambda: f"api_key: >-\n  {r(40)}",
        "yaml next line": lambda: f"password:\n  {manager()}",
        "netrc": lambda: f"machine api.heroku.com login ann password {r(36)}",
        "pgpass": lambda: f"db.local:5432:prod:ann:{r(20)}",
        "htpasswd/shadow hash": lambda: f"ann:$6${r(8)}${r(86, _ALNUM + './')}",
        "ssh sshpass -p": lambda: f"sshpass -p '{manager()}' ssh root@10.0.0.1",
        "mysql -p": lambda: f"mysql -u root -p{r(14)} prod",
        "psql PGPASSWORD": lambda: f"PGPASSWORD={r(16)} psql -h db",
        "openssl -passin": lambda: f"openssl rsa -in k.pem -passin pass:{r(16)}",
        "redis-cli -a": lambda: f"redis-cli -h 10.0.0.5 -a {r(24)} ping",
        "curl -u": lambda: f"curl -u ann:{r(16)} https://x.example.com/",
        "wget --password": lambda: f"wget --user=ann --password={r(16)} https://x",
        "git remote token": lambda: f"git clone https://oauth2:{r(40)}@gitlab.com/x/y",
        "git x-access ghp": lambda: f"https://x-access-token:ghp_{r(36)}@github.com/x/y",
        "anthropic": lambda: f"sk-ant-api03-{r(93, _ALNUM + '-_')}AA",
        "openai proj": lambda: f"sk-proj-{r(120, _ALNUM + '-_')}",
        "openai legacy": lambda: f"sk-{r(20)}T3BlbkFJ{r(20)}",
        "deepseek sk-hex": lambda: f"sk-{r(32, _HEX)}",
        "slack bot": lambda: f"xoxb-{r(12, string.digits)}-{r(12, string.digits)}-{r(24)}",
        "telegram": lambda: f"{r(10, string.digits)}:AA{r(33, _ALNUM + '_-')}",
        "discord bot": lambda: f"MT{r(22)}.{r(6)}.{r(38, _ALNUM + '_-')}",
        "twilio auth hex named": lambda: f"TWILIO_AUTH_TOKEN={r(32, _HEX)}",
        "datadog hex named": lambda: f"DD_API_KEY={r(32, _HEX)}",
        "openweather hex appid": lambda: (
            f"https://api.openweathermap.org/data/2.5/weather?q=x&appid={r(32, _HEX)}"
        ),
        "home assistant long-lived": lambda: (
            "HASS_TOKEN="
            + ".".join(
                [
                    base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("="),
                    r(120, _ALNUM + "-_"),
                    r(43, _ALNUM + "-_"),
                ]
            )
        ),
        "google sa json": lambda: (
            '{"type":"service_account","private_key_id":"'
            + r(40, _HEX)
            + '","private_key":"'
            + pem().replace("\n", "\\n")
            + '"}'
        ),
        "age key": lambda: "AGE-SECRET-KEY-1" + r(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
        "wireguard": lambda: f"[Interface]\nPrivateKey = {base64.b64encode(dice.randbytes(32)).decode()}",
        "ethereum private key": lambda: f"PRIVATE_KEY=0x{r(64, _HEX)}",
        "bitcoin WIF": lambda: f"wif: K{r(51, _BASE58)}",
        "TOTP seed": lambda: f"TOTP secret: {r(32, _BASE32)}",
        "otpauth": lambda: f"otpauth://totp/x:ann?secret={r(32, _BASE32)}&issuer=x",
        "wifi PSK": lambda: f"wpa_passphrase: {r(20)}",
        "cookie session": lambda: f"curl -H 'Cookie: session={r(64)}' https://x",
        "mysta in backticks": lambda: f"`mysta_{r(43, _ALNUM + '-_')}`",
        "key split by zero width": lambda: "ghp_" + r(18) + "\u200b" + r(18),
        "key in base64 of .env": lambda: base64.b64encode(
            f"OPENAI_API_KEY=sk-proj-{r(120)}\n".encode()
        ).decode(),
        "ansible vault pw": lambda: f"ansible_become_pass: {manager()}",
        "smtp config": lambda: f"SMTP_USER=bot@x.io\nSMTP_PASS={r(16)}",
        'hermes "apikey" json': lambda: '{"apikey":"' + r(32, _HEX) + '"}',
        "german Passwort": lambda: f"Passwort: {manager()}",
        "spanish contraseña": lambda: f"contraseña: {manager()}",
        "french mot de passe": lambda: f"mot de passe : {manager()}",
        "password word list": lambda: (
            f"DB_PASSWORD={dice.choice(['correct', 'horse', 'river'])}-{dice.choice(['battery', 'staple'])}"
            f"-{dice.choice(['orange', 'window'])}-{dice.randrange(10, 99)}"
        ),
        'password with "secure" in it': lambda: f"DB_PASSWORD=Secure{r(14)}",
        "password with 123456 in it": lambda: f"API_TOKEN={r(12)}123456{r(14)}",
        "google app password 4x4": lambda: (
            "GMAIL_APP_PASSWORD='" + " ".join(r(4, string.ascii_lowercase) for _ in range(4)) + "'"
        ),
    }
