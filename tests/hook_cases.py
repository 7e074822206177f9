"""Hook configurations for the tests: a table by hand, a row for each side of a rule, and strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st

from openclaw_install.host.hooks.boot import boot_failures

TOKEN = "k7Zp-2vQx-9mLd-4sRt-8wYb-1nHc-6jGf-3uEa"


def hooks(**fields: Any) -> dict[str, Any]:
    """A `hooks` section that is on and has a good token, with `fields` on top."""
    return {"enabled": True, "token": TOKEN, **fields}


def mapping(key: str | None = None, path: str | None = None, **fields: Any) -> dict[str, Any]:
    """A mapping with a session key and a path to match."""
    match = {} if path is None else {"match": {"path": path}}
    return {**match, **({} if key is None else {"sessionKey": key}), "messageTemplate": "x", **fields}


@dataclass(frozen=True)
class HooksVerdict:
    """The first rule under `hooks` that stops a start; nothing but `ok` where none does."""

    ok: bool
    rule: str | None = None
    message: str | None = None
    path: str | None = None
    key: str = ""


def boot_verdict(config: Mapping[str, Any], **known: Any) -> HooksVerdict:
    """What the rules under `hooks` say of a start; `known` as of `boot_failures`."""
    for first in boot_failures(config, **known):
        return HooksVerdict(False, first.rule, first.message, first.path, first.key)
    return HooksVerdict(True)


class BootCase(NamedTuple):
    """One row: what is special, the `hooks` section, the rule that stops it."""

    name: str
    hooks: Any
    rule: str | None


_B = "hooks.boot."
_GMAIL = {"presets": ["gmail"]}
BOOT_CASES = (
    BootCase("off with everything wrong", {"enabled": False, "token": " ", "path": "/"}, None),
    BootCase("on without a token", {"enabled": True}, _B + "token_missing"),
    BootCase("a token of white space", hooks(token=" \t\u00a0"), _B + "token_missing"),
    BootCase("a token of one character", hooks(token="x"), None),
    BootCase("a token that is a separator to Python only", hooks(token="\x1f"), None),
    BootCase("the root path", hooks(path="/"), _B + "path_root"),
    BootCase("the root path between spaces", hooks(path="  /  "), _B + "path_root"),
    BootCase("two slashes, which make an empty path", hooks(path="//"), None),
    BootCase("a path without its slash and with two behind", hooks(path="in/hooks//"), None),
    BootCase("a blank path", hooks(path="   "), None),
    BootCase(
        "a default key under a prefix, in another case",
        hooks(defaultSessionKey=" Hook:Ingress ", allowedSessionKeyPrefixes=[" HOOK:IN "]),
        None,
    ),
    BootCase(
        "a default key under no prefix",
        hooks(defaultSessionKey="im:x", allowedSessionKeyPrefixes=["hook:"]),
        _B + "default_key_outside_prefixes",
    ),
    BootCase(
        "a default key and an empty list", hooks(defaultSessionKey="im", allowedSessionKeyPrefixes=[]), None
    ),
    BootCase(
        "prefixes without hook: and no default key",
        hooks(allowedSessionKeyPrefixes=["hook:im:"]),
        _B + "prefixes_exclude_hook",
    ),
    BootCase(
        "a blank default key does not count",
        hooks(allowedSessionKeyPrefixes=["feishu:"], defaultSessionKey="  "),
        _B + "prefixes_exclude_hook",
    ),
    BootCase("a prefix that the probe key has by chance", hooks(allowedSessionKeyPrefixes=["hook:ex"]), None),
    BootCase("prefixes that are all blank", hooks(allowedSessionKeyPrefixes=["", "  "]), None),
    BootCase("the gmail preset alone", hooks(**_GMAIL), _B + "templated_mapping_without_prefixes"),
    BootCase("the gmail preset with hook:", hooks(**_GMAIL, allowedSessionKeyPrefixes=["hook:"]), None),
    BootCase(
        "the gmail preset with blank prefixes",
        hooks(**_GMAIL, allowedSessionKeyPrefixes=[" "]),
        _B + "templated_mapping_without_prefixes",
    ),
    BootCase("a preset in the wrong case", hooks(presets=["Gmail", " gmail"]), None),
    BootCase(
        "the gmail preset behind its own path", hooks(**_GMAIL, mappings=[mapping("a", "/gmail/")]), None
    ),
    BootCase(
        "the gmail preset behind the path for one source",
        hooks(**_GMAIL, mappings=[mapping("a", match={"path": "gmail", "source": "s"})]),
        _B + "templated_mapping_without_prefixes",
    ),
    BootCase(
        "a template behind a mapping for everything", hooks(mappings=[mapping("a"), mapping("{{b}}")]), None
    ),
    BootCase(
        "a template before a mapping for everything",
        hooks(mappings=[mapping("hook:{{b}}"), mapping("a")]),
        _B + "templated_mapping_without_prefixes",
    ),
    BootCase("braces that are no template", hooks(mappings=[mapping("hook:{{}}:{x}")]), None),
    BootCase("a name that objects inherit", hooks(presets=["constructor"]), _B + "preset_invalid"),
    BootCase(
        "a payload key that is forbidden",
        hooks(mappings=[mapping(forEach="__proto__")]),
        _B + "mapping_invalid",
    ),
    BootCase(
        "a forbidden payload key between spaces",
        hooks(mappings=[mapping(forEach=" prototype ")]),
        _B + "mapping_invalid",
    ),
    BootCase(
        "an entry that no reader of objects sees",
        hooks(internal={"entries": {"__proto__": {"enabled": "x"}}}),
        None,
    ),
    BootCase(
        "a transforms folder above its place",
        hooks(transformsDir="../up", mappings=[mapping()]),
        _B + "transforms_dir_outside",
    ),
    BootCase("a transforms folder outside, unused", hooks(transformsDir="../up"), None),
    BootCase("a token that is a number", hooks(token=123), _B + "schema"),
    BootCase("an unknown key", hooks(tokens="x"), _B + "schema"),
    BootCase("prefixes that are a string", hooks(allowedSessionKeyPrefixes="hook:"), _B + "schema"),
    BootCase(
        "off, with an agent that is a number", {"enabled": False, "allowedAgentIds": [1]}, _B + "schema"
    ),
    BootCase("a retired key, which the gateway takes away itself", hooks(maxBodyBytes=5), None),
)

# What a gateway really starts with: one row a rule. It asks the same functions that answer for every row.
STARTED = (
    "off with everything wrong",
    "on without a token",
    "the root path between spaces",
    "a default key under no prefix",
    "a blank default key does not count",
    "a template before a mapping for everything",
    "a name that objects inherit",
    "a payload key that is forbidden",
    "a transforms folder above its place",
    "a token that is a number",
)
# As much as fits into one section of what looks wrong and is not.
LOOKS_WRONG = hooks(
    token="${NO_SUCH_VARIABLE}",
    path="in/hooks//",
    defaultSessionKey=" Hook:Ingress ",
    allowedSessionKeyPrefixes=[" HOOK:IN ", "hook:ex"],
    presets=["Gmail", " gmail"],
    mappings=[mapping("hook:{{}}:{x}"), mapping("a"), mapping("hook:{{b}}")],
    maxBodyBytes=5,
)

_TEXTS = st.sampled_from(
    [
        *("", " ", "/", "//", "/hooks/", "\ufeff/", "\u00a0", "\x1f", "*", "x", "main", "gmail"),
        *("hook:", "hook:im:", "Hook:Ex", "hook:gmail:", "agent:", "agent:main:x"),
        *("{{a}}", "hook:{{ a.b }}", "hook:{{}}", "{{{a}}", "a{{b"),
    ]
)
_ODD = st.sampled_from([None, 0, 1.5, True, {}, [], ["x"], {"source": "env", "id": "X"}, "constructor"])


def _fields(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_MATCH = _fields({"path": _TEXTS, "source": _TEXTS})
_MAPPINGS = _fields(
    {
        "match": _MATCH,
        "sessionKey": _TEXTS,
        "agentId": _TEXTS,
        "sessionMode": st.sampled_from(["isolated", "persistent", "other"]),
        "action": st.sampled_from(["wake", "agent"]),
        "forEach": st.sampled_from(["messages", "a.b", "constructor", " ", ""]),
        "transform": st.sampled_from([{"module": "a.js"}, {"module": "../a.js"}, {"module": " "}, {}]),
        "timeoutSeconds": st.sampled_from([1, 2.0, 0, -1, 1.5, "1"]),
        "channel": _TEXTS,
        "deliver": st.booleans(),
    }
)
_GOOD_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "enabled": st.sampled_from([True, True, True, False]),
    "token": st.sampled_from([TOKEN, TOKEN, TOKEN, "g" * 40, "short", " ", ""]),
    "path": st.one_of(_TEXTS, st.just("/hooks")),
    "defaultSessionKey": _TEXTS,
    "allowRequestSessionKey": st.booleans(),
    "allowedSessionKeyPrefixes": st.lists(_TEXTS, max_size=3),
    "allowedAgentIds": st.lists(st.sampled_from(["main", "*", " Ops ", "a b", "", "--"]), max_size=3),
    "presets": st.lists(st.sampled_from(["gmail", "Gmail", "other"]), max_size=2),
}
CLEAN_MAPPINGS = _fields({"match": _MATCH, "sessionKey": _TEXTS, "agentId": _TEXTS})
CLEAN_HOOKS = _fields({**_GOOD_FIELDS, "mappings": st.lists(CLEAN_MAPPINGS, max_size=3)})
ANY_HOOKS = st.one_of(
    CLEAN_HOOKS,
    _fields(
        {
            **{name: st.one_of(good, good, good, _ODD) for name, good in _GOOD_FIELDS.items()},
            "mappings": st.lists(st.one_of(_MAPPINGS, _MAPPINGS, _ODD), max_size=3),
            "transformsDir": st.sampled_from(["", "sub", "..", "../transforms/x", "/abs", "."]),
            "gmail": st.sampled_from([{}, {"maxBytes": 5}, {"maxBytes": 0}, {"x": 1}, {"thinking": "max"}]),
            "internal": st.sampled_from(
                [{}, {"entries": {"a": {"env": {"B": 1}}}}, {"load": {"extraDirs": "x"}}]
            ),
            "extra": st.just(1),
        }
    ),
    _ODD,
)
_ENTRY = st.sampled_from([{}, {"default": True}, {"default": False}])
AGENTS = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {"entries": st.dictionaries(st.sampled_from(["main", "ops", "b"]), _ENTRY, min_size=1, max_size=3)},
        optional={
            "ownership": st.just("explicit"),
            "defaults": st.sampled_from([{}, {"systemAgent": {"agentId": "ops"}}]),
        },
    ),
    st.fixed_dictionaries(
        {
            "list": st.lists(
                st.builds(
                    lambda name, entry: {"id": name, **entry}, st.sampled_from(["main", "ops", "b"]), _ENTRY
                ),
                max_size=3,
                unique_by=lambda entry: str(entry["id"]),
            )
        }
    ),
)
GATEWAYS = st.fixed_dictionaries(
    {"mode": st.just("local")},
    optional={
        "bind": st.sampled_from(["loopback", "lan", "auto"]),
        "auth": _fields(
            {
                "mode": st.sampled_from(["token", "password", "none"]),
                "token": st.sampled_from(["g" * 40, TOKEN, " "]),
                "password": st.sampled_from(["g" * 40, TOKEN]),
            }
        ),
        "remote": _fields({"token": st.sampled_from(["g" * 40]), "password": st.just(TOKEN)}),
    },
)


@st.composite
def configs(draw: st.DrawFn, sections: st.SearchStrategy[Any] = ANY_HOOKS) -> dict[str, Any]:
    """A whole config with a `hooks` section out of `sections`."""
    config: dict[str, Any] = {"gateway": draw(GATEWAYS), "hooks": draw(sections)}
    agents = draw(AGENTS)
    return {**config, "agents": agents} if agents else config
