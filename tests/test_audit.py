"""`make audit` says of each package whether it was judged; no answer is no acquittal."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from tools.audit import Verdict, ask, read


def package(name: str, *vulnerabilities: str) -> dict[str, Any]:
    found = [{"id": one, "fix_versions": ["2.0"]} for one in vulnerabilities]
    return {"name": name, "version": "1.0", "vulns": found}


def printing(text: str, code: int = 0) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys; print({text!r}); sys.exit({code})")


def test_packages_without_a_known_vulnerability_pass() -> None:
    said = json.dumps({"dependencies": [package("a"), package("b")]})
    assert ask(printing(said)) == Verdict(("2 packages, no known vulnerability",), 0)


def test_a_known_vulnerability_is_named_with_the_version_that_mends_it() -> None:
    said = json.dumps({"dependencies": [package("a"), package("b", "GHSA-1")]})
    assert ask(printing(said, 1)) == Verdict(("b 1.0: GHSA-1, fixed in 2.0",), 1)


def test_a_package_that_was_skipped_is_not_judged() -> None:
    skipped = {"name": "c", "skip_reason": "not on the index"}
    assert read([package("a"), skipped]) == Verdict(("not judged: c: not on the index",), 1)


@pytest.mark.parametrize(
    "command",
    [
        printing("Traceback", 1),
        printing("{}", 1),
        printing('{"dependencies": []}'),
        ("/no/such/program",),
        (sys.executable, "-c", "import sys; sys.exit('ConnectionError: nobody answers')"),
    ],
)
def test_where_no_source_answers_nothing_was_judged_and_the_exit_code_is_1(command: tuple[str, ...]) -> None:
    verdict = ask(command)
    assert verdict.exit_code == 1
    assert [line.partition(":")[0] for line in verdict.lines] == ["not judged"]


def test_a_source_that_answers_too_late_has_judged_nothing() -> None:
    verdict = ask((sys.executable, "-c", "input()"), seconds=0)
    assert verdict == Verdict(("not judged: TimeoutExpired",), 1)
