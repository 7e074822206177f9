"""`${NAME}` and `~` in the config: where OpenClaw takes the values from, and what it makes of those it lacks.

Source: OpenClaw 2026.9.6 (`env-substitution`, `config-env-vars`, `dotenv-global-core`,
`normalizeConfigPaths`). Two sources are left
out because they belong to the gateway's own process: the `.env` of its working folder and the login shell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_install.host.config.paths import KeyPath
from openclaw_install.host.home import home_folder, user_path
from openclaw_install.host.javascript import trim

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
_HOME = re.compile(r"~(?=$|[\\/])")
_PATH_KEY = re.compile(r"(?:dir|path|paths|file|root|workspace)\Z", re.IGNORECASE)
_LIST_KEYS = frozenset({"paths", "pathPrepend"})
# Names that OpenClaw never takes from the config's own `env` block, as they steer programs that it starts:
# its host environment policy and `config-env-vars`; a test holds the two together.
_LISTED = """
    ALL_PROXY AMQP_URL ANSIBLE_CALLBACK_PLUGINS ANSIBLE_COLLECTIONS_PATH ANSIBLE_CONFIG
    ANSIBLE_CONNECTION_PLUGINS ANSIBLE_FILTER_PLUGINS ANSIBLE_INVENTORY_PLUGINS ANSIBLE_LIBRARY
    ANSIBLE_LOOKUP_PLUGINS ANSIBLE_MODULE_UTILS ANSIBLE_REMOTE_TEMP ANSIBLE_ROLES_PATH
    ANSIBLE_STRATEGY_PLUGINS ANT_OPTS AWS_ACCESS_KEY_ID AWS_CONFIG_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_SECRET_ACCESS_KEY AWS_SECURITY_TOKEN AWS_SESSION_TOKEN
    AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AZURE_AUTH_LOCATION AZURE_CLIENT_ID
    AZURE_CLIENT_SECRET BASHOPTS BASH_ENV BROWSER BUNDLE_GEMFILE BUN_CONFIG_REGISTRY BZR_EDITOR
    BZR_PLUGIN_PATH BZR_SSH CARGO_BUILD_RUSTC CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER
    CARGO_BUILD_RUSTDOC CARGO_HOME CATALINA_OPTS CC CFLAGS CGO_CFLAGS CGO_LDFLAGS CLASSPATH
    CMAKE_CXX_COMPILER CMAKE_C_COMPILER CMAKE_TOOLCHAIN_FILE COMPOSER_HOME CONDA_DEFAULT_ENV CONDA_PREFIX
    CONFIG_SHELL CONFIG_SITE CORECLR_PROFILER CORECLR_PROFILER_PATH CPATH CPLUS_INCLUDE_PATH CPP
    CURL_CA_BUNDLE CURL_HOME CXX CXXCPP C_INCLUDE_PATH DATABASE_URL DENO_DIR DOCKER_CERT_PATH DOCKER_CONTEXT
    DOCKER_HOST DOCKER_TLS_VERIFY DOTNET_ADDITIONAL_DEPS DOTNET_STARTUP_HOOKS EDITOR ELIXIR_ERL_OPTIONS
    EMACSLOADPATH ENV ERL_AFLAGS ERL_FLAGS ERL_ZFLAGS EXINIT FCEDIT FPATH GCONV_PATH GEM_HOME GEM_PATH
    GH_TOKEN GITHUB_TOKEN GITLAB_TOKEN GIT_ALLOW_PROTOCOL GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_ASKPASS
    GIT_COMMON_DIR GIT_DIR GIT_EDITOR GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_HOOK_PATH GIT_INDEX_FILE
    GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_PAGER GIT_PROTOCOL_FROM_USER GIT_PROXY_COMMAND
    GIT_SEQUENCE_EDITOR GIT_SSH GIT_SSH_COMMAND GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_SSL_NO_VERIFY
    GIT_TEMPLATE_DIR GIT_WORK_TREE GLIBC_TUNABLES GOENV GOFLAGS GONOPROXY GONOSUMCHECK GONOSUMDB
    GOOGLE_APPLICATION_CREDENTIALS GOPATH GOPRIVATE GOPROXY GRADLE_OPTS GRADLE_USER_HOME GVIMINIT HELM_HOME
    HELM_PLUGINS HGEDITOR HGMERGE HGRCPATH HISTFILE HOME HOSTALIASES HTTPS_PROXY HTTP_PROXY IFS JAVA_OPTS
    JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS JULIA_EDITOR KSH_ENV KUBECONFIG LDFLAGS LESSCLOSE LESSOPEN
    LIBRARY_PATH LUA_CPATH LUA_INIT LUA_INIT_5_1 LUA_INIT_5_2 LUA_INIT_5_3 LUA_INIT_5_4 LUA_PATH MAKE
    MAKEFLAGS MANPAGER MAVEN_OPTS MFLAGS MONGODB_URI MYVIMRC NODE_AUTH_TOKEN NODE_EXTRA_CA_CERTS
    NODE_OPTIONS NODE_PATH NODE_REDIRECT_WARNINGS NODE_REPL_EXTERNAL_MODULE NODE_REPL_HISTORY
    NODE_TLS_REJECT_UNAUTHORIZED NODE_V8_COVERAGE NO_PROXY NPM_TOKEN OBJC_INCLUDE_PATH
    OPENCLAW_ALLOW_OLDER_BINARY_DESTRUCTIVE_ACTIONS OPENCLAW_CONFIG_READONLY OPENCLAW_INCLUDE_ROOTS
    OPENSSL_CONF OPENSSL_ENGINES PACKER_PLUGIN_PATH PAGER PERL5DB PERL5DBCMD PERL5LIB PERL5OPT PHPRC
    PHP_INI_SCAN_DIR PIP_CONFIG_FILE PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_INDEX_URL PIP_PYPI_URL
    PIP_TRUSTED_HOST PROMPT_COMMAND PS4 PYTHONBREAKPOINT PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE
    REDIS_URL REQUESTS_CA_BUNDLE RUBYLIB RUBYOPT RUBYSHELL RUSTC RUSTC_WORKSPACE_WRAPPER RUSTC_WRAPPER
    RUSTDOC RUSTFLAGS RUSTUP_DIST_ROOT RUSTUP_DIST_SERVER RUSTUP_HOME RUSTUP_TOOLCHAIN RUSTUP_UPDATE_ROOT
    R_ENVIRON R_ENVIRON_USER R_LIBS_USER R_PROFILE R_PROFILE_USER SBT_OPTS SHELL SHELLOPTS SSH_ASKPASS
    SSH_AUTH_SOCK SSLKEYLOGFILE SSL_CERT_DIR SSL_CERT_FILE SUDO_ASKPASS SUDO_EDITOR SVN_EDITOR SVN_SSH
    SYSTEMROOT TCLLIBPATH TF_CLI_CONFIG_FILE TF_PLUGIN_CACHE_DIR UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL
    UV_INDEX UV_INDEX_URL UV_PYTHON VAGRANT_VAGRANTFILE VIMINIT VIRTUAL_ENV VISUAL WGETRC WINDIR
    XDG_CACHE_HOME XDG_CONFIG_DIRS XDG_CONFIG_HOME XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR
    XDG_STATE_HOME YARN_RC_FILENAME ZDOTDIR _JAVA_OPTIONS
