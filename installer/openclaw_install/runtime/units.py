"""Text of a systemd user unit and of a launchd agent: what runs, and what it may not do. Pure."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from openclaw_install.common.errors import HostError

_PRIVATE = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - these are what PrivateTmp= hides

# systemd.exec(5). None of these needs a namespace, so they hold wherever a user's service runs.
_PLAIN_LIMITS = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictNamespaces=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures=native",
)
# These give the service its own view of the file system; the kernel must allow user namespaces.
_VIEW_LIMITS = (
    "ProtectSystem=strict",
    "ProtectControlGroups=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "PrivateDevices=yes",
)


@dataclass(frozen=True)
class ServiceSpec:
    """A service.

    Attributes:
        label: its name.
        description: one line.
        command: program (an absolute path) and arguments; no secret is among them.
        environment: variables that are no secrets.
        writes: folders that it may write in; they exist.
        reads: what it reads; a place below /tmp keeps the common /tmp in its view.
        own_view: restrict its view of the file system too.
    """

    label: str
    description: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    writes: Sequence[Path] = ()
    reads: Sequence[Path] = ()
    own_view: bool = True


def systemd_unit(spec: ServiceSpec) -> str:
    """The unit's text."""
    limits = [*_PLAIN_LIMITS]
    if spec.own_view:
        limits += [*_VIEW_LIMITS, f"PrivateTmp={'no' if uses_common_tmp(spec) else 'yes'}"]
        limits += [f"ReadWritePaths={_quoted(f'-{path}')}" for path in spec.writes]
    lines = [
        "# Written by `openclaw-install runtime enable`; `openclaw-install runtime disable` removes it.",
        "[Unit]",
        f"Description={_one_line(spec.description)}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(_quoted(word, of_command=True) for word in spec.command)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in spec.environment.items()),
        "WorkingDirectory=/",
        "Restart=on-failure",
        "RestartSec=2",
        # Exit codes that another start would not change: findings that need a person, a wrong command line.
        "RestartPreventExitStatus=1 2",
        "WatchdogSec=120",
        "TimeoutStartSec=60",
        "TimeoutStopSec=10",
        "KillMode=mixed",
        "UMask=0077",
        "LimitCORE=0",
        *limits,
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)


def launchd_plist(spec: ServiceSpec, stderr: Path) -> bytes:
    """The agent's property list (launchd.plist(5)); launchd has no counterpart of the unit's limits.

    Raises:
        HostError: `runtime.odd_path`: a path has a control character, which a property list cannot hold.
    """
    agent = {
        "Label": spec.label,
        "ProgramArguments": list(spec.command),
        "EnvironmentVariables": dict(spec.environment),
        "WorkingDirectory": "/",
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 10,
        "ProcessType": "Background",
        "Umask": 0o077,
        "SoftResourceLimits": {"Core": 0},
        "HardResourceLimits": {"Core": 0},
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": str(stderr),
    }
    try:
        return plistlib.dumps(agent)
    except ValueError as error:
        raise HostError(
            "a path of this host has a control character, and no launchd agent can name it",
            next_step="openclaw-install runtime start, which needs no agent",
            code="runtime.odd_path",
        ) from error


def uses_common_tmp(spec: ServiceSpec) -> bool:
    """Whether something that it reads or writes lies where a private /tmp would hide it."""
    return any(path.is_relative_to(tmp) for path in (*spec.writes, *spec.reads) for tmp in _PRIVATE)


def _quoted(text: str, *, of_command: bool = False) -> str:
    """One word as systemd reads it (systemd.syntax(7), "Quoting"), without specifiers and variables."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if of_command:
        escaped = escaped.replace("$", "$$")
    return '"' + "".join(_visible(char) for char in escaped) + '"'


def _visible(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 32 or ord(char) == 127 else char


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text).replace("%", "%%")
