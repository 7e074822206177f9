"""The plan of a run: from a survey to the changes that it would make, as a diff and as words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError
from openclaw_install.common.redaction import Secret
from openclaw_install.host.config.document import ConfigDocument, editable
from openclaw_install.host.config.edit import Edit, SetValue, apply_edits
from openclaw_install.host.config.paths import KeyPath, dotted
from openclaw_install.host.config.secrets import masked_diff, secrets_in
from openclaw_install.host.permissions import narrowed, path_mode
from openclaw_install.setup.bundle_plan import plan_bundles
from openclaw_install.setup.changes import Change, Kept, PlannedChange, real_path
from openclaw_install.setup.checks.permissions import mode_problems
from openclaw_install.setup.config_merge import ABSENT, parents_allow, value_at
from openclaw_install.setup.mcp_plan import plan_servers
from openclaw_install.setup.survey import Survey


@dataclass(frozen=True)
class Skipped:
    """Something that the run leaves out, why, and what adds it."""

    what: str
    reason: str
    next_step: str


@dataclass(frozen=True)
class PlanReport:
    """What a run would do, as it is shown: the plan without the content of files.

    Attributes:
        besides: what it does beside files of the host, in words: folders, identity, relay, process.
    """

    changes: tuple[PlannedChange, ...]
    diff: str
    skipped: tuple[Skipped, ...]
    kept: tuple[Kept, ...]
    notes: tuple[str, ...]
    besides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        changes: every file and mode that it would change.
        diff: unified diff of the config, secrets masked; empty when the config stays as it is.
        skipped: MCP servers and edits that are left out.
        kept: files of bundles that stay because the user changed them.
        notes: what the change means for those who call the hooks today.
        besides: as `PlanReport`.
    """

    changes: tuple[Change, ...]
    diff: str = ""
    skipped: tuple[Skipped, ...] = ()
    kept: tuple[Kept, ...] = ()
    notes: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()

    @property
    def shown(self) -> PlanReport:
        """The plan as the operator reads it; a fresh token is drawn for each plan, and masked here."""
        changes = tuple(change.shown for change in self.changes)
        return PlanReport(changes, self.diff, self.skipped, self.kept, self.notes, self.besides)

    def require_writable(self, survey: Survey) -> None:
        """Makes sure that the config may be changed, where the plan wants to.

        Raises:
            ConfigError: the host declares its config read-only.
        """
        if survey.location.read_only and any(change.kind == "config" for change in self.changes):
            raise config_is_read_only(survey.document.path, fix_by_hand(survey))


def config_is_read_only(path: Path, by_hand: str = "") -> ConfigError:
    """The error for a config that the host declares to be managed from outside."""
    return ConfigError(
        f"{path} is declared read-only (OPENCLAW_CONFIG_READONLY or OPENCLAW_NIX_MODE)",
        next_step=by_hand or "make the change where the config is generated; --dry-run shows it",
        code="config.read_only",
    )


def plan_setup(survey: Survey, *, overwrite_edited: bool = False) -> Plan:
    """The plan of the one-shot setup: bundles, permissions, hook policy, MCP servers.

    The config comes last, so that what it refers to is there first.

    Raises:
        ConfigError: the hook policy has to be mended and cannot be: an included file owns a key of it.
        FileError: a file of a bundle cannot be read.
    """
    bundles, kept = plan_bundles(survey.bundles, overwrite_edited=overwrite_edited)
    server_edits, not_ours = _own_edits(
        survey.document, plan_servers(survey.servers, overwrite_edited=overwrite_edited)
    )
    skipped = [
        Skipped(f"MCP server {server.name}", server.reason, server.next_step)
        for server in survey.servers
        if server.state == "skipped"
    ]
    config = _config_change(survey, (*survey.hook_edits(), *server_edits))
    changes = (*bundles, *_mode_changes(survey), *(config.changes))
    return Plan(changes, config.diff, (*skipped, *not_ours), kept, config.notes)


def plan_hook_fix(survey: Survey) -> Plan:
    """The plan of `verify-runtime --fix-hooks`: the hook policy and nothing else.

    Raises:
        ConfigError: as `plan_setup`.
    """
    return _config_change(survey, survey.hook_edits())


