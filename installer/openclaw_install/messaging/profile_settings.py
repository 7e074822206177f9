"""How one agent reaches other agents: its relay, and the hub that ships with us where that is the relay."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.common.errors import ConfigError, UsageError
from openclaw_install.common.files import (
    PRIVATE_FILE,
    file_error,
    make_private_folder,
    read_if_exists,
    write_atomic,
)
from openclaw_install.common.jsonable import jsonable
from openclaw_install.common.web_address import normalised_address
from openclaw_install.protocol.errors import ProtocolError
from openclaw_install.protocol.profile import ProfilePaths
from openclaw_install.protocol.shape import integer, only, text

URL_VARIABLE = "PINGAGENT_SERVER_URL"
_MOST_BYTES = 65_536
_ABSOLUTE = re.compile("/.*", re.DOTALL)
_ADDRESS = re.compile("https?://.*", re.DOTALL)
_ANY = re.compile(".+", re.DOTALL)


@dataclass(frozen=True)
class EmbeddedHub:
    """The hub that the runtime runs on this machine."""

    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class ProfileSettings:
    """What the operator agreed to (`schemas/pingagent-settings.schema.json`).

    Attributes:
        server_url: the relay.
        agreed_at: when, ISO 8601.
        hub: the hub that is to run here; None where the relay is somebody else's.
    """

    server_url: str
    agreed_at: str
    hub: EmbeddedHub | None = None


def settings_path(paths: ProfilePaths) -> Path:
    """The file beside the identity."""
    return paths.folder / "settings.json"


def load_settings(paths: ProfilePaths) -> ProfileSettings | None:
    """What was agreed to for this profile; None where nothing was.

    Raises:
        ConfigError: the file is damaged, or of a newer version.
        FileError: it cannot be read.
    """
    path = settings_path(paths)
    data = read_if_exists(path, _MOST_BYTES)
    if data is None:
        return None
    try:
        return _read(json.loads(data))
    except (ValueError, RecursionError, UsageError, ProtocolError) as error:
        raise ConfigError(
            f"{path} is damaged",
            next_step=f"move it away, and connect again: openclaw-install, with {URL_VARIABLE} or --with-hub",
            code="pingagent.settings_damaged",
        ) from error


def _read(document: Any) -> ProfileSettings:
    """What the document says; as its schema has it, without the tenth of a second that `jsonschema` costs."""
    fields = only(document, "the file", frozenset({"version", "server_url", "agreed_at", "hub"}))
    integer(1, 1).read("version", fields["version"])
    hub = None
    if fields["hub"] is not None:
        place = only(fields["hub"], "hub", frozenset({"data", "port"}))
        data = text(_ABSOLUTE).read("data", place["data"])
        hub = EmbeddedHub(Path(data), integer(1, 65535).read("port", place["port"]))
    url = _checked(text(_ADDRESS).read("server_url", fields["server_url"]))
    return ProfileSettings(url, text(_ANY).read("agreed_at", fields["agreed_at"]), hub)


def save_settings(paths: ProfilePaths, settings: ProfileSettings) -> Path:
    """Writes the settings, mode 0600.

    Raises:
        FileError: it cannot be written.
    """
    path = settings_path(paths)
    make_private_folder(path.parent)
    document = json.dumps({"version": 1, **jsonable(settings)}, indent=2) + "\n"
    write_atomic(path, document.encode(), mode=PRIVATE_FILE)
    return path


def forget_settings(paths: ProfilePaths) -> Path | None:
    """Removes the settings; the path, or None where there were none.

    Raises:
        FileError: it cannot be removed.
    """
    path = settings_path(paths)
    try:
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise file_error(error, path, "remove") from error
    return path


def server_url(env: Mapping[str, str], paths: ProfilePaths) -> str | None:
    """The relay: `PINGAGENT_SERVER_URL`, else what was agreed to; None without one.

    Raises:
        UsageError: the variable holds no usable address.
        ConfigError, FileError: the settings cannot be read.
    """
    given = env.get(URL_VARIABLE, "").strip()
    if given:
        return _checked(given)
    settings = load_settings(paths)
    return None if settings is None else settings.server_url


def _checked(url: str) -> str:
    try:
        return normalised_address(url).rstrip("/")
    except ValueError as error:
        raise UsageError(
            f"the relay's address {error}",
            next_step=f"set {URL_VARIABLE} to an https address, or to one on this machine",
            code="usage.relay_address",
        ) from None
