"""What can go wrong between this machine and a skill service, as errors that say what to do."""

from __future__ import annotations

from typing import ClassVar

from openclaw_install.common.errors import InstallError

APP_URL = "https://app.staging.mysta.tech"
KEYS_URL = f"{APP_URL}/en/profile#api-keys"


NEXT_STEP_REFUSED = "correct what the service names, and sync again"
NEXT_STEP_UNCONFIRMED = "look at the agent whether it has the skill; --force sends it again"


class SyncError(InstallError):
    """Skills could not be synced, for a reason that concerns the whole run."""

    code = "sync"


class ServiceError(SyncError):
    """One exchange with the service failed.

    Attributes:
        in_doubt: whether the service may have acted on the request all the same.
        passing: whether the same request may well succeed later (busy, broken, out of reach).
        for_all: whether every further request would meet the same end, so that none is worth sending.
        weight: how much it counts towards giving the service up.
    """

    weight: ClassVar[int] = 1
    in_doubt: ClassVar[bool] = False
    passing: ClassVar[bool] = False
    for_all: ClassVar[bool] = False


class KeyRejectedError(ServiceError):
    """401: the key is unknown, expired or revoked. Nothing else may be tried with it."""

    code = "sync.key_rejected"
    for_all = True


class ForbiddenError(ServiceError):
    """403: the key is valid, but not for this."""

    code = "sync.forbidden"


class TooLargeError(ServiceError):
    """413: the service takes no request of this size."""

    code = "sync.too_large"


class UnreachableError(ServiceError):
    """No connection: name, network, TLS or a refused port. Nothing was sent."""

    code = "sync.unreachable"
    passing = True
    for_all = True


class BrokenOffError(ServiceError):
    """The request went out, and no whole answer came back in time."""

    code = "sync.broken_off"
    in_doubt = True
    passing = True


class TimedOutError(ServiceError):
    """The service was silent for as long as a call may take: it is asked for less at once, not again."""

    code = "sync.timed_out"
    in_doubt = True
    weight = 4


class BusyError(ServiceError):
    """429: too many requests, and waiting did not help within bounds."""

    code = "sync.busy"
    passing = True
    for_all = True


class ServerFaultError(ServiceError):
    """5xx: the service itself has trouble."""

    code = "sync.server_fault"
    in_doubt = True
    passing = True


class AnswerError(ServiceError):
    """The answer is not one of a skill service: garbage, too large, of another session."""

    code = "sync.answer"
    in_doubt = True


class UnconfirmedError(AnswerError):
    """The service answered, and the answer says neither yes nor no about what was sent."""

    code = "sync.unconfirmed"


class SessionLostError(ServiceError):
    """404 within a session: the service has forgotten it; a new one is opened once."""

    code = "sync.session_lost"
    passing = True


class SessionRejectedError(SessionLostError):
    """401 after the key was accepted in the same run: a new session is opened once."""


class ToolError(ServiceError):
    """The tool itself refused: nothing of the request was done.

    Attributes:
        reason: the code that the service gave, or an empty string.
    """

    code = "sync.refused"

    def __init__(self, message: str, *, next_step: str, reason: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.reason = reason