def fix_by_hand(survey: Survey) -> str:
    """What the operator has to write where the hook policy cannot be mended from here; empty where it can.

    The token is named and never shown.
    """
    edits = survey.hook_edits()
    place = ""
    if survey.location.read_only:
        place = f"where {survey.document.path} is generated"
    else:
        try:
            editable(survey.document, edits)
        except ConfigError as error:
            place = f"by hand ({error.message})"
    if not edits or not place:
        return ""
    return f"{place}, set {'; '.join(word for edit in edits for word in _in_words(edit))}"


def _in_words(edit: Edit) -> Iterator[str]:
    value = edit.value if isinstance(edit, SetValue) else None
    if isinstance(value, Mapping) and edit.path == ("hooks",):
        for key, item in value.items():
            yield from _in_words(SetValue(("hooks", key), item))
    elif edit.path == ("hooks", "token"):
        yield "hooks.token = a fresh secret of 32 or more characters"
    elif isinstance(edit, SetValue):
        yield f"{dotted(edit.path)} = {json.dumps(value)}"
    else:
        yield f"{dotted(edit.path)} removed"


def _config_change(survey: Survey, edits: Sequence[Edit]) -> Plan:
    document = survey.document
    if not edits:
        return Plan(())
    try:
        editable(document, edits)
    except ConfigError as error:
        raise ConfigError(
            error.message, next_step=fix_by_hand(survey) or error.next_step, code=error.error_code
        ) from error
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
        key_paths=_key_paths(edits, document.as_written),
    )
    known = [*secrets_in(document), *_fresh_secrets(edits)]
    diff = masked_diff(before, after, document.path, known)
    return Plan((change,), diff, notes=_notes(survey, edits))


_NARROWING = frozenset({"hooks.direct_keys_narrowed", "hooks.transform_keys_unknown"})


def _notes(survey: Survey, edits: Sequence[Edit]) -> tuple[str, ...]:
    notes = [finding.message for finding in survey.hook_problems if finding.code in _NARROWING]
    if survey.token is not None and ("hooks", "token") in {edit.path for edit in edits}:
        notes.append("the hook token is replaced: give the new one to everybody who sends to the hooks")
    return tuple(notes)


def _key_paths(edits: Sequence[Edit], document: Mapping[str, Any]) -> tuple[KeyPath, ...]:
    """The key paths that the edits set; of a new section each key, so that one can be taken back alone."""
    paths: list[KeyPath] = []
    for edit in edits:
        value = edit.value if isinstance(edit, SetValue) else None
        is_new = len(edit.path) == 1 and value_at(document, edit.path) is ABSENT
        if is_new and isinstance(value, Mapping):
            paths += [(*edit.path, key) for key in value]
        else:
            paths.append(edit.path)
    return tuple(paths)


def _fresh_secrets(edits: Sequence[Edit]) -> list[Secret]:
    """The tokens that the edits write, which the config on disk does not hold yet."""
    found = []
    for edit in edits:
        value = edit.value if isinstance(edit, SetValue) else None
        token = value.get("token") if isinstance(value, Mapping) and edit.path == ("hooks",) else value
        if isinstance(token, str) and edit.path in {("hooks",), ("hooks", "token")}:
            found.append(Secret(token))
    return found


def _own_edits(
    document: ConfigDocument, edits: Sequence[Edit]
) -> tuple[tuple[Edit, ...], tuple[Skipped, ...]]:
    """The edits that the root file can take, and those that an included file stands against."""
    own: list[Edit] = []
    skipped: list[Skipped] = []
    for edit in edits:
        what = f"MCP server {edit.path[2]}"
        if not parents_allow(document.as_written, edit.path):
            reason = f"{dotted(edit.path[:-1])} is no object"
            skipped.append(Skipped(what, reason, "openclaw config validate"))
            continue
        try:
            editable(document, [edit])
        except ConfigError as error:
            skipped.append(Skipped(what, error.message, error.next_step))
        else:
            own.append(edit)
    return tuple(own), tuple(skipped)


def _mode_changes(survey: Survey) -> tuple[Change, ...]:
    wanted = {problem.path for problem in mode_problems(survey) if problem.next_step}
    places: list[tuple[Path, bool]] = [(survey.location.state_dir, True)]
    # A config that is generated elsewhere has its permissions from there, too.
    places += [] if survey.location.read_only else [(survey.document.path, False)]
    changes = []
    for path, is_folder in places:
        present = path_mode(path)
        if str(path) in wanted and present is not None:
            after = narrowed(present.mode, folder=is_folder)
            label = "permissions of the state folder" if is_folder else "permissions of the config"
            changes.append(Change("mode", real_path(path), label, before_mode=present.mode, after_mode=after))
    return tuple(changes)
