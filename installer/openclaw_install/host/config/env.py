"""`${NAME}` in the config: where OpenClaw takes the values from, and what it makes of those it cannot find.

Source: OpenClaw 2026.9.6 (`env-substitution`, `config-env-vars`, `dotenv-global-core`). Two sources are left
out because they belong to the gateway's own process: the `.env` of its working folder and the login shell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.host.config.env_blocked import is_blocked
from openclaw_install.host.config.paths import KeyPath

_TOKEN = re.compile(r"\$(\$?)\{([A-Z_][A-Z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTENV_LIMIT = 1_048_576
# The grammar of the npm package `dotenv`, which OpenClaw uses.
_DOTENV_LINE = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)"
    r"(\s*'(?:\\'|[^'])*'|\s*\"(?:\\\"|[^\"])*\"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$",
    re.MULTILINE,
)
_QUOTED = re.compile(r"""^(['"`])([\s\S]*)\1$""", re.MULTILINE)


@dataclass(frozen=True)
class UnresolvedEnv:
    """A `${NAME}` without a value: OpenClaw leaves it as it is written and calls the feature unavailable."""

    path: KeyPath
    name: str


def home_folder(env: Mapping[str, str]) -> Path:
    """The home that OpenClaw uses: `OPENCLAW_HOME`, `HOME`, `USERPROFILE`, else the account's own."""
    for name in ("OPENCLAW_HOME", "HOME", "USERPROFILE"):
        value = env.get(name, "").strip()
        if value and value not in ("undefined", "null"):
            return Path(value).expanduser().absolute()
    return Path.home()


def expand_home(text: str, env: Mapping[str, str]) -> Path:
    """`~` and `~/...` against OpenClaw's home; anything else as an absolute path."""
    trimmed = text.strip()
    if trimmed == "~" or trimmed.startswith("~/"):
        return home_folder(env) / trimmed[2:]
    return Path(trimmed).absolute()


def gateway_env(config_path: Path, env: Mapping[str, str]) -> dict[str, str]:
    """`env` and what the global dotenv files add to it; the first that names a variable wins.

    Args:
        config_path: its folder is the state folder where `OPENCLAW_STATE_DIR` is not set.
        env: the environment that the gateway would start with.
    """
    merged = dict(env)
    named_state = env.get("OPENCLAW_STATE_DIR", "").strip()
    state = expand_home(named_state, env) if named_state else config_path.absolute().parent
    files = [state / ".env"]
    if "OPENCLAW_STATE_DIR" not in env or state == home_folder(env) / ".openclaw":
        files.append(home_folder(env) / ".config" / "openclaw" / "gateway.env")
    for file in files:
        for name, value in read_dotenv(file).items():
            merged.setdefault(name, value)
    return merged


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a dotenv file; none when it is missing, unreadable or over 1 MiB, as in OpenClaw."""
    try:
        if not path.is_file() or path.stat().st_size > _DOTENV_LIMIT:
            return {}
        return parse_dotenv(path.read_bytes().decode("utf-8", "replace"))
    except OSError:
        return {}


def parse_dotenv(text: str) -> dict[str, str]:
    """Dotenv text to variables: `export`, quotes, comments, `\\n` in double quotes; nothing is expanded."""
    found: dict[str, str] = {}
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for match in _DOTENV_LINE.finditer(text):
        value = (match[2] or "").strip()
        double = value.startswith('"')
        value = _QUOTED.sub(r"\2", value)
        if double:
            value = value.replace("\\n", "\n").replace("\\r", "\r")
        if _NAME.fullmatch(match[1]):
            found[match[1]] = value
    return found


def with_config_env(env: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    """`env` and the config's own `env` block, which fills in what is missing or blank."""
    merged = dict(env)
    block = config.get("env")
    if isinstance(block, Mapping):
        entries: dict[str, str] = {}
        listed = block.get("vars")
        for source in (listed if isinstance(listed, Mapping) else {}, block):
            for raw_name, value in source.items():
                name = raw_name.strip()
                if source is block and raw_name in ("vars", "shellEnv"):
                    continue
                if isinstance(value, str) and _is_usable(name, value):
                    entries[name] = value
        for name, value in entries.items():
            if not merged.get(name, "").strip():
                merged[name] = value
    if not merged.get("ZAI_API_KEY", "").strip() and merged.get("Z_AI_API_KEY", "").strip():
        merged["ZAI_API_KEY"] = merged["Z_AI_API_KEY"]
    return merged


def _is_usable(name: str, value: str) -> bool:
    usable = _NAME.fullmatch(name) and value.strip() and not is_blocked(name)
    return bool(usable and not references(value))


def references(text: str) -> frozenset[str]:
    """The names of the variables that a text of the file refers to; `$${NAME}` is no reference."""
    return frozenset(match[2] for match in _TOKEN.finditer(text) if not match[1])


def substitute(
    value: Any, env: Mapping[str, str], path: KeyPath = ()
) -> tuple[Any, tuple[UnresolvedEnv, ...]]:
    """`value` with every `${NAME}` in its strings replaced, and those that have no value.

    Names are upper case; `$${NAME}` stands for the text `${NAME}`; an empty variable counts as missing.
    """
    missing: list[UnresolvedEnv] = []

    def visit(current: Any, place: KeyPath) -> Any:
        if isinstance(current, str):
            return _TOKEN.sub(lambda match: one(match, place), current) if "$" in current else current
        if isinstance(current, dict):
            return {key: visit(child, (*place, key)) for key, child in current.items() if key != "__proto__"}
        if isinstance(current, list):
            return [visit(child, (*place, index)) for index, child in enumerate(current)]
        return current

    def one(match: re.Match[str], place: KeyPath) -> str:
        escaped, name = match.groups()
        if escaped:
            return f"${{{name}}}"
        if not env.get(name):
            missing.append(UnresolvedEnv(place, name))
            return match[0]
        return env[name]

    return visit(value, path), tuple(missing)
