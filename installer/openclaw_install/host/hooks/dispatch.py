"""Hands one message to the running gateway as a turn, and reads what its answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from openclaw_install.common.http_client import http_client
from openclaw_install.common.redaction import Secret
from openclaw_install.host.gateway.probe import GatewayAddress, fetch, is_sendable, json_object
from openclaw_install.host.gateway.settings import START

BlockCode = Literal["hooks.token_rejected", "hooks.off", "hooks.policy", "hooks.no_token"]
# Admission takes the gateway at most 15 s, then it answers 503; a slow machine gets twice that.
ANSWER_SECONDS = 30.0
# The gateway closes idle connections after 5 s. One that it closes under a request leaves us in doubt.
_KEEP_SECONDS = 2.0
_ABOUT_THE_REQUEST = ("message", "invalid json", "request body")


@dataclass(frozen=True)
class HookTurn:
    """One turn that is asked for. A repetition must be the same in every field: the gateway's replay cache
    is keyed by all of them.

    Attributes:
        message: the text for the agent.
        session_key: the session to continue.
        idempotency_key: at most 256 characters.
        name: what the turn is called in the gateway's log.
        agent_id: None leaves the choice to the gateway.
    """

    message: str = field(repr=False)
    session_key: str
    idempotency_key: str
    name: str = "PingAgent"
    agent_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The body of `POST <hooks path>/agent`."""
        agent = {"agentId": self.agent_id} if self.agent_id else {}
        return {
            "message": self.message,
            "name": self.name,
            "sessionKey": self.session_key,
            "sessionMode": "persistent",
            "deliver": False,
            **agent,
        }


@dataclass(frozen=True)
class Accepted:
    """The gateway took the turn, or had taken it before under the same key."""

    run_id: str


@dataclass(frozen=True)
class Later:
    """No turn was started; the same request may be taken later.

    Attributes:
        detail: why, in words.
        after: seconds that the gateway asks to wait; None where it does not say.
        everybody: True where no other thread will fare better now (the gateway is down or starting).
        next_step: what helps, where somebody has to act; else it passes by itself.
    """

    detail: str
    after: float | None = None
    everybody: bool = False
    next_step: str = ""


@dataclass(frozen=True)
class Blocked:
    """No turn was started, and none will be until somebody changes the gateway's settings."""

    code: BlockCode
    detail: str


@dataclass(frozen=True)
class Faulty:
    """No turn was started, for a reason that lies in this request or in the agent's own set-up."""

    status: int
    detail: str


@dataclass(frozen=True)
class Unknown:
    """The request went out and no answer came: the turn may run, or may not."""

    detail: str


Outcome: TypeAlias = Accepted | Later | Blocked | Faulty | Unknown


@dataclass(frozen=True)
class HookTarget:
    """Where hook requests go, as the host's config says now."""

    address: GatewayAddress
    token: Secret | None


@dataclass(frozen=True)
class GatewayLife:
    """Which process of the gateway answers.

    Attributes:
        started_at: seconds since the epoch by our clock, as its uptime tells; good to a second or two.
    """

    started_at: float

    def is_same_as(self, other: GatewayLife, tolerance: float = 5.0) -> bool:
        """Whether both are one process. A clock that was set in between makes them differ, which is safe."""
        return abs(self.started_at - other.started_at) <= tolerance


class HookIngress(Protocol):
    """The seam to the gateway's ingress; tests put a loopback server behind the real one instead."""

    async def dispatch(self, target: HookTarget, turn: HookTurn) -> Outcome:
        """Asks for a turn."""
        ...

    async def life(self, target: HookTarget, now: float) -> GatewayLife | None:
        """Which process answers; None where none does, or where it does not tell."""
        ...

    async def aclose(self) -> None:
        """Closes its connections."""
        ...


