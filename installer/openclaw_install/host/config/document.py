"""The host's config document: read as OpenClaw reads it, with its exact bytes kept for the editor."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.edit import Edit, Remove
from openclaw_install.host.config.env import (
    UnresolvedEnv,
    gateway_env,
    substitute,
    with_config_env,
    with_home,
)
from openclaw_install.host.config.includes import Included, Origin, resolve_includes
from openclaw_install.host.config.json5_text import parse_json5, place_of
from openclaw_install.host.config.json5_tree import Json5Error, skip_trivia
from openclaw_install.host.config.paths import KeyPath, dotted
from openclaw_install.host.home import home_folder, user_path

__all__ = ["ConfigDocument", "KeyPath", "UnresolvedEnv", "dotted", "read_config"]

# Without a config no gateway starts: OpenClaw begins with no defaults of its own.
EMPTY_NEXT_STEP = "restore it from its backup (.bak), or delete it and run: openclaw onboard"
MAX_CONFIG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ConfigDocument:
    """One reading of the config.

    Attributes:
        path: as the operator named it, made absolute.
        real_path: with every symbolic link followed; this is what gets written.
        exists: whether there is a file; without one `data` is empty, as it is for OpenClaw.
        raw: the exact bytes of the root file, empty when it is missing.
        mode: its permission bits, None when it is missing.
        data: includes merged and `${ENV}` resolved: what the gateway works with. May hold secrets. Below
            `hooks` a path's `~` is expanded too; who reads another path does that itself.
        as_written: includes merged, `${ENV}` as it is written.
        unresolved: each `${ENV}` that has no value, with the key path at which it stands.
        origin: which file each key comes from.
        included: the files that `$include` brought in.
    """

    path: Path
    real_path: Path
    exists: bool
    raw: bytes = field(repr=False)
    mode: int | None
    data: Mapping[str, Any] = field(repr=False)
    as_written: Mapping[str, Any] = field(repr=False)
    unresolved: tuple[UnresolvedEnv, ...] = ()
    origin: Origin = field(default=Origin(()), repr=False)
    included: tuple[Path, ...] = ()

    @property
    def text(self) -> str:
        """The root file as text, for the editor.

        Raises:
            ConfigError: `config.encoding`: it is not UTF-8. OpenClaw reads such a file with replacement
                characters; writing those back would damage it.
        """
        return config_text(self.path, self.raw)

    def owner(self, path: KeyPath) -> Path:
        """The file that gives this key its value; for a key that is not there, its nearest parent's file."""
        files = self.origin.at(path).files
        return self.path if not files or self.path in files else files[-1]


def read_config(path: Path, env: Mapping[str, str]) -> ConfigDocument:
    """Reads the config at `path` as a gateway with the environment `env` would.

    Raises:
        ConfigError: `config.unreadable`, `config.is_folder`, `config.too_large`, `config.empty`,
            `config.encoding`, `config.syntax`, `config.not_object` or `config.include_*`.
    """
    named = Path(os.path.abspath(path))  # noqa: PTH100 - `..` goes, links stay, as in OpenClaw
    found = _read_file(named)
    if found is None:
        real = Path(os.path.realpath(named))
        return ConfigDocument(named, real, exists=False, raw=b"", mode=None, data={}, as_written={})
    return document_of(named, *found, env)


def document_of(named: Path, raw: bytes, mode: int | None, env: Mapping[str, str]) -> ConfigDocument:
    """The config that a file of these bytes at the absolute path `named` is; errors as of `read_config`."""
    included = _merged(named, raw, env)
    if not isinstance(included.value, dict):
        raise ConfigError(
            f"{named} holds a {_kind(included.value)}, not an object",
            next_step="wrap its content in braces: { ... }",
            code="config.not_object",
        )
    full_env = with_config_env(gateway_env(named, env), included.value)
    data, unresolved = substitute(included.value, full_env)
    if "hooks" in data:
        data = {**data, "hooks": with_home(data["hooks"], home_folder(full_env))}
    real = Path(os.path.realpath(named))
    return ConfigDocument(
        named, real, exists=True, raw=raw, mode=mode, data=data, as_written=included.value,
        unresolved=unresolved, origin=included.origin, included=included.files,
    )  # fmt: skip


