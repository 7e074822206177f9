"""Our reading of `hooks.*` against the real OpenClaw: its own functions, its gateway, its security audit."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openclaw_install.common.redaction import Secret
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.hooks.auth import GatewayEnv, HookFacts
from openclaw_install.host.hooks.findings import audit_findings
from openclaw_install.host.hooks.policy import IngressNeeds, read_policy
from openclaw_install.host.hooks.repair import repair
from tests.hook_cases import (
    BOOT_CASES,
    CLEAN_HOOKS,
    LOOKS_WRONG,
    STARTED,
    TOKEN,
    BootCase,
    boot_verdict,
    configs,
    hooks,
    mapping,
)

pytestmark = pytest.mark.gateway
_CONFIG_DIR = PurePosixPath("/nowhere/state")
Oracle = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def oracle(openclaw: OpenClaw, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """One Node process that answers with OpenClaw's own functions for as long as the module runs."""
    home = tmp_path_factory.mktemp("oracle")
    script = Path(__file__).with_name("hook_oracle.mjs")
    process = subprocess.Popen(
        [openclaw.node, script, openclaw.package / "dist"],
        env={"HOME": str(home), "OPENCLAW_CONFIG_PATH": str(_CONFIG_DIR / "openclaw.json")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

        def ask(config: Any, env: dict[str, str] | None = None) -> dict[str, Any]:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"config": config, "env": env or {}}) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield ask
        process.stdin.close()


def _disagreement(config: dict[str, Any], real: dict[str, Any]) -> Any:
    """What our verdict, policy or audit says differently from the real one; empty when they agree."""
    verdict = boot_verdict(config, config_dir=_CONFIG_DIR, has_includes=True)
    foreign = [path for path in real.get("schema", ()) if path.split(".")[0] != "hooks"]
    if foreign and verdict.ok:
        return None  # refused for something that is no hook's business
    if verdict.ok != real["ok"]:
        return verdict, real
    if not verdict.ok:
        return None if _same_reason(verdict.path, verdict.message, real, foreign) else (verdict, real)
    audit = sorted((f.code, f.severity) for f in audit_findings(config, read_policy(config), HookFacts()))
    if audit != sorted((name, severity) for name, severity in real["audit"] if _is_hook_check(name)):
        return audit, real["audit"]
    policy = read_policy(config)
    ours = {
        "path": policy.path,
        "prefixes": policy.prefixes and list(policy.prefixes),
        "default_key": policy.default_session_key,
        "request_keys": policy.allow_request_session_key,
        "agents": {
            "allowed": None if policy.allowed_agent_ids is None else list(policy.allowed_agent_ids),
            "known": list(policy.agents),
            "default": policy.default_agent,
        },
    }
    return (ours, real["policy"]) if policy.enabled and ours != real["policy"] else None


def _same_reason(path: str | None, message: str | None, real: dict[str, Any], foreign: list[str]) -> bool:
    if "schema" in real:
        return bool(foreign) or path in {re.sub(r"\.(\d+)", r"[\1]", issue) for issue in real["schema"]}
    return bool(message == real["error"])


def _is_hook_check(name: str) -> bool:
    return name.startswith("hooks.") or name == "config.secrets.hooks_token_in_config"


