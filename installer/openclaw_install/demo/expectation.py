"""The demo's assertions, and the one error for a host that behaved otherwise."""

from __future__ import annotations

from openclaw_install.common.errors import InstallError


class StoryError(InstallError):
    """The demo's host did not do what the story says."""

    code = "demo.story"

    def __init__(self, otherwise: str) -> None:
        super().__init__(otherwise, next_step="run the demo again with --verbose and report its output")


def require(held: bool, otherwise: str) -> None:  # noqa: FBT001 - an assertion reads best like this
    """Ends the story with `otherwise`, what happened instead, unless what it tells `held`.

    Raises:
        StoryError: it did not.
    """
    if not held:
        raise StoryError(otherwise)
