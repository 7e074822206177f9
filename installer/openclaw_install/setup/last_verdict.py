"""What the last look at a host said, kept in the user's cache folder for a quick answer later."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openclaw_install.common.errors import InstallError
from openclaw_install.common.files import PRIVATE_FILE, make_private_folder, read_if_exists, write_atomic
from openclaw_install.common.jsonable import Timestamp, jsonable, record_from
from openclaw_install.common.problems import Problem
from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime.paths import RuntimePaths

if TYPE_CHECKING:
    from openclaw_install.setup.report import ActivationReport

_FORMAT: Literal[1] = 1
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class LastVerdict:
    """What a setup or `verify-runtime` found.

    Attributes:
        at: when.
        program: the version of the program that looked.
        activation_state: as the report has it.
        port: the gateway's; None where the config could not be read.
        asked: whether the running gateway was asked.
        bundles: how many bundles are installed as they ship.
        problems: blockers and warnings, in the order of the report.
        version: of this form of the document.
    """

    at: Timestamp
    program: str
    activation_state: Literal["ready_waiting_inbound", "blocked"]
    port: int | None
    asked: bool
    bundles: int
    problems: tuple[Problem, ...]
    version: Literal[1] = _FORMAT


def verdict_path(location: HostLocation) -> Path:
    """Where the last verdict on a host is kept."""
    import platformdirs

    host_id = RuntimePaths.of(location).host_id
    return platformdirs.user_cache_path("openclaw-install") / "verdicts" / f"{host_id}.json"


def remember(location: HostLocation, report: ActivationReport, now: float) -> None:
    """Keeps what a report says; a folder that refuses is let be, because the report itself was shown.

    Args:
        now: seconds since the epoch.
    """
    from openclaw_install import __version__

    verdict = LastVerdict(
        at=now,
        program=__version__,
        activation_state=report.activation_state,
        port=report.host.port,
        asked=report.policy.running is not None,
        bundles=sum(bundle.state == "identical" for bundle in report.bundles),
        problems=(*report.blockers, *report.warnings),
    )
    path = verdict_path(location)
    with contextlib.suppress(InstallError, OSError):
        make_private_folder(path.parent)
        write_atomic(path, json.dumps(jsonable(verdict)).encode(), mode=PRIVATE_FILE)


def recalled(location: HostLocation) -> LastVerdict | None:
    """The last verdict on a host; None where there is none that can be read."""
    try:
        data = read_if_exists(verdict_path(location), _MOST_BYTES)
        return None if data is None else record_from(LastVerdict, json.loads(data))
    except (InstallError, ValueError, KeyError, TypeError, RecursionError):
        return None


def forget_verdict(location: HostLocation) -> None:
    """Removes it."""
    with contextlib.suppress(OSError):
        path = verdict_path(location)
        path.unlink(missing_ok=True)
        path.parent.rmdir()
