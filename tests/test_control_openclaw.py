"""The default workflow on a real OpenClaw, in one conversation: threads, focus, note, reply, and why."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.demo.stub_model import Messages, StubModel, running_stub
from openclaw_install.host.locate import locate
from openclaw_install.messaging.bridge.settings import host_view
from openclaw_install.protocol.did import conversation_of
from openclaw_install.protocol.messages import TEXT
from tests.collab_rig import TOKEN, Rig, rig
from tests.pingagent_rig import _coverage
from tests.support.async_waiting import until
from tests.test_bundles import hook_configuration

_ASKED = "Is the oven free?"
_DONE = "The thread is answered, and its note is kept."


@dataclass
class Script:
    """A model that calls the tools of the default workflow, each with what the one before answered."""

    answers: list[str] = field(default_factory=list)

    def reply(self, messages: Messages) -> str | dict[str, Any]:
        """The next call of the workflow; a text at its end, and for all that is no part of it."""
        if _ASKED not in json.dumps(messages):
            return "Understood."
        # A busy host serves our tools a moment after the turn began: the model asks once more, as models do.
        texts = [_text(one) for one in messages if one["role"] == "tool"]
        self.answers = [one for one in texts if "Unknown tool id" not in one]
        steps = self._steps()
        if len(self.answers) >= len(steps):
            return _DONE
        tool, arguments = steps[len(self.answers)]
        call = {"id": f"pingagent__pingagent_{tool}", "args": arguments}
        return {"name": "tool_call", "arguments": call}

    def _steps(self) -> list[tuple[str, dict[str, Any]]]:
        thread = next(
            (word for answer in self.answers[:1] for word in answer.split() if word.startswith("c_dm_")), ""
        )
        return [
            ("recent_sessions", {"limit": 5}),
            ("focus_session", {"session": thread}),
            ("session_summary", {"objective": "tell whether the oven is free", "next_steps": ["answer"]}),
            ("reply", {"message": "The oven is free from noon.", "idempotency_key": "workflow-1"}),
            ("trust_policy_explain", {"session": thread}),
        ]


def _text(message: dict[str, Any]) -> str:
    """What a tool message says, whatever the host wraps around it."""
    content = message["content"]
    parts = content if isinstance(content, list) else [{"text": content}]
    return " ".join(str(part.get("text", "")) for part in parts).replace("\\n", "\n")


@pytest.mark.gateway
def test_the_default_workflow_runs_in_one_conversation_on_a_real_host(
    scratch_host: ScratchHost, tmp_path: Path
) -> None:
    """Its hooks are those that ship for the mode with one session for each thread."""
    script = Script()
    scratch_host = replace(scratch_host, extra_env={"OPENCLAW_HOOKS_TOKEN": TOKEN})
    with running_stub(StubModel(reply=script.reply)) as model, rig(tmp_path / "rig") as made:
        scratch_host.write_config(
            {
                **model.provider_config(),
                "hooks": hook_configuration("stable-hook-session"),
                "mcp": {"servers": {"pingagent": _server(made)}},
            }
        )
        made.settings = replace(made.settings, host=host_view(locate(scratch_host.env)))
        made.know()
        asyncio.run(_scenario(made, scratch_host, script))


def _server(made: Rig) -> dict[str, Any]:
    env = {
        "HOME": str(made.me.folder),
        "PINGAGENT_IDENTITY_PATH": str(made.me.folder / "identity.json"),
        "PINGAGENT_STORE_PATH": str(made.me.store_path),
        **_coverage(),
    }
    return {"command": sys.executable, "args": ["-m", "openclaw_install", "mcp", "pingagent"], "env": env}


async def _scenario(made: Rig, host: ScratchHost, script: Script) -> None:
    thread = conversation_of(made.me.did, made.peer.did)
    gateway = await asyncio.to_thread(host.start_gateway)
    try:
        await asyncio.to_thread(gateway.wait_ready, 90.0)
        async with made.bridge():
            made.send(_ASKED)
            with made.store() as store:
                await until(lambda: len(script.answers) >= 5, "the fifth tool's answer")
                item = store.outbox.by_key("workflow-1")
                note = store.summaries.get(thread)
    finally:
        await asyncio.to_thread(gateway.stop)
    recent, focused, summary, replied, explained = script.answers[:5]
    assert thread in recent
    assert _ASKED in recent
    assert f"Focused: {thread}" in focused
    assert "Changed: objective, next_steps" in summary
    assert note.fields.carried()["objective"] == "tell whether the oven is free"
    # The reply is sent with the relay's evidence, within the conversation.
    assert item is not None
    assert item.state in {"committed", "delivered"}
    assert f"Sent to {made.peer.did} in {thread}: {item.message_id}" in replied
    assert "No contact rule" in explained or "default" in explained
    # One turn came of the message, and its text went to the other agent once.
    seqs = [envelope and envelope.header.schema for _, envelope in made.relay.inboxes[made.peer.did].places]
    assert seqs.count(TEXT) == 1
