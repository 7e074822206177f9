"""`make schemas`, in a checkout: writes the derived schemas, `docs/tools.md` and the skill's list anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openclaw_install.common.data_files import data_folder
from openclaw_install.demo.story import Story
from openclaw_install.host.skills.results import SkillsCheck, SkillsList
from openclaw_install.hub import results as hub
from openclaw_install.hub.log_lines import LogLine
from openclaw_install.messaging.models import Event
from openclaw_install.messaging.models.contacts import ContactDecision, ContactPage
from openclaw_install.messaging.models.identity import IdentityInFile, ShownCard
from openclaw_install.messaging.models.inbound import InboundState
from openclaw_install.messaging.models.overview import DoctorReport
from openclaw_install.messaging.models.trust_replay import TrustReplay
from openclaw_install.runtime.document import Status
from openclaw_install.runtime.report import Result, RuntimeReport
from openclaw_install.setup.bug_report import BugReport
from openclaw_install.setup.history import StandingRuns
from openclaw_install.setup.receipt import StoredReceipt
from openclaw_install.setup.removal import UndoResult
from openclaw_install.setup.report import ActivationReport
from openclaw_install.setup.status import HostStatus
from openclaw_install.surfaces.cli.pingagent_messages import TailEnd
from openclaw_install.surfaces.cli.reply import Document, Planned
from openclaw_install.surfaces.cli.sync_watch import KeptSyncReport
from openclaw_install.surfaces.mcp.pingagent.manual import manual, with_skill_list
from openclaw_install.surfaces.schemas import Schema, document, record_schema
from openclaw_install.surfaces.tool import Tool
from openclaw_install.surfaces.tools import TOOLS
from openclaw_install.sync import status as sync
from openclaw_install.sync.consent import ConsentList
from openclaw_install.sync.watch.event import WatchEvent

MANUAL = Path("docs", "tools.md")
REFERENCE = Path("skills", "pingagent", "references", "tools.md")
TOOL_SCHEMAS = Path("schemas", "pingagent-tools")


RESULTS: dict[str, tuple[str, Any]] = {
    "activation-report": ("Result of the setup and of `verify-runtime`", ActivationReport),
    "demo": ("Result of `openclaw-install demo`", Story),
    "envelope": ("The one document that every command prints with --json", Document),
    "hub-agents": (
        "Result of `openclaw-install hub agents create|list|start|stop`",
        hub.HubAgentList | Planned,
    ),
    "hub-audit": ("Result of `openclaw-install hub audit`", hub.AuditReport),
    "hub-keys": (
        "Result of `openclaw-install hub keys create|list|revoke`",
        hub.KeyList | hub.NewKey | Planned,
    ),
    "hub-log": ("One line of the hub's log on stderr", LogLine),
    "hub-relay-agents": (
        "Result of `openclaw-install hub relay agents list|remove`",
        hub.RelayAgentList | Planned,
    ),
    "hub-relay-invites": (
        "Result of `openclaw-install hub relay invite [list|revoke]`",
        hub.InvitationList | hub.NewInvitation | Planned,
    ),
    "hub-run": (
        "Result of `openclaw-install hub run`, printed when the hub has stopped",
        hub.HubRun | Planned,
    ),
    "pingagent-card-result": ("Result of `pingagent card`", ShownCard),
    "pingagent-contacts-result": (
        "Result of `pingagent contacts list|approve|reject|block|undo`",
        ContactPage | ContactDecision | Planned,
    ),
    "pingagent-doctor-result": ("Result of `pingagent doctor`", DoctorReport),
    "pingagent-inbound-result": ("Result of `pingagent pause|resume|limits`", InboundState | Planned),
    "pingagent-identity-result": (
        "Result of `pingagent identity export|import|move|claim|rotate`",
        IdentityInFile | Planned,
    ),
    "pingagent-tail": ("A line of `pingagent tail --json`", Event | TailEnd),
    "pingagent-trust-replay": ("Result of `pingagent trust replay`", TrustReplay),
    "receipt": ("The file `receipt.json` of one run that changed a host", StoredReceipt),
    "report": ("Result of `openclaw-install report`", BugReport | Planned),
    "runtime-heartbeat": ("The document `status.json` that a runtime writes every few seconds", Status),
    "runtime-result": (
        "Result of `openclaw-install runtime start|stop|restart|enable|disable|run --json`",
        Result | Planned,
    ),
    "runtime-status": ("Result of `openclaw-install runtime status --json`", RuntimeReport),
    "skills-check": ("Result of `openclaw-install skills check`", SkillsCheck),
    "skills-list": ("Result of `openclaw-install skills list`", SkillsList),
    "status": ("Result of `openclaw-install status`", HostStatus),
    "sync-agents": ("Result of `openclaw-install sync agents`", sync.AgentsList),
    "sync-consent": ("Result of `openclaw-install sync consent`", ConsentList),
    "sync-report": ("Result of `openclaw-install sync`", KeptSyncReport),
    "sync-status": ("Result of `openclaw-install sync status`", sync.SyncStatus),
    "watch-event": ("A line of `openclaw-install sync --watch --json`", WatchEvent),
    "undo-list": ("Result of `openclaw-install undo --list`", StandingRuns),
    "undo-report": ("Result of `openclaw-install undo|uninstall`", UndoResult),
}
"""Results of commands that are no tool's answer, and the status document, by the name of their schema."""


def snapshots(checkout: Path) -> dict[Path, str]:
    """What the generated files of a checkout have to say, by path."""
    reference = (checkout / REFERENCE).read_text(encoding="utf-8")
    tools = {TOOL_SCHEMAS / f"{tool.name}.schema.json": _json(_tool_document(tool)) for tool in TOOLS}
    results = {
        Path("schemas", f"{name}.schema.json"): _json(document(record_schema(record), title, name))
        for name, (title, record) in RESULTS.items()
    }
    return {MANUAL: manual(), REFERENCE: with_skill_list(reference), **tools, **results}


def write_snapshots(checkout: Path) -> None:
    """Writes them, and removes the schemas of tools that are no more."""
    wanted = snapshots(checkout)
    for path, text in wanted.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text, encoding="utf-8")
    for path in (checkout / TOOL_SCHEMAS).iterdir():
        if path.relative_to(checkout) not in wanted:
            path.unlink()


def _tool_document(tool: Tool) -> Schema:
    parts = {"input": dict(tool.input_schema), "output": dict(tool.answer_schema)}
    shapes = {name: shape for part in parts.values() for name, shape in part.pop("$defs", {}).items()}
    schema = {"type": "object", "properties": parts, "required": list(parts), "$defs": shapes}
    return document(schema, tool.title, f"{TOOL_SCHEMAS.name}/{tool.name}")


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_snapshots(data_folder("skills").parent)
