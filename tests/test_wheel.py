"""The wheel carries its data folders and works in an empty environment, from another folder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_every_file_that_ships(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("skills", "hooks", "schemas"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                assert f"openclaw_install/data/{path.relative_to(ROOT)}" in names
    assert "openclaw_install/py.typed" in names
    assert not any("__pycache__" in name or name.startswith("tests/") for name in names)


def test_make_dist_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    made: list[dict[str, str]] = []
    for name in ("first", "second"):
        # What a checkout's files were last touched by is no part of what is built.
        (ROOT / "README.md").touch()
        command = [
            "make",
            "-s",
            "-C",
            str(ROOT),
            "dist",
            f"DIST={tmp_path / name}",
            f"PYTHON={sys.executable}",
        ]
        subprocess.run(command, check=True, capture_output=True)
        files = sorted((tmp_path / name).iterdir())
        made.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert sorted(Path(name).suffix for name in made[0]) == [".gz", ".whl"]
    assert made[0] == made[1]
    [sdist] = [path for path in (tmp_path / "first").iterdir() if path.suffix == ".gz"]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "PKG-INFO", "Makefile", "skills/pingagent/SKILL.md"} <= names
    assert not any(name.startswith((".venv", "dist")) or "__pycache__" in name for name in names)


def test_it_works_installed_in_an_empty_environment_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, capture_output=True
    )
    python = str(venv / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    home = tmp_path / "home"
    (home / ".openclaw").mkdir(parents=True, mode=0o700)
    config = home / ".openclaw" / "openclaw.json"
    config.write_text("{gateway: {mode: 'local'}}\n")
    config.chmod(0o600)
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def run(*arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
        program = str(venv / "bin" / "openclaw-install")
        done = subprocess.run(
            [program, *arguments, "--json"], env=env, cwd=home, capture_output=True, text=True, check=False
        )
        document: dict[str, dict[str, Any]] = json.loads(done.stdout)
        assert done.returncode == code, done.stdout + done.stderr
        return document

    blockers = run("--yes", "--offline", code=1)["result"]["blockers"]
    assert [blocker["code"] for blocker in blockers] == ["relay.not_configured"]
    assert (home / ".openclaw" / "skills" / "mysta-sync" / "SKILL.md").is_file()
    assert run("skills", "check", str(home / ".openclaw" / "skills"))["result"]["skills"]
    run("uninstall", "--yes")
    assert config.read_text() == "{gateway: {mode: 'local'}}\n"
