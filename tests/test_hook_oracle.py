"""Our reading of `hooks.*` against the real OpenClaw: its own functions, its gateway, its security audit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openclaw_install.common.redaction import Secret
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.hook_audit import audit_findings
from openclaw_install.host.hook_auth import GatewayEnv, HookFacts
from openclaw_install.host.hook_boot import boot_verdict
from openclaw_install.host.hook_policy import IngressNeeds, read_policy
from openclaw_install.host.hook_repair import repair
from tests.hook_cases import BOOT_CASES, CLEAN_HOOKS, TOKEN, BootCase, configs, hooks, mapping

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
    audit = sorted((f.id, f.severity) for f in audit_findings(config, HookFacts()))
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
        return bool(foreign) or path in real["schema"]
    return message == real["error"]


def _is_hook_check(name: str) -> bool:
    return name.startswith("hooks.") or name == "config.secrets.hooks_token_in_config"


@given(config=configs())
@example(config={"hooks": hooks(presets=["toString"])})
@example(config={"hooks": hooks(mappings=[mapping(transform={"module": "a/../b.js"})])})
@example(config={"hooks": None})
@settings(max_examples=600, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
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
    from openclaw_install.host.config_edit import apply_edits

    result: dict[str, Any] = json.loads(apply_edits(json.dumps(config), edits))
    return result
