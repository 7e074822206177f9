"""The upload gate over the forms in which secrets are left: encoded, hidden, broken up, in many languages."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse

import pytest
from benchmarks.gate_recall import recall

from openclaw_install.sync import gate_forms
from openclaw_install.sync.gate import scan
from openclaw_install.sync.gate_detectors import Layer, find, layers
from openclaw_install.sync.gate_evidence import HELD_FROM
from openclaw_install.sync.gate_values import weight

_DICE = random.Random()  # noqa: S311 - nothing secret is made with it


@pytest.fixture(autouse=True)
def _same_values_in_any_order() -> None:
    _DICE.seed(20261130)


def made(length: int) -> str:
    return "".join(_DICE.choice(string.ascii_letters + string.digits) for _ in range(length))


def _github() -> str:
    return "gh" + "p_" + made(36)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _lines(text: str) -> list[int]:
    return [finding.line for finding in scan(text)]


def test_of_the_forms_hardly_a_random_value_passes() -> None:
    shares = recall(20, 20261130)
    assert len(shares) == 78
    assert sum(shares.values()) / len(shares) >= 0.97
    assert {name: share for name, share in shares.items() if share < 0.85} == {}


@pytest.mark.parametrize(
    "encode",
    [
        _base64,
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: text.encode().hex(),
        lambda text: "0x" + text.encode().hex(),
        lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
        lambda text: "".join(f"\\u{byte:04x}" for byte in text.encode()),
        lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
        lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
        lambda text: urllib.parse.quote(f"https://x.net/?q={text}&r=ä ö"),
        lambda text: base64.encodebytes(text.encode() * 3).decode(),
        lambda text: _base64(_base64(text)),
        lambda text: _base64(text.encode().hex()),
    ],
)
def test_what_is_encoded_is_judged_as_text_and_told_where_its_code_begins(encode: object) -> None:
    assert callable(encode)
    text = f"# T\n\nRun this:\n\n{encode(f'SERVICE={_github()} and go on')}\n\nDone.\n"
    assert _lines(text)[0] == 5


def test_what_is_decoded_is_never_longer_than_its_code_nor_decoded_a_third_time() -> None:
    text = "\n".join(_base64("words of a sentence " * 9) for _ in range(300))
    assert sum(len(layer.text) for layer in layers(text)) <= 3 * len(text)
    thrice = _base64(_base64(_base64(_github() + " and more")))
    assert len(list(layers(thrice))) == 3
    assert scan(thrice) == ()


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\ufe0f", "\u202e"])
def test_characters_that_nobody_sees_hide_no_key(hidden: str) -> None:
    key = _github()
    assert _lines(f"a {hidden}\nb\n{key[:9]}{hidden}{key[9:20]}{hidden}{key[20:]}\n") == [3]


@pytest.mark.parametrize(
    "text",
    [
        'KEY = ("{0}"\n    "{1}")',
        'key = "{0}" + "{1}"',
        "key = '{0}' +\n  '{1}'",
        "key = '{0}' \\\n  '{1}'",
        '$key = "{0}" . "{1}";',
        "export X={0}\\\n{1}",
    ],
)
def test_a_key_that_was_broken_in_two_is_put_together(text: str) -> None:
    key = _github()
    assert _lines("\n\n" + text.format(key[:20], key[20:])) == [3]


def test_places_are_told_by_the_file_after_parts_were_taken_out() -> None:
    text = 'a\u200bb\u200b\nccccccc"\n"dddddddd e\u200b\nf'
    for layer in layers(text):
        for offset, char in enumerate(layer.text):
            assert text[layer.origin(offset)] == char
    assert Layer("x").origin(0) == 0


@pytest.mark.parametrize(
    "name",
    [
        *("Passwort", "Kennwort", "contraseña", "contrasena", "clave", "mot de passe", "senha", "parola"),
        *("wachtwoord", "lösenord", "passord", "adgangskode", "salasana", "hasło", "heslo", "jelszó"),
        *("şifre", "mật khẩu", "kata sandi", "пароль", "κωδικός", "סיסמה", "كلمة المرور", "पासवर्ड"),
        *("รหัสผ่าน", "密码", "密碼", "口令", "パスワード", "비밀번호", "암호", "API-Schlüssel", "clé API"),
        *("chave de API", "APIキー", "API 키", "токен", "トークン", "시크릿"),
    ],
)
def test_the_name_may_be_of_many_languages(name: str) -> None:
    value = made(20)
    assert _lines(f"x\n{name}: {value}\n") == [2]
    assert _lines(f"x\n- **{name}** = `{value}`\n") == [2]


@pytest.mark.parametrize(
    "text",
    [
        *("sshpass -p '{}' ssh root@10.0.0.1", "sshpass -p{} ssh x", "redis-cli -h 10.0.0.5 -a {} ping"),
        *(
            "mysql -u root -p{} prod",
            "mariadb -p'{}' x",
            "curl -u ann:{} https://x.net/",
            "mongosh -u a -p {}",
        ),
        *("docker login -u ann -p {} ghcr.io", "openssl rsa -in k.pem -passin pass:{}", "zip -P {} a.zip b"),
        *("ldapsearch -D cn=a -w {} -b x", "sqlcmd -S db -U sa -P {}", "smbclient //s/x -U ann%{}"),
        *("7z x -p{} a.7z", "htpasswd -bc .htpasswd ann {}", "keytool -list -storepass {}"),
        *("echo '{}' | sudo -S ls", "echo 'ann:{}' | sudo chpasswd", "db.local:5432:prod:ann:{}"),
        *("machine x.net\nlogin ann\npassword {}", "Log in as admin / {} on the router."),
        *("| user | password |\n|---|---|\n| admin | {} |", "Cookie: theme=dark; session={}"),
        *("postgres://app:{}@db.internal:5432/prod", '{{"password": "{}"}}'),
    ],
)
def test_commands_files_and_tables_that_take_a_password_are_known(text: str) -> None:
    passed = sum(not scan(f"x\n{text.format(made(22))}\n") for _ in range(50))
    assert passed <= 1
    assert scan(f"x\n{text.format('your_password_here')}\n") == ()


@pytest.mark.parametrize("word", ["Secure", "example", "123456", "Passw0rd", "changeme", "abc123", "secret"])
def test_a_word_of_manuals_lowers_the_weight_and_ends_no_judgement(word: str) -> None:
    values = [made(10) + word + made(10) for _ in range(100)]
    assert sum(bool(scan(f"DB_PASSWORD={value}\n")) for value in values) >= 95
    assert weight(word + "2024!") < HELD_FROM


def test_random_values_weigh_much_and_names_little() -> None:
    random = sum(weight(made(20)) >= HELD_FROM for _ in range(500))
    assert random >= 490
    names = "getUserAccountById service-account-name database_connection_string_v2 OpenAIApiKeyProvider"
    assert max(map(weight, names.split())) < HELD_FROM


def test_words_with_a_number_are_held_as_a_password_but_not_as_a_key() -> None:
    assert scan("DB_PASSWORD=" + "guitarRocket" + "4829!")
    assert scan("DB_PASSWORD=" + "horse-window-staple-" + "58")
    assert scan("CACHE_TOKEN=guitarRocket4829") == ()
    assert scan("DB_PASSWORD=SuperAdmin4829!") == ()


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "%41",
            "a%41",
            "\\x41",
            '"aaaaaa" + ',
            "aaaaaa\\\n",
            "A" * 20 + "\n",
            "user / ",
            "a:1:b:c:",
            "$6$a$",
        ),
        *("|password|\n|--|\n", "Cookie: a=", "machine a login ", "app password ", "a\u200b", "curl -u a:"),
    ],
)
def test_the_work_on_a_hostile_text_grows_with_its_length_alone(piece: str) -> None:
    text = (piece * 70_000)[: 1 << 18]
    assert sum(len(layer.text) for layer in layers(text)) <= 4 * len(text)
    assert len(list(find(text))) <= len(text)


@pytest.mark.parametrize("piece", ["passwort=", "api_key=xK9", "AccountKey=", "password=A1b2"])
def test_names_within_names_are_held_before_they_cost_more_than_their_text(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = []

    def judge(value: str, **_more: bool) -> bool:
        judged.append(len(value))
        return False

    monkeypatch.setattr(gate_forms, "is_assigned_secret", judge)
    text = (piece * 70_000)[: 1 << 18]
    assert [kind for _, kind in gate_forms.find_forms(text)] == ["names within names, too many to judge"]
    assert sum(judged) <= 2 * len(text) + 20_000


def test_a_dense_text_of_single_values_is_judged_to_its_end() -> None:
    text = "".join(f"export DB_PASSWORD=${{NAME_{number}}} # {'text ' * 3}\n" for number in range(4_000))
    assert scan(text) == ()
    assert [finding.line for finding in scan(f"{text}DB_PASSWORD={made(24)}\n")] == [4_001]


def test_keys_that_are_made_for_everybody_do_not_trip_it() -> None:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    head, ending = part('{"alg":"HS256","typ":"JWT"}'), made(43)
    anonymous, service = (
        f"{head}.{part(json.dumps({'role': role}))}.{ending}" for role in ("anon", "service_role")
    )
    assert scan(f"apikey: {anonymous}\n") == ()
    assert scan(f"apikey: {service}\n")
