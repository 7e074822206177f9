"""Names of agents and threads: DIDs from first signing keys, threads from two DIDs, aliases for people."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Annotated, Any

from openclaw_install.common.invisible import is_visible_name
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.shape import Form

DID = re.compile(r"did:agent:[a-z2-7]{32}")
CONVERSATION = re.compile(r"c_p?dm_(?:[a-z2-7]{26}|[a-z2-7]{32})")
ALIAS = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
MAX_DISPLAY_NAME = 80
_APPROVED, PENDING = "c_dm_", "c_pdm_"
# By the version of the envelope: the hash's domain, and how many of its bytes the name keeps.
_NAMING = {1: ("pingagent-conversation-v1", 16), 2: ("pingagent-conversation-v2", 20)}


def did_of(signing_public_raw: bytes) -> str:
    """The DID of the agent whose first Ed25519 public key is `signing_public_raw` (32 bytes)."""
    digest = hashlib.sha256(b"pingagent-did-v1\0" + signing_public_raw).digest()
    return "did:agent:" + _base32(digest[:20])


def is_did(text: str) -> bool:
    """Whether `text` has the form of a DID; to the letter, without any folding."""
    return DID.fullmatch(text) is not None


def conversation_of(did_a: str, did_b: str, *, pending: bool = False, version: int = 2) -> str:
    """The thread of two agents, the same whoever asks.

    Args:
        did_a, did_b: the two agents, in any order.
        pending: True before the recipient has approved the contact (`c_pdm_`), else `c_dm_`.
        version: of the envelope that names it. Each has a name of its own for the same thread: 26 characters
            in the first, 32 in the second.

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
    domain, length = _NAMING[version]
    digest = hashlib.sha256(f"{domain}\0{first}\0{second}".encode()).digest()
    return (PENDING if pending else _APPROVED) + _base32(digest[:length])


def thread_names(did_a: str, did_b: str) -> tuple[str, str]:
    """The `c_dm_` names of two agents' thread: that of version 1 of the envelope, and that of version 2.

    Raises:
        ProtocolError: as `conversation_of`.
    """
    return conversation_of(did_a, did_b, version=1), conversation_of(did_a, did_b)


def names_thread_of(conversation_id: str, did_a: str, did_b: str) -> bool:
    """Whether an id, of either version and before or after approval, names the thread of two agents."""
    return is_conversation(conversation_id) and canonical_thread(conversation_id) in thread_names(
        did_a, did_b
    )


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
            "a direct thread's id is c_dm_ or c_pdm_ with 26 or 32 characters", code="conversation.form"
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


def _display_name(name: str, value: Any) -> str:
    if type(value) is not str or not is_display_name(value):
        raise ProtocolError(f"{name} hides or reorders characters, or is too long")
    return value


DisplayName = Annotated[str, Form(_display_name)]


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()
