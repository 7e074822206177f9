"""Our reading of skills against OpenClaw's own: its loader over many texts, its CLI over hard places."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_install.common.jsonable import jsonable
from openclaw_install.demo.provision import OpenClaw
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.config.document import read_config
from openclaw_install.host.locate import locate
from openclaw_install.host.skills.file import SkillFile, parse_skill
from openclaw_install.host.skills.host import skill_host
from openclaw_install.host.skills.inventory import check, list_roots
from openclaw_install.host.skills.loader import (
    InstalledLoader,
    LoaderAnswer,
    answers_about,
    installed_loader,
    settled,
)
from openclaw_install.host.skills.roots import SkillHost
from tests.skill_cases import hard_files, mutated, skill, write_hard_files, write_hard_places, write_skill

_ORACLE = Path(__file__).with_name("skill_oracle.mjs")
_FOLDER = "folder"
_NAMES = {"any_bins": "anyBins"}

pytestmark = pytest.mark.gateway


def _ask(openclaw: OpenClaw, contents: Iterable[bytes]) -> list[dict[str, Any]]:
    """What OpenClaw's loader makes of each text; one process for all of them."""
    lines = [
        json.dumps({"content": base64.b64encode(content).decode(), "folder": _FOLDER}) for content in contents
    ]
    done = subprocess.run(
        [str(openclaw.node), "--no-warnings", str(_ORACLE), str(openclaw.package)],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [_theirs(json.loads(line)) for line in done.stdout.decode().split("\n") if line]


def _theirs(answer: dict[str, Any]) -> dict[str, Any]:
    metadata = answer.get("metadata") or {}
    requires = metadata.get("requires") or {}
    lists = {key: requires.get(key) or [] for key in ("bins", "anyBins", "env", "config")}
    return {
        "valid": answer["ok"],
        "name": answer["name"],
        "description": answer["description"],
        "error": answer["error"],
        **lists,
        "os": metadata.get("os") or [],
        "always": metadata.get("always") is True,
        "primaryEnv": metadata.get("primaryEnv"),
        "skillKey": metadata.get("skillKey"),
    }


def _read(contents: Iterable[bytes], loader: InstalledLoader | None) -> list[SkillFile]:
    """The files as the program reads them: those that it is not sure of are asked about, in one batch."""
    files = [parse_skill(content, _FOLDER) for content in contents]
    answers = answers_about(files, loader)
    return [settled(file, answers) for file in files]


def _ours(file: SkillFile) -> dict[str, Any]:
    needs = file.requirements
    return {
        "valid": file.valid,
        "name": file.name,
        "description": file.description,
        "error": file.error,
        "bins": list(needs.bins),
        "anyBins": list(needs.any_bins),
        "env": list(needs.env),
        "config": list(needs.config),
        "os": list(needs.os),
        "always": needs.always,
        "primaryEnv": needs.primary_env,
        "skillKey": file.skill_key,
    }


@pytest.fixture(scope="module")
def loader(openclaw: OpenClaw) -> InstalledLoader:
    return InstalledLoader(openclaw.node, openclaw.package)


def test_every_published_skill_of_the_packages_and_every_hard_file_reads_as_in_the_loader(
    openclaw: OpenClaw, loader: InstalledLoader
) -> None:
    published = sorted(openclaw.package.parent.rglob("SKILL.md"))
    assert len(published) > 60
    contents = {str(path): path.read_bytes() for path in published} | hard_files()
    theirs = dict(zip(contents, _ask(openclaw, contents.values()), strict=True))
    files = dict(zip(contents, _read(contents.values(), loader), strict=True))
    assert {name: _ours(file) for name, file in files.items()} == theirs
    assert not any(file.uncertain for file in files.values())


def test_published_skills_of_the_packages_leave_no_doubt_without_openclaw(openclaw: OpenClaw) -> None:
    contents = [path.read_bytes() for path in sorted(openclaw.package.parent.rglob("SKILL.md"))]
    files = _read(contents, None)
    assert [_ours(file) for file in files] == _ask(openclaw, contents)
    assert not any(file.uncertain for file in files)


def test_thousands_of_mutated_files_read_as_in_the_loader(
    openclaw: OpenClaw, loader: InstalledLoader
) -> None:
    contents = mutated(seed=20260906, count=6000)
    theirs = _ask(openclaw, contents)
    alone = _read(contents, None)
    certain = [
        (content, _ours(file), answer)
        for content, file, answer in zip(contents, alone, theirs, strict=True)
        if not file.uncertain
    ]
    assert [item for item in certain if item[1] != item[2]] == []
    assert len(certain) > 1500
    settled_files = _read(contents, loader)
    differing = [
        (content, ours, answer)
        for content, file, answer in zip(contents, settled_files, theirs, strict=True)
        if (ours := _ours(file)) != answer
    ]
    assert differing == []
    assert sum(answer["valid"] for answer in theirs) > 1000
    assert sum(not answer["valid"] for answer in theirs) > 1000


def test_the_installed_loader_is_found_by_the_program_on_path(
    scratch_host: ScratchHost, openclaw: OpenClaw, tmp_path: Path
) -> None:
    (tmp_path / "openclaw").symlink_to(openclaw.package / "openclaw.mjs")
    path = os.pathsep.join((str(tmp_path), str(openclaw.node.parent)))
    location = locate({**scratch_host.env, "PATH": path})
    host = skill_host(location, None)
    assert host.loader == InstalledLoader(openclaw.node.absolute(), openclaw.package.resolve())
    write_skill(tmp_path / "skills" / "twice", b"---\nname: &a twice\ndescription: *a\n---\n")
    (record,) = check([tmp_path / "skills"], host).skills
    assert (record.description, record.valid) == ("twice", True)
    assert not [warning for warning in record.warnings if warning.startswith("skill.parse_uncertain")]
    assert installed_loader(locate({**scratch_host.env, "PATH": str(tmp_path)})) is None  # no Node
    assert installed_loader(locate({**scratch_host.env, "PATH": str(openclaw.node.parent)})) is None


def test_without_a_process_that_answers_there_are_no_answers(loader: InstalledLoader) -> None:
    blocks = ["description: *a", "description: d\nx: *y"]
    answers = loader.read(blocks)
    assert answers[blocks[0]] == LoaderAnswer({"description": "*a"})
    assert "YAML_EXCEPTION" in (answers[blocks[1]].error or "")
    assert replace(loader, timeout=0.0).read(blocks) == {}
    assert replace(loader, package=loader.package / "dist").read(blocks) == {}
    assert replace(loader, node=loader.package / "absent").read(blocks) == {}


@pytest.fixture
def crowded_host(scratch_host: ScratchHost, openclaw: OpenClaw) -> SkillHost:
    """A host with hard files and places in all of its roots, and settings that decide about some."""
    workspace = scratch_host.root / "workspace"
    extra = scratch_host.root / "extra"
    outside = scratch_host.root / "outside"
    allowed = scratch_host.root / "allowed"
    write_hard_files(workspace / "skills")
    write_hard_places(scratch_host.state_dir / "skills", outside / "of-managed")
    write_hard_places(workspace / ".agents" / "skills", outside / "of-project")
    write_skill(scratch_host.home / ".agents" / "skills" / "personal", skill("personal"))
    write_skill(scratch_host.home / ".agents" / "skills" / "plain", skill("plain", "shadowed"))
    workshop = scratch_host.state_dir / "agents" / "main" / "agent" / "workshop-skills"
    write_skill(workshop / "made-here", skill("made-here"))
    write_skill(extra / "one", skill("extra-one"))
    write_skill(extra / "a" / "b" / "c", skill("extra-too-deep"))
    write_skill(extra / "skills" / "a" / "b" / "c", skill("extra-deep-enough"))
    write_skill(allowed / "let-in", skill("let-in"))
    (workspace / "skills" / "let-in").symlink_to(allowed / "let-in")
    write_skill(outside / "nested" / "skills" / "x", skill("nested-root"))
    bin_folder = scratch_host.root / "bin"
    bin_folder.mkdir()
    (bin_folder / "legacy-bin").write_text("#!/bin/sh\n")
    (bin_folder / "legacy-bin").chmod(0o755)
    (bin_folder / "new-bin").write_text("not executable")
    (bin_folder / "new-bin").chmod(0o644)
    host = replace(
        scratch_host,
        extra_env={
            "HARD_ENV": "set",
            "K": "  ",
            "PATH": f"{openclaw.node.parent}{os.pathsep}{bin_folder}{os.pathsep}{os.defpath}",
        },
    )
    host.write_config(
        {
            "agents": {"defaults": {"workspace": str(workspace)}},
            "channels": {"slack": {"enabled": False}},
            "skills": {
                "load": {
                    "extraDirs": [str(extra), str(outside / "nested"), str(scratch_host.root / "absent")],
                    "allowSymlinkTargets": [str(allowed)],
                },
                "entries": {
                    "disabled": {"enabled": False},
                    "json-one-line": {"apiKey": "a-secret"},
                    "keyed": {
                        "apiKey": {"source": "env", "provider": "default", "id": "K"},
                        "env": {"L": "l"},
                    },
                },
            },
        }
    )
    location = locate(host.env)
    found = skill_host(location, read_config(location.config_path, location.env))
    loader = InstalledLoader(openclaw.node, openclaw.package)
    return replace(found, bundled_dir=openclaw.package / "skills", loader=loader)


def test_the_real_list_has_the_same_skills_with_the_same_verdicts(
    crowded_host: SkillHost, openclaw: OpenClaw
) -> None:
    done = subprocess.run(
        openclaw.command("skills", "list", "--json"),
        env=dict(crowded_host.env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = {
        entry["name"]: {key: entry[key] for key in ("description", "eligible", "missing", "source")}
        for entry in json.loads(done.stdout)["skills"]
    }
    sources = {
        str(entry.path): root.source for root in list_roots(crowded_host).roots for entry in root.skills
    }
    checked = check([], crowded_host)
    ours = {
        record.name: {
            "description": record.description,
            "eligible": record.eligible,
            "missing": {_NAMES.get(key, key): names for key, names in jsonable(record.missing).items()},
            "source": sources[str(record.path)],
        }
        for record in checked.skills
        if record.valid
        and not any(warning.startswith(("shadowed", "OpenClaw")) for warning in record.warnings)
    }
    # The CLI takes control characters out of what it prints; the loader keeps them.
    del ours["nul-byte"], listed["nul-byte"], ours["control"], listed["control"]
    assert ours == listed
    assert {"depth-six", "same-name", "let-in", "extra-deep-enough", "nested-root"} <= set(listed)
    assert {"plain", "made-here", "json-one-line", "skill-key", "linked-out", "file-link-in"} <= set(listed)
    refused = {record.path.parent.name for record in checked.skills if not record.valid}
    assert {"megabyte", "unterminated", "no-description", "hard-link", "is-pipe", "loop"} <= refused
