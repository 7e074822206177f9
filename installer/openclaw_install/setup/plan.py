"""The plan of a run: from a survey to the changes that it would make, as a diff and as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.config_document import ConfigDocument
from openclaw_install.host.config_edit import Edit, SetValue, apply_edits
from openclaw_install.host.config_secrets import masked_diff, secrets_in
from openclaw_install.host.config_write import editable
from openclaw_install.host.permissions import narrowed, path_mode
from openclaw_install.setup.bundle_plan import plan_bundles
from openclaw_install.setup.changes import Change, real_path
from openclaw_install.setup.mcp_plan import plan_servers
from openclaw_install.setup.survey import Survey
from openclaw_install.setup.undo import Kept


@dataclass(frozen=True)
class Skipped:
    """Something that the run leaves out, why, and the command that adds it."""

    what: str
    reason: str
    command: str

    def to_json(self) -> dict[str, str]:
        return {"what": self.what, "reason": self.reason, "command": self.command}


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        changes: every file and mode that it would change.
        diff: unified diff of the config, secrets masked; empty when the config stays as it is.
        skipped: MCP servers and edits that are left out.
        kept: files of bundles that stay because the user changed them.
    """

    changes: tuple[Change, ...]
    diff: str = ""
    skipped: tuple[Skipped, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def empty(self) -> bool:
        return not self.changes

    def same_as(self, other: Plan) -> bool:
        """Whether the other plan shows the operator the same; a fresh token is drawn for each plan."""
        mine = [(change.label, change.path) for change in self.changes]
        return self.diff == other.diff and mine == [(change.label, change.path) for change in other.changes]

    def to_json(self) -> dict[str, Any]:
        return {
            "changes": [
                {
                    "kind": change.kind,
                    "action": action_of(change),
                    "path": str(change.path),
                    "label": change.label,
                }
                for change in self.changes
            ],
            "diff": self.diff,
            "skipped": [skipped.to_json() for skipped in self.skipped],
            "kept": [kept.to_json() for kept in self.kept],
        }


def action_of(change: Change) -> str:
    """`create`, `update`, `delete` or `chmod 0600`."""
    if change.kind == "mode":
        return f"chmod {change.after_mode:04o}"
    if change.after is None:
        return "delete"
    return "create" if change.before is None else "update"


def plan_setup(survey: Survey, *, overwrite_edited: bool = False) -> Plan:
    """The plan of the one-shot setup: bundles, permissions, hook policy, MCP servers.

    Raises:
        ConfigError: the hook policy has to be mended and cannot be: an included file owns a key of it, or the
            host declares its config read-only.
        FileError: a file of a bundle cannot be read.
    """
    bundles, kept = plan_bundles(survey.bundles, overwrite_edited=overwrite_edited)
    server_edits, not_ours = _own_edits(survey.document, plan_servers(survey.servers))
    skipped = [
        Skipped(f"MCP server {server.name}", server.reason, server.command)
        for server in survey.servers
        if server.state == "skipped"
    ]
    config = _config_change(survey, (*survey.hook_edits(), *server_edits))
    changes = (*bundles, *_mode_changes(survey), *(config.changes))
    return Plan(changes, config.diff, (*skipped, *not_ours), kept)


def plan_hook_fix(survey: Survey) -> Plan:
    """The plan of `verify-runtime --fix-hooks`: the hook policy and nothing else.

    Raises:
        ConfigError: as `plan_setup`.
    """
    return _config_change(survey, survey.hook_edits())


def _config_change(survey: Survey, edits: Sequence[Edit]) -> Plan:
    document = survey.document
    if not edits:
        return Plan(())
    if survey.location.read_only:
        raise ConfigError(
            f"{document.path} is declared read-only (OPENCLAW_CONFIG_READONLY or OPENCLAW_NIX_MODE)",
            next_step="make the change where the config is generated; --dry-run shows it",
            code="config.read_only",
        )
    editable(document, edits)
    before = document.text
    after = apply_edits(before, edits)
    if after == before:
        return Plan(())
    change = Change(
        "config",
        document.real_path,
        "config",
        before=document.raw,
        after=after.encode("utf-8"),
        before_mode=document.mode,
        key_paths=tuple(edit.path for edit in edits),
    )
    fresh = [Secret(edit.value) for edit in edits if _is_token(edit) and isinstance(edit, SetValue)]
    diff = masked_diff(before, after, document.path, [*secrets_in(document), *fresh])
    return Plan((change,), diff)


def _is_token(edit: Edit) -> bool:
    return edit.path == ("hooks", "token") and isinstance(edit, SetValue) and isinstance(edit.value, str)


def _own_edits(
    document: ConfigDocument, edits: Sequence[Edit]
) -> tuple[tuple[Edit, ...], tuple[Skipped, ...]]:
    """The edits that the root file can take, and those that an included file stands against."""
    own: list[Edit] = []
    skipped: list[Skipped] = []
    for edit in edits:
        try:
            editable(document, [edit])
        except ConfigError as error:
            skipped.append(Skipped(f"MCP server {edit.path[-1]}", error.message, error.next_step))
        else:
            own.append(edit)
    return tuple(own), tuple(skipped)


def _mode_changes(survey: Survey) -> tuple[Change, ...]:
    wanted = {finding.path for finding in survey.findings if finding.id.startswith("fs.") and finding.repair}
    places: tuple[tuple[Path, bool], ...] = (
        (survey.location.state_dir, True),
        (survey.document.path, False),
    )
    changes = []
    for path, is_folder in places:
        present = path_mode(path)
        if str(path) in wanted and present is not None:
            after = narrowed(present.mode, folder=is_folder)
            label = "permissions of the state folder" if is_folder else "permissions of the config"
            changes.append(Change("mode", real_path(path), label, before_mode=present.mode, after_mode=after))
    return tuple(changes)
