"""`$include` in the config: which files are read, how they merge, and which file each key comes from.

Source: OpenClaw 2026.9.6 (`config/includes`, `infra/deep-merge`): objects merge and the later one wins, lists
are joined, keys beside `$include` win over the included ones; paths are relative to the file that names them
and must stay inside the config's folder (or a folder of `OPENCLAW_INCLUDE_ROOTS`), links followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.host.config.json5_tree import MAX_DEPTH
from openclaw_install.host.config.paths import KeyPath

INCLUDE = "$include"
MAX_INCLUDE_BYTES = 2_097_152
MAX_INCLUDE_DEPTH = 10
# Lists of includes multiply: a few small files can ask for millions of loads.
MAX_INCLUDE_LOADS = 500
MAX_INCLUDE_BYTES_IN_ALL = 8_388_608
_MAX_PATH = 4096
# Names that reach JavaScript's prototypes: dropped wherever two objects merge.
_BLOCKED_KEYS = frozenset({"__proto__", "prototype", "constructor"})


@dataclass(frozen=True)
class Origin:
    """Where one value comes from: the files that speak of it, the winning one last, and its children."""

    files: tuple[Path, ...]
    children: Mapping[str | int, Origin] = field(default_factory=dict)

    def at(self, path: KeyPath) -> Origin:
        """The origin of the deepest part of `path` that exists."""
        here = self
        for part in path:
            if part not in here.children:
                break
            here = here.children[part]
        return here


@dataclass(frozen=True)
class Included:
    """A document with its includes merged in, and the files that were read for it besides the root."""

    value: Any
    origin: Origin
    files: tuple[Path, ...]


def resolve_includes(
    value: Any, config_path: Path, roots: Sequence[Path], parse: Callable[[Path, bytes], Any]
) -> Included:
    """Merges every `$include` below `value`.

    Args:
        value: the parsed root document.
        config_path: the config as the operator named it; its folder bounds the includes.
        roots: further folders that includes may lie in.
        parse: turns a file's bytes into a value, or raises ConfigError naming that file.

    Raises:
        ConfigError: `config.include_*`: missing, cycle, escape, too_deep, too_large, too_many, invalid,
            unreadable.
    """
    named = Path(os.path.abspath(config_path))  # noqa: PTH100 - `..` goes, links stay, as in OpenClaw
    reader = _Reader(named, (named.parent, *roots), parse)
    merged, origin = reader.visit(value, _Place(named, (named,), 0))
    return Included(merged, origin, tuple(reader.files))


@dataclass(frozen=True)
class _Place:
    """The file that is being read, the files that led to it (itself last), and how deep the value lies."""

    file: Path
    chain: tuple[Path, ...]
    level: int


class _Reader:
    def __init__(self, config_path: Path, roots: Sequence[Path], parse: Callable[[Path, bytes], Any]) -> None:
        self.config_path = config_path
        self.roots = tuple(roots)
        self.real_roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self.parse = parse
        self.files: dict[Path, tuple[Any, int]] = {}
        self.loads = 0
        self.bytes = 0

    def visit(self, value: Any, place: _Place) -> tuple[Any, Origin]:
        if place.level > MAX_DEPTH:
            raise ConfigError(
                f"{place.file} and its includes nest more than {MAX_DEPTH} levels deep",
                next_step="flatten the config: no key that OpenClaw knows lies that deep",
                code="config.too_deep",
            )
        below = _Place(place.file, place.chain, place.level + 1)
        if isinstance(value, list):
            pairs = [self.visit(child, below) for child in value]
            return [v for v, _ in pairs], Origin((place.file,), {i: o for i, (_, o) in enumerate(pairs)})
        if isinstance(value, dict):
            own = {key: child for key, child in value.items() if key not in (INCLUDE, "__proto__")}
            if INCLUDE in value:
                return self._include(value[INCLUDE], own, below)
            visited = {key: self.visit(child, below) for key, child in own.items()}
            return _object(visited, place.file)
        return value, Origin((place.file,))

    def _include(self, named: Any, own: dict[str, Any], place: _Place) -> tuple[Any, Origin]:
        names = named if isinstance(named, list) else [named]
        if not all(isinstance(name, str) for name in names):
            raise _error("invalid", f"{place.file}: `$include` must be a path or a list of paths")
        merged: tuple[Any, Origin] = ({}, Origin(()))
        for name in names:
            loaded = self._load(name, place)
            merged = _merge(merged, loaded) if isinstance(named, list) else loaded
        if not own:
            return merged
        if not isinstance(merged[0], dict):
            raise _error("invalid", f"{place.file}: keys beside `$include` need an included object")
        beside = _object({key: self.visit(child, place) for key, child in own.items()}, place.file)
        return _merge(merged, beside)

    def _load(self, name: str, place: _Place) -> tuple[Any, Origin]:
        target = self._target(name, place.file)
        if target in place.chain:
            shown = " -> ".join(str(file) for file in (*place.chain, target))
            raise _error("cycle", f"the includes form a cycle: {shown}")
        if len(place.chain) > MAX_INCLUDE_DEPTH:
            raise _error("too_deep", f"{target} is included more than {MAX_INCLUDE_DEPTH} files deep")
        return self.visit(self._parsed(target), _Place(target, (*place.chain, target), place.level))

    def _parsed(self, target: Path) -> Any:
        """The file's value, read once; every use of it counts."""
        if target not in self.files:
            raw = _read(target)
            self.files[target] = (self.parse(target, raw), len(raw))
        value, size = self.files[target]
        self.loads += 1
        self.bytes += size
        if self.loads > MAX_INCLUDE_LOADS or self.bytes > MAX_INCLUDE_BYTES_IN_ALL:
            raise _error(
                "too_many",
                f"the includes of {self.config_path} load more than {MAX_INCLUDE_LOADS} files or "
                f"{MAX_INCLUDE_BYTES_IN_ALL} bytes, a file counted each time; the last one was {target}",
            )
        return value

    def _target(self, name: str, includer: Path) -> Path:
        if "\0" in name or len(name) >= _MAX_PATH:
            raise _error("invalid", f"{includer}: an include path holds a NUL or is too long")
        target = Path(os.path.normpath(includer.parent / name))
        real = Path(os.path.realpath(target))
        inside = any(target.is_relative_to(root) for root in self.roots)
        if not inside or not any(real.is_relative_to(root) for root in self.real_roots):
            raise _error("escape", f"{includer} includes {name!r}, which lies outside {self.roots[0]}")
        return target


