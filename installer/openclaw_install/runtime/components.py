"""The table of the runtime's components: adding one is adding one entry."""

from __future__ import annotations

from collections.abc import Mapping

from openclaw_install.host.locate import HostLocation
from openclaw_install.runtime import skill_watch
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
