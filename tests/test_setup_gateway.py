"""The fix on a real gateway: blocked, mended and proved live, and a probe that starts nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.demo.stub_model import StubModel, running_stub
from openclaw_install.host.gateway.probe import GatewayAddress, LivePolicy, ask_gateway, wait_for_policy
from openclaw_install.host.hooks.policy import HookPolicy, read_policy
from openclaw_install.host.locate import HostLocation, locate
from openclaw_install.setup.context import Context, Options
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.removal import undo
from openclaw_install.setup.verify import fix_hooks, verify_runtime
from tests.schemas import assert_valid
from tests.setup_rig import HOOK_TOKEN, Operator
from tests.test_bundles import hook_configuration

pytestmark = pytest.mark.gateway

SOUND: dict[str, Any] = {
    "enabled": True,
    "token": HOOK_TOKEN,
    "allowRequestSessionKey": True,
    "allowedSessionKeyPrefixes": ["hook:im:", "hook:ingress"],
    "defaultSessionKey": "hook:ingress",
    "allowedAgentIds": ["main"],
}
BOMBED = {**SOUND, "defaultSessionKey": "hook:elsewhere"}
TEMPLATED = {"match": {"path": "in"}, "sessionKey": "hook:in:{{id}}", "messageTemplate": "x"}
# Each boots; a careless key for the probe would get through one of them.
NASTY: dict[str, dict[str, Any]] = {
    "a tilde": {"allowedSessionKeyPrefixes": ["~"], "defaultSessionKey": "~x"},
    "one letter": {"allowedSessionKeyPrefixes": ["a"], "defaultSessionKey": "agent"},
    "many letters": {"allowedSessionKeyPrefixes": list("abcdefgho:~-_. "), "defaultSessionKey": "hook"},
    "a blank": {"allowedSessionKeyPrefixes": [" "]},
    "none": {"allowedSessionKeyPrefixes": []},
    "beyond ASCII": {
        "allowedSessionKeyPrefixes": ["\u00e9", "\u4e2d", "\U0001f600"],
        "defaultSessionKey": "\u00e9",
    },
    "keys of callers off": {"allowRequestSessionKey": False, "defaultSessionKey": "hook:ingress"},
    "a templated mapping": {
        "mappings": [TEMPLATED],
        "allowedSessionKeyPrefixes": ["hook:"],
        "defaultSessionKey": "hook:in:x",
    },
}


@dataclass(frozen=True)
class Rig:
    """One gateway for all tests of this file, with the model that it would ask."""

    host: ScratchHost
    stub: StubModel
    store: ReceiptStore

    @property
    def location(self) -> HostLocation:
        return locate(self.host.env)

    def write(self, hooks: dict[str, Any]) -> HookPolicy:
        config = {"hooks": hooks, **self.stub.provider_config()}
        self.host.write_config(config)
        return read_policy(config)

    def ask(self) -> LivePolicy:
        policy = read_policy(json.loads(self.host.config_path.read_text()))
        return ask_gateway(GatewayAddress(self.host.port, policy.path), policy.token)

    def wait_until_live(self, hooks: dict[str, Any]) -> LivePolicy:
        """Writes a policy and waits until the gateway has reloaded it."""
        policy = self.write(hooks)

        def as_written(live: LivePolicy) -> bool:
            if (
                live.state != "enforced"
                or live.allow_request_session_key is not policy.allow_request_session_key
            ):
                return False
            return live.allowed_session_key_prefixes is None or set(live.allowed_session_key_prefixes) == set(
                policy.prefixes or ()
            )

        live, settled = wait_for_policy(self.ask, as_written, timeout=20.0)
        assert settled, live
        return live


@pytest.fixture(scope="module")
def rig(openclaw: OpenClaw, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("live")
    host = ScratchHost(openclaw, root / "host", extra_env={"OPENCLAW_HOOKS_TOKEN": HOOK_TOKEN})
    with running_stub() as stub:
        rig = Rig(host, stub, ReceiptStore(locate(host.env), root=root / "ours"))
        # Started with hooks that ship, which no other test starts a gateway with; each test writes its own.
        rig.write(hook_configuration("map-active-group"))
        with host.gateway():
            yield rig


def test_a_gateway_starts_and_serves_with_the_shipped_hooks_for_the_active_group(rig: Rig) -> None:
    rig.write(hook_configuration("map-active-group"))
    policy = read_policy({"hooks": {**hook_configuration("map-active-group"), "token": HOOK_TOKEN}})

    def ask() -> LivePolicy:
        return ask_gateway(GatewayAddress(rig.host.port, policy.path), policy.token)

    live, settled = wait_for_policy(ask, lambda one: one.state == "enforced", timeout=20.0)
    assert settled, live
    assert set(live.allowed_session_key_prefixes or ()) == set(policy.prefixes or ())


def test_a_time_bomb_under_a_running_gateway_is_seen_mended_proved_and_taken_back(rig: Rig) -> None:
    rig.wait_until_live(SOUND)
    context = Context(rig.location, Options(), Operator(), rig.store)
    assert verify_runtime(context).exit_code == 0
    rig.write(BOMBED)
    bombed = rig.host.config_path.read_bytes()

    blocked = verify_runtime(context)
    policy = blocked.report.policy
    assert [blocker.code for blocker in blocked.report.blockers] == [
        "hooks.boot.default_key_outside_prefixes"
    ]
    assert policy.running is not None
    assert policy.running.allowed_session_key_prefixes == (
        "hook:im:",
        "hook:ingress",
    )  # it still serves the old policy
    assert policy.next_boot is not None
    assert policy.next_boot.state == "would_stop"

    fixed = fix_hooks(context)
    assert_valid(jsonable(fixed.report), "activation-report")
    assert fixed.applied is not None
    assert (fixed.applied.outcome, fixed.applied.live) == ("applied", True)
    assert fixed.report.activation_state == "ready_waiting_inbound"
    assert fixed.report.policy.running is not None
    assert "hook:elsewhere" in (fixed.report.policy.running.allowed_session_key_prefixes or ())

    again = fix_hooks(context)
    assert again.applied is not None
    assert again.applied.outcome == "unchanged"
    undo(context)
    assert rig.host.config_path.read_bytes() == bombed


def test_the_probe_starts_nothing_whatever_the_prefixes(rig: Rig) -> None:
    before = len(rig.stub.requests)
    for name, fields in NASTY.items():
        hooks = {key: value for key, value in SOUND.items() if key != "defaultSessionKey"}
        live = rig.wait_until_live({**hooks, **fields})
        for _ in range(20):
            assert rig.ask() == live, name
    assert len(rig.stub.requests) == before

    # The control: what does get through is seen by the model.
    rig.wait_until_live(SOUND)
    answer = httpx.post(
        f"http://127.0.0.1:{rig.host.port}/hooks/agent",
        json={"message": "hello", "sessionMode": "persistent", "sessionKey": "hook:im:control"},
        headers={"Authorization": f"Bearer {HOOK_TOKEN}"},
        timeout=30.0,
        trust_env=False,
    )
    assert answer.status_code == 200
    assert rig.stub.wait_for_requests(before + 1, 60.0)
