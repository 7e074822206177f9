"""No secret leaves: not in JSON, not in text, not in a diff, a receipt or an error, whatever the config."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import InstallError
from openclaw_install.common.jsonable import jsonable
from openclaw_install.setup.verify import RunResult
from openclaw_install.surfaces.views import view
from openclaw_install.surfaces.views.setup import activation_report
from tests.setup_rig import (
    BOMBED,
    GATEWAY_TOKEN,
    HOOK_TOKEN,
    PLAIN,
    SOUND,
    Asker,
    Operator,
    PlainHost,
    follower,
)

KEY = "sk-live-0123456789abcdefghij"
CONFIGS = {
    "plain": PLAIN,
    "sound": SOUND,
    "bombed": BOMBED,
    "token of the gateway": SOUND.replace(HOOK_TOKEN, GATEWAY_TOKEN),
    "short token": SOUND.replace(HOOK_TOKEN, "sh0rt-s3cret"),
    "token behind a variable": SOUND.replace(f'"{HOOK_TOKEN}"', '"${HOOKS_TOKEN}"'),
    "secrets beside the edit": BOMBED.replace(
        "  hooks: {",
        f'  models: {{ providers: {{ x: {{ apiKey: "{KEY}" }} }} }},\n  // token: {KEY}\n  hooks: {{',
    ),
    "all on one line": BOMBED.replace("\n", " "),
    "half a file": SOUND[:-30],
    "two tokens": SOUND.replace("enabled: true,", f'token: "{KEY}", enabled: true,'),
}


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS.keys())
def test_no_output_holds_a_secret(tmp_path: Path, text: str) -> None:
    host = PlainHost(
        tmp_path / "host", env={"HOOKS_TOKEN": HOOK_TOKEN, "OPENCLAW_GATEWAY_TOKEN": GATEWAY_TOKEN}
    )
    host.write(text, mode=0o644)
    written = _everything_said(host)
    secrets = {GATEWAY_TOKEN, HOOK_TOKEN, KEY, "sh0rt-s3cret", *_fresh_tokens(host)}
    for secret in secrets:
        assert secret not in written
    for document in host.store.folder.glob("receipts/*/receipt.json"):
        for secret in secrets:
            assert secret not in document.read_text()
    for path in host.store.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def _fresh_tokens(host: PlainHost) -> set[str]:
    """The tokens that our runs have drawn, from the images that only the owner may read."""
    found = set()
    for image in host.store.folder.glob("receipts/*/after-*"):
        found |= {word for word in image.read_text().split('"') if len(word) == 64 and word.isalnum()}
    return found


def _everything_said(host: PlainHost) -> str:
    """What a person and a machine would read over a whole life of the host."""
    operator = Operator()
    said: list[str] = []

    def note(result: Any, lines: list[str]) -> None:
        said.extend([json.dumps(jsonable(getattr(result, "report", result))), repr(result), *lines])

    ask = Asker(follower(host))
    commands: list[Callable[[], RunResult]] = [
        lambda: host.verify(ask),
        lambda: host.setup(operator, ask),
        lambda: host.fix_hooks(operator, ask),
    ]
    for command in commands:
        try:
            run = command()
            note(run, activation_report(run.report, verbose=True).lines)
            said.extend([] if run.error is None else [run.error.message, run.error.next_step])
        except InstallError as error:
            said.extend([str(error), error.message, error.next_step])
    assert bool(operator.plans) is (host.config.read_text() != CONFIGS["half a file"])
    for plan in operator.plans:
        said.extend([repr(plan), *view(plan).lines])
    # Once with a conflict on a key that we set, once without.
    for keep_changed in (False, True):
        host.config.write_text(host.config.read_text().replace("enabled: true", "enabled: 1"))
        try:
            result = host.undo(operator=operator, keep_changed=keep_changed)
            note(result, view(result).lines)
        except InstallError as error:
            said.extend([str(error), error.message, error.next_step])
    said.extend(line for plan in operator.undo_plans for line in (repr(plan), *view(plan).lines))
    said.extend(map(repr, host.store.in_force()))
    return "\n".join([*said, *operator.shown])
