"""Secrets of the config: found by key, by header and in URLs, and masked in every diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.host.config_document import read_config
from openclaw_install.host.config_edit import Remove, SetValue, apply_edits
from openclaw_install.host.config_secrets import is_sensitive, masked_diff, secrets_in

CONFIG = """{
  // hooks.token: 'sesame-comment'
  gateway: { auth: { mode: 'token', token: "sesame-\\u0067ateway", password: '${GW}' } },
  hooks: {
    enabled: false,
    token: 'sesame-hook\\
s',
    path: '/hooks', maxTokens: 4096, defaultSessionKey: 'hook:im:main',
  },
  models: { providers: { p: { apiKey: { source: 'env', provider: 'default', id: 'SOME_NAME' }, pin: 1 } } },
  channels: { telegram: { botToken: 123456789, enabled: true, webhookSecret: 'abc' } },
  mcp: { servers: { s: {
    url: 'https://me:sesame-url@host/x?a=b',
    headers: { 'X-Anything': 'sesame-header' },
    env: { SERVICE_API_KEY: 'sesame-env', MODE: 'open-mode' },
  } } },
  list: { tokens: [], accessKey: ['sesame-one', 'sesame-two'] },
}
"""


@pytest.mark.parametrize(
    ("keys", "sensitive"),
    [
        (["hooks", "token"], True),
        (["a", "apiKey"], True),
        (["a", "API_KEY"], True),
        (["a", "clientSecret"], True),
        (["a", "serviceAccount", "email"], True),
        (["m", "headers", "X"], True),
        (["m", "headers"], False),
        (["a", "maxTokens"], False),
        (["a", "passwordFile"], False),
        (["hooks", "defaultSessionKey"], False),
        (["hooks", "allowedSessionKeyPrefixes"], False),
        (["secrets", "defaults", "env"], False),
        (["a", "secret", "source"], False),
        ([], False),
    ],
)
def test_a_key_tells_whether_its_value_is_a_secret(keys: list[str], sensitive: bool) -> None:
    assert is_sensitive(keys) is sensitive


def test_every_secret_is_found_as_written_and_as_resolved(tmp_path: Path) -> None:
    path = tmp_path / "openclaw.json"
    path.write_text(CONFIG)
    found = {secret.reveal() for secret in secrets_in(read_config(path, {"GW": "sesame-from-env"}))}
    assert found == {
        "sesame-gateway", "sesame-from-env", "sesame-hooks", "123456789", "https://me:sesame-url@host/x?a=b",
        "sesame-header", "sesame-env", "sesame-one", "sesame-two",
    }  # fmt: skip


def test_a_diff_shows_the_change_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "openclaw.json"
    path.write_text(CONFIG)
    document = read_config(path, {"GW": "sesame-from-env"})
    after = apply_edits(
        document.text,
        [
            SetValue(("hooks", "enabled"), True),
            SetValue(("hooks", "token"), "sesame-new"),
            SetValue(("channels", "telegram", "botToken"), 987654321),
            Remove(("list",)),
        ],
    )
    diff = masked_diff(document.text, after, path, secrets_in(document))
    assert "sesame" not in diff
    assert "987654321" not in diff
    assert "123456789" not in diff
    assert "abc" not in diff
    assert "-    enabled: false,\n" in diff
    assert "+    enabled: true,\n" in diff
    assert f'+    token: "{MASK}",\n' in diff
    assert diff.startswith(f"--- {path}\n+++ {path}\n@@ -2,")
    assert "maxTokens: 4096, defaultSessionKey: 'hook:im:main'" in diff
    assert f"// hooks.token: {MASK}" in diff


def test_a_rotated_secret_still_shows_as_a_changed_line() -> None:
    diff = masked_diff("{token: 'first-one'}\n", "{token: 'second-one'}\n", Path("c"), [])
    assert diff == f'--- c\n+++ c\n@@ -1,1 +1,1 @@\n-{{token: "{MASK}"}}\n+{{token: "{MASK}"}}\n'


def test_known_secrets_are_masked_wherever_they_stand_even_in_text_that_does_not_parse() -> None:
    diff = masked_diff("{a: 'x known-one", "{b: 'known-one", Path("c"), [Secret("known-one"), Secret("x")])
    assert diff == f"--- c\n+++ c\n@@ -1,1 +1,1 @@\n-{{a: 'x {MASK}\n+{{b: '{MASK}\n"


def test_equal_texts_have_no_diff() -> None:
    assert masked_diff("{}", "{}", Path("c"), []) == ""
