"""Keys that an included file owns are not edited in the root file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.document import ConfigDocument, editable, read_config
from openclaw_install.host.config.edit import Edit, Remove, SetValue, apply_edits, same


def config(folder: Path, text: str, **included: str) -> ConfigDocument:
    """The document of `text`, with included files named by keyword."""
    for name, content in included.items():
        (folder / name).write_text(content)
    (folder / "openclaw.json").write_text(text)
    return read_config(folder / "openclaw.json", {})


INCLUDING = """{
  $include: './base.json5',
  hooks: { enabled: true, list: ['root'], part: { $include: './part.json5' }, path: '/root' },
  mcp: { $include: './part.json5' },
  own: [1],
}"""
BASE = "{hooks: {token: 'x', list: ['base'], path: '/base', other: {y: 1}}, gateway: {port: 1}, own2: [1]}"


@pytest.mark.parametrize(
    ("edit", "owner"),
    [
        (SetValue(("hooks", "enabled"), False), None),
        (SetValue(("hooks", "new"), 1), None),
        (SetValue(("hooks", "path"), "/new"), None),
        (SetValue(("brand", "new"), 1), None),
        (SetValue(("own",), [1, 2]), None),
        (SetValue(("own", 1), 2), None),
        (Remove(("hooks", "enabled")), None),
        (Remove(("nowhere", "at all")), None),
        (SetValue(("hooks", "token"), "y"), "base.json5"),
        (SetValue(("hooks", "list"), ["base", "root", "more"]), "base.json5"),
        (SetValue(("hooks", "list", 2), "more"), "base.json5"),
        (SetValue(("hooks", "list", 1), "other"), "base.json5"),
        (Remove(("hooks", "list", 0)), "base.json5"),
        (SetValue(("hooks", "path"), {"now": "an object"}), "base.json5"),
        (Remove(("hooks", "path")), "base.json5"),
        (Remove(("hooks",)), "part.json5"),
        (SetValue(("hooks",), {}), "part.json5"),
        (SetValue(("hooks", "part", "x"), 1), "part.json5"),
        (SetValue(("mcp", "servers", "a"), {}), "part.json5"),
        (SetValue(("gateway", "bind"), "lan"), "base.json5"),
        (SetValue(("own2", 1), 2), "base.json5"),
        (SetValue((), {}), "part.json5"),
    ],
)
def test_keys_that_an_included_file_owns_are_refused_with_its_name(
    tmp_path: Path, edit: Edit, owner: str | None
) -> None:
    document = config(tmp_path, INCLUDING, **{"base.json5": BASE, "part.json5": "{x: {z: 1}}"})
    if owner:
        with pytest.raises(ConfigError) as caught:
            editable(document, [edit])
        assert caught.value.error_code == "config.owned_by_include"
        assert str(tmp_path / owner) in caught.value.next_step
        return
    editable(document, [edit])
    document.real_path.write_text(apply_edits(document.text, [edit]))
    wanted: Any = dict(document.as_written)
    assert same(dict(read_config(document.path, {}).as_written), made(wanted, edit))


def made(value: Any, edit: Edit) -> Any:
    """The merged document after an edit that is allowed."""
    text = apply_edits("{}", [SetValue((), value), edit])
    from openclaw_install.host.config.json5_text import parse_json5

    return parse_json5(text)


def test_a_file_that_is_not_utf8_is_not_edited(tmp_path: Path) -> None:
    (tmp_path / "openclaw.json").write_bytes(b"{a: '\xff'}")
    with pytest.raises(ConfigError) as caught:
        editable(read_config(tmp_path / "openclaw.json", {}), [SetValue(("b",), 1)])
    assert caught.value.error_code == "config.encoding"
