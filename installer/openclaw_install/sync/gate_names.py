"""The words that secrets are called by, by language, and those that make a key or token public. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


class Names(NamedTuple):
    """What secrets are called in one language: regular expressions without groups, matched in any case."""

    language: str
    marks: tuple[str, ...]
    """Small letters of which a text with one of the names has some; none where every text is looked at."""
    passwords: str
    others: str = ""
    """Keys and tokens; the English ones are further judged by the words before them."""


NAMES: Sequence[Names] = (
    Names(
        "English",
        (),
        r"passw(?:or)?d|passphrase|passcode|pass|pwd",
        r"secret|token|credentials?|key|bearer|appid|authorization",
    ),
    Names("Chinese", ("密", "口令", "令牌"), "密码|密碼|口令", "密钥|密鑰|令牌"),
    Names(
        "German",
        ("passwort", "kennwort", "zugangscode", "schl", "geheimnis"),
        r"passwort|kennwort|zugangscode",
        r"api-?schl(?:ü|u\u0308|ue)ssel|geheimnis",
    ),
    Names(
        "Spanish",
        ("contrase", "clave"),
        r"contrase(?:ñ|n\u0303|n|ny)a|clave(?: de (?:acceso|api|la api))?",
    ),
    Names(
        "French",
        ("de passe", "motdepasse", "mdp", "jeton", "é api", "e\u0301 api", "cle api", "d'api", "d\u2019api"),
        r"mots? de passe|motdepasse|mdp",
        r"cl(?:é|e\u0301|e) (?:d['\u2019])?api|jeton",
    ),
    Names("Portuguese", ("senha", "palavra", "chave"), r"senha|palavra[- ]passe", r"chave (?:de |da )?api"),
    Names("Italian", ("parola", "chiave"), r"parola(?: d['\u2019]ordine| chiave)?", r"chiave api"),
    Names("Dutch", ("wachtwoord", "wachtzin"), r"wachtwoord|wachtzin"),
    Names("Swedish", ("senord",), r"l(?:ö|o\u0308|o)senord"),
    Names("Danish, Norwegian", ("adgang", "passord", "kodeord"), r"adgangs(?:kode|ord)|passord|kodeord"),
    Names("Finnish", ("salasana",), "salasana"),
    Names("Polish", ("hasło", "haslo"), r"has(?:ł|l)o"),
    Names("Czech, Slovak", ("heslo",), "heslo"),
    Names("Hungarian", ("jelsz",), r"jelsz(?:ó|o\u0301|o)"),
    Names("Romanian", ("parol",), r"parol(?:ă|a\u0306|a)"),
    Names("Turkish", ("ifre",), r"(?:ş|s\u0327|s)ifre"),
    Names("Vietnamese", ("mật", "ma\u0323\u0302t"), r"m(?:ậ|a\u0323\u0302)t kh(?:ẩ|a\u0302\u0309)u"),
    Names("Indonesian", ("kata sandi",), "kata sandi"),
    Names("Russian", ("парол", "ключ", "токен", "секрет"), r"парол[ьяю]", r"api-?ключ|ключ api|токен|секрет"),
    Names("Greek", ("κωδικ", "συνθηματικ"), r"κωδικ[όο]ς(?: πρόσβασης)?|συνθηματικό"),
    Names("Hebrew", ("סיסמ",), "סיסמה|סיסמא"),
    Names("Arabic", ("كلمة",), "كلمة (?:المرور|السر)"),
    Names("Hindi", ("पासवर्ड",), "पासवर्ड"),
    Names("Thai", ("รหัสผ่าน",), "รหัสผ่าน"),
    Names(
        "Japanese",
        ("パスワード", "暗証番号", "キー", "シークレット", "トークン"),
        "パスワード|暗証番号",
        "apiキー|シークレット|トークン",
    ),
    Names(
        "Korean",
        ("비밀번호", "암호", "패스워드", "키", "시크릿", "토큰"),
        "비밀번호|암호|패스워드",
        "api ?키|시크릿|토큰",
    ),
)
# Names that also end a longer word, as in PGPASSWORD.
FULL_WORDS = ("passw", "passphrase")
# Before "key" also without a border, as in apikey.
BEFORE_KEY = ("api", "access", "private", "secret")
# A key is secret only with one of these before it; all else (primary, cache, sort, ...) is no secret.
SECRET_KEYS = re.compile(
    r"api|apis|access|private|secret|auth|encryption|encrypt|signing|master|account|admin|"
    r"service|client|storage|subscription|deploy|license|app|application|shared|webhook|"
    r"hmac|jwt|ssh|server"
)
# In a variable of the environment the word may be any other than these.
PUBLIC_KEYS = re.compile(
    r"primary|foreign|cache|sort|partition|public|pub|idempotency|session|index|unique|"
    r"row|object|file|map|hash|routing|group|dedupe|field|json|lookup|state|storage|"
    r"registry|hot|sha|etag|data"
)
PUBLIC_TOKENS = re.compile(
    r"max|min|doc|docs|document|page|cursor|next|prev|previous|sync|pagination|"
    r"continuation|spreadsheet|sheet|wiki|node|obj|file|folder|table|image|block|special|"
    r"eos|bos|pad|stop|parent|"
    r"spl|sell|buy|from|to|in|out|dest|dst|src|input|output|fee|base|quote|mint|fungible|associated|flow"
)
# A header of a column whose cells are secrets.
COLUMN = re.compile(
    r"(?i)(?:[\w.-]{1,30}[ _-]){0,3}(?:"
    + "|".join(
        (
            *(names.passwords for names in NAMES),
            "secret(?:[ _-]?key)?",
            "(?:api|access|auth|bot)[ _-]?(?:key|token)",
            "密钥",
        )
    )
    + r")"
)


_PASSWORD = re.compile("(?i)" + "|".join(names.passwords for names in NAMES))


def is_password_name(word: str) -> bool:
    """Whether this word, as it was found, calls a password and not a key or token."""
    return _PASSWORD.fullmatch(word) is not None


def names_in(text: str) -> list[Names]:
    """The languages in whose words a secret may be named in `text`."""
    lowered = text.lower()
    return [names for names in NAMES if not names.marks or any(mark in lowered for mark in names.marks)]
