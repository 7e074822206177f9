"""The real OpenClaw reads the same texts and the same folders as we do, and agrees on verdict and values."""

from __future__ import annotations

import json
import math
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import ConfigError
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.config.document import dotted, read_config
from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same
from openclaw_install.host.config.env import BLOCKED_NAMES, BLOCKED_PREFIXES
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.host.config.json5_tree import Json5Error

pytestmark = pytest.mark.gateway

ORACLE = Path(__file__).with_name("config_oracle.mjs")
GENERATED = 12_000
_SEEDS = (
    "{}", "{a:1}", "{'a':'b'}", '{"a":[1,2,],}', "{a:+1,b:-.5,c:5.,d:0x1F,e:Infinity,f:-Infinity,g:NaN}",
    "{i:1e5,j:1E-3,k:-0,l:010,m:12345678901234567890,n:1e400}", "{\\u0061b:1,$a_:2,é:3,𐐀:4}",
    "{a:\"\\x41\\u0042\\\n\\0\\v\\q\\'\"}", "//c\n{a:/*x*/1}//e", "{a:true,b:false,c:null}",
    '{a:"x\\\r\ny"}', '{a:"\\ud83d\\ude00\\ud83d"}', "\ufeff{a:1}", "{\u00a0a:1,\u2003b:2,\u2028c:3}",
    '{"a":1,"a":2}', '{a:"\t\x01"}',
)  # fmt: skip
_SCRAPS = (
    *"{}[],:\"'\\/*\n\r \t\v\f019xXeE+-._$#nu`a\x00\x01\x7f", "//", "/*", "*/", "\r\n", "\u2028", "\u00a0",
    "\ufeff", "\u180e", "\u0085", "\x1c", "\\u0041", "\\x41", "\\u00e9", "\\u200c", "\u200d", "\u0301",
    "Infinity", "NaN", "true", "null", "undefined", "é", "ª", "Ⅷ", "😀", "\\0", "\\01", "\\9", "\\x4",
    "\\u004", "0x", "1e", "5.", "00", "1_0", "+Infinity", "- 1", "\\\n", "\\\r\n", "\\\u2028",
    "__proto__", "\u30fb",    "\u2118", "\U000e0100",
)  # fmt: skip


