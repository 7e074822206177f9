"""Asks the running gateway what it enforces, without starting anything on it.

The probe is a `POST <hooks.path>/agent` that every OpenClaw refuses before dispatch, and its refusal tells
the live policy. It asks for a persistent session under a key that no prefix admits: the key begins with a
random character from a Unicode private-use plane, so not even a prefix of one character lets it through.
Persistent mode without any prefix is refused as well. The order of the checks is that of OpenClaw's
`createHooksRequestHandler`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from openclaw_install.common.redaction import Secret, redact

if TYPE_CHECKING:
    import httpx

LiveState = Literal[
    "enforced",  # the answer told the session-key policy
    "agent_rule",  # the agent rule refused before the session-key policy was reached
    "token_rejected",  # hooks are on, with another token than the one on disk
    "hooks_off",  # nothing answers under the hooks path
    "starting",  # the gateway is live and takes no hooks yet, or is going down
    "throttled",  # too many bad tokens lately
    "unreachable",  # nothing listens on the port
    "timeout",  # something listens and does not answer in time
    "not_openclaw",  # something else answers on the port
    "token_unsendable",  # the token on disk has characters that no HTTP header can carry
    "no_token",  # there is no token on disk to ask with
]
_PRIVATE_PLANE = 0xF0000
_PRIVATE_PLANE_SIZE = 0xFFFD
_ANSWER_LIMIT = 65536
_SHORTEST_SECRET = 8
_PREFIX_ANSWER = "sessionKey must start with one of: "


@dataclass(frozen=True)
class LivePolicy:
    """What the running gateway enforces, as far as its answer told.

    Attributes:
        state: what kind of answer came.
        port: the TCP port that was asked.
        allow_request_session_key: whether callers may choose the session key; None when it did not say.
        allowed_session_key_prefixes: empty when none are set; None when the answer did not say.
        detail: the gateway's own words, or what went wrong; holds no secret.
        outsider: an agent that the file keeps out and the gateway lets in; None when there is none.
    """

    state: LiveState
    port: int
    allow_request_session_key: bool | None = None
    allowed_session_key_prefixes: tuple[str, ...] | None = None
    detail: str = ""
    outsider: str | None = None

    @property
    def reachable(self) -> bool:
        """Whether an OpenClaw gateway answered at all."""
        return self.state not in {"unreachable", "timeout", "not_openclaw"}


@dataclass(frozen=True)
class GatewayAddress:
    """How to reach the gateway's hook ingress from this machine.

    Attributes:
        port: TCP port on loopback.
        hooks_path: normalised base path of the hooks, such as `/hooks`.
        tls: whether the gateway serves HTTPS.
    """

    port: int
    hooks_path: str = "/hooks"
    tls: bool = False

    @property
    def base(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


class Asker(Protocol):
    """The seam to the running gateway: the real one speaks HTTP, its twin answers from a table."""

    def __call__(
        self, address: GatewayAddress, token: Secret | None, *, agent_id: str | None = None
    ) -> LivePolicy: ...


def ask_gateway(
    address: GatewayAddress, token: Secret | None, *, agent_id: str | None = None, timeout: float = 5.0
) -> LivePolicy:
    """Sends the health check and the probe, and reads at most 64 KiB of each answer.

    Args:
        address: where the gateway should be.
        token: the hook token on disk; None asks for health only.
        agent_id: sent along where several agents are configured, because their rule is checked first.
        timeout: seconds for all of it, however slowly the other side drips.
    """
    import asyncio

    import httpx

    port = address.port
    try:
        return asyncio.run(asyncio.wait_for(_ask(address, token, agent_id), timeout))
    except httpx.ConnectError:
        return LivePolicy("unreachable", port, detail=f"nothing listens on 127.0.0.1:{port}")
    except (httpx.TimeoutException, TimeoutError):
        return LivePolicy("timeout", port, detail=f"no answer within {timeout:g} s")
    except httpx.HTTPError as error:
        return LivePolicy("not_openclaw", port, detail=f"the answer was no HTTP: {type(error).__name__}")


async def _ask(address: GatewayAddress, token: Secret | None, agent_id: str | None) -> LivePolicy:
    import httpx

    from openclaw_install.common.http_client import http_client

    # Loopback only: a self-signed certificate of the gateway's own is what TLS means here.
    async with http_client(httpx.AsyncClient, address.base, any_certificate=True, timeout=None) as client:
        status, _, text = await fetch(client, httpx.Request("GET", f"{address.base}/healthz"))
        if not (status == 200 and _is_health(text)):
            return LivePolicy("not_openclaw", address.port, detail=f"GET /healthz answered {status}")
        if token is None:
            return LivePolicy("no_token", address.port, detail="no hook token on disk to ask with")
        if not is_sendable(token):
            return LivePolicy(
                "token_unsendable", address.port, detail="no HTTP header can carry the hook token"
            )
        url = f"{address.base}{address.hooks_path}/agent"
        bearer = {"Authorization": f"Bearer {token.reveal()}"}
        request = httpx.Request("POST", url, json=_probe_body(agent_id), headers=bearer)
        status, _, text = await fetch(client, request)
        return _without(token, read_answer(status, text, address.port))


def _without(token: Secret, live: LivePolicy) -> LivePolicy:
    """The policy as it may be shown: whatever listens there may have sent the token back."""
    if token.length < _SHORTEST_SECRET:
        return live  # every answer may hold it by chance, `hook` say; and it is a finding of its own
    prefixes = (
        None
        if live.allowed_session_key_prefixes is None
        else tuple(redact(text, [token]) for text in live.allowed_session_key_prefixes)
    )
    return replace(live, detail=redact(live.detail, [token]), allowed_session_key_prefixes=prefixes)


async def fetch(client: httpx.AsyncClient, request: httpx.Request) -> tuple[int, Mapping[str, str], str]:
    """The status, the headers and the text of an answer of the gateway, of which at most 64 KiB are read.

    Raises:
        httpx.HTTPError: there was none.
    """
    request.extensions["timeout"] = client.timeout.as_dict()
    answer = await client.send(request, stream=True)
    body = b""
    try:
        async for part in answer.aiter_bytes():
            body += part
            if len(body) >= _ANSWER_LIMIT:
                break
    finally:
        await answer.aclose()
    return answer.status_code, answer.headers, body[:_ANSWER_LIMIT].decode("utf-8", "replace")


def is_sendable(token: Secret) -> bool:
    """Whether an HTTP header can carry the token."""
    return re.fullmatch(r"[ -~]+", token.reveal()) is not None


def _probe_body(agent_id: str | None) -> dict[str, Any]:
    import secrets

    key = f"{chr(_PRIVATE_PLANE + secrets.randbelow(_PRIVATE_PLANE_SIZE))}openclaw-install-probe"
    body = {"message": "probe", "sessionMode": "persistent", "sessionKey": key, "deliver": False}
    return {**body, **({"agentId": agent_id} if agent_id else {})}


def json_object(text: str) -> Mapping[str, Any]:
    """The object that an answer's text is; an empty one for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_health(text: str) -> bool:
    document = json_object(text)
    return document.get("ok") is True and "status" in document


