"""Whether a value looks like a real secret or like a placeholder (pure)."""

from __future__ import annotations

import base64
import binascii
import itertools
import math
import re
from collections import Counter

# What people write where a secret would stand. Long words count anywhere, short ones only as whole words or
# at the ends: in the hundred random characters of a key, a given four letters are no rarity.
_PLACEHOLDER = re.compile(
    r"(?i)example|placeholder|change[-_]?me|redacted|password|passw0rd|s3cr3t|hunter2|foobar|deadbeef|cafebabe|"
    r"a1b2c3|1a2b3c|abc123|123456|abcdefg|IkpvaG4gRG9lI|x{5}|(.)\1{6}|\.\.\.|…|[<>]|\*\*\*|"
    r"^your|^my[-_]|^x{4}|x{4}$|here$|"
    r"(?<![a-z0-9])(?:your|sample|replace|insert|dummy|fake|todo|here|goes|f00ba|xxxx)(?![a-z0-9])"
)
# Keys that stand in standards and manuals, and that everybody has: RFC 4122, 6749 and 7519, jwt.io, AWS,
# the local Supabase (its issuer in a token); and those that are made to be public.
_KNOWN = re.compile(
    r"550e8400-?e29b-?41d4|2YotnFZFEjr1zCsi|tGzv3JOkF0XG5Qx2|gX1fBat3bV|SplxlOBeZQQYbYS6|czZCaGRSa3F0Mz|"
    r"SflKxwRJSMeKKF2QT4|wJalrXUtnFEMI/K7|c3VwYWJhc2UtZGVtb|^sb_publishable_|^pk_(?:live|test)_"
)
# Addresses on a chain, which are as public as those of streets: Ethereum, Flow, TON.
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,40}|[EU]Q[A-Za-z0-9_-]{46}")
# A reference to where the value comes from, or code that makes it; wherever the value stands.
_REFERENCE = re.compile(
    r"::|://|->|process\.env|os\.environ|getenv|^[@&]|^\.{1,2}/|^~[a-z]*/|^/[A-Za-z][a-z]+[/._-]|^arn:|"
    r"^(?:sha\d+|md5)[-:=]|^(?:PASS|USER|PWD)[_-]|^ed25519:\w{1,16}$|^[A-Z][A-Z_]{3,}=|"
    r"^(?:op|vault|ref|env|keychain|sops):|"
    r"\$\{[^}]*\}|\$\([^)]*\)|\{\{|^\$|^%|%\(\w+\)|^\{[^}]*\}$|^\[.*\]$|^!\w+ |"
    r"\{[A-Za-z_][\w.]{2,}\}|\$[A-Z_]{3}|\[[A-Z_ ]{3,}\]|^ENC[\[(]|"  # a part is filled in, or was encrypted
    r"^0x(?:[A-Z][a-z]{2,}[A-Z]|[A-Z_]{4,}$)|"
    r"\[\^?\w-\w[^\]]*\]|\\x1b|\w\.[A-Za-z]{3,}\(|\);|^[,)]"  # a pattern, an escape, calls
)
_CODE = re.compile(r"[$%{}()\[\]\\]")  # in a value without quotes, the language's own signs
_SIGNS = frozenset("!$#%&*?^{}()[]\\@")
# Words with versions and numbers: `user_id_2024_v2_final`, `my-app-tls-v1-2024a`, `mmax/MiniMax-M2.5`.
_HUMPS = r"(?:[A-Z]?[a-z]+\d?)?(?:[A-Z][a-z]{2,}\d?)+"
_WORD = re.compile(rf"[A-Z]?[a-z]*\d{{0,4}}[A-Za-z]?|[A-Z]{{1,8}}\d{{0,4}}|{_HUMPS}")
_BETWEEN_WORDS = re.compile(r"[-_.:/+]")
# What people make up for a password in a manual: `SecurePass123!`, `Welcome2025!`, `jwtHmacSha512PrivateKey`.
_PHRASE = re.compile(r"[A-Za-z][a-z]+(?:[A-Z][a-z]{2,})*\d{1,4}(?:[A-Z][a-z]{2,})*[!@#$%&*?.]{0,2}")
_SMALL_WORDS = r"(?:As|At|By|Id|In|Is|My|No|Of|On|Or|To|Up)(?=[A-Z]|$)"
_IDENTIFIER = re.compile(rf"[a-z]*+(?:{_SMALL_WORDS}|[A-Z]{{1,5}}[a-z]{{2,}}+|\d++)*+")
_LEET = str.maketrans("013457@$!", "oleastasi")
_MADE_UP = re.compile(r"(?i)pass|passw|secret|secur|strong|senha")
_LONGEST_MADE_UP = 32
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_LEAST_SIGNATURE = 16
_UUID = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEAST_ENTROPY = 3.0  # bits a character; words and repetitions lie below it, or have few changes of kind
_MOST_IN_SEQUENCE = 0.4