def ask(openclaw: OpenClaw, question: Mapping[str, Any]) -> Any:
    """What OpenClaw's own modules say to the question, in one process."""
    done = subprocess.run(
        [str(openclaw.node), str(ORACLE)],
        input=json.dumps({"package": str(openclaw.package), **question}),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def untagged(value: Any) -> Any:
    """The oracle's tagged value as plain data."""
    ((kind, content),) = value.items()
    if kind == "number":
        return float(content.replace("Infinity", "inf"))
    if kind == "list":
        return [untagged(child) for child in content]
    if kind == "object":
        return {key: untagged(child) for key, child in content}
    return content


def generated_texts() -> list[str]:
    """Legal texts with a few scraps put in, taken out or replaced, the same ones in every run."""
    dice = random.Random(20260906)  # noqa: S311 - variety, not secrecy
    texts = list(_SEEDS)
    while len(texts) < GENERATED:
        text = dice.choice(_SEEDS)
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            at = dice.randint(0, len(text))
            text = text[:at] + dice.choice(_SCRAPS) * dice.randint(0, 1) + text[at + dice.randint(0, 1) :]
        texts.append(text)
    return texts


def test_twelve_thousand_texts_are_read_or_refused_as_npm_json5_does(openclaw: OpenClaw) -> None:
    texts = generated_texts()
    differences = []
    for text, theirs in zip(texts, ask(openclaw, {"texts": texts})["texts"], strict=True):
        try:
            ours = parse_json5(text)
        except Json5Error:
            agreed = not theirs["ok"]
        else:
            agreed = theirs["ok"] and same(ours, untagged(theirs["value"]))
        if not agreed:
            differences.append((text, theirs))
    assert differences == []


FOLDERS: dict[str, tuple[dict[str, str | bytes], dict[str, str]]] = {
    "plain": ({"openclaw.json": "{hooks: {enabled: true, token: 'x', n: 0x10, f: 1.0, i: 1e400}}"}, {}),
    "byte order mark": ({"openclaw.json": "\ufeff{hooks: {path: '/x'}}"}, {}),
    "not UTF-8": ({"openclaw.json": b"{hooks: {path: '/\xff\xc3\xe2\x82'}}"}, {}),
    "UTF-16": ({"openclaw.json": "{}".encode("utf-16")}, {}),
    "empty": ({"openclaw.json": ""}, {}),
    "only a comment": ({"openclaw.json": "// x"}, {}),
    "a list": ({"openclaw.json": "[]"}, {}),
    "a number": ({"openclaw.json": "5"}, {}),
    "half written": ({"openclaw.json": '{"hooks": {"tok'}, {}),
    "duplicate keys": ({"openclaw.json": "{hooks: {path: '/a', path: '/b'}}"}, {}),
    "prototype keys": ({"openclaw.json": "{hooks: {__proto__: {a: 1}, constructor: 1, prototype: 2}}"}, {}),
    "merged prototype keys": (
        {
            "openclaw.json": "{$include: './a', hooks: {constructor: 1, y: 2}}",
            "a": "{hooks: {__proto__: {z: 1}}}",
        },
        {},
    ),
    "variables": (
        {
            "openclaw.json": """{
                env: {vars: {C: 'c', D: 'c', NODE_OPTIONS: '-x', R: '${A}', 'b-n': 'x', ' S ': 's',
                             PATH_X: 'p'},
                      TOP: 'top', Z_AI_API_KEY: 'z', OPENCLAW_INCLUDE_ROOTS: '/', EMPTY: 'filled'},
                messages: {v: ["${A}", "${B}", "${C}", "${D}", "${TOP}", "${ZAI_API_KEY}", "${NODE_OPTIONS}",
                  "${R}", "${S}", "${PATH_X}", "${EMPTY}", "${BLANK}", "${OPENCLAW_INCLUDE_ROOTS}", "${OPEN",
                  "a $${A} ${lower} $A ${A}${A} ${ A}", "$$${A}",
                  "$$$${A}", "$${}", "${}", "$${A", "${A-B}"]},
                "${A}": "${NO_SUCH_NAME}",
            }""",
            ".env": "A=dotenv\nexport B='dot env' # c\nD=\"do\\ntenv\"\nBLANK=",
        },
        {"A": "process", "EMPTY": ""},
    ),
    "nothing but missing variables": (
        {"openclaw.json": "{hooks: {token: '${NO}', path: '/${NO2}', mappings: [{id: '$${X}${N}'}]}}"},
        {"NO2": ""},
    ),
    "include": (
        {
            "openclaw.json": """{
                $include: ['./base', './more'], hooks: {enabled: true, l: [1]}, m: {$include: 'm'},
            }""",
            "base": "{hooks: {token: '${A}', l: [0], o: {a: 1}}, gateway: {port: 1}}",
            "more": "{hooks: {path: '/more', o: 5, l: {x: 1}}, gateway: null}",
            "m": "[{$include: './more'}, 7]",
        },
        {"A": "value"},
    ),
    "include of a scalar": ({"openclaw.json": "{hooks: {token: {$include: './a'}}}", "a": "'x'"}, {}),
    "include of nothing": ({"openclaw.json": "{hooks: {$include: []}}"}, {}),
    "include missing": ({"openclaw.json": "{$include: './no'}"}, {}),
    "include of a folder": ({"openclaw.json": "{$include: '.'}"}, {}),
    "include outside": ({"openclaw.json": "{$include: '../plain/openclaw.json'}"}, {}),
    "include with a slash behind": ({"openclaw.json": "{$include: './a/'}", "a": "{x: 1}"}, {}),
    "include of itself with a slash behind": ({"openclaw.json": "{$include: './openclaw.json/'}"}, {}),
    "include absolute": ({"openclaw.json": "{$include: '/etc/hostname'}"}, {}),
    "include cycle": (
        {"openclaw.json": "{$include: './a'}", "a": "{x: {$include: './openclaw.json'}}"},
        {},
    ),
    "include of a number": ({"openclaw.json": "{$include: 5}"}, {}),
    "include beside a list": ({"openclaw.json": "{$include: './a', x: 1}", "a": "[]"}, {}),
    "include broken": ({"openclaw.json": "{$include: './a'}", "a": "{x:"}, {}),
    "include empty": ({"openclaw.json": "{$include: './a'}", "a": ""}, {}),
    "include large": ({"openclaw.json": "{$include: './a'}", "a": "{}" + " " * 2_097_150}, {}),
    "include too large": ({"openclaw.json": "{$include: './a'}", "a": "{}" + " " * 2_097_151}, {}),
    **{
        f"includes {depth} deep": (
            {
                "openclaw.json": "{$include: './i1'}",
                **{f"i{n}": f"{{x: {{$include: './i{n + 1}'}}}}" for n in range(1, depth)},
                f"i{depth}": "{y: 1}",
            },
            {},
        )
        for depth in (10, 11)
    },
    "include by a link inside": (
        {"openclaw.json": "{$include: './link'}", "a": "{x: 1}", "link": b"->a"},
        {},
    ),
    "include by a link outside": (
        {"openclaw.json": "{$include: './link'}", "link": b"->../plain/openclaw.json"},
        {},
    ),
    "include by a second name": (
        {"openclaw.json": "{$include: './hard'}", "a": "{x: 1}", "hard": b"=>a"},
        {},
    ),
    "config by a link": (
        {"openclaw.json": b"->../include/openclaw.json", "base": "{}", "more": "{}", "m": "1"},
        {},
    ),
    "missing": ({}, {}),
    "dangling link": ({"openclaw.json": b"->nowhere"}, {}),
}  # fmt: skip


def lay_out(root: Path) -> list[dict[str, Any]]:
    """Writes all folders; contents that begin with `->` and `=>` become symbolic and hard links."""
    cases = []
    for name, (files, env) in FOLDERS.items():
        folder = root / name
        folder.mkdir()
        for file, content in files.items():
            raw = content if isinstance(content, bytes) else content.encode()
            if raw.startswith(b"->"):
                (folder / file).symlink_to(raw[2:].decode())
            elif raw.startswith(b"=>"):
                (folder / file).hardlink_to(folder / raw[2:].decode())
            else:
                (folder / file).write_bytes(raw)
        home = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "OPENCLAW_STATE_DIR": str(folder)}
        cases.append({"path": str(folder / "openclaw.json"), "env": {**home, **env}})
    return cases