_BY_STATUS: Mapping[int, tuple[LiveState, str]] = {
    401: ("token_rejected", "the running gateway has another hook token"),
    404: ("hooks_off", "nothing answers under the hooks path"),
    503: ("starting", "the gateway takes no hooks yet: it is starting or going down"),
    429: ("throttled", "too many bad tokens in the last minute"),
}


def read_answer(status: int, text: str, port: int) -> LivePolicy:
    """What the gateway's answer to the probe means (pure).

    Args:
        status: the HTTP status.
        text: the body.
        port: the TCP port that was asked.
    """
    if status in _BY_STATUS:
        state, detail = _BY_STATUS[status]
        return LivePolicy(state, port, detail=detail)
    error = json_object(text).get("error")
    detail = re.sub(r"[\x00-\x1f\x7f]", " ", error) if isinstance(error, str) else ""
    if status != 400 or not detail:
        return LivePolicy("not_openclaw", port, detail=f"the hooks path answered {status}")
    if detail.startswith(_PREFIX_ANSWER):
        prefixes = tuple(part for part in detail.removeprefix(_PREFIX_ANSWER).split(", ") if part)
        return LivePolicy(
            "enforced",
            port,
            allow_request_session_key=True,
            allowed_session_key_prefixes=prefixes,
            detail=detail,
        )
    if detail.startswith("sessionKey is disabled"):
        return LivePolicy("enforced", port, allow_request_session_key=False, detail=detail)
    if "allowedSessionKeyPrefixes is required" in detail:
        return LivePolicy(
            "enforced", port, allow_request_session_key=True, allowed_session_key_prefixes=(), detail=detail
        )
    return LivePolicy("agent_rule" if "agent" in detail.lower() else "not_openclaw", port, detail=detail)


def wait_for_policy(
    ask: Callable[[], LivePolicy],
    wanted: Callable[[LivePolicy], bool],
    *,
    patient: bool = True,
    timeout: float = 15.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[LivePolicy, bool]:
    """Asks again and again, ever more slowly, until the running policy is the wanted one.

    The pauses double from 0.2 s: a new token is refused until the gateway has reloaded, and 20 refusals
    within a minute would lock honest senders out.

    Args:
        ask: asks once.
        wanted: tells whether an answer is the wanted one.
        patient: keep asking while no gateway answers; False gives up at the first such answer.
        timeout: seconds in all, besides the last question's own time.
        sleep: waits.
        clock: monotonic seconds.

    Returns:
        The last answer, and whether it was the wanted one within `timeout` seconds.
    """
    deadline = clock() + timeout
    pause = 0.2
    while True:
        policy = ask()
        if wanted(policy):
            return policy, True
        left = deadline - clock()
        if left <= 0 or policy.state == "throttled" or not (patient or policy.reachable):
            return policy, False
        sleep(min(pause, left))
        pause *= 2
