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


Forms = Mapping[str, Callable[[], str]]


class Dice:
    """Random values of the kinds that secrets are made of; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a benchmark repeats its values by their seed; no secret is made

    def r(self, length: int, alphabet: str = _ALNUM) -> str:
        """So many characters of an alphabet."""
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def manager(self) -> str:
        """As a password manager makes it."""
        return self.r(20, _ALNUM + "!@#%^*-_=+")

    def human(self) -> str:
        """As people make it."""
        words = self.random.choice(_WORDS) + self.random.choice(_WORDS)
        return words + str(self.random.randrange(10, 9999)) + self.random.choice("!#$@?")

    def pem(self) -> str:
        """A private key; its label is put together here, for the sake of scanners."""
        lines = "\n".join(self.r(64, _ALNUM + "+/") for _ in range(24))
        return f"-----BEGIN {'PRIVATE'} KEY-----\n{lines}\n-----END {'PRIVATE'} KEY-----"


def forms(seed: int) -> Forms:
    """The forms by name; each call makes a new value, the same ones for the same seed."""
    dice = Dice(seed)
    families = (
        _connections,
        _key_files,
        _requests_and_code,
        _commands,
        _services,
        _wallets_and_devices,
        _disguised,
    )
    return {name: form for family in families for name, form in family(dice).items()}


def _connections(dice: Dice) -> Forms:
    """Passwords in variables and addresses of databases."""
    return {
        "env .env random": lambda: f"{_FENCE}sh\nDB_PASSWORD={dice.manager()}\n{_FENCE}",
        "env human password": lambda: f"{_FENCE}sh\nexport DB_PASSWORD={dice.human()}\n{_FENCE}",
        "postgres url random": lambda: f"postgres://app:{dice.r(20)}@db.internal:5432/prod",
        "postgres url human": lambda: f"postgres://app:{dice.human().rstrip('!#$@?')}@db.internal:5432/prod",
        "mongodb+srv": lambda: f"mongodb+srv://root:{dice.r(16)}@cluster0.ab1cd.mongodb.net/x",
        "redis url no user": lambda: f"redis://:{dice.r(24)}@10.0.0.5:6379/0",
        "sqlserver conn string": lambda: (
            f"Server=tcp:db.local,1433;Database=x;User ID=sa;Password={dice.manager()};Encrypt=true;"
        ),
        "jdbc password param": lambda: f"jdbc:mysql://db/x?user=root&password={dice.r(18)}",
    }


def _key_files(dice: Dice) -> Forms:
    """Cloud keys, tokens and private keys, as files hold them."""
    return {
        "AWS pair": lambda: f"AKIA{dice.r(16, _BASE32)}\n{dice.r(40, _ALNUM + '/+')}",
        "AWS secret bare in table": lambda: (
            f"| access key id | secret |\n|---|---|\n| AKIA.. | {dice.r(40, _ALNUM + '/+')} |"
        ),
        "AWS secret env": lambda: f"AWS_SECRET_ACCESS_KEY={dice.r(40, _ALNUM + '/+')}",
        "JWT": lambda: (
            "token: "
            + ".".join(
                base64.urlsafe_b64encode(x).decode().rstrip("=")
                for x in (
                    b'{"alg":"HS256","typ":"JWT"}',
                    json.dumps({"sub": dice.r(8), "exp": 1999999999}).encode(),
                    dice.random.randbytes(32),
                )
            )
        ),
        "PEM": dice.pem,
        "PEM indented in list": lambda: (
            "1. key:\n" + "\n".join("    " + line for line in dice.pem().split("\n"))
        ),
        "PEM quoted > ": lambda: "\n".join("> " + line for line in dice.pem().split("\n")),
        "PEM one line \\n": lambda: '"private_key": "' + dice.pem().replace("\n", "\\n") + '"',
        "PEM base64 again": lambda: "TLS_KEY_B64=" + base64.b64encode(dice.pem().encode()).decode(),
        "OPENSSH": lambda: (
            "-----BEGIN OPENSSH "
            + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"
            + dice.r(46)
            + "\n"
            + dice.r(70)
            + "\n-----END OPENSSH "
            + "PRIVATE KEY-----"
        ),
        "PuTTY ppk": lambda: (
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n"
            + dice.r(44, _ALNUM + "+/")
            + "="
        ),
        "k8s secret yaml base64": lambda: (
            "apiVersion: v1\nkind: Secret\ndata:\n  password: "
            + base64.b64encode(dice.manager().encode()).decode()
        ),
        "docker config auth": lambda: (
            '{"auths":{"ghcr.io":{"auth":"'
            + base64.b64encode(("ann:" + "ghp_" + dice.r(36)).encode()).decode()
            + '"}}}'
        ),
        "basic auth header": lambda: (
            "Authorization: Basic " + base64.b64encode(("ann:" + dice.manager()).encode()).decode()
        ),
    }


def _requests_and_code(dice: Dice) -> Forms:
    """Headers, queries, sentences and source code."""
    return {
        "X-Api-Key header curl": lambda: f"curl -H 'X-Api-Key: {dice.r(32)}' https://api.example.com",
        "X-Api-Key hex": lambda: f"curl -H 'X-Api-Key: {dice.r(32, _HEX)}' https://api.example.com",
        "query ?key=": lambda: f"https://maps.example.com/v1?q=1&key={dice.r(32)}",
        "query ?api_key hex": lambda: f"https://api.example.com/v1?api_key={dice.r(40, _HEX)}",
        "sentence the password is": lambda: f"The password is {dice.manager()} for the wifi.",
        "sentence login with": lambda: f"Log in as admin / {dice.r(14)} on the router.",
        "user/pass table": lambda: f"| user | password |\n|---|---|\n| admin | {dice.manager()} |",
        "python var": lambda: f'API_KEY = "{dice.r(40)}"',
        "python concat": lambda: f'API_KEY = ("{dice.r(20)}"\n           "{dice.r(20)}")',
        "yaml folded": lambda: f"api_key: >-\n  {dice.r(40)}",
        "yaml next line": lambda: f"password:\n  {dice.manager()}",
    }


def _commands(dice: Dice) -> Forms:
    """Files of credentials and command lines."""
    return {
        "netrc": lambda: f"machine api.heroku.com login ann password {dice.r(36)}",
        "pgpass": lambda: f"db.local:5432:prod:ann:{dice.r(20)}",
        "htpasswd/shadow hash": lambda: f"ann:$6${dice.r(8)}${dice.r(86, _ALNUM + './')}",
        "ssh sshpass -p": lambda: f"sshpass -p '{dice.manager()}' ssh root@10.0.0.1",
        "mysql -p": lambda: f"mysql -u root -p{dice.r(14)} prod",
        "psql PGPASSWORD": lambda: f"PGPASSWORD={dice.r(16)} psql -h db",
        "openssl -passin": lambda: f"openssl rsa -in k.pem -passin pass:{dice.r(16)}",
        "redis-cli -a": lambda: f"redis-cli -h 10.0.0.5 -a {dice.r(24)} ping",
        "curl -u": lambda: f"curl -u ann:{dice.r(16)} https://x.example.com/",
        "wget --password": lambda: f"wget --user=ann --password={dice.r(16)} https://x",
        "git remote token": lambda: f"git clone https://oauth2:{dice.r(40)}@gitlab.com/x/y",
        "git x-access ghp": lambda: f"https://x-access-token:ghp_{dice.r(36)}@github.com/x/y",
    }


def _services(dice: Dice) -> Forms:
    """Tokens whose service has a form of its own."""
    return {
        "anthropic": lambda: f"sk-ant-api03-{dice.r(93, _ALNUM + '-_')}AA",
        "openai proj": lambda: f"sk-proj-{dice.r(120, _ALNUM + '-_')}",
        "openai legacy": lambda: f"sk-{dice.r(20)}T3BlbkFJ{dice.r(20)}",
        "deepseek sk-hex": lambda: f"sk-{dice.r(32, _HEX)}",
        "slack bot": lambda: f"xoxb-{dice.r(12, string.digits)}-{dice.r(12, string.digits)}-{dice.r(24)}",
        "telegram": lambda: f"{dice.r(10, string.digits)}:AA{dice.r(33, _ALNUM + '_-')}",
        "discord bot": lambda: f"MT{dice.r(22)}.{dice.r(6)}.{dice.r(38, _ALNUM + '_-')}",
        "twilio auth hex named": lambda: f"TWILIO_AUTH_TOKEN={dice.r(32, _HEX)}",
        "datadog hex named": lambda: f"DD_API_KEY={dice.r(32, _HEX)}",
        "openweather hex appid": lambda: (
            f"https://api.openweathermap.org/data/2.5/weather?q=x&appid={dice.r(32, _HEX)}"
        ),
        "home assistant long-lived": lambda: (
            "HASS_TOKEN="
            + ".".join(
                [
                    base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("="),
                    dice.r(120, _ALNUM + "-_"),
                    dice.r(43, _ALNUM + "-_"),
                ]
            )
        ),
        "google sa json": lambda: (
            '{"type":"service_account","private_key_id":"'
            + dice.r(40, _HEX)
            + '","private_key":"'
            + dice.pem().replace("\n", "\\n")
            + '"}'
        ),
    }


def _wallets_and_devices(dice: Dice) -> Forms:
    """Keys of wallets, second factors, networks and sessions."""
    return {
        "age key": lambda: "AGE-SECRET-KEY-1" + dice.r(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
        "wireguard": lambda: (
            f"[Interface]\nPrivateKey = {base64.b64encode(dice.random.randbytes(32)).decode()}"
        ),
        "ethereum private key": lambda: f"PRIVATE_KEY=0x{dice.r(64, _HEX)}",
        "bitcoin WIF": lambda: f"wif: K{dice.r(51, _BASE58)}",
        "TOTP seed": lambda: f"TOTP secret: {dice.r(32, _BASE32)}",
        "otpauth": lambda: f"otpauth://totp/x:ann?secret={dice.r(32, _BASE32)}&issuer=x",
        "wifi PSK": lambda: f"wpa_passphrase: {dice.r(20)}",
        "cookie session": lambda: f"curl -H 'Cookie: session={dice.r(64)}' https://x",
        "mysta in backticks": lambda: f"`mysta_{dice.r(43, _ALNUM + '-_')}`",
    }


def _disguised(dice: Dice) -> Forms:
    """Secrets split, encoded again, in other languages, or with harmless words inside."""
    return {
        "key split by zero width": lambda: "ghp_" + dice.r(18) + "\u200b" + dice.r(18),
        "key in base64 of .env": lambda: base64.b64encode(
            f"OPENAI_API_KEY=sk-proj-{dice.r(120)}\n".encode()
        ).decode(),
        "ansible vault pw": lambda: f"ansible_become_pass: {dice.manager()}",
        "smtp config": lambda: f"SMTP_USER=bot@x.io\nSMTP_PASS={dice.r(16)}",
        'hermes "apikey" json': lambda: '{"apikey":"' + dice.r(32, _HEX) + '"}',
        "german Passwort": lambda: f"Passwort: {dice.manager()}",
        "spanish contraseña": lambda: f"contraseña: {dice.manager()}",
        "french mot de passe": lambda: f"mot de passe : {dice.manager()}",
        "password word list": lambda: (
            f"DB_PASSWORD={dice.random.choice(['correct', 'horse', 'river'])}"
            f"-{dice.random.choice(['battery', 'staple'])}"
            f"-{dice.random.choice(['orange', 'window'])}-{dice.random.randrange(10, 99)}"
        ),
        'password with "secure" in it': lambda: f"DB_PASSWORD=Secure{dice.r(14)}",
        "password with 123456 in it": lambda: f"API_TOKEN={dice.r(12)}123456{dice.r(14)}",
        "google app password 4x4": lambda: (
            "GMAIL_APP_PASSWORD='" + " ".join(dice.r(4, string.ascii_lowercase) for _ in range(4)) + "'"
        ),
    }