def test_every_kind_of_folder_reads_as_the_real_openclaw_reads_it(openclaw: OpenClaw, tmp_path: Path) -> None:
    cases = lay_out(tmp_path)
    answers = ask(openclaw, {"cases": cases})["configs"]
    differences: list[str] = []
    for name, case, theirs in zip(FOLDERS, cases, answers, strict=True):
        # An issue with a path is the schema's; one without says that the config cannot be read.
        named = [issue["message"] for issue in theirs["issues"] if not issue["path"]]
        unreadable = [message for message in named if "Unrecognized" not in message]
        try:
            ours = read_config(Path(case["path"]), case["env"])
        except ConfigError as error:
            differences += [] if unreadable else [f"{name}: only we refuse it: {error.message}"]
            continue
        differences += [f"{name}: only OpenClaw refuses it: {message}" for message in unreadable]
        missing = {dotted(one.path) for one in ours.unresolved}
        told = {one["path"] for one in theirs["warnings"] if "Missing env var" in one["message"]}
        agreed = ours.exists == theirs["exists"] and (bool(theirs["issues"]) or missing == told)
        if ours.exists:
            agreed &= same(dict(ours.data), untagged(theirs["resolved"]))
            agreed &= same(dict(ours.as_written), untagged(theirs["authored"]))
        differences += [] if agreed else [f"{name}: {ours.data} and {missing}, but {theirs}"]
    assert differences == []


def test_an_edited_config_means_to_the_real_cli_what_was_asked(scratch_host: ScratchHost) -> None:
    text = """// kept
    {
      gateway: { mode: 'local', port: %d, auth: { mode: 'token', token: 'a-token-of-the-gateway-itself' } },
      hooks: {
        enabled: false, // for now
        'path': "/in",
      },
    }
    """
    before = text % scratch_host.port
    edits: list[Edit] = [
        SetValue(("hooks", "enabled"), True),
        SetValue(("hooks", "allowedSessionKeyPrefixes"), ["hook:im:", 'it\'s "quoted" \u2028 😀']),
        SetValue(("hooks", "defaultSessionKey"), "hook:im:main"),
        SetValue(("mcp", "servers", "x-y"), {"command": "true", "args": ["a\\b"]}),
        Remove(("hooks", "path")),
    ]
    path = scratch_host.write_config(apply_edits(before, edits))
    ours = read_config(path, scratch_host.env).data
    for key in ("hooks", "mcp"):
        done = scratch_host.run("config", "get", key, "--json")
        assert done.returncode == 0, done.stderr
        assert same(json.loads(done.stdout), ours[key])


def test_the_names_that_the_env_block_may_not_set_are_openclaws(openclaw: OpenClaw, tmp_path: Path) -> None:
    names = [
        *BLOCKED_NAMES,
        *(f"{prefix}X" for prefix in BLOCKED_PREFIXES),
        "CARGO_TARGET_A_RUNNER",
        "HARMLESS_X",
    ]
    listed = sorted(names)
    config = {"env": {"vars": dict.fromkeys(listed, "set")}, "messages": [f"${{{name}}}" for name in listed]}
    path = tmp_path / "openclaw.json"
    path.write_text(json.dumps(config))
    env = {"OPENCLAW_STATE_DIR": str(tmp_path), "HOME_X": "1"}
    answer = ask(openclaw, {"cases": [{"path": str(path), "env": {**env, "HOME": str(tmp_path)}}]})[
        "configs"
    ][0]
    theirs = untagged(answer["resolved"])["messages"]
    ours = read_config(path, {**env, "HOME": str(tmp_path)}).data["messages"]
    assert ours == theirs
    assert ours[listed.index("HARMLESS_X")] == "set"
    assert math.isclose(sum(value == "set" for value in ours), 1)
