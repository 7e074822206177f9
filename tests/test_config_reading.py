"""Reading the host's config: includes, `${ENV}`, who owns a key, and an error for every kind of bad input."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import ConfigDocument, read_config
from openclaw_install.host.config.env import UnresolvedEnv, parse_dotenv
from openclaw_install.host.config.includes import MAX_INCLUDE_BYTES, MAX_INCLUDE_LOADS, resolve_includes
from openclaw_install.host.config.json5_text import parse_json5
from openclaw_install.host.config.paths import dotted
from openclaw_install.host.home import home_folder
from tests.work import calls_of

Files = Mapping[str, str | bytes]


def write(folder: Path, files: Files) -> Path:
    """Writes the files below `folder` and returns the path of its `openclaw.json`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "openclaw.json"


def read(folder: Path, files: Files, env: Mapping[str, str] | None = None) -> ConfigDocument:
    """The config that these files make, read with a home of its own."""
    return read_config(write(folder, files), {"HOME": str(folder / "home"), **(env or {})})


def refusal(folder: Path, files: Files) -> ConfigError:
    """The error that these files lead to."""
    with pytest.raises(ConfigError) as caught:
        read(folder, files)
    assert caught.value.next_step
    return caught.value


def test_a_missing_file_is_an_empty_config(tmp_path: Path) -> None:
    document = read_config(tmp_path / "openclaw.json", {})
    assert (document.exists, document.raw, document.mode, document.data) == (False, b"", None, {})
    assert document.text == ""
    assert document.owner(("hooks",)) == document.path


def test_the_exact_bytes_and_the_mode_are_kept(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf{ // c\r\n  a: '\xf0\x9f\x98\x80',\r\n}\r\n"
    write(tmp_path, {"openclaw.json": raw}).chmod(0o640)
    document = read_config(tmp_path / "openclaw.json", {})
    assert document.raw == raw
    assert document.mode == 0o640
    assert document.data == {"a": "😀"}
    assert document.text.encode() == raw


def test_a_symlinked_config_names_both_its_link_and_its_target(tmp_path: Path) -> None:
    target = write(tmp_path / "real", {"openclaw.json": "{a:1, b: {$include: './beside.json5'}}"})
    write(tmp_path / "links", {"beside.json5": "{c: 2}"})
    link = tmp_path / "links" / "openclaw.json"
    link.symlink_to(target)
    document = read_config(link, {})
    assert (document.path, document.real_path) == (link, target)
    assert document.data == {"a": 1, "b": {"c": 2}}, "includes are relative to the link, as in OpenClaw"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "config.empty"),
        (" \n// nothing yet\n", "config.empty"),
        ("{a: 1", "config.syntax"),
        ('{"hooks": {"tok', "config.syntax"),
        ("[]", "config.not_object"),
        ("5", "config.not_object"),
        ("null", "config.not_object"),
        ("'{}'", "config.not_object"),
        ("true", "config.not_object"),
        ("[" * 5000, "config.syntax"),
        ('{"a":' + "[" * 500 + "]" * 500 + "}", "config.too_deep"),
        ("{a: 1}".encode("utf-16"), "config.encoding"),
        (b"{a: '\xff'", "config.encoding"),
    ],
)
def test_bad_content_gets_its_own_error(tmp_path: Path, content: str | bytes, code: str) -> None:
    assert refusal(tmp_path, {"openclaw.json": content}).error_code == code


def test_a_syntax_error_names_the_place_and_shows_no_value(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"openclaw.json": "{\n  hooks: { token: 'sesame-open', x 1 }\n}"})
    assert "openclaw.json, line 2, column 36" in error.message
    assert "hooks: { token: ***" in error.message
    assert "sesame" not in error.message


def test_bytes_that_are_not_utf8_are_read_as_openclaw_reads_them_but_not_edited(tmp_path: Path) -> None:
    document = read(tmp_path, {"openclaw.json": b"{a: 'x\xff'}"})
    assert document.data == {"a": "x\ufffd"}
    with pytest.raises(ConfigError) as caught:
        _ = document.text
    assert caught.value.error_code == "config.encoding"


def test_a_folder_a_pipe_and_a_file_in_the_way_are_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, code in {
        "folder": "config.is_folder",
        "pipe": "config.unreadable",
        "file/openclaw.json": "config.unreadable",
        "loop": "config.unreadable",
    }.items():
        with pytest.raises(ConfigError) as caught:
            read_config(tmp_path / name, {})
        assert caught.value.error_code == code


