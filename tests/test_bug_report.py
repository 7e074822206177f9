"""`report` writes what a bug report needs and not one secret, wherever one lies that it could have read."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import UsageError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.protocol.profile import invite_of, profile_paths
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.setup import bug_report
from openclaw_install.setup.bug_report import BugReport, write_bug_report
from openclaw_install.setup.context import Context
from openclaw_install.setup.scrub import Scrubber, known_secrets, shape_of
from tests.schemas import assert_valid
from tests.setup_rig import PlainHost, WholeHost
from tests.test_setup_runtime import TwinRuntime

CONFIG = """{
  gateway: { mode: "local", port: 19999, auth: { mode: "token", token: "gate-pw" } },
  models: { providers: { one: {
    baseUrl: "https://user:url-pw@models.example/v1?key=query-pw", apiKey: "sk-prov" } } },
  env: { SERVICE_TOKEN: "env-in-config-7" },
  channels: { chat: { botToken: "1234:bot", accounts: { me: { password: "acc-pw" } } } },
  mcp: { servers: { other: {
    command: "x", env: { OTHER_API_KEY: "mcp-env-pw" }, headers: { "X-Api-Key": "hdr-pw" } } } },
}
"""
IN_CONFIG = (
    "gate-pw",
    "url-pw",
    "query-pw",
    "sk-prov",
    "env-in-config-7",
    "1234:bot",
    "acc-pw",
    "mcp-env-pw",
    "hdr-pw",
)
ELSEWHERE = {
    "dotenv": "dotenv-secret-1",
    "variable": "mysta_variable-secret",
    "runtime env": "unit-secret-2",
    "mistro": "mistro-secret-key-3",
    "invite": "invite-code-4711-abc",
    "log alone": "Zx9" * 9,
    "log bearer": "brr-55",
    "log named": "tk-66",
    "log address": "adr-77",
}


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WholeHost:
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "host" / "home")
    host = PlainHost(tmp_path / "host")
    host.write(CONFIG)
    made = WholeHost(host, TwinRuntime(), {"PINGAGENT_SERVER_URL": "https://relay.example"})
    made.set_up()
    return replace(made, env={**(made.env or {}), "MYSTA_API_KEY": ELSEWHERE["variable"]})


def plant(whole: WholeHost) -> list[str]:
    """Puts a secret into every place that is read, and all of them into the logs; returns them."""
    host, paths = whole.host, profile_paths({}, whole.host.home)
    (host.state_dir / ".env").write_text(f'KEY="{ELSEWHERE["dotenv"]}"\n')
    invite_of(paths.identity).write_text(ELSEWHERE["invite"] + "\n")
    mistro = host.home / ".config" / "mistro" / "config.json"
    mistro.parent.mkdir(parents=True)
    mistro.write_text(json.dumps({"api_key": ELSEWHERE["mistro"]}))
    identity = [word for word in strings(json.loads(paths.identity.read_bytes())) if len(word) >= 20]
    private = [word for word in identity if not word.startswith("did:")]
    assert private
    places = RuntimePaths.of(host.location)
    places.env_file.parent.mkdir(parents=True, exist_ok=True)
    places.env_file.write_text(f"ANY={ELSEWHERE['runtime env']}\n")
    token = host.data["hooks"]["token"]
    known = [token, *IN_CONFIG, *ELSEWHERE.values(), *private]
    lines = [json.dumps({"event": "said", "text": f"so {word} it was"}) for word in known[: -len(private)]]
    lines += [f"private {word}" for word in private]
    lines = [
        line
        for line in lines
        if not any(ELSEWHERE[name] in line for name in ELSEWHERE if name.startswith("log "))
    ]
    lines += [
        f"alone {ELSEWHERE['log alone']}",
        f"Authorization: Bearer {ELSEWHERE['log bearer']}",
        f'{{"api_key": "{ELSEWHERE["log named"]}"}}',
        f"GET https://me:{ELSEWHERE['log address']}@example.org/",
    ]
    places.logs.mkdir(parents=True, exist_ok=True)
    for path in (places.log, places.crash_log, places.logs / "error-20261129T000000Z.log"):
        path.write_text("\n".join(lines) + "\n")
    return known


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for child in value for text in strings(child)]
    return [value] if isinstance(value, str) else []


def written(context: Context, path: Path) -> tuple[BugReport, dict[str, str]]:
    made = write_bug_report(context, path)
    assert_valid(jsonable(made), "report")
    with zipfile.ZipFile(path) as bundle:
        return made, {name: bundle.read(name).decode() for name in bundle.namelist()}


def test_the_bundle_holds_no_secret_of_any_place_that_is_read(
    whole: WholeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = plant(whole)
    made, texts = written(whole.context(), tmp_path / "report.zip")
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert made.files == tuple(texts)
    assert len([name for name in texts if name.startswith("logs/")]) == 3
    for name, text in texts.items():
        for secret in secrets:
            assert secret not in text, (name, secret)
    raw = made.path.read_bytes()
    assert not any(secret.encode() in raw for secret in secrets)


def test_the_bundle_tells_versions_findings_the_configs_shape_and_the_logs(
    whole: WholeHost, tmp_path: Path
) -> None:
    plant(whole)
    _, texts = written(whole.context(), tmp_path / "report.zip")
    versions = json.loads(texts["versions.json"])
    assert versions["openclaw-install"]
    assert versions["libraries"]["click"]
    findings = json.loads(texts["findings.json"])
    assert findings["activation_state"] == "blocked"
    assert all(one["code"] for one in findings["blockers"])
    shape = json.loads(texts["config-shape.json"])
    assert shape["gateway"]["port"] == "number"
    assert shape["gateway"]["auth"]["token"] == "text of 7"
    assert "so " in texts["logs/error-20261129T000000Z.log"]


def test_a_config_that_cannot_be_parsed_leaves_no_secret_either(whole: WholeHost, tmp_path: Path) -> None:
    plant(whole)
    whole.host.config.write_text(CONFIG.replace("gateway: {", "gateway: {{", 1))
    _, texts = written(whole.context(), tmp_path / "report.zip")
    assert "config.syntax" in texts["findings.json"]
    for text in texts.values():
        assert not any(secret in text for secret in ("sk-prov", "env-in-config-7", "acc-pw", "mcp-env-pw"))


def test_a_part_that_fails_unexpectedly_is_told_and_the_rest_is_there(
    whole: WholeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_context: Context) -> None:
        raise RuntimeError("with a secret in its text")

    monkeypatch.setattr(bug_report, "verify_runtime", broken)
    _, texts = written(whole.context(), tmp_path / "report.zip")
    assert json.loads(texts["findings.json"]) == {"error": "RuntimeError"}
    assert json.loads(texts["versions.json"])["python"]


def test_a_file_that_is_there_is_never_overwritten(whole: WholeHost, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_text("mine")
    with pytest.raises(UsageError):
        write_bug_report(whole.context(), tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").read_text() == "mine"


def test_a_link_that_was_planted_while_the_host_was_looked_at_is_not_followed(
    whole: WholeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.zip"
    (tmp_path / "mine").write_text("mine")

    def planted(_context: Context) -> None:
        path.symlink_to(tmp_path / "mine")

    monkeypatch.setattr(bug_report, "verify_runtime", planted)
    with pytest.raises(UsageError):
        write_bug_report(whole.context(), path)
    assert (tmp_path / "mine").read_text() == "mine"
    assert path.is_symlink()
    assert not list(tmp_path.glob(".report*"))


def test_a_pipe_in_the_place_of_a_file_is_not_waited_on(whole: WholeHost, tmp_path: Path) -> None:
    # Some password managers serve `.env` so.
    os.mkfifo(whole.host.state_dir / ".env")
    made, _ = written(whole.context(), tmp_path / "report.zip")
    assert made.bytes > 0


def test_a_shape_has_names_and_kinds_and_no_values() -> None:
    config = {"a": "secret", "b": [1, True, None, "x"], "0" * 30: 1, "no name": "x"}
    assert shape_of(config) == {
        "a": "text of 6",
        "b": ["number", True, None, "text of 1"],
        MASK: "text of 1",
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("it is hunter2!", f"it is {MASK}!"),
        (r'{"t": "a\"quote\u00fc"}', f'{{"t": "{MASK}"}}'),
        ("password=pw1 and more", f"password={MASK} and more"),
        ('"hooks.token": "short"', f'"hooks.token": "{MASK}"'),
        ("Authorization: Basic dXNlcg==", f"Authorization: Basic {MASK}"),
        ("https://a.example/p?sig=abc&x=1", f"https://a.example/p?sig={MASK}&x={MASK}"),
        ("a word_without_a_digit_in_it stays", "a word_without_a_digit_in_it stays"),
        ("2026-11-29T11:12:13.123Z /a/b.py:12", "2026-11-29T11:12:13.123Z /a/b.py:12"),
        ("postgres://me:p@ss/w0rd@db.example/x", f"postgres://{MASK}@db.example/x"),
        ("https://token-alone@h.example/", f"https://{MASK}@h.example/"),
        ("http://127.0.0.1:18789/hooks 2@b", "http://127.0.0.1:18789/hooks 2@b"),
        ('password: "two words, and more"', f'password: "{MASK}"'),
        ("{'secret': 'it is \\'so\\' x'}", f"{{'secret': '{MASK}'}}"),
        (r'{"line": "{\"token\": \"a b\"}"}', rf'{{"line": "{{\"token\": \"{MASK}\"}}"}}'),
        ("Cookie: a=b; session=s3", f"Cookie: {MASK}"),
    ],
)
def test_what_is_known_and_what_looks_like_a_secret_is_masked(text: str, clean: str) -> None:
    assert Scrubber([Secret("hunter2"), Secret('a"quoteü')]).clean(text) == clean


def test_the_password_of_an_address_in_a_variable_is_masked_where_it_stands_alone(
    tmp_path: Path,
) -> None:
    env = {"DATABASE_URL": "postgres://me:p%40ss/w0rd@db.example/x"}
    host = PlainHost(tmp_path)
    host.write("{}")
    clean = Scrubber(known_secrets(host.location, env, ())).clean
    assert clean("it said p%40ss/w0rd and p@ss/w0rd") == f"it said {MASK} and {MASK}"


def test_nothing_is_written_into_the_present_folder_but_the_named_file(
    whole: WholeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = write_bug_report(whole.context())
    assert [path.name for path in Path.cwd().iterdir()] == [made.path.name]
    assert os.path.commonpath([made.path, tmp_path]) == str(tmp_path)
