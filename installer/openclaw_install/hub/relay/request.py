"""What the relay reads from a request: address, signed path, numbers, headers and small bodies. Pure."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request

from openclaw_install.hub.network import PARTY_IN_SCOPE, UNKNOWN
from openclaw_install.hub.relay.errors import document_refused, refused
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.protocol.canonical import parse_strict, unb64u
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.instance import is_instance

_LARGEST_NUMBER = 2**53 - 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ACCESS_KEY_BYTES = 32
_NUMBER = re.compile(r"[0-9]{1,16}")


def party_of_request(request: Request) -> str:
    """The network address that a request counts for."""
    return str(request.scope.get(PARTY_IN_SCOPE, UNKNOWN))


def signed_path(request: Request) -> str:
    """Path and query as they were sent, which is what a token is signed for."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("ascii", "replace")


def query_number(request: Request, name: str, default: int) -> int:
    """A number of the query string.

    Raises:
        HttpRefusedError: 422.
    """
    return number(request.query_params[name]) if name in request.query_params else default


def number(text: str) -> int:
    """A sequence number of an inbox, or how many entries.

    Raises:
        HttpRefusedError: 422: it is no whole number that JSON can carry.
    """
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST_NUMBER:
        raise refused("malformed")
    return int(text)


def acks_of(body: bytes, limits: RelayLimits) -> tuple[int, list[int]]:
    """Up to which place a body acknowledges all, and which places singly.

    Raises:
        HttpRefusedError: 422.
    """
    document = _object(body, limits)
    if not document or document.keys() - {"up_to", "seqs"}:
        raise refused("malformed")
    up_to, seqs = document.get("up_to", 0), document.get("seqs", [])
    if not isinstance(seqs, list) or len(seqs) > limits.acks_at_once:
        raise refused("malformed")
    if type(up_to) is not int or up_to < 0 or any(type(seq) is not int or seq < 0 for seq in seqs):
        raise refused("malformed")
    return up_to, seqs


def access_keys_of(body: bytes, limits: RelayLimits) -> list[str]:
    """The hashes of the keys by which an agent admits others.

    Raises:
        HttpRefusedError: 422.
    """
    document = _object(body, limits)
    keys = document.get("access_key_sha256")
    if not isinstance(keys, list) or len(document) != 1 or len(keys) > limits.access_keys:
        raise refused("malformed")
    if not all(isinstance(key, str) and _DIGEST.fullmatch(key) for key in keys):
        raise refused("malformed")
    return keys


def access_digest(header: str | None) -> str | None:
    """The hash of the access key in a header; None where there is none, or where it cannot be one."""
    try:
        key = b"" if header is None else unb64u(header)
    except ProtocolError:
        return None
    return hashlib.sha256(key).hexdigest() if len(key) == _ACCESS_KEY_BYTES else None


def instance_of(said: str) -> str:
    """The instance that a stream names; empty where it names none.

    Raises:
        HttpRefusedError: 422: it is none.
    """
    if said and not is_instance(said):
        raise refused("malformed")
    return said


def _object(body: bytes, limits: RelayLimits) -> dict[str, object]:
    try:
        document = parse_strict(body, limits.small_body_bytes)
    except ProtocolError as error:
        raise document_refused(error) from None
    if not isinstance(document, dict):
        raise refused("malformed")
    return document
