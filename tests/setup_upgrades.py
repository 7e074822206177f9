"""Stands for later versions of this program, which ship other files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from openclaw_install.host.bundles import Bundle, load_bundle, shipped_bundles
from openclaw_install.setup import survey as survey_module


def newer_version(tmp_path: Path, text: str) -> tuple[Bundle, ...]:
    """The shipped bundles, of which one changed and lost a file."""
    folder = tmp_path / "shipped"
    for bundle in shipped_bundles():
        shutil.copytree(bundle.folder, folder / bundle.name, dirs_exist_ok=True)
    (folder / "pingagent" / "SKILL.md").write_text(text)
    (folder / "pingagent" / "references" / "encryption.md").unlink()
    (folder / "pingagent" / "references" / "news.md").write_text("new in this version")
    return tuple(load_bundle(place) for place in sorted(folder.iterdir()))


def with_file(tmp_path: Path, name: str) -> tuple[Bundle, ...]:
    """The shipped bundles, of which one has one more file."""
    folder = tmp_path / "shipped"
    for bundle in shipped_bundles():
        shutil.copytree(bundle.folder, folder / bundle.name)
    (folder / "pingagent" / "references" / name).write_text("new in this version")
    return tuple(load_bundle(place) for place in sorted(folder.iterdir()))


def ship(monkeypatch: pytest.MonkeyPatch, bundles: tuple[Bundle, ...]) -> None:
    """Stands for an upgrade of this program."""
    monkeypatch.setattr(survey_module, "shipped_bundles", lambda: bundles)
