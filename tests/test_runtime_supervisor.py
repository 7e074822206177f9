"""The runtime with components of every behaviour: each starts, fails, is blocked and reports for itself."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_install.common.errors import ConflictError, FileError, InstallError
from openclaw_install.host.locate import locate
from openclaw_install.runtime import lifecycle
from openclaw_install.runtime.component import Component, Context, Reporter
from openclaw_install.runtime.document import read_status
from openclaw_install.runtime.paths import RuntimePaths
from openclaw_install.runtime.report import RuntimeReport
from tests.runtime_rig import KEY, Bench, bench_in, component, end_here, run_here, steady, stubborn


@pytest.fixture
def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    # What is tested is that it is tried again, and not how long that takes.
    monkeypatch.setattr(lifecycle, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(lifecycle, "LONGEST_PAUSE", 0.02)
    with bench_in(tmp_path, monkeypatch, capsys) as made:
        yield made


def phases(bench: Bench) -> dict[str, str]:
    return {part.name: part.phase for part in bench.document().components}


async def soon(bench: Bench, name: str, phase: str) -> None:
    """Waits until the document tells that a component is in a phase."""
    async with asyncio.timeout(60):
        while phases(bench).get(name) != phase:
            await asyncio.sleep(0.02)


def observer(bench: Bench, *expected: tuple[str, str]) -> Component:
    """A component that ends the runtime when others are as expected."""

    async def run(_context: Context, reporter: Reporter) -> None:
        reporter.ready()
        for name, phase in expected:
            await soon(bench, name, phase)
        end_here()
        await asyncio.Event().wait()

    return component("observer", run)


def test_one_that_crashes_again_and_again_does_not_hold_the_others(bench: Bench) -> None:
    starts = 0

    async def crash(_context: Context, reporter: Reporter) -> None:
        nonlocal starts
        starts += 1
        reporter.ready()
        if starts == 5:
            end_here()
        raise ValueError(f"quotes a secret: {KEY}")

    run_here(bench.location, component("crashing", crash), component("steady", steady))
    events = [line for line in bench.log() if line["event"] == "component_failed"]
    assert starts >= 5
    assert events[0]["component"] == "crashing"
    assert events[0]["error"] == "ValueError"
    assert "crash" in events[0]["where"][-1]
    assert KEY not in bench.places.log.read_text()
    assert not [
        line for line in bench.log() if line.get("component") == "steady" and line["level"] == "error"
    ]
    assert phases(bench) == {"crashing": "stopped", "steady": "stopped"}


def test_while_one_fails_the_others_are_ready(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "FIRST_PAUSE", 50.0)
    monkeypatch.setattr(lifecycle, "LONGEST_PAUSE", 100.0)
    seen = {}

    async def crash(_context: Context, _reporter: Reporter) -> None:
        raise OSError("away")

    async def watch(_context: Context, reporter: Reporter) -> None:
        reporter.ready()
        await soon(bench, "crashing", "failing")
        await soon(bench, "watch", "ready")
        seen["report"] = bench.report
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("crashing", crash), component("watch", watch))
    report = seen["report"]
    assert (report.state, report.ok) == ("failing", False)
    assert report.problem is not None
    assert "crashing" in report.problem.message
    assert (report.components[0].retry_seconds or 0) > 40
    assert report.components[1].phase == "ready"


def test_a_blocked_one_is_tried_again_only_when_its_inputs_change(bench: Bench) -> None:
    tries: list[int] = []
    version = 1

    async def needs_a_key(_context: Context, reporter: Reporter) -> None:
        tries.append(version)
        if version == 1:
            raise ConflictError("the key is rejected", next_step="make another", code="sync.key_rejected")
        reporter.ready()
        end_here()
        await asyncio.Event().wait()

    async def operator(_context: Context, reporter: Reporter) -> None:
        nonlocal version
        reporter.ready()
        await soon(bench, "needy", "blocked")
        await asyncio.sleep(0.2)  # a while in which nothing is to happen
        problem = bench.document().components[0].problem
        assert problem is not None
        assert (problem.code, problem.next_step) == ("sync.key_rejected", "make another")
        version = 2
        await asyncio.Event().wait()

    needy = component("needy", needs_a_key, inputs=lambda _context: version)
    run_here(bench.location, needy, component("operator", operator))
    assert tries == [1, 2]


def test_one_that_is_configured_later_starts_then(bench: Bench) -> None:
    looks = 0

    def configured(_context: Context) -> bool:
        nonlocal looks
        looks += 1
        return looks > 1

    switch = 1

    async def operator(_context: Context, reporter: Reporter) -> None:
        nonlocal switch
        reporter.ready()
        await soon(bench, "later", "off")
        switch = 2
        await soon(bench, "later", "ready")
        end_here()
        await asyncio.Event().wait()

    later = component("later", steady, configured=configured, inputs=lambda _context: switch)
    run_here(bench.location, later, component("operator", operator))
    assert looks == 2


def test_a_configuration_that_is_wrong_blocks_its_component_only(bench: Bench) -> None:
    def configured(_context: Context) -> bool:
        raise FileError("the ledger is damaged", next_step="move it away", code="file.ledger_damaged")

    def inputs(_context: Context) -> object:
        raise OSError("no look")

    broken = component("broken", steady, configured=configured, inputs=inputs)
    run_here(bench.location, broken, observer(bench, ("broken", "blocked")))
    blocked = [line for line in bench.log() if line["event"] == "component_blocked"]
    assert [line["code"] for line in blocked] == ["file.ledger_damaged"]


def test_one_that_ends_by_itself_or_is_cancelled_from_inside_is_started_again(bench: Bench) -> None:
    starts = 0

    async def ends(_context: Context, _reporter: Reporter) -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            raise asyncio.CancelledError
        if starts == 3:
            end_here()

    run_here(bench.location, component("ending", ends))
    errors = [line["error"] for line in bench.log() if line["event"] == "component_failed"]
    assert errors[:2] == ["it ended by itself", "cancelled from inside"]


def test_what_a_component_says_is_in_the_document_and_in_the_log(bench: Bench) -> None:
    seen = []

    async def talks(_context: Context, reporter: Reporter) -> None:
        reporter.figures(sent=3)
        reporter.degraded("it polls")
        reporter.degraded("it polls")
        reporter.figures(waiting=1)
        reporter.event("saved", skill="alpha", component="a liar", level="critical")
        await soon(bench, "talks", "degraded")
        seen.append(bench.document().components[0])
        error = InstallError("the gateway says 401", next_step="mend the token", code="gateway.401")
        reporter.blocked(error)
        await soon(bench, "talks", "blocked")
        reporter.ready("again")
        reporter.ready("again")
        await soon(bench, "talks", "ready")
        seen.append(bench.document().components[0])
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("talks", talks))
    degraded, ready = seen
    assert (degraded.message, dict(degraded.figures)) == ("it polls", {"sent": 3, "waiting": 1})
    assert (ready.message, ready.problem) == ("again", None)
    names = [line["event"] for line in bench.log()]
    assert (names.count("component_degraded"), names.count("component_ready")) == (1, 1)
    saved = next(line for line in bench.log() if line["event"] == "saved")
    assert (saved["component"], saved["level"], saved["skill"]) == ("talks", "info", "alpha")


def test_one_that_does_not_end_is_left_behind_and_the_process_ends(bench: Bench) -> None:
    abandoned = []

    class OutError(Exception):
        pass

    def abandon(code: int) -> None:
        assert code == 0
        abandoned.append(bench.document().phase)
        raise OutError

    released = asyncio.Event()

    async def clings(_context: Context, reporter: Reporter) -> None:
        reporter.ready()
        end_here()
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                # The second time it is the end of the event loop.
                asyncio.get_running_loop().call_later(1.0, released.set)

    with pytest.raises(OutError):
        run_here(bench.location, component("clinging", clings), abandon=abandon, grace_seconds=0.1)
    assert abandoned == ["stopped"]
    left = [line for line in bench.log() if line["event"] == "left_behind"]
    assert left[0]["components"] == ["clinging"]


def test_a_disk_that_is_full_for_a_while_ends_nothing(bench: Bench) -> None:
    seen: list[RuntimeReport] = []

    async def fills(_context: Context, reporter: Reporter) -> None:
        reporter.ready()
        await soon(bench, "fills", "ready")
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        try:
            for number in range(5):
                reporter.event("lost", number=number)
            reporter.figures(full=True)  # there is something to tell, and no way to write it
            await asyncio.sleep(0.3)
            frozen = bench.document().heartbeat
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        reporter.event("written_again")
        async with asyncio.timeout(60):
            while bench.document().heartbeat == frozen or not bench.document().log.dropped_lines:
                await asyncio.sleep(0.02)
        seen.append(bench.report)
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("fills", fills))
    lines = [line for line in bench.log() if line["event"] in ("lines_lost", "lost", "written_again")]
    assert [line["event"] for line in lines] == ["lines_lost", "written_again"]
    assert lines[0]["lines"] >= 5
    assert seen[0].state == "running"
    assert seen[0].log.dropped_lines >= 5


def test_a_second_runtime_is_refused_and_another_host_is_not(bench: Bench, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    refused = []

    async def second(_context: Context, reporter: Reporter) -> None:
        reporter.ready()

        def tries() -> None:
            try:
                run_here(bench.location, component("second", stubborn))
            except ConflictError as error:
                refused.append(error.error_code)

        await asyncio.to_thread(tries)
        end_here()
        await asyncio.Event().wait()

    run_here(bench.location, component("first", second))
    assert refused == ["runtime.already_running"]
    assert RuntimePaths.of(locate({}, state_dir=other)).folder != bench.places.folder


def test_a_state_folder_that_others_can_write_in_is_refused(bench: Bench) -> None:
    bench.places.folder.mkdir(parents=True, mode=0o700)
    bench.places.folder.chmod(0o777)
    with pytest.raises(FileError) as raised:
        run_here(bench.location)
    assert raised.value.error_code == "file.not_private"
    bench.places.folder.chmod(0o700)
    assert read_status(bench.places.status) == "missing"
