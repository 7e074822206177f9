"""The upload gate over every common provider's keys in every place where people leave them."""

# Chinese pages have Chinese punctuation.
# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from openclaw_install.sync.gate import scan
from tests.secret_keys import MARKED, NAMED, beside_name, in_text


def _missed(key: str, places: list[str]) -> list[str]:
    """The places whose line with the key the gate did not name; nothing that it says may hold the key."""
    document = "# Use\n\n" + "\n\nThen go on.\n\n".join(places) + "\n"
    findings = scan(document)
    assert key not in str(findings)
    found = {finding.line for finding in findings}
    missed, line = [], 3
    for place in places:
        at = line + place[: place.index(key)].count("\n")
        missed += [] if at in found else [place]
        line += place.count("\n") + 4
    return missed


@pytest.mark.parametrize("provider", list(MARKED))
def test_a_key_with_a_form_of_its_own_trips_the_gate_wherever_it_stands(provider: str) -> None:
    for _ in range(2):
        key = MARKED[provider]()
        assert _missed(key, in_text(key)) == []


@pytest.mark.parametrize("name", list(NAMED))
def test_a_key_beside_its_name_trips_the_gate_however_the_two_are_written(name: str) -> None:
    for _ in range(2):
        key = NAMED[name]()
        assert _missed(key, beside_name(name, key)) == []


@pytest.mark.parametrize("name", ["密码", "密钥", "API密钥", "口令", "访问令牌"])
def test_the_name_may_be_chinese(name: str) -> None:
    key = NAMED["JWT_SECRET"]()
    assert (
        _missed(key, [f"{name}：{key}", f"{name}: {key}", f"您的{name}是 {key}。", f"| {name} | `{key}` |"])
        == []
    )
