"""Authentication and rate limits of the relay: what is decided before a request's body is read."""

from __future__ import annotations

import base64
import contextlib
import heapq
import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from openclaw_install.common.clock import STEP_SECONDS, Clock, Step
from openclaw_install.hub.rate_limiter import RateLimiter
from openclaw_install.hub.relay.errors import refused, token_refused
from openclaw_install.hub.relay.limits import RelayLimits
from openclaw_install.hub.relay.slots import Slots
from openclaw_install.protocol import tokens
from openclaw_install.protocol.card import AgentCard
from openclaw_install.protocol.did import is_did
from openclaw_install.protocol.errors import TokenError

# What may have been signed, and taken by the process before this one, without being remembered here.
_BEFORE_START = tokens.LIFETIME + 2 * tokens.LEEWAY
_MOST_STRETCHES = 32


@dataclass(frozen=True)
class UnverifiedToken:
    """A token and what it says of itself; nothing is proven.

    Attributes:
        issuer: a DID.
        body_sha256: of the body that it was signed for.
        issued_at: seconds since 1970.
        run: of the relay that it was signed for; None where it names none.
    """

    text: str
    issuer: str
    body_sha256: str
    issued_at: int
    run: str | None = None


class Authenticator:
    """Proves who sent a request, and limits how often.

    Args:
        relay_id: what tokens must be meant for.
        clock: dates tokens, and paces requests by time that only goes forward.
    """

    def __init__(
        self,
        relay_id: str,
        limits: RelayLimits,
        *,
        clock: Clock,
    ) -> None:
        self._relay_id, self._limits, self._monotonic = relay_id, limits, clock.monotonic
        self._guard = ReplayGuard(limits.replay_entries, clock)
        self._requests = RateLimiter(limits.requests_per_second, limits.request_burst)
        self._envelopes = RateLimiter(limits.envelopes_per_second, limits.envelope_burst)
        self._registrations = RateLimiter(limits.registrations_per_second, limits.registration_burst)
        self._unverified = RateLimiter(limits.unproven_per_second, limits.unproven_burst)
        self._unsigned = RateLimiter(limits.junk_per_second, limits.junk_burst)
        self.slots = Slots(limits, monotonic=self._monotonic)

    @property
    def run(self) -> str:
        """The run of the relay that tokens are signed for; another one after a step of the clock."""
        self._guard.now()
        return self._guard.run

    def read_token(self, header: str | None) -> UnverifiedToken:
        """Reads the Authorization header.

        Raises:
            HttpRefusedError: 401: there is no token in it.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != tokens.SCHEME.lower():
            raise refused("unauthorized")
        claims = _claims_of(token)
        issuer, issued_at = claims.get("iss"), claims.get("iat")
        if not isinstance(issuer, str) or not is_did(issuer) or type(issued_at) is not int:
            raise refused("unauthorized")
        run = str(claims["run"]) if "run" in claims else None
        return UnverifiedToken(token, issuer, str(claims.get("bdh")), issued_at, run)

    def verify(self, token: UnverifiedToken, card: AgentCard | None, method: str, path: str) -> None:
        """Proves that the agent signed this request, for the body whose hash the token names, just now.

        Args:
            card: that of the token's issuer; None when it is not registered.
            path: with the query string, as it was sent.

        Raises:
            HttpRefusedError: 401; 429 when the agent asks too often; 503 when no token can be remembered.
        """
        if card is None:
            raise refused("unauthorized")
        request = tokens.RelayRequest(self._relay_id, method, path, token.body_sha256)
        try:
            tokens.verify_token(token.text, card, request, self._guard.now(), _ReplayCheck(self, card.did))
        except TokenError as error:
            raise token_refused(error) from None
        if self._guard.too_old(token.issued_at, token.run):
            raise refused("token_before_start")

    def first_time(self, did: str, token_id: str, expires_at: float) -> bool:
        """Takes one request from the agent's bucket, and remembers the token.

        In this order: what is remembered is then bounded by the rate, whatever an agent sends.
        """
        self._take(self._requests, did, 1)
        return self._guard.first_time(token_id, expires_at)

    def take_envelope(self, did: str) -> None:
        """Takes one envelope from the sender's bucket.

        Raises:
            HttpRefusedError: 429.
        """
        self._take(self._envelopes, did, 1)

    def is_signed_by(self, token: UnverifiedToken, card: AgentCard, method: str, path: str) -> bool:
        """Whether a key that is registered has signed the request; it is neither counted nor remembered."""
        request = tokens.RelayRequest(self._relay_id, method, path, token.body_sha256)
        try:
            tokens.verify_token(token.text, card, request, self._guard.now(), _NoReplayCheck())
        except TokenError:
            return False
        return True

    def take_renewal(self, did: str, size: int) -> None:
        """Takes what a large card costs beyond a request from its agent's bucket.

        Raises:
            HttpRefusedError: 429.
        """
        self._take(self._requests, did, size // self._limits.card_bytes_per_turn)

    def take_registration(self, party: str, size: int) -> None:
        """Takes the registration of a new agent from the bucket of its network address.

        Raises:
            HttpRefusedError: 429.
        """
        self._take(self._registrations, party, 1 + size // self._limits.card_bytes_per_turn)

    @contextlib.contextmanager
    def unverified_card(self, party: str) -> Iterator[UnverifiedCost]:
        """Takes what a card costs that no registered key vouches for; given back where it holds in the end.

        Raises:
            HttpRefusedError: 429: the address has sent too many that did not hold.
        """
        cost = UnverifiedCost(lambda turns: self._take(self._unverified, party, turns))
        cost.add(1)
        yield cost
        self._unverified.give_back(party, cost.taken)

    def sends_too_much_unsigned(self, party: str) -> bool:
        """Counts a request that nobody has signed; whether its address has sent too many."""
        return self._unsigned.take(party, self._monotonic()) is not None

    def _take(self, limiter: RateLimiter, name: str, cost: float) -> None:
        wait = limiter.take(name, self._monotonic(), cost) if cost else None
        if wait is not None:
            raise refused("rate_limited", retry_after=wait)


@dataclass
class UnverifiedCost:
    """What a card without a proof has cost so far."""

    take: Callable[[float], None]
    taken: float = 0.0

    def add(self, turns: float) -> None:
        self.take(turns)
        self.taken += turns


def _claims_of(token: str) -> dict[str, Any]:
    """What a token says. Only what `verify_token` has proven of the same token counts in the end.

    The token library would take it apart as thoroughly as for a verification, which costs as much again.
    """
    parts = token.split(".")
    if len(token) > tokens.MAX_TOKEN_CHARACTERS or len(parts) != 3:
        raise refused("unauthorized")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        raise refused("unauthorized") from None
    if not isinstance(claims, dict):
        raise refused("unauthorized")
    return claims


class _NoReplayCheck:
    """The protocol's `ReplayGuard` where only the signature is asked for."""

    def first_time(self, jti: str, expires_at: float) -> bool:  # noqa: ARG002 - the protocol has them
        return True


