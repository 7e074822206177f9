"""The harness in its short form: each run on the real parts, and the judgement that its figures rest on."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chaos.changes import changed
from chaos.harness import RUNS
from chaos.ledger import Receipts
from chaos.result import Result, table
from chaos.size import FULL, SHORT

from tests.support.waiting import until

_ROOT = Path(__file__).parent.parent
_ENVELOPE = json.dumps({"v": 2, "from": "ann", "to": "bob", "routing": {"task_id": "t"}}).encode()


def _start(*words: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chaos", *words],
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(folder), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("run", list(RUNS))
def test_a_short_run_on_the_real_parts_loses_doubles_and_breaks_nothing(run: str, tmp_path: Path) -> None:
    process = _start("--short", "--json", run, folder=tmp_path)
    said, told = process.communicate()
    assert process.returncode == 0, said + told
    document = json.loads(said)
    [result] = document["runs"]
    assert (document["held"], result["run"], result["held"]) == (True, run, True)
    assert result["figures"]
    assert set(result["broken"].values()) == {0}
    assert not list(tmp_path.glob("chaos-*")), "everything that it made is gone"


def test_an_interrupted_run_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    process = _start("--minutes", "60", "load", folder=tmp_path)
    url = urlsplit(until(lambda: _hub_url(tmp_path), "a hub that serves"))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    last = "interrupted; everything that was started has ended"
    assert (process.returncode, told.splitlines()[-1]) == (130, last)
    assert not list(tmp_path.glob("chaos-*"))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname or "", url.port or 0))


def _hub_url(folder: Path) -> str | None:
    """Where the run's hub serves, once it says so."""
    lines = [line for log in folder.glob("chaos-*/hub/hub.log") for line in log.read_text().splitlines()]
    return next((json.loads(line)["url"] for line in lines if '"ready"' in line), None)


@pytest.mark.parametrize("words", [["nonsense"], ["--minutes", "0"], ["--short", "--minutes", "2"]])
def test_what_cannot_be_meant_is_wrong_usage(words: list[str], tmp_path: Path) -> None:
    process = _start(*words, folder=tmp_path)
    process.communicate()
    assert process.returncode == 2


def test_receipts_are_held_against_the_inbox() -> None:
    receipts = Receipts()
    for seq, name in enumerate(("a", "b", "c"), 1):
        receipts.add("bob", name, seq)
    none = {"receipts lost": 0, "moved": 0, "doubled": 0, "gaps": 0}
    assert receipts.against({"bob": [(1, "a"), (2, "b"), (3, "c")]}) == none
    assert receipts.against({"bob": [(1, "a"), (2, "b")]}) == {**none, "receipts lost": 1}
    assert receipts.against({"bob": [(1, "b"), (2, "a"), (3, "c")]}) == {**none, "moved": 2}
    assert receipts.against({"bob": [(1, "a"), (2, "b"), (3, "c"), (4, "c")]}) == {
        **none, "doubled": 1, "moved": 1,
    }  # fmt: skip
    assert receipts.against({"bob": [(1, "a"), (3, "c"), (4, "b")]}) == {**none, "gaps": 1, "moved": 1}
    assert receipts.against({}) == {**none, "receipts lost": 3}
    receipts.add("bob", "a", 9)
    assert receipts.against({"bob": [(1, "a"), (2, "b"), (3, "c")]}) == {**none, "moved": 1}


def test_a_table_says_what_broke() -> None:
    good, bad = (
        Result("load", {"commits": 12_000}, {"lost": 0}),
        Result("kill", {"p50 ms": 1.25}, {"lost": 2}),
    )
    assert (good.held, bad.held) == (True, False)
    assert table([good, bad]).splitlines() == [
        "load  commits  12,000",
        "      lost     0",
        "      verdict  held",
        "kill  p50 ms   1.2",
        "      lost     2  BROKEN",
        "      verdict  BROKEN",
    ]


def test_the_same_seed_makes_the_same_inputs() -> None:
    def made(seed: int) -> list[bytes]:
        source = random.Random(seed)  # noqa: S311 - seeded, so that a run can be repeated
        return [changed(_ENVELOPE, source, _ENVELOPE) for _ in range(300)]

    assert made(1) == made(1)
    assert made(1) != made(2)
    assert len({*made(1)}) > 200


def test_a_shorter_time_makes_all_that_is_counted_less_and_never_nothing() -> None:
    tiny = FULL.scaled(0.0001)
    assert (tiny.kills, tiny.turns, tiny.envelopes, tiny.requests) == (1, 1, 1, 1)
    assert FULL.scaled(1.0) == FULL
    assert SHORT.turns < FULL.turns
