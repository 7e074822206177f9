"""Looks at one host without changing anything: config, policy, permissions, bundles, MCP registrations."""

from __future__ import annotations

import os
import secrets
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import openclaw_install
from openclaw_install.common.errors import ConfigError
from openclaw_install.common.problems import Problem
from openclaw_install.common.redaction import Secret
from openclaw_install.host.bundles import SKILL_FILE, Bundle, shipped_bundles
from openclaw_install.host.config.document import ConfigDocument, read_config
from openclaw_install.host.config.edit import Edit
from openclaw_install.host.gateway.probe import GatewayAddress
from openclaw_install.host.gateway.process import RunningGateway, running_gateway
from openclaw_install.host.hooks.agents import section
from openclaw_install.host.hooks.auth import HookFacts
from openclaw_install.host.hooks.findings import findings
from openclaw_install.host.hooks.policy import (
    INGRESS_PREFIX,
    HookPolicy,
    IngressNeeds,
    RouteMode,
    read_policy,
)
from openclaw_install.host.hooks.repair import repair
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.permissions import PathMode, path_mode
from openclaw_install.host.search_path import gateway_path
from openclaw_install.host.skills.facts import Eligibility, HostFacts
from openclaw_install.host.skills.file import SkillFile, parse_skill
from openclaw_install.host.skills.host import host_environment, node_platform, skill_host
from openclaw_install.host.skills.loader import settle
from openclaw_install.host.skills.roots import SkillHost
from openclaw_install.host.workspace import active_group_text, agent_workspace, route_prefix
from openclaw_install.setup.bundle_plan import BundleSurvey, survey_bundles
from openclaw_install.setup.disk_files import DiskFiles
from openclaw_install.setup.mcp_plan import McpSurvey, Prerequisites, survey_servers
from openclaw_install.setup.next_boot import hook_facts, stops_start
from openclaw_install.setup.receipt import Receipt

_TOKEN_BYTES = 32


@dataclass(frozen=True)
class ActiveGroup:
    """The workspace file that names the session of the group that works.

    Attributes:
        workspace: the folder it belongs in.
        present: whether it is there.
        prefix: the prefix of the session key in it; None where it names none.
    """

    workspace: Path
    present: bool
    prefix: str | None


@dataclass(frozen=True)
class Survey:
    """What one look at the host saw.

    Attributes:
        location: where the host lives.
        document: its config.
        policy: the hook policy on disk.
        needs: what the bundles and the route mode want of the hook ingress.
        facts: what the hook rules want to know beside the document.
        state_mode, config_mode: permissions of the state folder and of the config.
        active_group: the file that `map-active-group` goes by; None in other modes.
        bundles: how each shipped bundle stands.
        servers: how each MCP server that the bundles want stands.
        gateway: the process of the running gateway; None where none runs.
    """

    location: HostLocation
    document: ConfigDocument
    policy: HookPolicy
    needs: IngressNeeds
    facts: HookFacts
    state_mode: PathMode | None
    config_mode: PathMode | None
    active_group: ActiveGroup | None
    bundles: tuple[BundleSurvey, ...]
    servers: tuple[McpSurvey, ...]
    gateway: RunningGateway | None

    @property
    def address(self) -> GatewayAddress:
        """Where the gateway of this config answers hooks."""
        tls = section(self.document.data, "gateway", "tls").get("enabled") is True
        return GatewayAddress(self.location.port(self.document.data), self.policy.path, tls)

    @property
    def token(self) -> Secret | None:
        """The hook token on disk, `${ENV}` resolved."""
        return self.policy.token

    @property
    def lacks_token(self) -> bool:
        """Whether the hook token refers to a variable without a value here."""
        return self.token is not None and self.facts.lacks_token(self.token.reveal())

    def eligibility(self, survey: BundleSurvey) -> Eligibility:
        """Whether OpenClaw would offer a bundle's skill here, judged by the copy that is installed.

        Of a bundle that is not installed, and of a copy that OpenClaw refuses, `missing` tells what the
        shipped one would lack.

        Raises:
            FileError: the installed SKILL.md cannot be read.
        """
        host = skill_host(self.location, self.document)
        shipped = SkillFile(
            survey.bundle.name, "", valid=True, error=None, requirements=survey.bundle.manifest.requirements
        )
        installed = self._installed_skill(survey, shipped, host)
        loads = installed is not None and installed.valid
        judged = installed if installed is not None and loads else shipped
        found = HostFacts(host).eligibility(judged, str(survey.folder), "openclaw-managed")
        return replace(found, eligible=found.eligible and loads)

    def _installed_skill(self, survey: BundleSurvey, shipped: SkillFile, host: SkillHost) -> SkillFile | None:
        """What OpenClaw makes of the installed SKILL.md; YAML is read only where it is not ours."""
        if survey.verdicts.get(SKILL_FILE) == "identical":
            return shipped
        content = DiskFiles().look(survey.folder / SKILL_FILE).content
        return None if content is None else settle(parse_skill(content, survey.bundle.name), host.loader)

    @cached_property
    def hook_problems(self) -> tuple[Problem, ...]:
        """What the rules say of the hook policy on disk."""
        return findings(self.document.data, self.needs, self.facts, self.policy)

    @property
    def hook_stops(self) -> tuple[Problem, ...]:
        """What of it stops a start."""
        return tuple(filter(stops_start, self.hook_problems))

    def hook_edits(self) -> tuple[Edit, ...]:
        """The edits that make the hook policy whole; a fresh token is drawn where one is needed."""
        return repair(
            self.document.data,
            self.needs,
            new_token=lambda: secrets.token_hex(_TOKEN_BYTES),
            facts=self.facts,
        )