def config_text(path: Path, raw: bytes) -> str:
    """The text of a config file.

    Raises:
        ConfigError: `config.encoding`: it is not UTF-8.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _encoding_error(path, error.start) from error


def parse_bytes(path: Path, raw: bytes, *, is_root: bool = True) -> Any:
    """The value of one config file. Bytes that are not UTF-8 are read as OpenClaw reads them.

    Args:
        path: the file.
        raw: its bytes.
        is_root: it is the config itself, and no file that is included.

    Raises:
        ConfigError: `config.empty`, `config.encoding` or `config.syntax`, naming `path`.
    """
    text = raw.decode("utf-8", "replace")
    try:
        return parse_json5(text)
    except Json5Error as error:
        if skip_trivia(text, 0) == len(text):
            raise ConfigError(
                f"{path} is empty: OpenClaw refuses it",
                next_step=EMPTY_NEXT_STEP if is_root else "write {} into it, or take its $include out",
                code="config.empty",
            ) from error
        raise syntax_error(path, raw, text, error) from error


def syntax_error(path: Path, raw: bytes, text: str, error: Json5Error) -> ConfigError:
    """The error for a file that is no JSON5; values in its excerpt are masked."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return _encoding_error(path, undecodable.start)
    place = place_of(text, error)
    return ConfigError(
        f"{path}, line {place.line}, column {place.column}: {error.reason}; the line reads: {place.excerpt}",
        next_step=f"correct line {place.line}, or restore the file from its backup (.bak)",
        code="config.syntax",
    )


def _merged(path: Path, raw: bytes, env: Mapping[str, str]) -> Included:
    listed = env.get("OPENCLAW_INCLUDE_ROOTS", "").split(os.pathsep)
    roots = [user_path(entry, home_folder(env)) for entry in listed if entry.strip()]
    return resolve_includes(parse_bytes(path, raw), path, roots, partial(parse_bytes, is_root=False))


def _read_file(path: Path) -> tuple[bytes, int] | None:
    """The file's bytes and permission bits; None where OpenClaw too sees no file."""
    try:
        facts = path.stat()
        if stat.S_ISDIR(facts.st_mode):
            raise ConfigError(
                f"{path} is a folder",
                next_step="name the config file inside it, or move the folder away",
                code="config.is_folder",
            )
        if not stat.S_ISREG(facts.st_mode):
            raise _unreadable(path, "it is no regular file", "name an ordinary file")
        if facts.st_size > MAX_CONFIG_BYTES:
            raise ConfigError(
                f"{path} has {facts.st_size} bytes; more than {MAX_CONFIG_BYTES} is surely no config",
                next_step="move large content out of it, or name the right file",
                code="config.too_large",
            )
        return path.read_bytes(), stat.S_IMODE(facts.st_mode)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise _unreadable(path, "a part of its path is a file", "move that file away") from error
    except OSError as error:
        step = "run as the user who owns the host" if error.errno in (errno.EACCES, errno.EPERM) else ""
        step = step or "check the path and its symbolic links"
        raise _unreadable(path, error.strerror or type(error).__name__, step) from error


def _unreadable(path: Path, reason: str, next_step: str) -> ConfigError:
    return ConfigError(f"cannot read {path}: {reason}", next_step=next_step, code="config.unreadable")


def _encoding_error(path: Path, offset: int) -> ConfigError:
    return ConfigError(
        f"{path} is not UTF-8: the byte at offset {offset} does not belong there",
        next_step="save the file as UTF-8",
        code="config.encoding",
    )


def _kind(value: Any) -> str:
    return {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")


def editable(document: ConfigDocument, edits: Sequence[Edit]) -> None:
    """Makes sure that each edit can be made in the root file and will then be what OpenClaw reads.

    Raises:
        ConfigError: `config.owned_by_include`: an included file holds the key or a part of it, so a change in
            the root file would be merged with that; the message names the file to edit.
            `config.encoding`: the root file is not UTF-8.
    """
    _ = document.text
    for edit in edits:
        foreign = _foreign(document, edit)
        if foreign:
            raise ConfigError(
                f"{dotted(edit.path)} comes from {foreign}, which {document.path} includes",
                next_step=f"make the change in {foreign} by hand",
                code="config.owned_by_include",
            )


def _foreign(document: ConfigDocument, edit: Edit) -> str:
    """The included file that stands against the edit, or an empty text."""
    here = document.origin
    for part in edit.path:
        others = [str(file) for file in here.files if file != document.path]
        if others and (document.path not in here.files or isinstance(part, int)):
            return others[-1]  # in a joined list no place means the same as in the root file
        if part not in here.children:
            return ""  # a new key beside included ones merges with nothing
        here = here.children[part]
    others = [str(file) for file in _contributors(here) if file != document.path]
    overrides = not isinstance(edit, Remove) and not isinstance(edit.value, dict | list)
    if others and overrides and document.path in here.files:
        return ""  # a plain value beside `$include` wins over the included one, whatever that is
    return others[-1] if others else ""


def _contributors(origin: Origin) -> list[object]:
    found: list[object] = list(origin.files)
    for child in origin.children.values():
        found += _contributors(child)
    return found
