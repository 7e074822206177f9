"""What is sealed inside an envelope: the body and its signature, and from version 2 on the sender's chain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import b64u, canonical_json, parse_strict
from openclaw_install.protocol.chain import Link, Seen, read_link, read_seen
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.header import Header
from openclaw_install.protocol.keys import SIGNATURE_BYTES, SigningKey, is_signed
from openclaw_install.protocol.padding import MAX_PLAINTEXT
from openclaw_install.protocol.shape import Json, octets, only

ACCESS_KEY_BYTES = 32
_DOMAINS = {1: b"pingagent-message-v1\0", 2: b"pingagent-message-v2\0"}
_REQUIRED = {1: frozenset({"body", "sig"}), 2: frozenset({"body", "chain", "sig"})}
_OPTIONAL = {1: frozenset[str](), 2: frozenset({"access_key", "seen"})}


@dataclass(frozen=True)
class Content:
    """The inside of an envelope, without its signature.

    Attributes:
        chain: the envelope's place in its sender's chain; version 2 has it, version 1 does not.
        seen: what came in of the other direction.
        access_key: 32 bytes in base64url, by which the relay lets the other side into what its inbox keeps
            for those whom this agent admitted.
    """

    body: Json = field(repr=False)
    chain: Link | None = None
    seen: Seen | None = None
    access_key: Secret | None = None

    def to_json(self) -> Json:
        """The content as it is signed."""
        document: Json = {"body": self.body}
        if self.chain is not None:
            document["chain"] = self.chain.to_json()
        if self.seen is not None:
            document["seen"] = self.seen.to_json()
        if self.access_key is not None:
            document["access_key"] = self.access_key.reveal()
        return document

    def signed(self, header: Header, key: SigningKey) -> bytes:
        """The content with the sender's signature, ready to be padded and encrypted."""
        sig = key.sign(_DOMAINS[header.version], self._signed_content(header))
        return canonical_json({**self.to_json(), "sig": b64u(sig)})

    def is_signed(self, header: Header, key: bytes, sig: bytes) -> bool:
        """Whether `sig` was made for this content under this header with the key of `key`."""
        return is_signed(key, sig, _DOMAINS[header.version], self._signed_content(header))

    def _signed_content(self, header: Header) -> Json:
        # The first version signs the body alone: there is nothing else in it.
        name, what = ("body_sha256", self.body) if header.version == 1 else ("content_sha256", self.to_json())
        return {**header.to_json(), name: hashlib.sha256(canonical_json(what)).hexdigest()}


def read_content(plaintext: bytes, version: int) -> tuple[Content, bytes]:
    """The content in `plaintext`, and its signature, which is not verified yet.

    Raises:
        ProtocolError: malformed.
    """
    value = parse_strict(plaintext, MAX_PLAINTEXT)
    inside = only(value, "the content", _REQUIRED[version], _OPTIONAL[version])
    sig = octets(inside, "sig", SIGNATURE_BYTES)
    if not isinstance(inside["body"], dict):
        raise ProtocolError("the body is no JSON object")
    chain: Any = inside.get("chain")
    content = Content(
        body=inside["body"],
        chain=read_link(chain) if "chain" in inside else None,
        seen=read_seen(inside["seen"]) if "seen" in inside else None,
        access_key=_access_key(inside) if "access_key" in inside else None,
    )
    return content, sig


def _access_key(inside: Json) -> Secret:
    octets(inside, "access_key", ACCESS_KEY_BYTES)
    return Secret(str(inside["access_key"]))