"""
BLOCKED_NAMES = frozenset(_LISTED.split())
BLOCKED_PREFIXES = (
    "BASH_FUNC_", "CARGO_REGISTRIES_", "DYLD_", "GIT_CONFIG_", "LD_", "NPM_CONFIG_", "TF_VAR_",
)  # fmt: skip
_CARGO_TARGET = re.compile(r"CARGO_TARGET_[A-Z0-9_]+_(?:LINKER|RUNNER)")


@dataclass(frozen=True)
class UnresolvedEnv:
    """A `${NAME}` without a value: OpenClaw leaves it as it is written and calls the feature unavailable."""

    path: KeyPath
    name: str


def gateway_env(config_path: Path, env: Mapping[str, str]) -> dict[str, str]:
    """`env` and what the global dotenv files add to it; the first that names a variable wins.

    Args:
        config_path: its folder is the state folder where `OPENCLAW_STATE_DIR` is not set.
        env: the environment that the gateway would start with.
    """
    merged = dict(env)
    named_state = env.get("OPENCLAW_STATE_DIR", "").strip()
    state = user_path(named_state, home_folder(env)) if named_state else config_path.absolute().parent
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


def is_blocked(name: str) -> bool:
    """Whether OpenClaw ignores `name` in the config's `env` block; case does not count."""
    upper = name.upper()
    return (
        upper in BLOCKED_NAMES
        or upper.startswith(BLOCKED_PREFIXES)
        or _CARGO_TARGET.fullmatch(upper) is not None
    )


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


def with_home(value: Any, home: Path, key: str = "") -> Any:
    """`value` with every path in it that begins with `~` made absolute, as the gateway has it.

    It goes by the name of the key alone, so `hooks.path` and the `path` of a mapping change as well.

    Args:
        value: plain data.
        home: the home folder that OpenClaw uses.
        key: the key under which the value stands; "" at the top and in lists of anything but paths.
    """
    if isinstance(value, str):
        text = trim(value)
        if _HOME.match(text) and (_PATH_KEY.search(key) or key in _LIST_KEYS):
            return os.path.normpath(f"{home}/{text[1:]}")
        return value
    if isinstance(value, list):
        inner = key if key in _LIST_KEYS else ""
        return [with_home(child, home, inner if isinstance(child, str) else "") for child in value]
    if isinstance(value, dict):
        return {name: with_home(child, home, name) for name, child in value.items()}
    return value
