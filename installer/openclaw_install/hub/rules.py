"""Which names and contents the hub takes: pure rules for what somebody else chose."""

from __future__ import annotations

import re
import unicodedata

from openclaw_install.common.invisible import is_visible_name
from openclaw_install.hub.model import RefusedError

NAME_LIMIT = 64
_SKILL_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{NAME_LIMIT - 1}}}")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,63}")
_AUDIT_NAME_LIMIT = 128


def check_skill_name(name: str) -> str:
    """`name` itself, when it can be a folder on every file system that an agent may mount.

    Lower-case ASCII only: two names that differ by case alone are one folder on macOS and two on Linux, and a
    look-alike letter of another script would shadow a skill in front of the operator's eyes. Windows drops a
    dot at the end, so that `notes.` would replace `notes`, and takes `con` or `nul.txt` for devices.

    Raises:
        RefusedError: `invalid_name`.
    """
    if not _SKILL_NAME.fullmatch(name) or name.endswith(".") or _DEVICE.fullmatch(name):
        raise RefusedError(
            "invalid_name",
            f"the skill name '{printable(name)}' is not allowed: 1 to {NAME_LIMIT} characters, a-z, 0-9, "
            "dot, underscore and hyphen, beginning with a letter or a digit, not ending with a dot, and no "
            "device of Windows (con, nul, ...)",
        )
    return name


def check_content(content: str, limit: int) -> bytes:
    """The bytes of a SKILL.md.

    Args:
        content: the text as it came.
        limit: the most bytes that it may have.

    Raises:
        RefusedError: `content_empty`, `content_too_large`, or `content_not_utf8` for unpaired surrogates.
    """
    try:
        data = content.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RefusedError(
            "content_not_utf8", f"the content has an unpaired surrogate at character {error.start}"
        ) from None
    if not content.strip():
        raise RefusedError("content_empty", "the content is empty")
    if len(data) > limit:
        raise RefusedError("content_too_large", f"the content has {len(data)} bytes; {limit} are allowed")
    return data


def check_owner(owner: str) -> str:
    """`owner` itself, when it reads well in lists and logs.

    Raises:
        RefusedError: `invalid_owner`.
    """
    if not _OWNER.fullmatch(owner):
        raise RefusedError(
            "invalid_owner",
            f"the owner '{printable(owner)}' is not allowed: 1 to 64 characters of a-z, A-Z, 0-9, @ . _ + -",
        )
    return owner


def check_agent_name(name: str) -> str:
    """`name` itself, when it is one line of 1 to 64 printable characters, each in its one composed form.

    An accent of its own makes a second name that no eye can tell from the first.

    Raises:
        RefusedError: `invalid_agent_name`.
    """
    odd = any(unicodedata.category(letter)[0] in "CZ" and letter != " " for letter in name)
    odd = (
        odd or not is_visible_name(name) or name != name.strip() or name != unicodedata.normalize("NFC", name)
    )
    if odd or not 1 <= len(name) <= 64:
        raise RefusedError(
            "invalid_agent_name",
            f"the agent name '{printable(name)}' is not allowed: "
            "1 to 64 printable characters on one line, in their composed form (NFC)",
        )
    return name


def printable(name: str) -> str:
    """`name` for a log or an audit row: ASCII, escaped, and cut when it is long."""
    escaped = "".join(letter if " " <= letter <= "~" else _escape(letter) for letter in name[:512])
    return escaped if len(escaped) <= _AUDIT_NAME_LIMIT else escaped[: _AUDIT_NAME_LIMIT - 3] + "..."


def encodable(name: str) -> str:
    """`name` as it may stand in an answer: the same, with unpaired surrogates escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