def test_a_file_without_read_permission_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, {"openclaw.json": "{}"})

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert caught.value.error_code == "config.unreadable"
    assert caught.value.next_step == "run as the user who owns the host"


def test_a_huge_config_is_read_with_bounded_work_and_a_monstrous_one_refused(tmp_path: Path) -> None:
    def config_of(count: int, width: int = 40) -> Path:
        filler = ",".join(f'"k{i}":{{"token":"{i:0{width}}","list":[1,2,3]}}' for i in range(count))
        return write(tmp_path, {"openclaw.json": "{" + filler + "}"})

    path = config_of(500)
    small = calls_of(lambda: read_config(path, {}))
    config_of(2_000)
    assert calls_of(lambda: read_config(path, {})) < 4.5 * small
    config_of(7_000, width=640)
    assert path.stat().st_size > 4_500_000
    assert len(read_config(path, {}).data) == 7_000
    path.write_bytes(b"{" + b" " * 17 * 1024 * 1024 + b"}")
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert caught.value.error_code == "config.too_large"


def test_includes_merge_and_every_key_knows_its_file(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        {
            "openclaw.json": """{
                $include: ["./base.json5", "./more.json5"],
                hooks: {enabled: true, list: ["root"]},
                mcp: {$include: "./parts/mcp.json5"},
            }""",
            "base.json5": "{hooks: {token: 'x', list: ['base'], path: '/base'}, gateway: {port: 1}}",
            "more.json5": "{hooks: {path: '/more'}, gateway: 5}",
            "parts/mcp.json5": "{servers: {$include: './servers.json5'}}",
            "parts/servers.json5": "{a: {command: 'x'}}",
        },
    )
    assert document.data == {
        "hooks": {"enabled": True, "token": "x", "list": ["base", "root"], "path": "/more"},
        "gateway": 5,
        "mcp": {"servers": {"a": {"command": "x"}}},
    }
    root = document.path
    owners = {
        ("hooks",): root,
        ("hooks", "enabled"): root,
        ("hooks", "token"): tmp_path / "base.json5",
        ("hooks", "path"): tmp_path / "more.json5",
        ("hooks", "new"): root,
        ("hooks", "list", 0): tmp_path / "base.json5",
        ("hooks", "list", 1): root,
        ("gateway",): tmp_path / "more.json5",
        ("mcp", "servers", "a", "command"): tmp_path / "parts/servers.json5",
        ("mcp", "servers", "b"): tmp_path / "parts/servers.json5",
        ("mcp", "x"): tmp_path / "parts/mcp.json5",
        ("brand", "new"): root,
    }
    assert {path: document.owner(path) for path in owners} == owners
    assert set(document.included) == {
        tmp_path / name for name in ("base.json5", "more.json5", "parts/mcp.json5", "parts/servers.json5")
    }


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"openclaw.json": "{$include: './no.json5'}"}, "config.include_missing"),
        ({"openclaw.json": "{$include: './x.json5/'}"}, "config.include_missing"),
        ({"openclaw.json": "{$include: './openclaw.json'}"}, "config.include_cycle"),
        (
            {"openclaw.json": "{$include: './a'}", "a": "{x: {$include: './b'}}", "b": "{$include: ['a']}"},
            "config.include_cycle",
        ),
        ({"openclaw.json": "{$include: '../out.json5'}", "../out.json5": "{}"}, "config.include_escape"),
        ({"openclaw.json": "{$include: '/etc/hostname'}"}, "config.include_escape"),
        ({"openclaw.json": "{$include: ''}"}, "config.include_unreadable"),
        ({"openclaw.json": "{$include: 5}"}, "config.include_invalid"),
        ({"openclaw.json": "{$include: ['a', 5]}", "a": "{}"}, "config.include_invalid"),
        ({"openclaw.json": "{$include: 'a\\0b'}"}, "config.include_invalid"),
        ({"openclaw.json": "{$include: './a', x: 1}", "a": "[]"}, "config.include_invalid"),
        ({"openclaw.json": "{$include: './a'}", "a": "[]"}, "config.not_object"),
        ({"openclaw.json": "{$include: './a'}", "a": "{x:"}, "config.syntax"),
        ({"openclaw.json": "{$include: './a'}", "a": ""}, "config.empty"),
        (
            {"openclaw.json": "{$include: './a'}", "a": " " * (MAX_INCLUDE_BYTES + 1)},
            "config.include_too_large",
        ),
        (
            {
                "openclaw.json": "{$include: './i0'}",
                **{f"i{n}": f"{{x: {{$include: './i{n + 1}'}}}}" for n in range(11)},
                "i11": "{}",
            },
            "config.include_too_deep",
        ),
    ],
)
def test_a_bad_include_gets_its_own_error(tmp_path: Path, files: Files, code: str) -> None:
    assert refusal(tmp_path / "state", files).error_code == code


