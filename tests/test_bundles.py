"""The shipped bundles are whole, are told apart from edited copies, and the real host takes them."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pyjson5
import pytest
import yaml

from openclaw_install.common import data_files
from openclaw_install.common.errors import BundleError, FileError
from openclaw_install.common.files import sha256
from openclaw_install.demo.scratch_host import ScratchHost
from openclaw_install.host.bundle_manifest import ROUTE_MODES, Manifest
from openclaw_install.host.bundles import (
    Bundle,
    compare,
    installed_hashes,
    installed_state,
    load_bundle,
    shipped_bundles,
)
from openclaw_install.host.hooks.policy import IngressNeeds, RouteMode, read_policy
from openclaw_install.host.hooks.repair import repair
from openclaw_install.host.skills.file import parse_skill
from tests.hook_cases import boot_verdict

NAMES = ["mistro-connect", "mysta-sync", "pingagent"]
AGENT_SKILLS_KEYS = {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}


def shipped(name: str) -> Bundle:
    return next(bundle for bundle in shipped_bundles() if bundle.name == name)


def frontmatter(bundle: Bundle) -> dict[str, Any]:
    text = (bundle.folder / "SKILL.md").read_text(encoding="utf-8")
    block = text.split("---\n", 2)[1]
    loaded: dict[str, Any] = yaml.safe_load(block)
    return loaded


def install(bundle: Bundle, folder: Path) -> None:
    """What the setup does, without its care: writes each file of the bundle below `folder`."""
    for file in bundle.files():
        target = folder / file.relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.data)


# --- what ships ---


def test_three_bundles_ship_in_order_of_their_names() -> None:
    assert [bundle.name for bundle in shipped_bundles()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_frontmatter_keeps_to_the_agent_skills_format(name: str) -> None:
    fields = frontmatter(shipped(name))
    assert fields.keys() <= AGENT_SKILLS_KEYS
    assert fields["name"] == name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert len(name) <= 64
    assert 0 < len(fields["description"]) <= 1024
    assert "Use when" in fields["description"]
    assert len(fields["compatibility"]) <= 500
    assert all(isinstance(key, str) for key in fields["metadata"])


@pytest.mark.parametrize("name", NAMES)
def test_the_frontmatter_uses_block_style_only_which_the_reference_validator_demands(name: str) -> None:
    text = (shipped(name).folder / "SKILL.md").read_text(encoding="utf-8").split("---\n", 2)[1]
    flow = [event for event in yaml.parse(text) if getattr(event, "flow_style", None)]
    assert flow == []


@pytest.mark.parametrize("name", NAMES)
def test_the_frontmatter_requires_what_the_manifest_requires(name: str) -> None:
    bundle = shipped(name)
    metadata = frontmatter(bundle)["metadata"]
    openclaw = metadata["openclaw"]
    requires = openclaw["requires"]
    needed = [binary.any_of for binary in bundle.manifest.binaries if binary.required]
    secrets = [variable.name for variable in bundle.manifest.environment if variable.required]
    assert metadata["version"] == bundle.manifest.version
    assert requires.get("bins", []) == [names[0] for names in needed if len(names) == 1]
    assert requires.get("anyBins", []) == [name for names in needed if len(names) > 1 for name in names]
    assert requires.get("env", []) == secrets
    assert openclaw.get("primaryEnv") == (secrets[0] if secrets else None)
    # OpenClaw reads requires.config as paths inside openclaw.json; a file name there is never satisfied.
    assert "config" not in requires
    # The report on an unedited copy takes the manifest's word and reads no YAML.
    skill = parse_skill((bundle.folder / "SKILL.md").read_bytes(), name)
    assert (skill.name, skill.valid, skill.skill_key) == (name, True, None)
    assert skill.requirements == bundle.manifest.requirements


@pytest.mark.parametrize("name", NAMES)
def test_skill_files_are_short_and_point_to_every_reference(name: str) -> None:
    bundle = shipped(name)
    text = (bundle.folder / "SKILL.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\((references/[^)]+)\)", text))
    there = {file.relative for file in bundle.files() if file.relative.startswith("references/")}
    assert len(text.splitlines()) < 200
    assert linked == there


def test_every_tool_that_the_pingagent_skill_names_is_explained_in_a_reference() -> None:
    bundle = shipped("pingagent")
    texts = {file.relative: file.data.decode() for file in bundle.files()}
    references = " ".join(text for name, text in texts.items() if name.startswith("references/"))
    named = set(re.findall(r"pingagent_[a-z]+(?:_[a-z]+)*", texts["SKILL.md"].replace("pingagent__", "")))
    families = {"pingagent_session_binding"}
    assert len(named) > 20
    assert {tool for tool in named - families if f"`{tool}`" not in references} == set()


def test_the_mistro_reference_lists_the_eighteen_documented_tools() -> None:
    text = (shipped("mistro-connect").folder / "references" / "tools.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\| `[a-z_]+` \|", text, re.MULTILINE)) == 18


def test_the_manifests_say_what_the_installer_has_to_do() -> None:
    mistro, mysta, pingagent = (bundle.manifest for bundle in shipped_bundles())
    assert mistro.mcp_servers[0].registration() == {
        "command": "mistro",
        "args": ["start"],
        "env": {"MISTRO_API_KEY": "${MISTRO_API_KEY}"},
    }
    assert mysta.mcp_servers == ()
    assert not mistro.hook_ingress.required
    assert not mysta.hook_ingress.required
    assert pingagent.hook_ingress.session_key_prefixes == ("hook:im:",)
    assert pingagent.hook_ingress.route_modes == ROUTE_MODES
    assert pingagent.mcp_servers[0].requires.bins == ("openclaw-install", "pingagent")


# --- reading a bundle ---


def bundle_folder(root: Path, **changes: object) -> Path:
    """A minimal bundle named `small` below `root`."""
    folder = root / "small"
    folder.mkdir()
    document = {
        "schema_version": 1,
        "name": "small",
        "version": "1.0.0",
        "summary": "Does little.",
        "hook_ingress": {"required": False},
        "mcp_servers": [],
        "binaries": [],
        "environment": [],
        **changes,
    }
    (folder / "bundle.json").write_text(json.dumps(document))
    (folder / "SKILL.md").write_text("---\nname: small\ndescription: Little.\n---\n")
    return folder


def test_files_carry_their_hashes_and_leave_droppings_out(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    for name in (".gitkeep", "SKILL.md~", ".SKILL.md.swp", "notes.orig", "__pycache__/x.pyc", ".git/HEAD"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("x")
    (folder / "references").mkdir()
    (folder / "references" / "more.md").write_text("more")
    bundle = load_bundle(folder)
    assert [file.relative for file in bundle.files()] == ["SKILL.md", "bundle.json", "references/more.md"]
    assert bundle.files()[2].data == b"more"
    assert bundle.hashes()["references/more.md"] == sha256(b"more")


@pytest.mark.parametrize("target", ["SKILL.md", ".."])
def test_a_link_inside_a_bundle_is_refused(tmp_path: Path, target: str) -> None:
    folder = bundle_folder(tmp_path)
    (folder / "link").symlink_to(target)
    with pytest.raises((BundleError, FileError), match="link"):
        load_bundle(folder).files()


def test_a_bundle_without_its_two_files_is_refused(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    (folder / "SKILL.md").unlink()
    with pytest.raises(BundleError, match=r"needs bundle\.json and SKILL\.md"):
        load_bundle(folder)


def test_a_manifest_that_is_not_json_is_refused_by_name(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    (folder / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match=r"bundle\.json: not JSON"):
        load_bundle(folder)


def test_a_manifest_with_another_name_than_its_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'big' is not that of its folder"):
        load_bundle(bundle_folder(tmp_path, name="big"))


@pytest.mark.parametrize("read", [Bundle.hashes, lambda bundle: installed_hashes(bundle.folder)])
def test_a_disk_that_fails_while_a_file_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Bundle], object]
) -> None:
    def fail(_path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    bundle = load_bundle(bundle_folder(tmp_path))
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(FileError, match=r"SKILL\.md: Input/output error"):
        read(bundle)


# --- comparing an installed copy ---


def test_each_file_gets_its_verdict() -> None:
    ours = {"same": "1", "old": "1", "edited": "1", "retired": "1", "retired-edited": "1", "lost": "1"}
    now = {"same": "1", "old": "2", "edited": "2", "lost": "1", "new": "2", "unknown": "2"}
    there = {"same": "1", "old": "1", "edited": "x", "retired": "1", "retired-edited": "x"}
    there |= {"unknown": "x", "theirs": "x"}
    assert compare(now, there, ours) == {
        "edited": "user-edited",
        "lost": "missing",
        "new": "missing",
        "old": "outdated",
        "retired": "retired",
        "retired-edited": "user-edited",
        "same": "identical",
        "theirs": "foreign",
        "unknown": "user-edited",
    }


def test_without_a_receipt_every_difference_is_taken_for_the_users() -> None:
    assert compare({"a": "2"}, {"a": "1"}) == {"a": "user-edited"}
    assert compare({"a": "2"}, {"a": "1"}, {}) == {"a": "user-edited"}


def test_an_installed_copy_goes_through_its_states(tmp_path: Path) -> None:
    bundle, folder = shipped("pingagent"), tmp_path / "skills" / "pingagent"
    assert installed_state(bundle, folder) == "absent"
    folder.mkdir(parents=True)
    assert installed_state(bundle, folder) == "absent"
    install(bundle, folder)
    assert installed_state(bundle, folder) == "identical"
    (folder / "notes.txt").write_text("mine")
    assert installed_state(bundle, folder) == "identical"
    (folder / "SKILL.md").unlink()
    assert installed_state(bundle, folder) == "incomplete"
    (folder / "SKILL.md").write_text("earlier")
    earlier = {**bundle.hashes(), "SKILL.md": sha256(b"earlier")}
    assert installed_state(bundle, folder, earlier) == "outdated"
    assert installed_state(bundle, folder) == "edited"
    (folder / "SKILL.md").write_text("mine")
    assert installed_state(bundle, folder, earlier) == "edited"


def test_a_file_that_is_no_longer_shipped_makes_a_copy_outdated(tmp_path: Path) -> None:
    bundle, folder = shipped("mysta-sync"), tmp_path / "mysta-sync"
    install(bundle, folder)
    (folder / "retired.md").write_text("x")
    assert installed_state(bundle, folder, {**bundle.hashes(), "retired.md": sha256(b"x")}) == "outdated"


def test_a_folder_that_links_elsewhere_is_the_users_unless_it_is_identical(tmp_path: Path) -> None:
    bundle, folder = shipped("mysta-sync"), tmp_path / "mysta-sync"
    install(bundle, tmp_path / "elsewhere")
    folder.symlink_to("elsewhere")
    assert installed_state(bundle, folder) == "identical"
    (tmp_path / "elsewhere" / "SKILL.md").unlink()
    assert installed_state(bundle, folder) == "edited"


def test_links_and_pipes_in_an_installed_copy_equal_no_shipped_file(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "SKILL.md").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "copy" / "bundle.json")
    found = installed_hashes(tmp_path / "copy")
    assert found == {"SKILL.md": "link:/dev/zero", "bundle.json": "special"}


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_stands_in_the_way_of_the_folder_is_told(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "pingagent"
    if kind == "file":
        place.write_text("x")
    else:
        place.symlink_to("nowhere")
    with pytest.raises(FileError, match="pingagent"):
        installed_state(shipped("pingagent"), place)


# --- hook configurations ---


def hook_file(mode: RouteMode) -> Path:
    return data_files.data_folder("hooks") / f"{mode}.json5"


def hook_configuration(mode: RouteMode) -> dict[str, Any]:
    """The section `hooks` that ships for a route mode; its token is a `${NAME}`."""
    hooks: dict[str, Any] = pyjson5.decode(hook_file(mode).read_text(encoding="utf-8"))
    return hooks


@pytest.mark.parametrize("mode", get_args(RouteMode))
def test_a_hook_configuration_is_commented_json5_without_a_token(mode: RouteMode) -> None:
    hooks = hook_configuration(mode)
    prefixes = {"stable-hook-session": ["hook:im:"], "map-active-group": ["hook:im:", "feishu:default:"]}
    assert hooks == {
        "enabled": True,
        "path": "/hooks",
        "token": "${OPENCLAW_HOOKS_TOKEN}",
        "allowRequestSessionKey": True,
        "allowedSessionKeyPrefixes": prefixes[mode],
        "defaultSessionKey": "hook:im:default",
        "allowedAgentIds": ["main"],
    }
    assert hook_file(mode).read_text(encoding="utf-8").startswith("// Hook ingress")
    for bundle in shipped_bundles():
        assert set(bundle.manifest.hook_ingress.session_key_prefixes) <= set(prefixes[mode])


@pytest.mark.parametrize("mode", get_args(RouteMode))
def test_a_hook_configuration_is_whole_by_the_rules_of_the_hook_policy(mode: RouteMode) -> None:
    hooks = {**hook_configuration(mode), "token": "t" * 64}
    prefixes = tuple(hooks["allowedSessionKeyPrefixes"])
    config = {"hooks": hooks}
    assert boot_verdict(config).ok
    assert repair(config, IngressNeeds(required=True, prefixes=prefixes), new_token=lambda: "n" * 64) == ()


def test_both_modes_admit_their_session_keys_and_the_key_of_requests_without_one() -> None:
    stable, mapped = (
        read_policy({"hooks": hook_configuration(mode)})
        for mode in ("stable-hook-session", "map-active-group")
    )
    for policy in (stable, mapped):
        assert policy.admits("hook:im:c_dm_42")
        assert policy.admits_keyless
        assert policy.allowed_agent_ids == ("main",)
    assert not stable.admits("feishu:default:oc_1234")
    assert mapped.admits("feishu:default:oc_1234")
    assert not mapped.admits("agent:main:main")


# --- the real host ---


# Two forms that look right and are not; see docs/bundles.md.
FILE_IN_CONFIG = """requires:
      bins:
        - node
      config:
        - ~/.config/mistro/config.json"""
LOOKALIKES = {
    "file-in-config": f"metadata:\n  openclaw:\n    {FILE_IN_CONFIG}",
    "text-in-map": """metadata:\n  openclaw: '{"requires": {"bins": ["no-such-command"]}}'""",
}


def fake_binaries(folder: Path, *names: str) -> str:
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    return str(folder)


def listed(host: ScratchHost) -> dict[str, dict[str, Any]]:
    """What `openclaw skills list --json` says about our bundles, by name."""
    answer = host.run("skills", "list", "--json")
    assert answer.returncode == 0, answer.stderr
    skills: list[dict[str, Any]] = json.loads(answer.stdout)["skills"]
    return {skill["name"]: skill for skill in skills if skill["name"] in {*NAMES, *LOOKALIKES}}


def wants(manifest: Manifest) -> dict[str, list[str]]:
    needed = [binary.any_of for binary in manifest.binaries if binary.required]
    return {
        "bins": [names[0] for names in needed if len(names) == 1],
        "anyBins": [name for names in needed if len(names) > 1 for name in names],
        "env": [variable.name for variable in manifest.environment if variable.required],
        "config": [],
        "os": [],
    }


@pytest.mark.gateway
def test_the_host_lists_each_bundle_with_what_it_lacks_and_takes_the_hook_configuration(
    scratch_host: ScratchHost, tmp_path: Path
) -> None:
    node = str(scratch_host.openclaw.node.parent)
    for bundle in shipped_bundles():
        install(bundle, scratch_host.state_dir / "skills" / bundle.name)
    for name, metadata in LOOKALIKES.items():
        (scratch_host.state_dir / "skills" / name).mkdir()
        text = f"---\nname: {name}\ndescription: Looks right.\n{metadata}\n---\n"
        (scratch_host.state_dir / "skills" / name / "SKILL.md").write_text(text)
    (scratch_host.home / ".config" / "mistro").mkdir(parents=True)
    (scratch_host.home / ".config" / "mistro" / "config.json").write_text("{}")
    bare = dataclasses.replace(scratch_host, extra_env={"PATH": node})
    bare.write_config({})
    before = listed(bare)
    for bundle in shipped_bundles():
        skill = before[bundle.name]
        # OpenClaw adds /usr/bin and the like to any PATH, so a curl of the machine counts there.
        expected = wants(bundle.manifest) | {"anyBins": skill["missing"]["anyBins"]}
        assert (skill["eligible"], skill["missing"]) == (False, expected)
        assert skill["source"] == "openclaw-managed"
        assert skill["description"] == frontmatter(bundle)["description"]
    # The file is there, but the list means paths inside openclaw.json; the text is not read at all.
    assert before["file-in-config"]["missing"]["config"] == ["~/.config/mistro/config.json"]
    assert before["text-in-map"]["eligible"]

    binaries = fake_binaries(tmp_path / "bin", "mistro", "pingagent", "openclaw-install")
    keys = {"MISTRO_API_KEY": "made-up", "MYSTA_API_KEY": "mysta_made-up", "OPENCLAW_HOOKS_TOKEN": "t" * 40}
    ready = dataclasses.replace(scratch_host, extra_env={"PATH": f"{binaries}{os.pathsep}{node}", **keys})
    # With it test_setup_gateway starts a gateway, and with the other mode's test_control_openclaw.
    ready.write_config({"hooks": hook_configuration("map-active-group")})
    after = listed(ready)
    assert {name: after[name]["eligible"] for name in NAMES} == dict.fromkeys(NAMES, True)


def test_the_bundles_are_found_in_the_checkout_or_the_wheel() -> None:
    assert shipped_bundles()[0].folder.parent == data_files.data_folder("skills")