def is_exact_token(value: str) -> bool:
    """Whether the value of a form with exact length and alphabet is anything but a placeholder."""
    return not _is_set_aside(value) and _is_varied(value, 2.0)


def is_token(value: str) -> bool:
    """Whether the value that a provider's pattern found is one that a provider would give out."""
    return len(value) >= 16 and not _is_set_aside(value) and not _is_unsigned(value) and _is_random(value)


def is_password(value: str) -> bool:
    """Whether the password of a `user:password@host` address or of a command looks like one in use."""
    return len(value) >= 8 and not _is_written_down(value) and _is_random(value, entropy=2.5)


def is_assigned_secret(value: str, *, quoted: bool = False, uuid: bool = False) -> bool:
    """Whether a value that is assigned to something called password, token or key looks random.

    Within quotes (`quoted`) brackets and `$` may be part of a password; without, they are code. An UUID is a
    secret under some names only (`uuid`).
    """
    if " " in value or _is_written_down(value) or (not quoted and _CODE.search(value)):
        return False
    if _ADDRESS.fullmatch(value) or _is_unsigned(value) or not value.isascii():
        return False
    if _UUID.fullmatch(value):
        return uuid and _is_varied(value, 2.5)
    if len(value) < 12 or _are_words(value) or _PHRASE.fullmatch(value):
        return False
    plain = _decoded(value)
    if plain:
        return is_assigned_secret(plain, quoted=True)
    return _is_no_word(value, quoted=quoted) and _is_random(value)


def _are_words(value: str) -> bool:
    # Piece by piece: one pattern for all would try every way to share out the letters, and never end.
    pieces = _BETWEEN_WORDS.split(value)
    return len(pieces) > 1 and all(map(_WORD.fullmatch, pieces))


def _is_no_word(value: str, *, quoted: bool) -> bool:
    """Whether there are digits and signs enough, or as many changes between small and capital letters."""
    digits = sum(char.isdigit() for char in value)
    signs = sum(char in _SIGNS for char in value) if quoted else 0
    if digits + signs >= 2:
        return True
    changing = _changes(value) / len(value)
    if changing < 0.3 or _IDENTIFIER.fullmatch(value):
        return False
    return digits + signs == 1 or changing >= 0.45 or len(value) >= 20


def _is_set_aside(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value) or _KNOWN.search(value))


def _is_written_down(value: str) -> bool:
    """Whether somebody wrote this for others to read: a placeholder, a reference, a password of a manual."""
    if _is_set_aside(value) or _REFERENCE.search(value):
        return True
    return len(value) <= _LONGEST_MADE_UP and _MADE_UP.search(value.translate(_LEET)) is not None


def _is_unsigned(value: str) -> bool:
    """Whether a JSON Web Token opens nothing, because its signature is missing or a mere word."""
    if not value.startswith("eyJ"):
        return False
    head, dot, rest = value.partition(".")
    return len(rest.partition(".")[2]) < _LEAST_SIGNATURE if dot else '"alg"' in _decoded(head)


def _decoded(value: str) -> str:
    """The printable text that a value is the Base64 of; empty where it is none."""
    if not _BASE64.fullmatch(value):
        return ""
    bare = value.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        plain = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return plain if plain.isprintable() else ""


def _is_random(value: str, entropy: float = _LEAST_ENTROPY) -> bool:
    return _is_varied(value, entropy) and _changes(value) >= max(3, len(value) // 8)


def _is_varied(value: str, entropy: float) -> bool:
    return _entropy(value) >= entropy and _in_sequence(value) <= _MOST_IN_SEQUENCE


def _entropy(value: str) -> float:
    """Shannon's entropy, in bits a character."""
    total = len(value)
    return -sum(count / total * math.log2(count / total) for count in Counter(value).values())


def _in_sequence(value: str) -> float:
    """The share of neighbours that are equal or follow each other, as in `aaaa`, `abcd` and `1234`."""
    folded = value.lower()
    pairs = list(itertools.pairwise(folded))
    return sum(ord(after) - ord(before) in (0, 1) for before, after in pairs) / len(pairs)


def _changes(value: str) -> int:
    """How often the kind of character changes between digits, small letters, capitals and signs.

    Random text changes all the time, words and identifiers at their borders only.
    """
    kinds = [_kind(char) for char in value if char.isalnum() or char in _SIGNS]
    return sum(before != after for before, after in itertools.pairwise(kinds))


def _kind(char: str) -> int:
    if char.isdigit():
        return 0
    if char in _SIGNS:
        return 3
    return 1 if char.islower() else 2
