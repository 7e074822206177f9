"""Packs skills into requests that stay under the service's limits (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from openclaw_install.sync.service import Upload

MAX_BATCH_BYTES = 1_000_000
MAX_BATCH_SKILLS = 200
_ENTRY_FRAME = len('{"name":,"content":},')


def batches(
    uploads: Sequence[Upload], *, max_bytes: int = MAX_BATCH_BYTES, max_skills: int = MAX_BATCH_SKILLS
) -> Iterator[tuple[Upload, ...]]:
    """The uploads in their order, in groups whose JSON is at most `max_bytes`; a larger one goes alone."""
    group: list[Upload] = []
    size = 0
    for upload in uploads:
        weight = json_bytes(upload)
        if group and (size + weight > max_bytes or len(group) == max_skills):
            yield tuple(group)
            group, size = [], 0
        group.append(upload)
        size += weight
    if group:
        yield tuple(group)


def json_bytes(upload: Upload) -> int:
    """The bytes that one skill takes in a request."""
    texts = (json.dumps(text, ensure_ascii=False) for text in (upload.name, upload.content))
    return _ENTRY_FRAME + sum(len(text.encode()) for text in texts)


def halves(uploads: Sequence[Upload]) -> tuple[tuple[Upload, ...], tuple[Upload, ...]]:
    """Two parts of a batch, to find out which of them is the trouble."""
    middle = (len(uploads) + 1) // 2
    return tuple(uploads[:middle]), tuple(uploads[middle:])
