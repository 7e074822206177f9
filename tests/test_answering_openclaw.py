"""Ready includes the answer, on a real gateway: which of our tools it serves, and why it serves none."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.redaction import Secret
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.demo.stub_model import DEFAULT_REPLY, StubModel, running_stub
from openclaw_install.host.gateway.rpc import GatewayRpc, RpcAddress, RpcError, Scope, connect_rpc
from openclaw_install.host.hooks.auth import SharedSecret
from openclaw_install.host.locate import locate
from openclaw_install.setup.answering import look_at_answering
from openclaw_install.setup.context import Context, Options
from openclaw_install.setup.receipts import ReceiptStore
from openclaw_install.setup.verify import RunResult, verify_runtime
from tests.setup_rig import HOOK_TOKEN, Operator, checked

pytestmark = pytest.mark.gateway

SCRIPT = str(Path(sys.executable).parent / "openclaw-install")
OURS: dict[str, Any] = {"command": SCRIPT, "args": ["mcp", "pingagent"]}
HOOKS: dict[str, Any] = {
    "enabled": True,
    "token": HOOK_TOKEN,
    "allowRequestSessionKey": True,
    "allowedSessionKeyPrefixes": ["hook:im:", "hook:ingress"],
    "defaultSessionKey": "hook:ingress",
    "allowedAgentIds": ["main"],
}


@dataclass(frozen=True)
class Rig:
    """One gateway for all tests of this file, started as a service manager does: without our environment."""

    host: ScratchHost
    stub: StubModel
    store: ReceiptStore

    def register(self, registration: dict[str, Any]) -> None:
        mcp = {"servers": {"pingagent": registration}}
        self.host.write_config({"hooks": HOOKS, "mcp": mcp, **self.stub.provider_config()})

    def verify(self, **options: Any) -> RunResult:
        context = Context(locate(self.host.env), Options(**options), Operator(), self.store)
        return checked(verify_runtime(replace(context, answering=look_at_answering)))

    def codes(self) -> list[str]:
        """What is in the way of an answer."""
        return [one.code for one in self.verify().report.blockers if one.code.startswith(("answer.", "mcp."))]

    async def turn(self, key: str) -> tuple[Any, list[str]]:
        """One whole turn: how it ended, and the names of the events about it."""
        params = {"message": "hello", "sessionKey": key, "idempotencyKey": key, "deliver": False}
        async with connect_rpc(RpcAddress(self.host.port), secret_of(self), ("operator.write",)) as rpc:
            with rpc.events() as events:
                done = await rpc.call("agent", params, timeout=240, final=True)
                async for event in events:
                    if event.payload.get("runId") == key:
                        return done, [event.name]
        return done, []


def secret_of(rig: Rig) -> SharedSecret:
    return SharedSecret("token", Secret(rig.host.gateway_token))


@pytest.fixture(scope="module")
def rig(openclaw: OpenClaw, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    root = tmp_path_factory.mktemp("answering")
    path = os.pathsep.join([str(openclaw.node.parent), "/usr/bin", "/bin"])
    host = ScratchHost(openclaw, root / "host", extra_env={"PATH": path})
    with running_stub() as stub:
        rig = Rig(host, stub, ReceiptStore(locate(host.env), root=root / "ours"))
        rig.register(OURS)
        with host.gateway():
            yield rig


def test_before_a_first_turn_the_server_is_started_as_the_gateway_would(rig: Rig) -> None:
    found = rig.verify().report.answering
    assert found is not None
    assert (found.state, found.server, found.session, found.problem) == ("listed", "pingagent", "", None)
    assert found.tools > 30


def test_after_a_turn_the_gateway_itself_tells_which_tools_it_serves(rig: Rig) -> None:
    key = "agent:main:hook:im:answering"
    done, events = asyncio.run(rig.turn(key))
    assert DEFAULT_REPLY in json.dumps(done)
    assert events == ["agent"]
    found = rig.verify().report.answering
    assert found is not None
    assert (found.state, found.session) == ("served", key), found
    assert found.tools > 30


def test_case_new_user_1a_a_command_off_the_gateways_path_blocks(rig: Rig) -> None:
    rig.register({**OURS, "command": "openclaw-install"})
    [blocker] = [one for one in rig.verify().report.blockers if one.code == "mcp.not_found"]
    assert blocker.next_step == "openclaw-install"
    rig.register(OURS)
    assert rig.codes() == []


def test_case_new_user_1b_a_mistyped_command_blocks(rig: Rig) -> None:
    rig.register({**OURS, "command": "openclaw-instal"})
    assert rig.codes() == ["mcp.not_found"]
    rig.register(OURS)
    assert rig.codes() == []


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("echo no such module >&2; exit 1", "answer.server_fails", "no such module"),
        ("echo $KEY >&2; exit 1", "answer.server_fails", "<redacted>"),
    ],
)
def test_a_server_that_cannot_be_started_blocks_in_its_own_words(
    rig: Rig, script: str, code: str, words: str
) -> None:
    rig.register({"command": "/bin/sh", "args": ["-c", script], "env": {"KEY": "s3cret-0123456789"}})
    [blocker] = [one for one in rig.verify().report.blockers if one.code.startswith("answer.")]
    assert (blocker.code, blocker.next_step) == (code, "openclaw-install --overwrite-edited")
    assert words in blocker.message
    assert "s3cret" not in blocker.message
    rig.register(OURS)


def test_offline_says_that_the_answer_was_not_judged_and_starts_nothing(rig: Rig) -> None:
    assert rig.verify(offline=True).report.answering is None


def test_a_call_without_its_scope_and_one_without_its_parameters_are_told(rig: Rig) -> None:
    async def told(method: str, *scopes: Scope) -> tuple[str, str]:
        async with connect_rpc(RpcAddress(rig.host.port), secret_of(rig), scopes) as rpc:
            assert "sessions.list" in rpc.hello.methods
            with pytest.raises(RpcError) as caught:
                await rpc.call(method, {"key": "agent:main:none"})
            return caught.value.kind, caught.value.detail

    assert asyncio.run(told("sessions.abort", "operator.read")) == ("FORBIDDEN", "MISSING_SCOPE")
    assert asyncio.run(told("tools.effective", "operator.read"))[0] == "INVALID_REQUEST"


def test_a_wrong_token_is_refused_and_stands_in_no_error(rig: Rig) -> None:
    async def refused() -> RpcError:
        wrong = SharedSecret("token", Secret("wrong-t0ken-0123456789"))
        with pytest.raises(RpcError) as caught:
            async with connect_rpc(RpcAddress(rig.host.port), wrong):
                raise AssertionError("connected with a wrong token")
        return caught.value

    error = asyncio.run(refused())
    assert error.detail == "AUTH_TOKEN_MISMATCH"
    assert "wrong-t0ken" not in repr(error) + error.message


def test_a_port_without_a_gateway_is_an_error_and_a_proxy_is_not_asked(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def opened(port: int) -> GatewayRpc:
        async with connect_rpc(RpcAddress(port), secret_of(rig)) as rpc:
            return rpc

    assert asyncio.run(opened(rig.host.port)).hello.scopes == {"operator.read"}
    with pytest.raises(RpcError) as caught:
        asyncio.run(opened(1))
    assert caught.value.error_code == "gateway.rpc_closed"
