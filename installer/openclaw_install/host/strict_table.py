"""Reads a JSON object key by key: each must be there, have its type, and none may be left over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from openclaw_install.common.errors import BundleError

_T = TypeVar("_T")


class StrictTable:
    """A JSON object of a shipped file while it is being read.

    Args:
        value: the parsed JSON; anything but an object is an error.
        source: what errors call the file.
        place: key path of the object in it, empty for the document itself.

    Raises:
        BundleError: from every method but `has`; it names the file and the key path.
    """

    def __init__(self, value: object, source: str, place: str) -> None:
        self._source = source
        self._place = place
        if not isinstance(value, dict):
            raise self.error("", "must be an object")
        self._rest = dict(value)

    def has(self, key: str) -> bool:
        return key in self._rest

    def take(self, key: str, read: Callable[[object], _T | None], default: _T | None = None) -> _T:
        """The value of `key` as `read` gives it; `default`, unless it is None, where the key is missing."""
        if key not in self._rest:
            if default is None:
                raise self.error(key, "is missing")
            return default
        value = read(self._rest.pop(key))
        if value is None:
            raise self.error(key, f"must be {_NAMES[read]}")
        return value

    def table(self, key: str) -> StrictTable:
        """The object under `key`."""
        if key not in self._rest:
            raise self.error(key, "is missing")
        return StrictTable(self._rest.pop(key), self._source, self._path(key))

    def tables(self, key: str) -> Iterator[StrictTable]:
        """The objects of the list under `key`."""
        for number, value in enumerate(self.take(key, items)):
            yield StrictTable(value, self._source, f"{self._path(key)}[{number}]")

    def finish(self) -> None:
        """Refuses the keys that nobody took."""
        for key in self._rest:
            raise self.error(key, "is not a key that this version knows")

    def error(self, key: str, problem: str) -> BundleError:
        """An error about `key` (empty for the object itself), to be raised."""
        return BundleError(
            f"{self._source}: {self._path(key) or 'the document'} {problem}",
            next_step="reinstall it: pip install --force-reinstall openclaw-install",
            code="bundle.manifest",
        )

    def _path(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place and key else self._place or key


def text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def items(value: object) -> list[object] | None:
    return value if isinstance(value, list) else None


def texts(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return None
    return tuple(value)


def string_map(value: object) -> Mapping[str, str] | None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        return None
    return value


_NAMES: Mapping[Callable[[object], object], str] = {
    text: "a text",
    boolean: "true or false",
    integer: "a whole number",
    items: "a list",
    texts: "a list of texts",
    string_map: "an object whose values are texts",
}