@dataclass(frozen=True)
class _ReplayCheck:
    """The protocol's `ReplayGuard` for one agent; it is asked when all else about the token holds."""

    authenticator: Authenticator
    did: str

    def first_time(self, jti: str, expires_at: float) -> bool:
        return self.authenticator.first_time(self.did, jti, expires_at)


class ReplayGuard:
    """Which tokens were used.

    It forgets a token when it has expired, and never earlier: when it is full it refuses instead. What it
    forgets is not accepted again, because a token counts in one *run* only: from the start of the process to
    the first step of the wall clock, from there to the next one, and so on. Within a run the clock goes
    forward, so what has expired stays so. A token that names its run says that by itself. One that does not,
    as older clients sign them, is held against the times that the clock has shown in earlier runs: what
    is dated there may have been used there.

    Args:
        most: tokens that are remembered at once.
        clock: tells the time, and when it was set.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        known = clock.look()
        self._step: Step | None = known.step
        self._last = known.now.wall
        # Tokens have whole seconds. One that was signed in the second of the start may be from before it.
        self._from = int(self._last)
        self._earlier: list[tuple[float, float]] = []
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self.run = _new_run()

    def now(self) -> float:
        """Seconds since 1970; a step of the clock begins another run."""
        known = self._clock.look()
        if known.step is not self._step:
            first = not self._earlier
            self._earlier.append((self._from - (_BEFORE_START if first else 0), self._last + tokens.LEEWAY))
            if len(self._earlier) > _MOST_STRETCHES:
                (start, _), (_, end), *rest = self._earlier
                self._earlier = [(start, max(end, self._earlier[0][1])), *rest]
            self._step, self._from, self.run = known.step, int(known.now.wall), _new_run()
        self._last = known.now.wall
        return self._last

    def too_old(self, issued_at: int, run: str | None) -> bool:
        """Whether a token may have been used in an earlier run.

        Args:
            run: the one that it was signed for, as it says itself.
        """
        self.now()
        if run is not None:
            return run != self.run
        return issued_at < self._from or any(start <= issued_at <= end for start, end in self._earlier)

    def first_time(self, token_id: str, expires_at: float) -> bool:
        """Whether the token is new; it is remembered until `expires_at`.

        Raises:
            HttpRefusedError: 503 `busy`: there is no room to remember it.
        """
        # A step back that is too small to be noticed brings no token back.
        now = self.now() - STEP_SECONDS
        while self._ends and self._ends[0][0] <= now:
            self._seen.discard(heapq.heappop(self._ends)[1])
        if token_id in self._seen:
            return False
        if len(self._seen) >= self._most:
            raise refused("busy", retry_after=30)
        self._seen.add(token_id)
        heapq.heappush(self._ends, (expires_at, token_id))
        return True


def _new_run() -> str:
    return f"run_{secrets.token_hex(8)}"