def test_lists_of_includes_that_multiply_are_refused_after_a_bounded_number_of_loads(tmp_path: Path) -> None:
    def sixty(name: str) -> str:
        return f"{{$include: {json.dumps([f'./{name}'] * 60)}}}"

    files = {"openclaw.json": sixty("a"), "a": sixty("b"), "b": sixty("c"), "c": "{x: [1]}"}
    path = write(tmp_path, files)
    parsed: list[str] = []
    visits: list[int] = []

    class Counted(dict[str, object]):
        def __contains__(self, key: object) -> bool:
            visits.append(1)
            return super().__contains__(key)

    def parse(place: Path, raw: bytes) -> object:
        parsed.append(place.name)
        return Counted(parse_json5(raw.decode()))

    with pytest.raises(ConfigError) as caught:
        resolve_includes(parse_json5(path.read_text()), path, (), parse)
    assert caught.value.error_code == "config.include_too_many"
    assert str(path) in caught.value.message
    assert sorted(parsed) == ["a", "b", "c"], "each file is read once"
    assert len(visits) <= MAX_INCLUDE_LOADS + 1, "and used no more often than the bound says"
    assert refusal(tmp_path, files).error_code == "config.include_too_many"


def test_a_large_include_counts_each_time_that_it_is_used(tmp_path: Path) -> None:
    files = {"openclaw.json": f"{{$include: {json.dumps(['./a'] * 5)}}}", "a": "{}" + " " * 2_000_000}
    assert refusal(tmp_path, files).error_code == "config.include_too_many"
    assert read(tmp_path, {**files, "openclaw.json": "{$include: ['./a', './a']}"}).data == {}


def test_an_include_may_not_leave_the_folder_by_a_link_nor_have_a_second_name(tmp_path: Path) -> None:
    write(tmp_path, {"outside.json5": "{}"})
    path = write(tmp_path / "state", {"openclaw.json": "{$include: './link.json5'}", "x.json5": "{}"})
    link = tmp_path / "state" / "link.json5"
    link.symlink_to(tmp_path / "outside.json5")
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert caught.value.error_code == "config.include_escape"
    assert read_config(path, {"OPENCLAW_INCLUDE_ROOTS": f" :{tmp_path}"}).data == {}
    link.unlink()
    link.hardlink_to(tmp_path / "state" / "x.json5")
    with pytest.raises(ConfigError) as caught:
        read_config(path, {})
    assert caught.value.error_code == "config.include_unreadable"


def test_an_include_that_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    error = refusal(tmp_path, {"openclaw.json": "{$include: './a/b'}", "a": "file"})
    assert error.error_code == "config.include_unreadable"


def test_variables_come_from_the_environment_then_dotenv_then_the_config(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        {
            "openclaw.json": """{
                env: {
                    vars: {C: 'config', D: 'config', NODE_OPTIONS: '-x', R: '${A}', 'bad-name': 'x', NO: 5},
                    TOP: 'top', Z_AI_API_KEY: 'z', BLANK: ' ',
                },
                v: ["${A}", "${B}", "${C}", "${D}", "${TOP}", "${ZAI_API_KEY}", "${NODE_OPTIONS}", "${R}",
                    "${FALLBACK}"],
                odd: {x: "a $${A} ${lower} $A ${A} ${ A}", y: "${EMPTY}", z: "$$${A}"},
            }""",
            ".env": "A=dotenv\nB='dot env'\nD=dotenv",
            "home/.config/openclaw/gateway.env": "B=later\nFALLBACK=gateway",
        },
        {"A": "process", "EMPTY": ""},
    )
    assert document.data["v"] == [
        "process", "dot env", "config", "dotenv", "top", "z", "${NODE_OPTIONS}", "${R}", "gateway",
    ]  # fmt: skip
    assert document.data["odd"] == {"x": "a ${A} ${lower} $A process ${ A}", "y": "${EMPTY}", "z": "$${A}"}
    assert document.as_written["v"][0] == "${A}"
    assert document.unresolved == (
        UnresolvedEnv(("v", 6), "NODE_OPTIONS"),
        UnresolvedEnv(("v", 7), "R"),
        UnresolvedEnv(("odd", "y"), "EMPTY"),
    )


