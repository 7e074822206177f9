"""Atomic renames: two names exchanged in one step, or a rename that fails where the target exists.

Linux has `renameat2`, macOS `renamex_np`; Python has neither. Some file systems know only the plain one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_EXCHANGE = {"linux": 2, "darwin": 2}  # RENAME_EXCHANGE, RENAME_SWAP
_NO_REPLACE = {"linux": 1, "darwin": 4}  # RENAME_NOREPLACE, RENAME_EXCL
_CALL_NUMBERS = {"x86_64": 316, "aarch64": 276}  # of renameat2, for a C library that has no name for it
_AT_FDCWD = -100
_MISSING = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP})
_NO_LINKS = frozenset({*_MISSING, errno.EPERM, errno.EMLINK, errno.EXDEV})

_Rename = Callable[[bytes, bytes, int], int]


class UnsupportedRenameError(Exception):
    """This kernel or file system has no such rename; nothing was changed."""


def exchange(one: Path, other: Path) -> None:
    """Lets two names change places in one step.

    Raises:
        UnsupportedRenameError: it cannot be done here.
        OSError: one of them is missing, or the file system refuses.
    """
    _rename(one, other, _EXCHANGE)


def take_free_name(source: Path, target: Path) -> None:
    """Renames `source` to `target`, unless there is something by then.

    Where the file system knows neither that nor hard links, the name is looked at just before.

    Raises:
        FileExistsError: the name is taken; `source` is where it was.
        OSError: the file system refuses.
    """
    try:
        _rename(source, target, _NO_REPLACE)
    except UnsupportedRenameError:
        _take_by_link(source, target)


def _take_by_link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)
    else:
        source.unlink()


def _rename(source: Path, target: Path, flags: dict[str, int]) -> None:
    call = _system_call()
    if call is None:
        raise UnsupportedRenameError
    # As `os.rename` tells it: whoever watches this process's renames sees these too.
    sys.audit("os.rename", str(source), str(target), -1, -1)
    if call(os.fsencode(source), os.fsencode(target), flags[sys.platform]) == 0:
        return
    number = ctypes.get_errno()
    if number in _MISSING:
        raise UnsupportedRenameError
    raise OSError(number, os.strerror(number), str(source), None, str(target))


@cache
def _system_call() -> _Rename | None:
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = getattr(library, "renamex_np", None)
        return None if swap is None else lambda one, other, flags: int(swap(one, other, flags))
    if sys.platform != "linux":
        return None
    named = getattr(library, "renameat2", None)
    if named is not None:
        return lambda one, other, flags: int(named(_AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(flags)))
    number = _CALL_NUMBERS.get(platform.machine())
    if number is None:
        return None
    return lambda one, other, flags: int(
        library.syscall(ctypes.c_long(number), _AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(flags))
    )