def _read(path: Path) -> bytes:
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
            raise _error("unreadable", f"the included {path} is no regular file with a single name")
        if facts.st_size > MAX_INCLUDE_BYTES:
            raise _error("too_large", f"the included {path} is over {MAX_INCLUDE_BYTES} bytes")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _error("missing", f"the included file {path} does not exist") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _error("unreadable", f"the included file {path} cannot be read: {reason}") from error


def _object(pairs: dict[str, tuple[Any, Origin]], file: Path) -> tuple[Any, Origin]:
    value = {key: child for key, (child, _) in pairs.items()}
    return value, Origin((file,), {key: origin for key, (_, origin) in pairs.items()})


def _merge(base: tuple[Any, Origin], over: tuple[Any, Origin]) -> tuple[Any, Origin]:
    """Both values merged as OpenClaw's deep merge does, with the origins of what is left."""
    (low, low_origin), (high, high_origin) = base, over
    files = tuple(dict.fromkeys((*low_origin.files, *high_origin.files)))
    if isinstance(low, list) and isinstance(high, list):
        shifted: dict[str | int, Origin] = {
            len(low) + int(index): origin for index, origin in high_origin.children.items()
        }
        return [*low, *high], Origin(files, {**low_origin.children, **shifted})
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high, Origin(files, high_origin.children)
    value: dict[str, Any] = {}
    origins: dict[str | int, Origin] = {}
    for key in [*low, *(key for key in high if key not in low)]:
        if key in _BLOCKED_KEYS:
            continue
        sides = [side for side in (base, over) if key in side[0]]
        parts = [(side[0][key], side[1].children[key]) for side in sides]
        first = _cleaned(parts[0])
        value[key], origins[key] = first if len(parts) == 1 else _merge(first, _cleaned(parts[1]))
    return value, Origin(files, origins)


def _cleaned(pair: tuple[Any, Origin]) -> tuple[Any, Origin]:
    return _merge(({}, Origin(())), pair) if isinstance(pair[0], dict) else pair


_NEXT_STEPS = {
    "missing": "create the file or correct the `$include` that names it",
    "cycle": "take one `$include` out of the cycle",
    "escape": "move the file below the config's folder, or list its folder in OPENCLAW_INCLUDE_ROOTS",
    "too_deep": "include fewer files one inside the other",
    "too_large": "split the file",
    "too_many": "include fewer files: lists of includes that name further lists multiply",
    "invalid": "write `$include` as one relative path, or a list of them",
    "unreadable": "make it an ordinary file that this user may read",
}


def _error(kind: str, message: str) -> ConfigError:
    return ConfigError(message, next_step=_NEXT_STEPS[kind], code=f"config.include_{kind}")