def test_the_state_folder_that_is_named_holds_the_dotenv_file(tmp_path: Path) -> None:
    files = {"openclaw.json": "{a: '${A}', b: '${B}'}", "state/.env": "A=1", ".env": "A=2"}
    files |= {"home/.config/openclaw/gateway.env": "B=3"}
    document = read(tmp_path, files, {"OPENCLAW_STATE_DIR": str(tmp_path / "state")})
    assert document.data == {"a": "1", "b": "${B}"}


def test_a_dotenv_file_that_cannot_be_read_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(tmp_path, {"openclaw.json": "{a: '${A}'}", ".env": b"A=1\n" + b"#" * 1_048_577}).unresolved

    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    path = write(tmp_path, {".env": "A=1"})
    monkeypatch.setattr(Path, "is_file", refuse)
    assert read_config(path, {"HOME": str(tmp_path)}).unresolved


def test_dotenv_text_is_read_as_its_npm_package_reads_it() -> None:
    text = (
        "\ufeff# c\nexport A = 1 # no\r\nB='x # y'\nC=\"a\\nb\"\nD=`q\nr`\nE:  colon\nF=\n"
        "1G=no\nH.I=no\nJ=a=b\nK='unclosed\n"
    )
    assert parse_dotenv(text) == {
        "A": "1", "B": "x # y", "C": "a\nb", "D": "q\nr", "E": "colon", "F": "", "J": "a=b", "K": "'unclosed",
    }  # fmt: skip


def test_the_home_folder_is_the_one_openclaw_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder({}) == tmp_path
    assert home_folder({"HOME": "/h", "OPENCLAW_HOME": "undefined"}) == Path("/h")
    assert home_folder({"USERPROFILE": "/u", "HOME": "null"}) == Path("/u")
    assert home_folder({"HOME": "/h", "OPENCLAW_HOME": "/o"}) == Path("/o")


def test_keys_that_reach_prototypes_are_dropped_where_openclaw_drops_them(tmp_path: Path) -> None:
    files = {
        "openclaw.json": "{$include: './a', x: {constructor: 1, y: 2}, __proto__: {z: 1}}",
        "a": "{prototype: 3, x: {prototype: 3}}",
    }
    assert read(tmp_path, files).data == {"x": {"y": 2}}
    assert read(tmp_path, {"openclaw.json": "{constructor: 1, a: {__proto__: 2}}"}).data == {
        "constructor": 1,
        "a": {},
    }


def test_numbers_read_as_javascript_keeps_them(tmp_path: Path) -> None:
    document = read(tmp_path, {"openclaw.json": '{"port": 18789.0, "big": 12345678901234567890, "x": 1.5}'})
    assert repr(document.data) == "{'port': 18789, 'big': 12345678901234567168, 'x': 1.5}"


def test_a_key_path_prints_as_people_write_it() -> None:
    assert dotted(("hooks", "mappings", 0, "a b")) == "hooks.mappings[0]['a b']"
    assert dotted(("x-y", 1)) == "x-y[1]"
    assert dotted(()) == "(root)"


def test_a_document_never_prints_its_content(tmp_path: Path) -> None:
    assert "sesame" not in repr(read(tmp_path, {"openclaw.json": "{token: 'sesame'}"}))


def test_the_home_folder_stands_in_the_paths_of_the_hooks(tmp_path: Path) -> None:
    section = {
        "path": " ~/in ", "token": "~/x", "transformsDir": "~", "mappings": [{"match": {"path": "~/a/../b"}}],
        "paths": ["~/p", ["~/q"], 5], "names": ["~/n"], "gmail": {"topic": "~", "SERVE_PATH": "~user/x"},
    }  # fmt: skip
    path = tmp_path / "openclaw.json"
    path.write_text(json.dumps({"hooks": section, "agents": {"defaults": {"workspace": "~/w"}}}))
    document = read_config(path, {"HOME": "/h"})
    assert document.as_written["hooks"] == section
    assert document.data["agents"] == {"defaults": {"workspace": "~/w"}}
    assert document.data["hooks"] == {
        "path": "/h/in", "token": "~/x", "transformsDir": "/h", "mappings": [{"match": {"path": "/h/b"}}],
        "paths": ["/h/p", ["~/q"], 5], "names": ["~/n"], "gmail": {"topic": "~", "SERVE_PATH": "~user/x"},
    }  # fmt: skip