def look_at_host(
    location: HostLocation,
    route_mode: RouteMode,
    receipts: Sequence[Receipt] = (),
    bundles: Sequence[Bundle] | None = None,
    document: ConfigDocument | None = None,
) -> Survey:
    """Reads everything that the report and the plans need; changes nothing.

    Args:
        location: the host.
        route_mode: how inbound messages find their session.
        receipts: our earlier runs whose changes stand.
        bundles: what ships; read from the package unless given.
        document: the config to judge; the one on disk unless given.

    Raises:
        ConfigError: the config is missing or cannot be read; the code says why.
        HostError, FileError, BundleError: a folder or file is not what it must be.
    """
    document = document or read_config(location.config_path, location.env)
    if not document.exists:
        raise missing_config(location)
    shipped = shipped_bundles() if bundles is None else tuple(bundles)
    policy = read_policy(document.data)
    group = _active_group(shipped, route_mode, document, location)
    gateway = running_gateway(location.state_dir)
    offers = _prerequisites(document, location, gateway)
    facts = hook_facts(document, location)
    return Survey(
        location=location,
        document=document,
        policy=policy,
        needs=_ingress_needs(shipped, group),
        facts=facts,
        state_mode=path_mode(location.state_dir),
        config_mode=path_mode(document.path),
        active_group=group,
        bundles=survey_bundles(shipped, location.state_dir / "skills", receipts),
        servers=survey_servers([bundle.manifest for bundle in shipped], document.as_written, offers),
        gateway=gateway,
    )


def missing_config(location: HostLocation) -> ConfigError:
    """The error for a host that was never set up by OpenClaw itself, or whose config link leads nowhere."""
    if location.config_path.is_symlink():
        target = location.config_path.readlink()
        return ConfigError(
            f"{location.config_path} is a link to {target}, and there is nothing",
            next_step="bring the file back that it leads to, or point the link at the right one",
            code="config.dangling_link",
        )
    return ConfigError(
        f"there is no OpenClaw config at {location.config_path}",
        next_step="openclaw onboard",
        code="config.missing",
    )


def _active_group(
    bundles: Sequence[Bundle], mode: RouteMode, document: ConfigDocument, location: HostLocation
) -> ActiveGroup | None:
    if mode != "map-active-group" or not any(bundle.manifest.hook_ingress.required for bundle in bundles):
        return None
    workspace = agent_workspace(document.data, location)
    text = active_group_text(workspace)
    return ActiveGroup(workspace, text is not None, None if text is None else route_prefix(text))


def _ingress_needs(bundles: Sequence[Bundle], group: ActiveGroup | None) -> IngressNeeds:
    wanting = [bundle.manifest.hook_ingress for bundle in bundles if bundle.manifest.hook_ingress.required]
    prefixes = [prefix for ingress in wanting for prefix in ingress.session_key_prefixes]
    prefixes += [group.prefix] if group is not None and group.prefix is not None else []
    return IngressNeeds(required=bool(wanting), prefixes=tuple(dict.fromkeys(prefixes)) or (INGRESS_PREFIX,))


def _prerequisites(
    document: ConfigDocument, location: HostLocation, gateway: RunningGateway | None
) -> Prerequisites:
    # The host's own places are found by these; what else this shell has set does not outlive it.
    kept = {key: value for key, value in location.env.items() if key.startswith("OPENCLAW_") or key == "HOME"}
    running = None if gateway is None else gateway.environment(location, document)
    return Prerequisites(
        path=running["PATH"] if running else gateway_path(location.env, location.home, node_platform()),
        gateway_env=_names(host_environment(location, document)),
        durable_env=_names(host_environment(replace(location, env=kept), document)),
        version=openclaw_install.__version__,
        own_commands=_own_commands(),
        is_judged=running is not None,
        shell_path=location.env.get("PATH"),
    )


def _own_commands() -> Mapping[str, str]:
    """Our console scripts: beside the interpreter, or where installers put those of a user or a system."""
    folders = [Path(sys.executable).parent]
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    folders += [Path(sysconfig.get_path("scripts", scheme)) for scheme in schemes]
    found: dict[str, str] = {}
    for name in ("openclaw-install", "pingagent"):
        scripts = [folder / name for folder in folders if os.access(folder / name, os.X_OK)]
        found.update({name: str(scripts[0])} if scripts else {})
    return found


def _names(env: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, value in env.items() if value.strip())
