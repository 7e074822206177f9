"""`sync --watch` and `sync --keep` on the command line: what they remember, show, stream and return."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.host.locate import locate
from openclaw_install.surfaces.views.sync import watch_lines
from openclaw_install.sync.consent import forget_choice, standing_choice
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.watch.event import EventKind
from openclaw_install.sync.watch.watcher import WatchEvent, watch_settings
from tests.schemas import assert_valid
from tests.support.waiting import PATIENCE
from tests.sync_desk import Desk, desk_in
from tests.sync_rig import skill_text, write_skill

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    # What `--keep` starts is for the runtime's own tests.
    monkeypatch.setattr("openclaw_install.surfaces.cli.sync_watch.kept_in_step", lambda _common: (None, []))
    with desk_in(tmp_path, monkeypatch, capsys) as made:
        made.hub.create_agent("main", "owner")
        yield made


def test_keep_syncs_now_and_remembers_what_was_chosen(desk: Desk) -> None:
    location, url = locate(os.environ), os.environ["MYSTA_MCP_URL"]
    extra = desk.home / "extra"
    write_skill(extra, "solo")
    assert watch_settings(location, os.environ) is None
    assert desk.document("alpha", "solo", "--root", str(extra), "--yes", "--keep")["ok"]
    with Ledger() as ledger:
        choice = standing_choice(ledger, location, url)
        assert choice is not None
        assert choice.names == ("alpha", "solo")
        assert choice.roots == (str(extra),)
    assert desk.document("--all", "--yes", "--keep")["ok"]
    consents = desk.document("consent")["result"]["consents"]
    assert any(str(desk.home / ".agents" / "skills") in consent["roots"] for consent in consents)
    settings = watch_settings(location, os.environ)
    assert settings is not None
    assert settings.choice.names is None
    assert "MYSTA" not in repr(settings.choice)
    with Ledger() as ledger:
        assert forget_choice(ledger, location, url)
        assert not forget_choice(ledger, location, url)
        assert standing_choice(ledger, location, url) is None


def test_a_dry_run_neither_keeps_nor_watches(desk: Desk) -> None:
    assert desk.run("--all", "--yes", "--dry-run", "--watch")[0] in (0, 1)
    assert watch_settings(locate(os.environ), os.environ) is None


def test_a_watcher_whose_consent_is_gone_says_what_to_do(desk: Desk) -> None:
    assert desk.run("--all", "--yes", "--keep")[0] == 0
    assert desk.run("consent", "--revoke")[0] == 0
    code, _out, err = desk.run("--watch")
    assert code == 1
    assert "--keep" in err
    code, out, _err = desk.run("--watch", "--json")
    kinds = [json.loads(line)["kind"] for line in out.splitlines()]
    assert (code, kinds) == (1, ["blocked", "stopped"])


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_watching_shows_each_save_and_ends_with_ctrl_c(desk: Desk, *, as_json: bool) -> None:
    words = ["--json"] if as_json else []
    command = [sys.executable, "-m", "openclaw_install", "sync", "--all", "--yes", "--watch", *words]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        guard = threading.Timer(2 * PATIENCE, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            seen = [next(line for line in lines if "watching" in line)]
            write_skill(desk.skills, "alpha", skill_text("alpha", "live\n"))
            seen.append(next(line for line in lines if "acknowledged" in line))
            process.send_signal(signal.SIGINT)
            seen += list(lines)
            assert process.stderr is not None
            err = process.stderr.read()
            assert process.wait(PATIENCE) == 130, err
        finally:
            guard.cancel()
            process.kill()
    assert err == ""
    assert "alpha" in seen[1]
    if as_json:
        for line in seen:
            assert_valid(json.loads(line), "watch-event")
        assert json.loads(seen[-1])["kind"] == "stopped"
    else:
        assert " ms" in seen[1]
        assert "pending" in seen[-1]


def test_every_kind_of_event_has_its_place_in_the_schema_and_a_calm_line() -> None:
    hostile = "a\x1b[2J\nb"
    for kind in get_args(EventKind):
        event = WatchEvent(kind, 1.0, hostile, "agent", 12.3, "code", "why\x1b[0m", "do it\r", 2, 1)
        assert_valid(jsonable(event), "watch-event")
        for line in watch_lines(event, verbose=True):
            assert line.isprintable()
    assert watch_lines(WatchEvent("changed", 1.0, "a")) == []
    assert "next try in 4 s" in watch_lines(WatchEvent("waiting", 1.0, milliseconds=4000.0, reason="off"))[0]
