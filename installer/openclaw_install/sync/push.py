"""Sends skills to one agent: the intent into the ledger, the request, the outcome into the ledger.

A batch that fails as a whole is halved until the bad skill stands alone. A skill for which an answer says
neither yes nor no is sent once more by itself, and is unconfirmed after that. When the service itself fails
again and again, the rest stays unsent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from openclaw_install.common.clock import wall_time
from openclaw_install.common.errors import InstallError
from openclaw_install.sync.errors import (
    ServiceError,
    TooLargeError,
    ToolError,
    UnconfirmedError,
)
from openclaw_install.sync.ledger import Ledger
from openclaw_install.sync.service import Outcome, OutcomeKind, SkillService, Upload

MAX_BATCH_BYTES = 1_000_000
MAX_BATCH_SKILLS = 200
_ENTRY_FRAME = len('{"name":,"content":},')


def batches(
    uploads: Sequence[Upload], *, max_bytes: int = MAX_BATCH_BYTES, max_skills: int = MAX_BATCH_SKILLS
) -> Iterator[tuple[Upload, ...]]:
    """The uploads in their order, in groups whose JSON is at most `max_bytes`; a larger one goes alone."""
    group: list[Upload] = []
    size = 0
    for upload in uploads:
        weight = json_bytes(upload)
        if group and (size + weight > max_bytes or len(group) == max_skills):
            yield tuple(group)
            group, size = [], 0
        group.append(upload)
        size += weight
    if group:
        yield tuple(group)


def json_bytes(upload: Upload) -> int:
    """The bytes that one skill takes in a request."""
    texts = (json.dumps(text, ensure_ascii=False) for text in (upload.name, upload.content))
    return _ENTRY_FRAME + sum(len(text.encode()) for text in texts)


def halves(uploads: Sequence[Upload]) -> tuple[tuple[Upload, ...], tuple[Upload, ...]]:
    """Two parts of a batch, to find out which of them is the trouble."""
    middle = (len(uploads) + 1) // 2
    return tuple(uploads[:middle]), tuple(uploads[middle:])


_T = TypeVar("_T")
_MOST_FAILURES_IN_A_ROW = 10
_IN_FLIGHT = 2


class Aside(Protocol):
    """Does some work, elsewhere or on the spot, and gives its result."""

    async def __call__(self, work: Callable[[], _T], /) -> _T: ...


async def on_the_spot(work: Callable[[], _T], /) -> _T:
    """Does the work here and now."""
    return work()


class Push:
    """One run's uploads to one agent.

    Args:
        service: the far side.
        ledger: where intents and outcomes go.
        endpoint: the key of the ledger's rows.
        agent_id: the agent.
        progress: called with the number of uploads that were just settled.
        clock: seconds since the epoch.
        aside: does what touches the ledger; a run that nobody else waits for does it on the spot.
    """

    def __init__(
        self,
        service: SkillService,
        ledger: Ledger,
        endpoint: str,
        agent_id: str,
        progress: Callable[[int], None] = lambda _count: None,
        clock: Callable[[], float] = wall_time,
        aside: Aside = on_the_spot,
    ) -> None:
        self._service = service
        self._ledger = ledger
        self._endpoint = endpoint
        self._agent = agent_id
        self._progress = progress
        self._clock = clock
        self._aside = aside
        self._unclear: set[str] = set()
        self._sent: dict[str, Outcome] = {}
        self._in_a_row = 0
        self.stopped: ServiceError | None = None

    async def run(self, uploads: Sequence[Upload], repeats: Collection[str] = ()) -> tuple[Outcome, ...]:
        """Sends all of them; the results are in their order.

        Args:
            uploads: what to send.
            repeats: skills that met an unclear answer before: they are sent alone, and not repeated again.

        Raises:
            FileError: the ledger cannot be written. What was acknowledged but not recorded goes up again.
        """
        self._unclear.update(repeats)
        slots = asyncio.Semaphore(_IN_FLIGHT)

        async def send(group: tuple[Upload, ...]) -> None:
            async with slots:
                await self._group(group)

        try:
            async with asyncio.TaskGroup() as tasks:
                alone = [(upload,) for upload in uploads if upload.name in self._unclear]
                together = [upload for upload in uploads if upload.name not in self._unclear]
                for group in (*batches(together), *alone):
                    tasks.create_task(send(group))
        except* InstallError as errors:
            raise errors.exceptions[0] from None
        return tuple(self._sent[upload.name] for upload in uploads)

    async def _group(self, group: tuple[Upload, ...]) -> None:
        if self.stopped is not None:
            self._settle([self._unsent(upload, self.stopped) for upload in group])
        elif len(group) == 1:
            await self._single(group[0])
        else:
            await self._batch(group)

    async def _batch(self, group: tuple[Upload, ...]) -> None:
        attempts = await self._begin(group)
        try:
            answer = await self._service.sync_batch(self._agent, group)
        except UnconfirmedError:
            answer = {}
        except ServiceError as error:
            await self._failed(group, attempts, error)
            for part in halves(group):
                await self._group(part)
            return
        self._in_a_row = 0
        named = [upload for upload in group if upload.name in answer]
        unnamed = [upload for upload in group if upload.name not in answer]
        await self._record([(upload, attempts[upload.name], answer[upload.name]) for upload in named])
        if unnamed:
            reason = "the answer to a batch does not say whether it was stored"
            rows = [(attempts[upload.name], "unclear", UnconfirmedError.code, reason) for upload in unnamed]
            await self._aside(lambda: self._ledger.fail(rows, self._clock()))
            self._unclear.update(upload.name for upload in unnamed)
        for upload in unnamed:
            await self._group((upload,))

    async def _single(self, upload: Upload) -> None:
        attempts = await self._begin([upload])
        try:
            outcome = await self._service.sync_skill(self._agent, upload)
        except UnconfirmedError as error:
            await self._unconfirmed(upload, attempts[upload.name], error)
            return
        except ServiceError as error:
            await self._failed([upload], attempts, error)
            refused = isinstance(error, ToolError | TooLargeError)
            kind: OutcomeKind = "refused" if refused else "failed" if error.in_doubt else "not_sent"
            code, detail = error.error_code, error.message
            self._settle([Outcome(upload.name, kind, None, code, detail, error.next_step)])
            return
        self._in_a_row = 0
        await self._record([(upload, attempts[upload.name], outcome)])

    async def _unconfirmed(self, upload: Upload, attempt: int, error: UnconfirmedError) -> None:
        """Records an answer that says neither yes nor no, and repeats the upload once."""
        self._in_a_row = 0
        rows = [(attempt, "unclear", error.error_code, error.message)]
        await self._aside(lambda: self._ledger.fail(rows, self._clock()))
        if upload.name not in self._unclear:
            self._unclear.add(upload.name)
            await self._group((upload,))
            return
        self._settle(
            [Outcome(upload.name, "unconfirmed", None, error.error_code, error.message, error.next_step)]
        )

    async def _begin(self, uploads: Sequence[Upload]) -> Mapping[str, int]:
        return await self._aside(
            lambda: self._ledger.begin(self._endpoint, self._agent, uploads, self._clock())
        )

    async def _failed(
        self, group: Sequence[Upload], attempts: Mapping[str, int], error: ServiceError
    ) -> None:
        """Records a request that failed as a whole, and decides whether to go on."""
        outcome = "doubtful" if error.in_doubt else "refused" if isinstance(error, ToolError) else "unsent"
        rows = [(attempts[upload.name], outcome, error.error_code, error.message) for upload in group]
        await self._aside(lambda: self._ledger.fail(rows, self._clock()))
        self._in_a_row = 0 if isinstance(error, ToolError | TooLargeError) else self._in_a_row + error.weight
        if error.for_all or self._in_a_row >= _MOST_FAILURES_IN_A_ROW:
            self.stopped = error

    async def _record(self, settled: Sequence[tuple[Upload, int, Outcome]]) -> None:
        now = self._clock()
        good = [
            (upload, attempt, outcome.detail)
            for upload, attempt, outcome in settled
            if outcome.kind == "acknowledged"
        ]
        bad = [
            (a, "refused", outcome.code, outcome.detail)
            for _, a, outcome in settled
            if outcome.kind == "refused"
        ]
        await self._aside(lambda: self._ledger.acknowledge(self._endpoint, self._agent, good, now))
        if bad:
            await self._aside(lambda: self._ledger.fail(bad, now))
        self._settle([outcome for _, _, outcome in settled])

    def _settle(self, results: Sequence[Outcome]) -> None:
        for result in results:
            self._sent[result.skill] = result
        self._progress(len(results))

    @staticmethod
    def _unsent(upload: Upload, error: ServiceError) -> Outcome:
        return Outcome(upload.name, "not_sent", None, error.error_code, error.message, error.next_step)
