"""Secrets of the config: found by key, by header and in URLs; a diff shows harmless values only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.common.redaction import MASK, Secret
from openclaw_install.host.config.diff import Changed, changed_ranges
from openclaw_install.host.config.document import read_config
from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits
from openclaw_install.host.config.secrets import is_sensitive, masked_diff, secrets_in

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
    assert f"path: '/hooks', maxTokens: \"{MASK}\", defaultSessionKey: 'hook:im:main'" in diff
    assert "   // …\n" in diff


def test_a_rotated_secret_still_shows_as_a_changed_line() -> None:
    diff = masked_diff("{token: 'first-one'}\n", "{token: 'second-one'}\n", Path("c"), [])
    assert diff == f'--- c\n+++ c\n@@ -1,1 +1,1 @@\n-{{token: "{MASK}"}}\n+{{token: "{MASK}"}}\n'


HOME = Path("c")
SWITCH_ON = SetValue(("hooks", "enabled"), True)
OURS = SetValue(
    ("mcp", "servers", "ours"),
    {
        "command": "openclaw-install",
        "args": ["mcp", "pingagent", "--a=b"],
        "env": {"NAME": "${NAME}", "B": "b"},
    },
)


def _edited(text: str, *edits: Edit, known: tuple[str, ...] = ()) -> str:
    return masked_diff(text, apply_edits(text, edits), HOME, map(Secret, known))


@pytest.mark.parametrize(
    "beside",
    [
        'mcp: { servers: { x: { command: "npx", args: ["--api-key", "SEKRIT", "--token=SEKRIT"] } } },',
        'mcp: { servers: { x: { command: "npx --key SEKRIT" }, y: { command: "A=SEKRIT" } } },',
        'mcp: { servers: { x: { command: "https://me@SEKRIT" } } },',
        'mcp: { servers: { x: { env: { GITHUB_PAT: "SEKRIT", PW: "SEKRIT" } } } },',
        'mcp: { servers: { x: { url: "https://h/sse/SEKRIT" } } }, mcp: { servers: {} },',
        'mcp: { servers: { x: { args: ["SEKRIT"] } } }, mcp: { servers: {} },',
        'webhook: "https://hooks.slack.com/services/T/B/SEKRIT",',
        'env: { vars: { FOO_PAT: "SEKRIT" }, MYPIN: "SEKRIT", n: [["SEKRIT"]] },',
        '// was "SEKRIT"',
        "/* token\n  SEKRIT */",
        "// sk-ant-SEKRIT\u2028",
        "a: 'line one \\\n SEKRIT',",
        'gateway: { port: { mode: "SEKRIT" }, auth: { mode: "SEKRIT" } },',
        '"sk-ant-SEKRIT": 1, "xoxb-SEKRIT": 2,',
        'k: { SEKRIT0123456789abcdef: true, "two\\nSEKRIT": true },',
        'p: "${SEKRIT lower}", q: "a${SEKRIT}",',
    ],
)
def test_what_stands_beside_an_edit_is_not_shown(beside: str) -> None:
    text = f"{{\n  {beside}\n  hooks: {{ enabled: false }},\n  {beside}\n}}\n"
    diff = _edited(text, SWITCH_ON)
    assert "SEKRIT" not in diff
    assert "-  hooks: { enabled: false },\n+  hooks: { enabled: true },\n" in diff
    lines = text.count("\n")
    assert f"@@ -{max(1, 2 + beside.count(chr(10)) - 2)}," in diff
    assert lines >= len([line for line in diff.splitlines()[3:] if line[0] in " -"])


def test_numbers_are_masked_too_for_one_may_be_a_pin() -> None:
    assert "4711" not in _edited(
        "{\n pin: 4711, n: [-4711, 0x4711, 4711.5],\n hooks: {enabled: false}\n}", SWITCH_ON
    )


def test_structure_switches_references_and_the_hook_policy_are_shown() -> None:
    text = """{
  gateway: { mode: "local", bind: "loopback", port: 18789 },
  env: { TOKEN: "${FROM_ENV}", none: null, flag: true, empty: "" },
  hooks: { enabled: false, presets: ["gmail"], allowedAgentIds: ["main"] },
  mcp: { servers: { x: { command: "/usr/bin/x", cwd: "/" } } },
}
"""
    diff = _edited(text, SWITCH_ON)
    shown = [line[1:] for line in diff.splitlines()[3:] if line[0] != "+"]
    assert "\n".join(shown) + "\n" == text.replace('cwd: "/"', f'cwd: "{MASK}"')


def test_the_arguments_of_our_own_server_are_shown_and_those_of_others_are_not() -> None:
    text = '{\n  mcp: {\n    servers: {\n      x: { args: ["start"] },\n    },\n  },\n}\n'
    diff = _edited(text, OURS)
    assert f'x: {{ args: ["{MASK}"] }}' in diff
    assert f'["mcp", "pingagent", "{MASK}"]' in diff
    assert f'NAME: "${{NAME}}",\n+          B: "{MASK}",\n' in diff
    assert 'command: "openclaw-install"' in diff
    assert '["mcp", "pingagent"' in masked_diff("", apply_edits("{}", [OURS]), HOME, [])
    assert '["mcp", "pingagent"' not in masked_diff("{a: ", apply_edits("{}", [OURS]), HOME, [])


def test_a_known_secret_is_masked_even_at_a_harmless_place() -> None:
    hooks = '{ enabled: false, path: "/open-sesame", defaultSessionKey: "x" }'
    text = f'{{\n  "sesame": true,\n  hooks: {hooks},\n}}\n'
    diff = _edited(text, SWITCH_ON, known=("sesame", "x"))
    assert "sesame" not in diff
    assert 'defaultSessionKey: "x"' in diff


def test_of_a_text_that_does_not_parse_only_its_lines_are_shown() -> None:
    diff = masked_diff("{a: 'x SEKRIT\n  b /*\n\n", "{b: 'SEKRIT", HOME, [])
    assert diff == "--- c\n+++ c\n@@ -1,3 +1,1 @@\n-…\n-  …\n-\n+…\n"


def test_equal_texts_have_no_diff() -> None:
    assert masked_diff("{}", "{}", HOME, []) == ""


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        ("", "{}\n", "@@ -0,0 +1,1 @@\n+{}\n"),
        ("{}\n", "{}", "@@ -1,1 +1,1 @@\n-{}\n+{}\n"),
        ("{}\r\n", "{}\n", "@@ -1,1 +1,1 @@\n-{}\n+{}\n"),
        ("{\r}", "{\r\n}", "@@ -1,2 +1,2 @@\n-{\n+{\n }\n"),
        ("{}", "{\u2028\x0b}", "@@ -1,1 +1,1 @@\n-{}\n+{  }\n"),
        ("{//x\n}", "{//y\n}", "@@ -1,2 +1,2 @@\n-{// …\n+{// …\n }\n"),
        ("{//x\u2028}", "{}", "@@ -1,1 +1,1 @@\n-{/* … */ }\n+{}\n"),
        ("{a:1}", "{a:2}", f'@@ -1,1 +1,1 @@\n-{{a:"{MASK}"}}\n+{{a:"{MASK}"}}\n'),
        ("{a:'\\\r'\n}", "{}", f'@@ -1,3 +1,1 @@\n-{{a:"{MASK}"\n-\n-}}\n+{{}}\n'),
    ],
)
def test_every_real_change_shows_with_the_lines_of_the_file(before: str, after: str, diff: str) -> None:
    assert masked_diff(before, after, HOME, []) == f"--- c\n+++ c\n{diff}"


def test_changes_far_apart_are_hunks_of_their_own_with_true_line_numbers() -> None:
    lines = ["{", *(f"  k{number}: {{}}," for number in range(20)), "}"]
    changed = [*lines]
    changed[3] = "  other: {},"
    del changed[15]
    diff = masked_diff("\n".join(lines), "\n".join(changed), HOME, [])
    assert [line for line in diff.splitlines() if line[:2] == "@@"] == [
        "@@ -1,7 +1,7 @@",
        "@@ -13,7 +13,6 @@",
    ]
    assert "-  k2: {},\n+  other: {},\n" in diff
    assert "-  k14: {},\n" in diff


def test_a_config_on_one_long_line_is_cut_down_to_its_changes() -> None:
    entries = [{"id": number, "apiKey": f"SEKRIT-{number}"} for number in range(1000)]
    text = json.dumps({"head": entries, "hooks": {"enabled": False}, "tail": entries})
    diff = _edited(text, SWITCH_ON, OURS)
    assert len(diff) < 3000
    assert "SEKRIT" not in diff
    removed, added = diff.splitlines()[3:]
    assert (removed[:2], added[:2]) == ("-…", "+…")
    assert '"hooks": {"enabled": false}' in removed
    assert '"hooks": {"enabled": true}' in added
    assert added.endswith('"env": { "NAME": "${NAME}", "B": "<redacted>" } } } }}')


def test_a_long_line_beside_a_change_and_a_long_change_are_cut_too() -> None:
    text = "{\n  list: [" + "true, " * 1000 + "],\n  hooks: { enabled: false },\n}"
    assert len(_edited(text, SWITCH_ON)) < 400
    grown = [f"hook:{number}:" for number in range(5000)]
    diff = _edited(text, SetValue(("hooks", "allowedSessionKeyPrefixes"), grown))
    assert max(map(len, diff.splitlines())) < 1000
    assert "hook:0:" in diff
    assert "hook:4999:" in diff


def test_a_line_that_is_too_long_to_search_is_still_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openclaw_install.host.config.diff._MOST_TO_SEARCH", 1000)
    left, right = "[" + "true," * 500 + "null]", "[" + "null," * 500 + "true]"
    diff = masked_diff(left, right, HOME, [])
    assert diff.count("…") > 1
    assert len(diff) < 3000


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["SEKRIT", "x SEKRIT y", "https://SEKRIT", "7\\SEKRIT"]),
)
_KEYS = st.sampled_from(["a", "env", "url", "args", "command", "servers", "b c", "${X}", "ключ"])
_TREES = st.recursive(
    _SCALARS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_KEYS, below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _TREES, max_size=4), st.sampled_from([None, 1]), st.sampled_from("\n\r"))
def test_no_tree_shows_its_texts(tree: dict[str, object], indent: int | None, ending: str) -> None:
    text = json.dumps({**tree, "hooks": {"enabled": False}}, indent=indent)
    diff = _edited(text.replace("\n", ending), SWITCH_ON)
    assert "SEKRIT" not in diff
    assert "\r" not in diff
    assert any(line.startswith("+") and '"enabled": true' in line for line in diff.splitlines())


@given(st.text("ab{\n", max_size=30), st.text("ab{\n", max_size=30))
def test_the_changed_ranges_turn_one_sequence_into_the_other(old: str, new: str) -> None:
    built, at = "", 0
    for change in changed_ranges(old, new):
        assert change.old_start >= at
        built += old[at : change.old_start] + new[change.new_start : change.new_end]
        assert len(built) == change.new_end
        at = change.old_end
    assert built + old[at:] == new


def test_a_change_beyond_measure_counts_as_one() -> None:
    old, new = list(range(1000)), list(range(2000, 1000, -1))
    assert changed_ranges([0, *old, 1], [0, *new, 1]) == (Changed(1, 1001, 1, 1001),)
