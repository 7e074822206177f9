"""A gateway that fails as real ones do: dies under a request, before or after the turn, is busy, or slow."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

from tests.collab_rig import Rig, StubGateway, dies

_BEGUN, _CUT, _BUSY, _SLOW = 0.10, 0.18, 0.25, 0.30
_SLOWEST_SECONDS = 1.5
Reply = tuple[int, dict[str, Any]]


class GatewayFaults:
    """Answers in place of a stub gateway; every so many requests with a fault.

    Attributes:
        seen: how often each fault was played.
        on: False lets everything through.
    """

    def __init__(self, gateway: StubGateway, source: random.Random) -> None:
        self.seen: Counter[str] = Counter()
        self.on = True
        self._gateway, self._source, self._lock = gateway, source, threading.Lock()
        gateway.always = self._answer

    def restart(self) -> None:
        """The gateway starts anew: what it would have replayed is forgotten."""
        self._gateway.restart()
        self._gateway.started_at = time.time() - 0.5
        self.seen["gateway restarted, its replays forgotten"] += 1

    def _answer(self, body: dict[str, Any]) -> Reply | None:
        with self._lock:
            drawn = self._source.random() if self.on else 1.0
        if drawn < _BEGUN:
            self.seen["turn begun, answer lost"] += 1
            self._gateway.begin(Rig.gateway_key(body), body)
            dies(body)
        elif drawn < _CUT:
            self.seen["connection cut"] += 1
            dies(body)
        elif drawn < _BUSY:
            self.seen["503"] += 1
            return 503, {"ok": False, "error": "busy"}
        elif drawn < _SLOW:
            self.seen["slow"] += 1
            time.sleep(_SLOWEST_SECONDS * drawn / _SLOW)
        return None
