"""Every code of a finding that the package writes down, read off its source. Pure."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import openclaw_install

ROOT = Path(openclaw_install.__file__).parent
# What the activation report is made from.
_FILES = ("setup/checks/*.py", "setup/survey.py", "host/hooks/*.py", "host/gateway/*.py", "host/boot/*.py")
_MORE = ("host/permissions.py", "host/locate.py", "host/config/*.py")
_BEFORE = {"_warning": "hooks.", "_blocker": "hooks.ingress."}
_MAKERS = ("Problem", "_critical", "_stop", "_finding", *_BEFORE)
_CODE = re.compile(r"[a-z_]+(?:\.[a-z_*]+)+")


def written_codes() -> set[str]:
    """The codes, `*` in the place of what is put in at run time."""
    found: set[str] = set()
    for pattern in (*_FILES, *_MORE):
        for path in ROOT.glob(pattern):
            found |= {code for code in _codes(ast.parse(path.read_text())) if _CODE.fullmatch(code)}
    return found


def _codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            for value in [*(node.args[:1] if name in _MAKERS else ()), *named]:
                yield from (_BEFORE.get(name, "") + text for text in _texts(value))
        elif isinstance(node, ast.Assign) and any("code" in ast.unparse(one) for one in node.targets):
            value = node.value.elts[0] if isinstance(node.value, ast.Tuple) else node.value
            yield from _texts(value)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in ("_ANSWERS", "_CODES"):
            for value in node.value.values if isinstance(node.value, ast.Dict) else ():
                yield from _texts(value.elts[0] if isinstance(value, ast.Tuple) else value)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in node.values)
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
