"""The report's page and the code name the same ids, and each command's error codes are explained."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from openclaw_install.host.boot import rules, verdict
from openclaw_install.host.hooks.boot import BootRule
from openclaw_install.setup import removal, undo
from openclaw_install.setup.checks import CHECKS, boot_stops, gateway_answer, gateway_not_asked

ROOT = Path(__file__).parent.parent
REPORT = (ROOT / "docs" / "activation-report.md").read_text()
UNDO = (ROOT / "docs" / "undo.md").read_text()
_GATEWAY_ID = re.compile(r"(?!gateway\.(?:port|bind|mode)$)(gateway|setup|boot)\.[a-z_]+")


def _texts(module: object) -> set[str]:
    tree = ast.parse(Path(module.__file__ or "").read_text())  # type: ignore[attr-defined] # a module has one
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_boot_rule_is_in_the_table() -> None:
    for rule in get_args(BootRule):
        assert f"| `{rule}` |" in REPORT


@pytest.mark.parametrize("module", [gateway_answer, gateway_not_asked, boot_stops, rules, verdict])
def test_every_id_that_the_report_makes_is_explained(module: object) -> None:
    ids = {text for text in _texts(module) if _GATEWAY_ID.fullmatch(text)}
    assert ids
    for name in ids:
        assert f"`{name}`" in REPORT


def test_every_check_names_ids_that_the_page_explains() -> None:
    for check in CHECKS:
        assert check.IDS
        for name in check.IDS:
            assert re.search(rf"`{re.escape(name)}[.`]", REPORT), name


def test_every_ingress_finding_is_in_the_table() -> None:
    source = (ROOT / "installer" / "openclaw_install" / "host" / "hooks" / "findings.py").read_text()
    assert "_blocker(" in source
    names = set(re.findall(r'_blocker\("([a-z_]+)"', source)) | {
        "token_missing",
        "token_reused",
        "token_short",
    }
    for name in names:
        assert f"| `hooks.ingress.{name}` |" in REPORT


def test_every_conflict_of_taking_back_is_explained() -> None:
    codes = {
        text
        for module in (undo, removal)
        for text in _texts(module)
        if re.fullmatch(r"(conflict|usage)\.\w+", text)
    }
    assert codes == {"conflict.undo", "usage.no_receipt"}
    for code in codes:
        assert f"| `{code}` |" in UNDO