class HttpHookIngress:
    """The ingress over HTTP on loopback.

    Args:
        answer_seconds: how long to wait for the answer to a request.
    """

    def __init__(self, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        import httpx

        # Loopback only: a self-signed certificate of the gateway's own is what TLS means here.
        self._client = http_client(
            httpx.AsyncClient,
            GatewayAddress(0).base,
            any_certificate=True,
            timeout=httpx.Timeout(answer_seconds, connect=5.0),
            limits=httpx.Limits(keepalive_expiry=_KEEP_SECONDS),
        )

    async def dispatch(self, target: HookTarget, turn: HookTurn) -> Outcome:
        import httpx

        if target.token is None:
            return Blocked("hooks.no_token", "there is no hook token in the config")
        if not is_sendable(target.token):
            return Blocked("hooks.no_token", "no HTTP header can carry the hook token of the config")
        url = f"{target.address.base}{target.address.hooks_path}/agent"
        headers = {
            "Authorization": f"Bearer {target.token.reveal()}",
            "Content-Type": "application/json",
            "Idempotency-Key": turn.idempotency_key,
        }
        body = json.dumps(turn.to_json(), ensure_ascii=False).encode("utf-8", "replace")
        try:
            request = httpx.Request("POST", url, headers=headers, content=body)
            return read_outcome(*await fetch(self._client, request))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            detail = f"nothing listens on 127.0.0.1:{target.address.port}"
            return Later(detail, everybody=True, next_step=START)
        except httpx.HTTPError as error:
            return Unknown(f"no answer: {type(error).__name__}")

    async def life(self, target: HookTarget, now: float) -> GatewayLife | None:
        import httpx

        try:
            request = httpx.Request("GET", f"{target.address.base}/readyz")
            status, _, text = await fetch(self._client, request)
        except httpx.HTTPError:
            return None
        uptime = json_object(text).get("uptimeMs") if status in {200, 503} else None
        if isinstance(uptime, bool) or not isinstance(uptime, int | float):
            return None
        return GatewayLife(now - uptime / 1000)

    async def aclose(self) -> None:
        await self._client.aclose()


_OFF = Blocked("hooks.off", "nothing answers under the hooks path: hooks are off, or it differs")
_BLOCKED: Mapping[int, Blocked] = {
    401: Blocked("hooks.token_rejected", "the running gateway has another hook token"),
    404: _OFF,
    405: _OFF,
}


def read_outcome(status: int, headers: Mapping[str, str], text: str) -> Outcome:
    """What an answer to `POST <hooks path>/agent` means (pure).

    Source: `createHooksRequestHandler` and `createGatewayHookDispatcher` of OpenClaw 2026.9.6. Every answer
    but 200 means that no turn was started: the gateway aborts the start before it answers 503 or 502.
    """
    document = json_object(text)
    detail = _one_line(document.get("error")) or f"HTTP {status}"
    run_id = document.get("runId")
    outcome: Outcome
    if status == 200 and document.get("ok") is True and isinstance(run_id, str) and run_id:
        outcome = Accepted(run_id[:200])
    elif status == 200:
        outcome = Unknown("an answer without a run id")
    elif status in _BLOCKED:
        outcome = _BLOCKED[status]
    elif status == 400 and not detail.lower().startswith(_ABOUT_THE_REQUEST):
        outcome = Blocked("hooks.policy", detail)
    elif status in {408, 409, 425}:
        outcome = Later(detail, _retry_after(headers))
    elif status == 429:
        outcome = Later("the gateway takes no more requests for now", _retry_after(headers), everybody=True)
    elif status == 503:
        # With a run id it is this session that was busy for too long; without, the gateway is not ready.
        outcome = Later(detail, _retry_after(headers), everybody=not isinstance(run_id, str))
    else:
        outcome = Faulty(status, detail)
    return outcome


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "").strip()
    return min(float(value), 3600.0) if re.fullmatch(r"\d{1,6}(\.\d{1,3})?", value) else None


def _one_line(value: Any) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", value)[:300] if isinstance(value, str) else ""
