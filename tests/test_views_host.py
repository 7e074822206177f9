"""The texts about a host, its runtime, skills and hub, each whole: `golden/<view>.txt` is what is read.

What a command does is tested by codes and fields where it is done; how it is said is tested here alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.problems import Problem
from openclaw_install.host.boot.verdict import BootVerdict
from openclaw_install.host.gateway.probe import LivePolicy
from openclaw_install.host.skills.requirements import Missing
from openclaw_install.host.skills.results import ListedRoot, ListedSkill, SkillRecord, SkillsCheck, SkillsList
from openclaw_install.hub import results as hub
from openclaw_install.hub.audit_chain import ChainVerdict
from openclaw_install.hub.model import AuditRow, Key
from openclaw_install.hub.relay.model import Invite, Member
from openclaw_install.protocol.profile import ProfilePaths
from openclaw_install.runtime.report import ComponentReport, LogReport, Result, RuntimeReport
from openclaw_install.setup.answering import Answering
from openclaw_install.setup.changes import Kept, PlannedChange
from openclaw_install.setup.connection import Connected
from openclaw_install.setup.facts import BundleFacts, RuntimeFacts
from openclaw_install.setup.history import StandingRun, StandingRuns
from openclaw_install.setup.leftovers import Left
from openclaw_install.setup.mcp_plan import McpSurvey
from openclaw_install.setup.message_path import MessagePath
from openclaw_install.setup.plan import PlanReport, Skipped
from openclaw_install.setup.removal import UndoResult
from openclaw_install.setup.report import ActivationReport, Applied, DiskPolicy, HostReport, PolicyThreeWays
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.setup import activation_report
from openclaw_install.sync.consent import Consent, ConsentList
from openclaw_install.sync.gate import SecretFinding
from openclaw_install.sync.planner import ActionKind
from openclaw_install.sync.report import (
    AgentReport,
    SkillOutcome,
    SkillResult,
    SyncReport,
    agent_report,
    totals_of,
)
from openclaw_install.sync.service import Agent
from openclaw_install.sync.status import AgentsList, AgentState, LastError, SkillStatus, State, SyncStatus

GOLDEN = Path(__file__).with_name("golden")
HUB = "http://127.0.0.1:8787/api/v2/mcp"
THEN = 1_800_000_000.0
ROOT = Path("/home/ann/.openclaw/skills")


def _skill(
    name: str, outcome: SkillOutcome, reason: str = "", *, action: ActionKind = "create", **more: Any
) -> SkillResult:
    facts = {"code": "", "next_step": "", "findings": (), **more}
    return SkillResult(
        skill=name,
        action=action,
        outcome=outcome,
        reason=reason,
        sha256="a" * 64,
        path=str(ROOT / name / "SKILL.md"),
        age_seconds=None,
        **facts,
    )


def _synced() -> SyncReport:
    leaky = _skill(
        "leaky",
        "blocked",
        "line 7: GitHub Token",
        code="secret",
        findings=(SecretFinding(7, "GitHub Token"),),
    )
    taken = _skill(
        "taken",
        "refused",
        "the name is taken",
        code="sync.refused",
        next_step="correct what the service names",
    )
    done, same = _skill("alpha", "acknowledged"), _skill("beta", "unchanged", action="unchanged")
    held = _skill("alpha", "not_sent", "the canary awake did not acknowledge all", code="sync.canary")
    agents: tuple[AgentReport, ...] = (
        agent_report(Agent("agt_1", "awake", running=True), (done, same, leaky, taken)),
        agent_report(Agent("agt_2", "asleep", running=False), (done,)),
        agent_report(Agent("agt_3", "odd"), (done,)),
        agent_report(Agent("agt_4", "spared"), (held,), "the canary awake did not acknowledge all"),
        agent_report(Agent("agt_5"), ()),
    )
    return SyncReport(
        endpoint=HUB,
        dry_run=False,
        totals=totals_of(one for agent in agents for one in agent.skills),
        agents=agents,
        warnings=("broken: not sent: description is required (/home/ann/.openclaw/skills/broken/SKILL.md)",),
        notes=("one root is not there",),
        app_url="https://app.staging.mysta.tech",
    )


def _sync_planned() -> SyncReport:
    skills = (
        _skill("alpha", "planned", "never acknowledged"),
        _skill("beta", "planned", "the content differs", action="update"),
        _skill("gone", "deleted_locally", "it is not here any more", action="deleted_locally"),
    )
    agents = (agent_report(Agent("agt_1", "main", running=True), skills),)
    return SyncReport(endpoint=HUB, dry_run=True, totals=totals_of(skills), agents=agents, warnings=())


def _state(agent: str, state: State, age: float | None = None, error: LastError | None = None) -> AgentState:
    return AgentState(agent, state, None, None, age, error)


def _status() -> SyncStatus:
    refused = LastError("sync.refused", "the name is taken", THEN)

    def row(name: str, one: AgentState, other: AgentState) -> SkillStatus:
        return SkillStatus(name, "a" * 64, str(ROOT / name / "SKILL.md"), "", (one, other))

    return SyncStatus(
        HUB,
        (Agent("agt_1", "main"), Agent("agt_former")),
        (
            row("alpha", _state("agt_1", "in_sync", 7300.0), _state("agt_former", "in_doubt", 90_000.0)),
            row("beta", _state("agt_1", "drifted", 12.0), _state("agt_former", "unconfirmed", 120.0)),
            row(
                "gone",
                _state("agt_1", "deleted_locally", 60.0),
                _state("agt_former", "never_acknowledged", error=refused),
            ),
        ),
    )


def _consents() -> ConsentList:
    secret = Consent(
        "secret", HUB, "agt_1", "main", (), "--allow-secrets", THEN, skill="leaky", sha256="ab" * 32, id=12
    )
    upload = Consent("upload", HUB, "agt_1", "main", (str(ROOT), "/srv/more"), "--yes", THEN, THEN + 60, id=3)
    return ConsentList(
        (
            Consent("browser", "https://app.staging.mysta.tech", "", "", (), "answer", THEN, id=1),
            Consent("connect", HUB, "", "", (), "answer", THEN, id=2),
            upload,
            secret,
        ),
        1,
    )


def _record(name: str, **more: Any) -> SkillRecord:
    facts = {"name": name, "description": f"does {name}", "error": None, "eligible": True, **more}
    return SkillRecord(
        ROOT / name / "SKILL.md", valid=facts["error"] is None, missing=_missing(facts), **facts
    )


def _missing(facts: dict[str, Any]) -> Missing:
    found: Missing = facts.pop("missing", Missing())
    return found


def _checked() -> SkillsCheck:
    return SkillsCheck(
        (
            _record("good"),
            _record("long", description="word " * 40, warnings=("the folder has another name",)),
            _record("lacking", eligible=False, missing=Missing(bins=("ffmpeg", "sox"), env=("API_KEY",))),
            _record(
                "bad", description=None, error="description is required", eligible=False, warnings=("w",)
            ),
        ),
        ("1 folder was not searched",),
    )


def _listed() -> SkillsList:
    def one(root: Path, name: str, **more: Any) -> ListedSkill:
        facts = {"valid": True, "eligible": True, "wins": True, "winner": root / name / "SKILL.md", **more}
        return ListedSkill(root / name / "SKILL.md", name, **facts)

    work = Path("/home/ann/work/skills")
    uncertain = ("skill.parse_uncertain: a tab stands where YAML forbids it",)
    return SkillsList(
        (
            ListedRoot(
                work, "openclaw-workspace", True, (one(work, "twin"), one(work, "mic", eligible=False))
            ),
            ListedRoot(
                ROOT,
                "openclaw-managed",
                True,
                (
                    one(ROOT, "twin", wins=False, winner=work / "twin" / "SKILL.md"),
                    one(ROOT, "bad", valid=False, eligible=False, wins=False, winner=None),
                    one(ROOT, "odd", warnings=uncertain),
                ),
            ),
            ListedRoot(Path("/home/ann/.agents/skills"), "agents-personal", False),
        )
    )


_STOPPED = RuntimeReport(
    "stopped",
    "it does not run",
    LogReport("/home/ann/.openclaw/log"),
    Problem("runtime.stopped", "no runtime runs for this host", "openclaw-install runtime start"),
)
_TROUBLED = RuntimeReport(
    "blocked",
    "relay needs a person",
    LogReport("/home/ann/.openclaw/log", 2, "No space left on device"),
    Problem("bridge.slow", "one bridge for two hosts", "end the other one"),
    pid=7,
    kept_by="nobody",
    started_at=THEN,
    heartbeat_age=1.2,
    components=(
        ComponentReport("skills", "ready", figures={"acknowledged": 3}),
        ComponentReport(
            "relay", "blocked", problem=Problem("relay.refused", "the key is refused", "make a new key")
        ),
        ComponentReport("bridge", "failing", "OSError", failures=2, retry_seconds=3.0),
        ComponentReport("other", "off"),
    ),
)
_STOP = Result(
    "stopped",
    True,
    _STOPPED,
    ("it starts again at the next login",),
    killed=True,
    env_file="/home/ann/.config/openclaw/env",
    variables=("MYSTA_API_KEY",),
    removed=("/home/ann/.config/systemd/user/openclaw.service",),
)


def _report(**more: Any) -> ActivationReport:
    facts: dict[str, Any] = {
        "activation_state": "blocked",
        "blockers": (),
        "warnings": (),
        "findings": (),
        "policy": PolicyThreeWays(None, None, None),
        "host": HostReport(Path("/home/ann/.openclaw"), Path("/home/ann/.openclaw/openclaw.json")),
        "bundles": (),
        "mcp_servers": (),
        "runtime": None,
        "agent": None,
        "answering": None,
        "applied": None,
        "connected": None,
        **more,
    }
    return ActivationReport(**facts)


def _disk(*prefixes: str) -> DiskPolicy:
    return DiskPolicy(
        True, "/hooks", True, 40, True, prefixes or None, "hook:ingress", None, (), ("main",), None
    )


def _blocked() -> ActivationReport:
    stop = Problem(
        "hooks.boot.prefixes_exclude_hook",
        "the prefixes leave out hook:ingress",
        "openclaw-install verify-runtime --fix-hooks",
        path="hooks.allowedSessionKeyPrefixes",
    )
    old = Problem(
        "gateway.old", "it is of last year", "openclaw update", severity="warn", path="gateway.version"
    )
    home = Path("/home/ann/.pingagent")
    paths = ProfilePaths("default", home, home / "identity", home / "store", home / "policy")
    return _report(
        blockers=(stop,),
        warnings=(old,),
        findings=(stop, old),
        policy=PolicyThreeWays(
            _disk("hook:im:"),
            LivePolicy("enforced", 18789, allowed_session_key_prefixes=("hook:ingress",)),
            BootVerdict(
                state="would_stop",
                rule=stop.code,
                message=stop.message,
                path=stop.path,
                next_step=stop.next_step,
            ),
        ),
        bundles=(
            BundleFacts("pingagent", "1", ROOT, "identical", True, Missing()),
            BundleFacts("mysta-sync", "1", ROOT, "edited", False, Missing(env=("MYSTA_API_KEY",))),
        ),
        mcp_servers=(
            McpSurvey("pingagent", "pingagent", "registered"),
            McpSurvey("mysta", "mysta-sync", "skipped", "MYSTA_API_KEY is not set"),
        ),
        runtime=RuntimeFacts(("bridge",), _TROUBLED),
        agent=MessagePath(paths, "http://127.0.0.1:8788", embedded_hub=True, did="did:key:z6Mk"),
        answering=Answering("pingagent", "served", 33, "hook:ingress"),
    )


def _dry_run() -> ActivationReport:
    config = Path("/home/ann/.openclaw/openclaw.json")
    plan = PlanReport(
        (
            PlannedChange("config", "edit", config, "openclaw.json"),
            PlannedChange("bundle", "create", ROOT / "pingagent" / "SKILL.md", "SKILL.md"),
        ),
        '--- openclaw.json\n+++ openclaw.json\n+\thooks: { enabled: true, token: "<redacted>" },\n',
        (Skipped("mcp mysta", "MYSTA_API_KEY is not set", "set it, and run this again"),),
        (Kept("mysta-sync/SKILL.md", "you changed it"),),
        ("callers may choose any session key now",),
        ("make this agent's identity in /home/ann/.pingagent/identity",),
    )
    left = Problem("relay.not_configured", "no relay is known", "openclaw-install --with-hub")
    applied = Applied(plan, "planned", would_be="blocked", left=(left,), next_step="openclaw-install --yes")
    return _report(
        policy=PolicyThreeWays(_disk(), None, BootVerdict(state="not_judged", message="no openclaw is here")),
        applied=applied,
        connected=Connected("planned", True, "http://127.0.0.1:8788"),
    )


def _applied() -> ActivationReport:
    config = PlannedChange("config", "edit", Path("/home/ann/.openclaw/openclaw.json"), "openclaw.json")
    plan = PlanReport((config,), "", (), (), ("the hook token is replaced",))
    return _report(
        activation_state="ready_waiting_inbound",
        policy=PolicyThreeWays(
            _disk("hook:"),
            LivePolicy("unreachable", 18789, detail="nobody answers"),
            BootVerdict(state="would_start"),
        ),
        applied=Applied(plan, "applied", "20270115-080000-1", Path("/home/ann/.openclaw/backup"), live=False),
        connected=Connected("connected", False, "http://127.0.0.1:8788"),
    )


_NO_PLAN = PlanReport((), "", (), (), ())
_UNDONE = UndoResult(
    "undone",
    ("20270115-080000-1",),
    (PlannedChange("config", "edit", Path("/home/ann/.openclaw/openclaw.json"), "openclaw.json"),),
    (Kept("mysta-sync/SKILL.md", "you changed it"),),
    removed=("/home/ann/.pingagent/settings.json",),
    stays=(Left(Path("/home/ann/.pingagent/identity"), "the agent's identity", 2048),),
    purged=(Left(Path("/home/ann/.pingagent/store.db"), "its messages", 1),),
)
_RUNS = StandingRuns(
    runs=(
        StandingRun(
            receipt="20270115-080000-1",
            command="openclaw-install",
            made_at=THEN,
            ago="2 days ago",
            summary="1 file changed",
            only_kept=False,
        ),
        StandingRun(
            receipt="20270116-080000-1",
            command="openclaw-install",
            made_at=THEN + 86_400,
            ago="1 day ago",
            summary="1 file",
            only_kept=True,
        ),
    )
)


_AT = "2027-01-15T08:00:00.000000Z"
_KEY = Key("key_1", "ann", _AT)


def _audit(verified: ChainVerdict | None) -> hub.AuditReport:
    row = AuditRow(
        _AT, "upload", "stored", "ann", "key_1", "agt_1", "alpha", "ab" * 32, 5, seq=2, previous="c", hash="d"
    )
    return hub.AuditReport(
        (AuditRow(_AT, "key.create", "done", "ann", seq=1, previous="", hash="c"), row), verified
    )


_INVITE = Invite("inv_1", 2, 1, 0, 1_800_000_000_000)
_MEMBER = Member("did:key:z6Mk", "kitchen", 1_800_000_000_000, 2, 600)

VIEWS: dict[str, tuple[Any, ...]] = {
    "sync_report": (_synced(), _sync_planned()),
    "sync_status": (_status(), SyncStatus(HUB, (), ())),
    "sync_agents": (
        AgentsList(
            HUB,
            (Agent("agt_1", "main", running=True), Agent("agt_2", "b", running=False), Agent("agt_3", "c")),
        ),
        AgentsList(HUB, ()),
    ),
    "sync_consent": (_consents(), ConsentList((), 0)),
    "skills_check": (_checked(),),
    "skills_list": (_listed(),),
    "runtime_status": (_TROUBLED, _STOPPED, _STOP),
    "activation_report": (
        _blocked(),
        _dry_run(),
        _applied(),
        _report(applied=Applied(_NO_PLAN, "declined"), connected=Connected("declined", False, HUB)),
        _report(applied=Applied(_NO_PLAN, "unchanged")),
    ),
    "undo": (
        _UNDONE,
        *(UndoResult(outcome) for outcome in ("planned", "declined", "unchanged")),
        _RUNS,
        StandingRuns(runs=()),
    ),
    "hub": (
        hub.NewKey((_KEY,), "mysta_EXAMPLE"),
        hub.KeyList((_KEY, Key("key_2", "bob", _AT, _AT), Key("key_3", "eve", _AT, None, _AT))),
        hub.HubAgentList((hub.HubAgent("agt_1", "ann", "kitchen", "running", _AT, 3, "/srv/hub/agt_1"),)),
        hub.HubRun(HUB, "http://127.0.0.1:8787", "/srv/hub", 0),
        hub.RelayAgentList((_MEMBER, Member("did:key:z6Mn", None, None, 0, 0))),
        hub.RelayAgentRemoved((_MEMBER,)),
        hub.InvitationList((_INVITE, Invite("inv_2", 1, 1, 0, 0, 1_800_000_000_000))),
        hub.NewInvitation((_INVITE,), "code-EXAMPLE"),
    ),
    "hub_audit": (
        _audit(None),
        _audit(ChainVerdict(True, 2, "d", None, "", None)),
        _audit(ChainVerdict(False, 2, "d", None, "", False)),
        _audit(ChainVerdict(False, 0, "", 1, "the row was changed", None)),
    ),
}
"""The records whose texts stand in a golden file, one after the other with a rule between."""


def _shown(name: str) -> str:
    return "\n-----\n".join("\n".join(view(record).lines) for record in VIEWS[name]) + "\n"


@pytest.mark.parametrize("name", VIEWS)
def test_a_person_reads_exactly_the_golden_text(name: str) -> None:
    assert _shown(name) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_paths_on_disk_cannot_break_the_lines_of_what_was_taken_back() -> None:
    odd = "skills/a\nkept all\x1b[31m\u202e"
    result = replace(_UNDONE, kept=(Kept(odd, "odd"),), removed=(odd,), stays=(Left(Path(odd), "odd", 1),))
    lines = view(result).lines
    assert len(lines) == 5
    assert all(line.isprintable() for line in lines)


def test_a_report_in_full_ends_with_all_findings_and_the_state() -> None:
    brief, full = (activation_report(_blocked(), verbose=verbose).lines for verbose in (False, True))
    assert full[:-6] == brief[:-2]
    assert full[-6:-2] == [
        "",
        "all findings:",
        "  [critical] hooks.boot.prefixes_exclude_hook (hooks.allowedSessionKeyPrefixes): "
        "the prefixes leave out hook:ingress",
        "  [warn] gateway.old (gateway.version): it is of last year",
    ]
    assert full[-2:] == brief[-2:] == ["", "activation_state=blocked"]
