"""Our own records decide what is deleted: they are believed only where they can be nobody else's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.errors import FileError
from openclaw_install.common.jsonable import jsonable, record_from
from openclaw_install.setup.host_scope import HostScope
from openclaw_install.setup.private_state import require_ours
from tests.setup_rig import PLAIN, PlainHost


@pytest.fixture
def host(tmp_path: Path) -> PlainHost:
    plain = PlainHost(tmp_path / "host")
    plain.write(PLAIN, mode=0o644)
    return plain


def refused(call: Callable[[], object]) -> FileError:
    with pytest.raises(FileError) as caught:
        call()
    return caught.value


PLACES: dict[str, Callable[[PlainHost], Path]] = {
    "the root": lambda host: host.ours,
    "all hosts": lambda host: host.ours / "hosts",
    "this host": lambda host: host.store.folder,
    "its receipts": lambda host: host.store.folder / "receipts",
    "one receipt": lambda host: next((host.store.folder / "receipts").iterdir()),
    "a receipt's text": lambda host: next(host.store.folder.glob("receipts/*/receipt.json")),
}


@pytest.mark.parametrize("mode", [0o777, 0o770], ids=["everybody", "the group"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_records_that_others_can_write_are_refused_with_the_cure(
    host: PlainHost, place: Callable[[PlainHost], Path], mode: int
) -> None:
    host.setup()
    opened = place(host)
    opened.chmod(mode)
    before = host.tree()
    for command in (host.undo, host.uninstall, host.setup):
        error = refused(command)
        assert error.error_code == "file.not_private"
        assert str(opened) in error.message
    assert [
        warning.code for warning in host.verify().report.warnings if warning.code.startswith("setup.")
    ] == ["setup.journal"]
    assert host.tree() == before
    subprocess.run(["/bin/sh", "-c", error.next_step], check=True, timeout=10)
    assert host.undo().outcome == "undone"


def test_one_command_cures_records_that_are_open_altogether(host: PlainHost) -> None:
    host.setup()
    for path in [host.ours, *host.ours.rglob("*")]:
        path.chmod(0o777)
    subprocess.run(["/bin/sh", "-c", refused(host.undo).next_step], check=True, timeout=10)
    assert host.undo().outcome == "undone"


def test_an_open_folder_from_before_the_first_run_is_refused_and_nothing_is_written(host: PlainHost) -> None:
    (host.ours / "hosts").mkdir(parents=True)
    for folder in (host.ours, host.ours / "hosts"):
        folder.chmod(0o777)
    before = host.tree()
    error = refused(host.setup)
    assert error.next_step == f"chmod -R go-w {host.ours}"
    assert host.tree() == before
    assert list((host.ours / "hosts").iterdir()) == []


def test_records_of_another_user_are_refused(host: PlainHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.setup()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    error = refused(host.undo)
    assert error.error_code == "file.foreign_owner"
    assert str(host.ours) in error.message
    assert "chown" in error.next_step


def test_what_cannot_be_looked_at_is_a_clear_error(tmp_path: Path) -> None:
    assert refused(lambda: require_ours([tmp_path / ("x" * 300)])).error_code == "file.enametoolong"


def tamper(host: PlainHost, change: Callable[[dict[str, Any]], object]) -> Path:
    [path] = host.store.folder.glob("receipts/*/receipt.json")
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def _set(document: dict[str, Any], kind: str, path: str) -> None:
    [*_, change] = [item for item in document["changes"] if item["kind"] == kind]
    change["path"] = path


def _old(document: dict[str, Any], path: str) -> None:
    del document["host"]
    _set(document, "bundle", path)


TAMPERED: dict[str, Callable[[dict[str, Any], str], object]] = {
    "a file": lambda document, path: _set(document, "bundle", path),
    "a config": lambda document, path: _set(document, "config", path),
    "permissions": lambda document, path: _set(document, "mode", path),
    "a way up": lambda document, path: _set(
        document, "bundle", f"{document['host']['state_dir']}/../{Path(path).name}"
    ),
    "a relative path": lambda document, path: _set(document, "bundle", Path(path).name),
    "a folder": lambda document, path: document["folders"].append(path),
    "a folder by a way up": lambda document, path: document["folders"].append(
        f"{document['host']['state_dir']}/../{Path(path).name}"
    ),
    "another host": lambda document, path: document["host"].update(state_dir=str(Path(path).parent)),
    "no host": _old,
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_receipt_that_reaches_beyond_its_host_is_refused(
    host: PlainHost, change: Callable[[dict[str, Any], str], object]
) -> None:
    host.setup()
    precious = host.home / "precious"
    precious.write_bytes((host.skills / "pingagent" / "SKILL.md").read_bytes())
    path = tamper(host, lambda document: change(document, str(precious)))
    before = host.tree()
    for command in (host.undo, host.uninstall):
        error = refused(command)
        assert error.error_code == "file.receipt_damaged"
        assert str(path) in error.message
    assert host.tree() == before


def test_a_receipt_of_another_host_is_refused(host: PlainHost, tmp_path: Path) -> None:
    other = PlainHost(tmp_path / "other")
    other.write(PLAIN)
    other.setup()
    host.setup()
    [foreign] = (other.store.folder / "receipts").iterdir()
    shutil.copytree(foreign, host.store.folder / "receipts" / foreign.name)
    assert "is of another host" in refused(host.uninstall).message
    assert (other.skills / "pingagent" / "SKILL.md").is_file()


def test_leftover_folders_outside_are_refused(host: PlainHost) -> None:
    host.setup()
    mine = host.skills / "pingagent" / "notes.txt"
    mine.write_text("mine")
    host.undo()
    [path] = [
        path
        for path in host.store.folder.glob("receipts/*/receipt.json")
        if json.loads(path.read_text())["takes_back"]
    ]
    document = json.loads(path.read_text())
    document["folders"].append("/var/empty")
    path.write_text(json.dumps(document))
    assert refused(host.store.leftover_folders).error_code == "file.receipt_damaged"


def test_a_receipt_of_an_earlier_version_is_believed_about_its_own_host(host: PlainHost) -> None:
    before = host.tree()
    host.setup()
    tamper(host, lambda document: (document.pop("host"), document.pop("remnants")))
    host.undo()
    assert host.tree() == before


@pytest.mark.parametrize("command", ["undo", "uninstall"])
def test_a_config_link_that_was_pointed_elsewhere_is_still_the_same_host(
    host: PlainHost, command: str
) -> None:
    first, second = host.home / "one.json5", host.home / "two.json5"
    host.config.rename(first)
    host.config.symlink_to(first)
    host.setup()
    first.rename(second)
    host.config.unlink()
    host.config.symlink_to(second)
    getattr(host, command)()
    assert second.read_text() == PLAIN


def test_a_run_that_died_is_settled_where_the_config_was_then(host: PlainHost) -> None:
    first, second = host.home / "one.json5", host.home / "two.json5"
    host.config.rename(first)
    host.config.symlink_to(first)
    host.setup()
    [receipt] = host.store.in_force()
    host.store.mark(receipt, "applying")
    (host.skills / "pingagent" / "SKILL.md").unlink()
    second.write_text(PLAIN)
    host.config.unlink()
    host.config.symlink_to(second)
    assert [item.outcome for item in host.settle()] == ["rolled_back"]
    assert first.read_text() == PLAIN
    assert second.read_text() == PLAIN


def test_the_reach_of_a_host_covers_the_way_to_it_and_nothing_beside_it() -> None:
    reach = HostScope(Path("/a/b/config"), Path("/a/b"), (Path("/c/config"),))
    assert record_from(HostScope, jsonable(reach)) == reach
    assert (
        reach.outside([Path("/a/b/x"), Path("/c/config")], [Path("/a"), Path("/c"), Path("/a/b/c")]) is None
    )
    assert reach.outside([Path("/a")]) == Path("/a")
    assert reach.outside([Path("/c/other")]) == Path("/c/other")
    assert reach.outside([], [Path("/a/x")]) == Path("/a/x")
