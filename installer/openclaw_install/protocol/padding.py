"""Pads a message to one of a few sizes, so that the size on the wire tells less about it."""

from __future__ import annotations

from openclaw_install.protocol.errors import ProtocolError

BUCKETS = (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 192_512)
"""Sizes in bytes. The last one is the most that fits into an envelope of 256 KiB with the longest header."""

_LENGTH_BYTES = 4
MAX_PLAINTEXT = BUCKETS[-1] - _LENGTH_BYTES


def pad(plaintext: bytes) -> bytes:
    """The length of `plaintext`, itself, and zeros up to the next bucket.

    Raises:
        ProtocolError: it fits into no bucket.
    """
    needed = len(plaintext) + _LENGTH_BYTES
    bucket = next((size for size in BUCKETS if size >= needed), None)
    if bucket is None:
        raise ProtocolError(f"a message has at most {MAX_PLAINTEXT} bytes")
    return (len(plaintext).to_bytes(_LENGTH_BYTES, "big") + plaintext).ljust(bucket, b"\0")


def unpad(padded: bytes) -> bytes:
    """What `pad` was given; only the spelling that `pad` makes is taken.

    Raises:
        ProtocolError: another size, length or filling.
    """
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    plaintext = padded[_LENGTH_BYTES : _LENGTH_BYTES + length]
    if len(padded) not in BUCKETS or length > MAX_PLAINTEXT or pad(plaintext) != padded:
        raise ProtocolError("the padding of a message is not as it must be")
    return plaintext
