"""What speaks for and against a value having been made at random: the gate's tables (data only).

The weights of pairs are bits: by how much likelier a pair of neighbours is in random values of six alphabets
than in the 11,000 values that stand beside a secret's name in 81,000 published skills and are none, rounded,
and drawn towards zero, since neighbours depend on each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple


class Pair(Enum):
    """What two neighbouring characters are to each other."""

    COMMON = "two letters that follow each other all the time in words"
    USUAL = "two letters that often do"
    RARE = "two letters that seldom do"
    HUMP_COMMON = "a capital and a small letter, common together: a word may begin"
    HUMP_USUAL = "a capital and a small letter, often together"
    HUMP_RARE = "a capital and a small letter that no word begins with"
    SMALL_CAPITAL = "a capital after a small letter"
    LETTER_DIGIT = "a digit after a letter"
    DIGIT_LETTER = "a letter after a digit"
    DIGITS = "two digits"
    SEQUENCE = "the same character again, or the next one"
    BORDER = "a dash, line, dot, colon or blank, which parts words"
    SIGN = "any other sign beside a letter or digit"
    SIGNS = "two signs"


WEIGHTS: Mapping[Pair, float] = {
    Pair.COMMON: -3.0,
    Pair.USUAL: -1.5,
    Pair.RARE: 1.5,
    Pair.HUMP_COMMON: 0.0,
    Pair.HUMP_USUAL: 1.0,
    Pair.HUMP_RARE: 3.0,
    Pair.SMALL_CAPITAL: 2.0,
    Pair.LETTER_DIGIT: 3.0,
    Pair.DIGIT_LETTER: 3.0,
    Pair.DIGITS: 1.0,
    Pair.SEQUENCE: -2.0,
    Pair.BORDER: -2.0,
    Pair.SIGN: 1.0,
    Pair.SIGNS: -1.0,
}

# Pairs of letters in the words of published skills: 55 of 100 neighbours are common, 35 usual.
COMMON_PAIRS = (
    "ac al an ar as at ce ch co ct de ea ec ed en er es et ge he ic il in io is it la le li ma me nd ne "
    "ng ns nt om on or ou pe pr ra re ri ro se si st ta te th ti to tr ur us ut ve"
)
USUAL_PAIRS = (
    "ab ad ag ai am ap au ba be bl bo bu ca ci ck cl cr cu da di do ee ef el em ep ev ew ex fa fe fi fo "
    "fr gi gr ha hi ho ht ia id ie if ig im ip ir iv ke ki ld ll lo ls lt lu ly mi mm mo mp na nc nf ni "
    "nn no oc od ol oo op os ot ov ow pa pi pl po pp ps pt pu qu rc rd rk rm rn rr rs rt ru ry sa sc sh "
    "sk so sp ss su sy tt tu ty ub uc ue ui ul um un up va vi wa wh wi wo xt yo yp"
)


class Clue(NamedTuple):
    """Something within a value that a person wrote: it is taken out, and its weight is added."""

    name: str
    weight: float
    pattern: re.Pattern[str]


HELD_FROM = 6.0  # bits: 98 of 100 random values of 14 letters and digits weigh more
HELD_IN_FORM = -16.0  # bits: where a provider's form speaks for a key already
RESTLESS = 14.0  # where digits, small letters, capitals and signs change throughout
# Words with versions and numbers (`user_id_2024_v2_final`, `MiniMax-M2.5`), or joined (`keyProvider2.byId`).
_HUMPS = r"(?:[A-Z]?[a-z]+\d?)?(?:[A-Z][a-z]{2,}\d?)+"
WORD = re.compile(rf"[A-Z]?[a-z]*\d{{0,4}}[A-Za-z]?|[A-Z]{{1,8}}\d{{0,4}}|{_HUMPS}")
BETWEEN_WORDS = re.compile(r"[-_.:/+]")
IDENTIFIER = re.compile(
    r"[a-z]*+(?:(?:As|At|By|Id|In|Is|My|No|Of|On|Or|To|Up)(?=[A-Z]|\Z)|[A-Z]{1,5}[a-z]{2,}+|\d++|[._-][a-z]*+)*+"
)
IDENTIFIED = -20.0  # where the whole value is of these
LEAST_REST = 12  # characters that must be left of a value in which somebody wrote words of a manual

# What people write where a secret would stand. It ends no judgement: all else of the value counts.
CLUES: Sequence[Clue] = (
    Clue(
        "a word of manuals",
        -6.0,
        re.compile(
            r"(?i)example|placeholder|change[-_]?me|redacted|foobar|deadbeef|cafebabe|hunter2|"
            r"^my[-_]|here$|"
            r"(?<![a-z0-9])(?:your|sample|replace|insert|dummy|fake|todo|here|goes|f00ba)(?![a-z0-9])"
        ),
    ),
    Clue(
        "a password's own name",
        -6.0,
        re.compile(r"(?i)passw(?:or[dt])?|pass|secret|secure?|strong|senha|clave"),
    ),
    Clue(
        "a run",
        -6.0,
        re.compile(
            r"(?i)a1b2c3(?:d4)?(?:e5)?(?:f6)?|1a2b3c|abc123|abcdefg\w{0,19}|fedcba|"
            r"123456(?:789?0?)?|9?876543(?:21)?0?"
        ),
    ),
)
# These end the judgement: the value was cut short, marked as a gap, or begins by saying whose it is.
PLACEHOLDER = re.compile(r"(?i)x{5}|(.)\1{6}|\.\.\.|…|[<>]|\*\*\*|^your|^x{4}|x{4}$|IkpvaG4gRG9lI")
# Keys that stand in standards and manuals, and that everybody has: RFC 4122, 6749 and 7519, jwt.io, AWS,
# bcrypt, the local Supabase (its issuer in a token); and those that are made to be public.
KNOWN = re.compile(
    r"N9qo8uLOickgx2ZMRZoMye|p7ptkEKU1HnaHpRtzNizS1|"
    r"550e8400-?e29b-?41d4|2YotnFZFEjr1zCsi|tGzv3JOkF0XG5Qx2|gX1fBat3bV|SplxlOBeZQQYbYS6|czZCaGRSa3F0Mz|"
    r"SflKxwRJSMeKKF2QT4|wJalrXUtnFEMI/K7|c3VwYWJhc2UtZGVtb|^sb_publishable_|^pk_(?:live|test)_"
)
# A reference to where the value comes from, or code that makes it; wherever the value stands.
REFERENCE = re.compile(
    r"::|://|->|process\.env|os\.environ|getenv|^[@&][\w./-]*$|^\.{1,2}/|^~[a-z]*/|^/[A-Za-z][a-z]+[/._-]|^arn:|"
    r"^(?:sha\d+|md5)[-:=]|^(?:PASS|USER|PWD)[_-]|^ed25519:\w{1,16}$|^[A-Z][A-Z_]{3,}=|^\w+=[\"']|"
    r"^(?:op|vault|ref|env|keychain|sops):|"
    r"\$\{[^}]*\}|\$\([^)]*\)|\{\{|^\$[A-Za-z_{(]|^%\w+%|%\(\w+\)|^\{[^}]*\}$|^\[.*\]$|^!\w+ |"
    r"\{[A-Za-z_][\w.]{2,}\}|\$[A-Z_]{3}|\[[A-Z_ ]{3,}\]|^ENC[\[(]|"  # a part is filled in, or was encrypted
    r"^0x(?:[A-Z][a-z]{2,}[A-Z]|[A-Z_]{4,}$)|"
    r"\[\^?\w-\w[^\]]*\]|\\x1b|\w\.[A-Za-z]{3,}\(|\);|^[,)]"  # a pattern, an escape, calls
)
CODE = re.compile(
    r"\$[A-Za-z_{(]|[{}()\[\]\\]|%[sd({]"
)  # in a value without quotes, the language's own signs
# Addresses on a chain, which are as public as those of streets: Ethereum, Flow, TON.
ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,40}|[EU]Q[A-Za-z0-9_-]{46}")

# A password of words and a number (`River` `Tiger` `48`, `river-staple-window-48`), as people make them.
PHRASE = re.compile(
    r"(?:[A-Za-z][a-z]{3,10}){2,3}\d{2,5}[!#$@?*.%&]{0,2}|[a-z]{4,10}(?:[-_.][a-z]{4,10}){2,4}[-_.]\d{2,4}"
)
# Words that a manual's made-up password has, after `1` for `l` and the like are read as letters.
MADE_UP = re.compile(
    r"(?i)pass|secret|secur|strong|senha|clave|word|admin|user|test|demo|exam|sampl|your|change|welcome|hello|temp|"
    r"root|guest|qwert|letme|login|key|token|api|prod|stag|devel|local|data|base|postgr|mysql|redis|mongo|dev|"
    r"default|random|generat|super|unique|master|rotat|value|string|number|private|public|access|client|server|"
    r"service|config|final|version|model|agent|skill|session|account|claude|openai|project|team|foo|bar|dummy|fake"
)
