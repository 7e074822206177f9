"""Each code of the activation report with the cure that it prints, from which `docs/cures.md` is made.

As a program (`python -m tests.cure_rows`) it writes that page.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import HostLocation, locate
from tests.setup_rig import SOUND
from tests.support.standin_gateway import StandinGateway

PAGE = Path(__file__).parent.parent / "docs" / "cures.md"
FIX = "openclaw-install verify-runtime --fix-hooks"
SETUP = "openclaw-install"
RESTART = "openclaw gateway restart"
LATER = "no test executes it yet"


@dataclass
class CureBench:
    """A host on which one thing is wrong, with a stand-in for its gateway."""

    home: Path
    port: int
    gateway: StandinGateway = field(init=False)

    def __post_init__(self) -> None:
        self.config.parent.mkdir(mode=0o700)
        self.write(SOUND.replace("19999", str(self.port)))
        self.gateway = StandinGateway(self.config, {"HOME": str(self.home)}, self.port)

    @property
    def config(self) -> Path:
        return self.home / ".openclaw" / "openclaw.json"

    @property
    def location(self) -> HostLocation:
        return locate(os.environ)

    @property
    def data(self) -> Any:
        return read_config(self.config, os.environ).data

    def write(self, text: str) -> None:
        self.config.write_text(text)
        self.config.chmod(0o600)

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text()
        assert old in text, text
        self.write(text.replace(old, new, 1))


@dataclass(frozen=True)
class Row:
    """One code.

    Attributes:
        code: the code; a final `*` stands for what a component, a bundle or an error adds.
        cure: the printed next step, with `HOME` and `PORT` for what differs.
        fault: makes it on a bench; None where no test executes the cure.
        edit: what a person does by hand where the cure is an edit in words; None where it is a command.
        why: why no test executes it.
    """

    code: str
    cure: str
    fault: Callable[[CureBench], object] | None = None
    edit: Callable[[CureBench], object] | None = None
    why: str = ""


def _edit(old: str, new: str) -> Callable[[CureBench], object]:
    return lambda bench: bench.edit(old, new)


def _frozen(old: str, new: str) -> Callable[[CureBench], object]:
    """An edit that the running gateway does not take over."""

    def make(bench: CureBench) -> None:
        bench.gateway.follows = False
        bench.edit(old, new)

    return make


def _says(status: int, error: str) -> Callable[[CureBench], object]:
    def make(bench: CureBench) -> None:
        bench.gateway.says = status, error

    return make


def _mode(mode: int, *, folder: bool = False) -> Callable[[CureBench], object]:
    return lambda bench: (bench.config.parent if folder else bench.config).chmod(mode)


_KEYS = '["hook:im:", "hook:ingress"]'
_DEFAULT = '    defaultSessionKey: "hook:ingress",\n'
_TOKEN = '"hook-s3cret-0123456789abcdef0123456789"'
_AGENTS = '    allowedAgentIds: ["main"],\n'
_OFF = "enabled: true"
_SHOWS = "the command shows the cause; what then helps depends on it"
_OWN = "the problem brings its own next step, which tests of its component hold"
_CHOICE = "a person chooses; nothing is broken"


def _behind(old: str, new: str) -> Callable[[CureBench], object]:
    """The gateway was started from another file than the one that lies there now, and does not follow it."""

    def make(bench: CureBench) -> None:
        bench.edit(old, new)
        bench.gateway.start()
        bench.gateway.follows = False
        bench.edit(new, old)

    return make


def _edits(*pairs: tuple[str, str]) -> Callable[[CureBench], object]:
    def make(bench: CureBench) -> None:
        for old, new in pairs:
            bench.edit(old, new)

    return make


def _nothing(_bench: CureBench) -> None:
    """The bench itself has the fault."""


ROWS = (
    Row("hooks.boot.token_missing", FIX, _edit(f"    token: {_TOKEN},\n", "")),
    Row("hooks.boot.path_root", FIX, _edit(_OFF, f'{_OFF}, path: "/"')),
    Row("hooks.boot.default_key_outside_prefixes", FIX, _edit(_KEYS, '["hook:im:"]')),
    Row(
        "hooks.boot.prefixes_exclude_hook",
        FIX,
        _edits((_DEFAULT, ""), (_KEYS, '["hook:im:"]')),
    ),
    Row("hooks.ingress.disabled", FIX, _edit(_OFF, "enabled: false")),
    Row("hooks.ingress.path_unreachable", FIX, _edit(_OFF, f'{_OFF}, path: "/a b"')),
    Row("hooks.ingress.request_keys_off", FIX, _edit("Key: true", "Key: false")),
    Row("hooks.ingress.token_short", FIX, _edit(_TOKEN, '"hook-s3cret-0123456789abcd"')),
    Row("hooks.ingress.token_reused", FIX, _edit(_TOKEN, '"gateway-s3cret-0123456789abcdef"')),
    Row("hooks.token_reuse_gateway_token", FIX, _edit(_TOKEN, '"gateway-s3cret-0123456789abcdef"')),
    Row("hooks.token_too_short", FIX, _edit(_TOKEN, '"short"')),
    Row("hooks.ingress.prefixes_unset", FIX, _edit(f"    allowedSessionKeyPrefixes: {_KEYS},\n", "")),
    Row(
        "hooks.request_session_key_prefixes_missing",
        FIX,
        _edit(f"    allowedSessionKeyPrefixes: {_KEYS},\n", ""),
    ),
    Row("hooks.ingress.prefix_missing", FIX, _edit(_KEYS, '["hook:ingress"]')),
    Row("hooks.ingress.agents_unrestricted", FIX, _edit(_AGENTS, "")),
    Row("hooks.allowed_agent_ids_unrestricted", FIX, _edit(_AGENTS, "")),
    Row("hooks.ingress.agent_excluded", FIX, _edit('["main"]', '["other"]')),
    Row(
        "hooks.path_empty",
        'set hooks.path to "/hooks"',
        _edit(_OFF, f'{_OFF}, path: "//"'),
        _edit('path: "//"', 'path: "/hooks"'),
    ),
    Row(
        "hooks.token_unresolved",
        "run this command with the gateway's value of the variable, or put it into HOME/.openclaw/.env",
        why="",
    ),
    Row(
        "hooks.default_session_key_unset",
        'set hooks.defaultSessionKey, for example "hook:ingress"; such requests then run one by one',
        _edits((_DEFAULT, ""), (_KEYS, '["hook:"]')),
        _edits(('["hook:"]', _KEYS), (_OFF, f'{_OFF}, defaultSessionKey: "hook:ingress"')),
    ),
    Row("gateway.unreachable", "openclaw gateway run", lambda b: b.gateway.stop()),
    Row("gateway.token_differs", RESTART, _frozen(_TOKEN, '"another-s3cret-0123456789abcdef0123456789"')),
    Row("gateway.hooks_off", RESTART, _frozen(_OFF, f'{_OFF}, path: "/other"')),
    Row(
        "gateway.prefixes_differ",
        RESTART,
        _frozen(_KEYS, '["hook:im:", "hook:ingress", "hook:more:"]'),
    ),
    Row("gateway.throttled", "sleep 60; openclaw-install verify-runtime", _says(429, "slow down")),
    Row("gateway.agent_rule", RESTART, _says(400, "agentId is required when multiple agents are configured")),
    Row("gateway.starting", "openclaw-install verify-runtime", why="it passes by itself; this looks again"),
    Row("gateway.not_asked", "openclaw-install verify-runtime", why="said of --offline alone"),
    Row("gateway.other_port", "end it and start it again: kill PID; openclaw gateway run"),
    Row("fs.state_dir.perms_readable", "chmod 700 HOME/.openclaw", _mode(0o755, folder=True)),
    Row("fs.state_dir.perms_group_writable", "chmod 700 HOME/.openclaw", _mode(0o770, folder=True)),
    Row("fs.state_dir.perms_world_writable", "chmod 700 HOME/.openclaw", _mode(0o777, folder=True)),
    Row("fs.config.perms_world_readable", "chmod 600 HOME/.openclaw/openclaw.json", _mode(0o644)),
    Row("fs.config.perms_group_readable", "chmod 600 HOME/.openclaw/openclaw.json", _mode(0o640)),
    Row("fs.config.perms_writable", "chmod 600 HOME/.openclaw/openclaw.json", _mode(0o622)),
    Row("bundle.absent", SETUP, _nothing),
    Row("config.missing", "openclaw onboard", lambda b: b.config.unlink()),
    Row("hooks.path_root", FIX, _edit(_OFF, f'{_OFF}, path: "/"')),
    Row("hooks.boot.schema", FIX, _edit('["main"]', '"main"')),
    Row("gateway.prefix_missing", RESTART, _behind(_KEYS, '["hook:ingress"]')),
    Row("gateway.request_keys_off", RESTART, _behind("Key: true", "Key: false")),
    Row(
        "config.secrets.hooks_token_in_config",
        "keep the file's mode at 0600",
        why="it is no fault",
    ),
    Row(
        "hooks.request_session_key_enabled",
        "",
        why="the ingress needs it; on loopback it is no fault",
    ),
    *(
        Row(code, cure, why=why)
        for code, cure, why in (
            ("agents.list_legacy", RESTART, LATER),
            ("answer.gateway_not_asked", RESTART, LATER),
            ("answer.not_judged", "openclaw-install verify-runtime", LATER),
            ("boot.config_invalid", "as OpenClaw says", "tests of the boot verdict hold it"),
            ("boot.not_judged", "openclaw config validate", "it asks OpenClaw itself"),
            ("boot.wrong_type", "correct the value by hand", "tests of the boot verdict hold it"),
            ("gateway.reload_skipped", "the cure of what stops the reload", "it has a row of its own"),
            ("gateway.rpc", "as the error says", _OWN),
            ("gateway.rpc_closed", "as the error says", _OWN),
            ("gateway.rpc_timeout", "as the error says", _OWN),
            ("bundle.*", SETUP, "bundle.absent stands for them; the setup writes each alike"),
            ("config.*", "as the error says", LATER),
            ("config.dangling_link", "bring the file back, or point the link at the right one", LATER),
            (
                "config.empty",
                "restore its backup (.bak), or delete it and run: openclaw onboard",
                LATER,
            ),
            ("config.encoding", "as the error says", LATER),
            ("config.env_unresolved", "put NAME into the .env file of the state folder, or set it", LATER),
            ("config.include_*", "as the error says", LATER),
            ("config.is_folder", "as the error says", LATER),
            ("config.not_object", "as the error says", LATER),
            ("config.owned_by_include", "edit the file that it names", LATER),
            ("config.syntax", "correct the line that it names", LATER),
            ("config.too_deep", "as the error says", LATER),
            ("config.too_large", "as the error says", LATER),
            ("config.unreadable", "as the error says", LATER),
            ("fs.config.symlink", "", _CHOICE),
            ("fs.state_dir.symlink", "", _CHOICE),
            ("gateway.agents_differ", RESTART, LATER),
            ("gateway.mode_not_local", "openclaw config set gateway.mode local", LATER),
            ("gateway.not_openclaw", "openclaw gateway status --deep", _SHOWS),
            ("gateway.reload_off", RESTART, "a choice; the restart takes over what was changed since"),
            ("gateway.timeout", RESTART, LATER),
            ("gateway.token_unsendable", "replace hooks.token by printable ASCII", LATER),
            ("hooks.*", "as the rule says", "made of the rows of each rule"),
            ("hooks.boot.mapping_invalid", "name a top-level key of the payload", LATER),
            ("hooks.boot.preset_invalid", "take the name out of hooks.presets", LATER),
            ("hooks.boot.templated_mapping_without_prefixes", FIX, LATER),
            ("hooks.boot.transforms_dir_outside", "move the modules below hooks/transforms", LATER),
            ("hooks.direct_keys_narrowed", "add the prefixes of your own callers", _CHOICE),
            ("hooks.ingress.*", FIX, "made of the rows of each rule"),
            ("hooks.ingress.active_group_missing", "write the session key into ACTIVE_GROUP.md", LATER),
            ("hooks.ingress.agent_undecided", "set agents.defaults.systemAgent.agentId", LATER),
            ("hooks.ingress.token_*", FIX, "made of the rows of each trouble"),
            ("hooks.mapping_key_excluded", "add what its sessionKey begins with to the prefixes", LATER),
            ("hooks.mapping_key_unbounded", "begin its sessionKey with a fixed text", LATER),
            ("hooks.mapping_needs_request_keys", "set hooks.allowRequestSessionKey to true", LATER),
            ("hooks.retired_key", "remove the key by hand", LATER),
            ("hooks.transform_keys_unknown", "add what its keys begin with to the prefixes", LATER),
            ("host.state_is_file", "move the file away, or name the right folder with --state-dir", LATER),
            ("host.unreadable", "run as the user who owns the host", LATER),
            ("identity.connect", "as the error says", _OWN),
            ("identity.missing", SETUP, LATER),
            ("identity.unusable", "as the error says", _OWN),
            ("mcp.differs", "openclaw-install --overwrite-edited", LATER),
            ("mcp.environment", "as the server's bundle says", LATER),
            ("mcp.not_found", SETUP, LATER),
            ("mcp.skipped", "as the server's bundle says", LATER),
            ("mcp.to_register", SETUP, LATER),
            ("mcp.to_repair", SETUP, LATER),
            ("mcp.version_differs", "as the problem says", LATER),
            ("relay.connect", "as the error says", _OWN),
            ("relay.no_bridge", "openclaw-install runtime restart", LATER),
            ("relay.not_configured", "openclaw-install --with-hub", LATER),
            ("relay.not_reached", "pingagent doctor; openclaw-install runtime restart for an own hub", LATER),
            ("relay.other_served", "openclaw-install runtime restart", LATER),
            ("relay.settings", "as the error says", _OWN),
            ("runtime.*", "as the runtime says", _OWN),
            ("runtime.*_*", "as the component says", _OWN),
            ("runtime.*_degraded", "as the component says; empty where it goes on by itself", _OWN),
            ("runtime.stale", "openclaw-install runtime restart", LATER),
            ("runtime.starting", "openclaw-install runtime status", "it passes by itself; this looks again"),
            ("runtime.version_differs", "openclaw-install runtime restart", LATER),
            ("setup.interrupted", SETUP, "tests/test_setup_kill.py does it"),
            ("setup.journal", "as the error says", _OWN),
            ("store.other_identity", "bring the identity back, or move the store away", LATER),
            ("store.unusable", "as the error says", _OWN),
        )
    ),
)
# Executed where a real gateway is: tests/test_cures_openclaw.py.
ON_A_REAL_GATEWAY = ("hooks.token_unresolved", "gateway.other_port")


def page() -> str:
    """The text of `docs/cures.md`."""
    lines = [
        "# Cures",
        "",
        "Each code of the activation report with the next step that it prints, and whether a test makes the",
        "fault, does exactly what is printed, and sees it gone. Where OpenClaw was not asked about the file,",
        "`openclaw config validate &&` stands before a start. From `tests/cure_rows.py`, by `make schemas`.",
        "",
        "| code | cure | executed |",
        "|---|---|---|",
    ]
    for row in sorted(ROWS, key=lambda one: one.code):
        cure = f"`{row.cure}`" if row.cure else "none needed"
        executed = "yes" if row.fault is not None else f"no: {row.why}"
        if row.code in ON_A_REAL_GATEWAY:
            executed = "yes, on a real gateway"
        lines.append(f"| `{row.code}` | {cure} | {executed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