@given(config=st.one_of(configs(CLEAN_HOOKS), configs()))
@example(config={"hooks": hooks(presets=["toString"])})
@example(config={"hooks": hooks(mappings=[mapping(transform={"module": "a/../b.js"})])})
@example(config={"hooks": None})
@settings(max_examples=1000, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_policy_boot_verdict_and_audit_agree_with_openclaw_functions(
    oracle: Oracle, config: dict[str, Any]
) -> None:
    assert not _disagreement(config, oracle(config))


@pytest.mark.parametrize("case", BOOT_CASES, ids=lambda case: case.name)
def test_the_table_by_hand_agrees_with_openclaw_functions(oracle: Oracle, case: BootCase) -> None:
    config = {"gateway": {"mode": "local"}, "hooks": case.hooks}
    assert not _disagreement(config, oracle(config))


@given(config=configs(CLEAN_HOOKS), required=st.booleans())
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_openclaw_accepts_every_repaired_policy(
    oracle: Oracle, config: dict[str, Any], required: bool
) -> None:
    edits = repair(config, IngressNeeds(required=required), new_token=lambda: "n" * 64)
    real = oracle(_applied(config, edits))
    assert real["ok"] or not any(path.startswith("hooks") for path in real.get("schema", ["hooks"]))


def _applied(config: dict[str, Any], edits: Any) -> dict[str, Any]:
    from openclaw_install.host.config.edit import apply_edits

    result: dict[str, Any] = json.loads(apply_edits(json.dumps(config), edits))
    return result


class _Started(NamedTuple):
    """What `openclaw gateway run` did: its reason to refuse, or None, and all that it printed."""

    reason: str | None
    output: str


def _gateway_run(openclaw: OpenClaw, root: Path, section: Any, farewells: Executor) -> _Started:
    root.mkdir()
    host = ScratchHost(openclaw, root)
    # Plugins take no part in the start of the hooks, and half a second of the start itself.
    host.write_config({"hooks": section, "plugins": {"enabled": False}})
    process = host.start_gateway()
    try:
        return _Started(process.outcome(180.0), process.output())
    finally:
        # Its farewell takes up to 4 s, most of them idle. A kill would be quicker, and has left a hot
        # journal in the database that all hosts share, so that later starts failed.
        farewells.submit(process.stop)


@pytest.fixture(scope="session")
def farewells() -> Iterator[Executor]:
    """Ends gateways aside: that takes up to 4 s, most of them idle."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.mark.parametrize("case", [c for c in BOOT_CASES if c.name in STARTED], ids=lambda case: case.name)
def test_gateway_run_does_what_the_boot_verdict_says(
    openclaw: OpenClaw, tmp_path: Path, farewells: Executor, case: BootCase
) -> None:
    """One start for each rule; what a rule says about the other rows, the functions above are asked."""
    started = _gateway_run(openclaw, tmp_path / "host", case.hooks, farewells)
    assert _as_said(case, started), started


def test_each_rule_is_really_started_once() -> None:
    rules = [case.rule for case in BOOT_CASES if case.name in STARTED]
    assert len(rules) == len(set(rules)) == len(STARTED)
    assert set(rules) == {case.rule for case in BOOT_CASES}


def _as_said(case: BootCase, started: _Started) -> bool:
    verdict = boot_verdict({"hooks": case.hooks}, config_dir=_CONFIG_DIR)
    if verdict.rule != case.rule or verdict.ok != (started.reason is None):
        return False
    if verdict.rule == "hooks.boot.schema":  # the gateway's log masks words beside "token"
        return f"{verdict.path}:" in started.output
    if verdict.rule == "hooks.boot.transforms_dir_outside":  # its message names the host's own folder
        return "Hook transformsDir module path must be within" in str(started.reason)
    return verdict.ok or str(verdict.message) in str(started.reason)


def test_what_looks_wrong_and_is_not_starts_and_an_unresolved_reference_is_the_token_itself(
    scratch_host: ScratchHost,
) -> None:
    """Why `hooks.token_unresolved` is critical: the gateway starts with the reference for its token."""
    config = {"hooks": LOOKS_WRONG, "plugins": {"enabled": False}}
    scratch_host.write_config(config)
    assert boot_verdict({"hooks": LOOKS_WRONG}).ok
    url = f"http://127.0.0.1:{scratch_host.port}{read_policy(config).path}/agent"
    with scratch_host.gateway(timeout=180.0):
        assert (_post(url, "${NO_SUCH_VARIABLE}"), _post(url, "other")) == (400, 401)


def _post(url: str, token: str) -> int:
    """The status of a request that is refused before dispatch, for the token or for its session mode."""
    body = {"message": "probe", "sessionMode": "persistent", "sessionKey": "~probe"}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(url, json=body, headers=headers, timeout=30).status_code


class _AuditCase(NamedTuple):
    """A config that sets off many checks, the audit's environment, and what is known beside the config."""

    config: dict[str, Any]
    env: dict[str, str]
    facts: HookFacts = HookFacts()


_ENV_TOKEN = "e5Tq-8nWz-1kXc-7pLs-2vBd-6mYr"
_AUDITED_BY_FUNCTIONS = (
    _AuditCase(
        {"gateway": {"mode": "local"}, "hooks": hooks(token="short", allowRequestSessionKey=True)},
        {},
    ),
    _AuditCase(
        {
            "gateway": {"mode": "local", "auth": {"mode": "password", "password": TOKEN}},
            "hooks": hooks(allowedAgentIds=["main", " * "], defaultSessionKey="hook:in"),
        },
        {},
    ),
    _AuditCase({"gateway": {"mode": "local"}, "hooks": {"enabled": False, "token": "x", "path": "/"}}, {}),
)
# What functions alone do not see: the whole exposure, the environment, and references in the file.
_AUDITED_BY_COMMAND = (
    _AuditCase(
        {
            "gateway": {"mode": "local", "bind": "lan", "auth": {"mode": "token", "token": TOKEN}},
            "hooks": hooks(allowRequestSessionKey=True, allowedSessionKeyPrefixes=["", " "], path=" / "),
        },
        {},
    ),
    _AuditCase(
        {"gateway": {"mode": "local"}, "hooks": hooks(token=_ENV_TOKEN, allowedAgentIds=[])},
        {"OPENCLAW_GATEWAY_TOKEN": _ENV_TOKEN},
        HookFacts(gateway_env=GatewayEnv(token=Secret(_ENV_TOKEN))),
    ),
    _AuditCase(
        {
            "hooks": hooks(
                token="${NO_SUCH_VARIABLE}", allowedSessionKeyPrefixes=["hook:"], allowedAgentIds=["main"]
            )
        },
        {},
        HookFacts(unresolved=frozenset({"NO_SUCH_VARIABLE"})),
    ),
)


def _audited(openclaw: OpenClaw, root: Path, case: _AuditCase) -> list[tuple[str, str]]:
    root.mkdir()
    host = ScratchHost(openclaw, root, extra_env=case.env)
    host.write_config(case.config)
    report = json.loads(host.run("security", "audit", "--json", timeout=180.0).stdout)
    found = ((item["checkId"], item["severity"]) for item in report["findings"])
    return sorted(pair for pair in found if _is_hook_check(pair[0]))


def _our_audit(case: _AuditCase) -> list[tuple[str, str]]:
    findings = audit_findings(case.config, read_policy(case.config), case.facts)
    return sorted((finding.code, finding.severity) for finding in findings)


def test_the_security_audit_finds_the_same_with_the_same_severity(
    openclaw: OpenClaw, oracle: Oracle, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(_audited, openclaw, tmp_path / str(number), case)
            for number, case in enumerate(_AUDITED_BY_COMMAND)
        ]
        real = [run.result() for run in runs]
    for case in _AUDITED_BY_FUNCTIONS:
        answer = oracle(case.config, case.env)
        real.append(sorted((name, level) for name, level in answer["audit"] if _is_hook_check(name)))
    assert [_our_audit(case) for case in (*_AUDITED_BY_COMMAND, *_AUDITED_BY_FUNCTIONS)] == real
    assert len({name for found in real for name, _ in found}) == 8
