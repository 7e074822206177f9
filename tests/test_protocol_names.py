"""DIDs, threads, aliases and display names, and what may not pass for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.protocol.did import (
    canonical_thread,
    conversation_of,
    did_of,
    fold_alias,
    is_conversation,
    is_did,
    is_display_name,
    same_thread,
)
from openclaw_install.protocol.errors import ProtocolError

_KEYS = st.binary(min_size=32, max_size=32)
ANN, BOB = did_of(bytes(32)), did_of(bytes([1]) * 32)


@given(_KEYS, _KEYS)
def test_a_thread_is_the_same_from_both_ends_before_and_after_approval(a: bytes, b: bytes) -> None:
    if a == b:
        return
    one, other = did_of(a), did_of(b)
    assert is_did(one)
    approved, pending = conversation_of(one, other), conversation_of(other, one, pending=True)
    assert same_thread(approved, pending)
    assert (approved[:5], pending[:6]) == ("c_dm_", "c_pdm_")
    assert canonical_thread(pending) == approved == canonical_thread(approved)


@pytest.mark.parametrize(
    "text",
    [
        ANN.upper(),
        ANN + "\n",
        " " + ANN,
        ANN[:-1],
        ANN + "a",
        ANN.replace("did:agent:", "did:agents:"),
        "did:agent:" + "1" * 32,
        "did:agent:" + "\u0430" * 32,
        "did:agent:" + "\uff41" * 32,
        "",
    ],
)
def test_what_only_looks_like_a_did_is_none(text: str) -> None:
    assert not is_did(text)
    with pytest.raises(ProtocolError):
        conversation_of(text, BOB)


def test_an_agent_has_no_thread_with_itself() -> None:
    with pytest.raises(ProtocolError, match="itself"):
        conversation_of(ANN, ANN)


@pytest.mark.parametrize("text", ["c_gm_" + "a" * 26, "c_dm_" + "a" * 25, "c_dm_" + "A" * 26, "c_dm_", ""])
def test_what_is_no_direct_thread_is_refused(text: str) -> None:
    assert not is_conversation(text)
    assert not same_thread(text, text)
    with pytest.raises(ProtocolError):
        canonical_thread(text)


@pytest.mark.parametrize(
    ("text", "folded"), [("@Ann", "ann"), ("a", "a"), ("A-b_c.9", "a-b_c.9"), ("x" * 32, "x" * 32)]
)
def test_an_alias_is_folded(text: str, folded: str) -> None:
    assert fold_alias(text) == folded == fold_alias(folded)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@@ann",
        "ann ",
        "ann\n",
        "-ann",
        "ann.",
        "x" * 33,
        "\u0430nn",
        "\uff41nn",
        "\u212aelvin",
        "an\u200bn",
        "an/n",
        "did:a",
    ],
)
def test_look_alikes_and_odd_aliases_are_refused_rather_than_folded(text: str) -> None:
    with pytest.raises(ProtocolError):
        fold_alias(text)


@pytest.mark.parametrize("text", ["Ann", "安", "Zoë O'Hara", "\u0645\u06cc\u200c\u062e", "🙂"])
def test_names_of_people_are_allowed(text: str) -> None:
    assert is_display_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " Ann",
        "Ann\n",
        "A\u202enn",
        "A\u2066nn",
        "A\u200bnn",
        "A\x1b[31mnn",
        "A\u2028nn",
        "x" * 81,
        "\ud800",
        "\ue000",
    ],
)
def test_names_that_hide_or_reorder_characters_are_not(text: str) -> None:
    assert not is_display_name(text)
