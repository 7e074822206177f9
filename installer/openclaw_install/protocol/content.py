"""What is sealed inside an envelope: the body and its signature, and from version 2 on the sender's chain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from openclaw_install.common.redaction import Secret
from openclaw_install.protocol.canonical import canonical_json, parse_strict
from openclaw_install.protocol.chain import Link, Seen
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.header import Header
from openclaw_install.protocol.keys import SigningKey, is_signed
from openclaw_install.protocol.padding import MAX_PLAINTEXT
from openclaw_install.protocol.shape import Form, Json, Record, Signature, base64url, record

ACCESS_KEY_BYTES = 32
_DOMAINS = {1: b"pingagent-message-v1\0", 2: b"pingagent-message-v2\0"}


def _body(name: str, value: Any) -> Json:
    if not isinstance(value, dict):
        raise ProtocolError(f"the {name} is no JSON object")
    return value


def _access_key(name: str, value: Any) -> Secret:
    return Secret(base64url(ACCESS_KEY_BYTES).read(name, value))


@dataclass(frozen=True)
class Content(Record):
    """The inside of an envelope, without its signature.

    Attributes:
        chain: the envelope's place in its sender's chain; version 2 has it, version 1 does not.
        seen: what came in of the other direction.
        access_key: 32 bytes in base64url, by which the relay lets the other side into what its inbox keeps
            for those whom this agent admitted.
    """

    body: Annotated[Json, Form(_body)] = field(repr=False)
    chain: Annotated[Link, record(Link)] | None = None
    seen: Annotated[Seen, record(Seen)] | None = None
    access_key: Annotated[Secret, Form(_access_key, Secret.reveal)] | None = None
    sig: Signature = field(default=b"", repr=False)

    def signed(self, header: Header, key: SigningKey) -> bytes:
        """The content with the sender's signature, ready to be padded and encrypted."""
        sig = key.sign(_DOMAINS[header.version], self._signed_content(header))
        return canonical_json(replace(self, sig=sig).to_json())

    def is_signed(self, header: Header, key: bytes) -> bool:
        """Whether it was signed under this header with the key of `key`."""
        return is_signed(key, self.sig, _DOMAINS[header.version], self._signed_content(header))

    def _signed_content(self, header: Header) -> Json:
        # The first version signs the body alone: there is nothing else in it.
        first = header.version == 1
        name, what = ("body_sha256", self.body) if first else ("content_sha256", self.content())
        return {**header.to_json(), name: hashlib.sha256(canonical_json(what)).hexdigest()}


def read_content(plaintext: bytes, version: int) -> Content:
    """The content in `plaintext`; its signature is not verified yet.

    Raises:
        ProtocolError: malformed.
    """
    content = Content.read(parse_strict(plaintext, MAX_PLAINTEXT), "the content")
    more = (content.chain, content.seen, content.access_key)
    if any(more) if version == 1 else content.chain is None:
        raise ProtocolError("the content is that of another version of the envelope")
    return content
