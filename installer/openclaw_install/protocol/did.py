"""Names of agents and threads: DIDs from first signing keys, threads from two DIDs, aliases for people."""

from __future__ import annotations

import base64
import hashlib
import re

from openclaw_install.common.invisible import is_visible_name
from openclaw_install.protocol.errors import ProtocolError

DID = re.compile(r"did:agent:[a-z2-7]{32}")
CONVERSATION = re.compile(r"c_p?dm_[a-z2-7]{26}")
ALIAS = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
MAX_DISPLAY_NAME = 80
_APPROVED, _PENDING = "c_dm_", "c_pdm_"


def did_of(signing_public_raw: bytes) -> str:
    """The DID of the agent whose first Ed25519 public key is `signing_public_raw` (32 bytes)."""
    digest = hashlib.sha256(b"pingagent-did-v1\0" + signing_public_raw).digest()
    return "did:agent:" + _base32(digest[:20])


def is_did(text: str) -> bool:
    """Whether `text` has the form of a DID; to the letter, without any folding."""
    return DID.fullmatch(text) is not None


def conversation_of(did_a: str, did_b: str, *, pending: bool = False) -> str:
    """The thread of two agents, the same whoever asks.

    Args:
        did_a, did_b: the two agents, in any order.
        pending: True before the recipient has approved the contact (`c_pdm_`), else `c_dm_`.

    Raises:
        ProtocolError: one is no DID, or both are the same: an agent has no thread with itself.
    """
    if not (is_did(did_a) and is_did(did_b)):
        raise ProtocolError("a thread needs two DIDs of the form did:agent:<32 characters>", code="did.form")
    if did_a == did_b:
        raise ProtocolError(
            "an agent has no thread with itself", next_step="name another agent", code="did.same"
        )
    first, second = sorted((did_a, did_b))
    digest = hashlib.sha256(f"pingagent-conversation-v1\0{first}\0{second}".encode()).digest()
    return (_PENDING if pending else _APPROVED) + _base32(digest[:16])


def is_conversation(text: str) -> bool:
    """Whether `text` has the form of a direct thread's id, pending or approved."""
    return CONVERSATION.fullmatch(text) is not None


def canonical_thread(conversation_id: str) -> str:
    """The `c_dm_` form of a thread's id: what stores and session keys use, before and after approval.

    Raises:
        ProtocolError: it is no id of a direct thread.
    """
    if not is_conversation(conversation_id):
        raise ProtocolError(
            "a direct thread's id is c_dm_ or c_pdm_ with 26 characters", code="conversation.form"
        )
    return _APPROVED + conversation_id.rpartition("_")[2]


def same_thread(a: str, b: str) -> bool:
    """Whether two ids name one thread, before and after its approval."""
    return is_conversation(a) and is_conversation(b) and canonical_thread(a) == canonical_thread(b)


def fold_alias(text: str) -> str:
    """An alias as it is stored and compared: without `@`, in lower case, ASCII only.

    Look-alike letters of other scripts are refused rather than folded: two aliases that look the same
    must be the same.

    Raises:
        ProtocolError: it is no alias.
    """
    alias = text.removeprefix("@")
    folded = alias.lower() if alias.isascii() else ""
    if not ALIAS.fullmatch(folded):
        raise ProtocolError(
            "an alias has 1 to 32 of a-z, 0-9, '.', '_' and '-', and starts and ends with a letter or digit",
            next_step="choose such an alias",
            code="alias.form",
        )
    return folded


def is_display_name(text: str) -> bool:
    """Whether `text` may be shown as a name: 1 to 80 characters, something to see, nothing hidden."""
    return 0 < len(text) <= MAX_DISPLAY_NAME and text == text.strip() and is_visible_name(text)


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
