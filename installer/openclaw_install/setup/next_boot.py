"""What the config says of the next start of its gateway, under `hooks` and in the rest of the file."""

from __future__ import annotations

from openclaw_install.common.problems import Problem
from openclaw_install.common.redaction import Secret
from openclaw_install.host.boot.container import in_container
from openclaw_install.host.boot.rules import start_problems
from openclaw_install.host.boot.verdict import BootVerdict, Validation, judge, makes_invalid, refusals
from openclaw_install.host.boot.witness import installed
from openclaw_install.host.config.document import ConfigDocument
from openclaw_install.host.config.edit import value_at
from openclaw_install.host.hooks.auth import GatewayEnv, HookFacts
from openclaw_install.host.hooks.findings import findings
from openclaw_install.host.hooks.policy import IngressNeeds
from openclaw_install.host.locate import HostLocation
from openclaw_install.host.skills.host import host_environment


def hook_facts(document: ConfigDocument, location: HostLocation) -> HookFacts:
    """What the hook rules want to know beside the document."""
    try:
        written = value_at(document.as_written, ("hooks", "token"))
    except KeyError:
        written = None
    reference = written if isinstance(written, str) and "${" in written else None
    full_env = host_environment(location, document)
    token, password = full_env.get("OPENCLAW_GATEWAY_TOKEN"), full_env.get("OPENCLAW_GATEWAY_PASSWORD")
    return HookFacts(
        gateway_env=GatewayEnv(
            token=Secret(token) if token else None, password=Secret(password) if password else None
        ),
        unresolved=frozenset(item.name for item in document.unresolved),
        token_reference=reference,
        config_dir=document.path.parent,
        has_includes=bool(document.included),
    )


def stops_start(problem: Problem) -> bool:
    """Whether a problem of the hook policy stops a start."""
    return problem.code.startswith("hooks.boot.")


def stops_beside_hooks(
    document: ConfigDocument, facts: HookFacts, location: HostLocation, validation: Validation
) -> tuple[Problem, ...]:
    """What outside `hooks` stops a start; what makes the file invalid comes first, for the rest waits for it.

    Args:
        document: the config.
        facts: what `hook_facts` says of it.
        location: the host.
        validation: what its OpenClaw says of the file.
    """
    program = installed(location)
    own = start_problems(
        document.data,
        facts.gateway_env,
        program.version if program else None,
        variables=host_environment(location, document),
        in_container=in_container(location.env),
    )
    refused = refusals(validation, own)
    return tuple(sorted((*own, *refused), key=lambda problem: not makes_invalid(problem)))


def verdict_on_restored(document: ConfigDocument, location: HostLocation) -> BootVerdict:
    """Whether the gateway would start from a config that is not on disk yet: OpenClaw cannot be asked."""
    facts = hook_facts(document, location)
    unasked = Validation("not_asked", reason="OpenClaw is asked once it is restored")
    of_hooks = filter(stops_start, findings(document.data, IngressNeeds(required=False), facts))
    return judge((*of_hooks, *stops_beside_hooks(document, facts, location, unasked)), unasked)
