"""The table of the runtime's components: adding one is adding one entry."""

from __future__ import annotations

from collections.abc import Mapping

from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime import embedded_hub, message_bridge, skill_watch
from openclaw_install.runtime.component import Component, Context

COMPONENTS: tuple[Component, ...] = (
    Component(
        name="skills",
        purpose="sends a skill of the standing choice to its agents when it is saved",
        configured=skill_watch.is_configured,
        run=skill_watch.run,
        inputs=skill_watch.inputs,
        reads=skill_watch.reads,
    ),
    Component(
        name="hub",
        purpose="runs the relay that ships with us, where the operator chose it",
        configured=embedded_hub.is_configured,
        run=embedded_hub.run,
        inputs=embedded_hub.inputs,
        writes=embedded_hub.writes,
    ),
    Component(
        name="bridge",
        purpose="takes the messages of other agents to the gateway, and the answers back",
        configured=message_bridge.is_configured,
        run=message_bridge.run,
        inputs=message_bridge.inputs,
        writes=message_bridge.writes,
    ),
)


def configured_components(location: HostLocation, env: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the components that have something to do on this host.

    Raises:
        InstallError: one cannot tell, because something in its configuration is wrong.
    """
    context = Context(location, lambda: env)
    return tuple(component.name for component in COMPONENTS if component.configured(context))


def forget_configured(location: HostLocation) -> None:
    """Has no component anything to do on this host any more; what it did stays recorded.

    Raises:
        InstallError: where that is kept cannot be written.
    """
    skill_watch.forget(location)
