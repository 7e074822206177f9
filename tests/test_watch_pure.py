"""The watcher's pure parts: when a save is sent, what waits, when all is looked at, what a path means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_install.sync.watch.change_monitor import silent_mount, unwatched
from openclaw_install.sync.watch.lasting import Lasting
from openclaw_install.sync.watch.source import Change, KnownPaths, Meaning, ignored, meaning
from openclaw_install.sync.watch.timing import BURST_QUIET, LONGEST, QUIET, Debounce, Rhythm
from openclaw_install.sync.watch.upload_queue import REFUSED_PAUSE, UploadQueue

_STEPS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 0.2, allow_nan=False)), min_size=1, max_size=60
)


@given(_STEPS)
def test_every_touch_is_followed_by_its_key_being_due_after_quiet_and_within_half_a_second(
    steps: list[tuple[str, float]],
) -> None:
    debounce = Debounce()
    now, first, last = 0.0, dict[str, float](), dict[str, float]()

    def settle(until: float) -> None:
        while (at := debounce.next_at()) is not None and at <= until:
            for key in debounce.due(at):
                assert at - last.pop(key) <= BURST_QUIET + 1e-9
                assert at - first.pop(key) <= LONGEST + 1e-9

    for key, pause in steps:
        now += pause
        settle(now)
        debounce.touch(key, now)
        first.setdefault(key, now)
        last[key] = now
        assert debounce.due(now - 1.0) == ()
    settle(now + LONGEST)
    assert not first
    assert debounce.next_at() is None


def test_a_single_save_waits_for_a_moment_and_an_endless_one_for_half_a_second() -> None:
    debounce = Debounce()
    debounce.touch("a", 1.0)
    assert debounce.next_at() == pytest.approx(1.0 + QUIET)
    assert debounce.due(1.0 + QUIET) == ("a",)
    handed_over = []
    for millisecond in range(2000, 3000, 5):
        debounce.touch("a", millisecond / 1000)
        handed_over += [millisecond for _ in debounce.due(millisecond / 1000)]
    assert handed_over == [2500]


_QUEUE_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["want", "take", "ok", "failed", "refused", "back", "down", "up", "wake", "expect"]),
        st.sampled_from(["a", "b", "c"]),
        st.floats(0, 5, allow_nan=False),
    ),
    max_size=80,
)


def _end_push(queue: UploadQueue, how: str, name: str, now: float) -> bool:
    """Ends one skill's push, somehow; whether it is still wanted."""
    if how == "failed":
        assert 0.5 <= queue.failed(name, now, 0.5) <= 60
    elif how == "refused":
        queue.refused(name, now)
    elif how == "back":
        queue.back([name])
    else:
        queue.settled(name)
    return how in ("failed", "refused", "back")


@given(_QUEUE_STEPS)
def test_a_lane_loses_no_wish_and_has_one_push_on_its_way(steps: list[tuple[str, str, float]]) -> None:
    queue, away, wanted, now = UploadQueue(), set[str](), set[str](), 0.0
    changes = {"down": lambda: queue.down(now, 0.5), "up": queue.up, "wake": queue.wake}
    for step, name, pause in steps:
        now += pause
        if step == "want":
            queue.add(name, now)
            wanted.add(name)
        elif step == "expect":
            queue.reconcile(wanted)
        elif step == "take":
            taken = set(queue.take(now, 2))
            assert len(taken) <= (0 if away else 2)
            away |= taken
            wanted -= taken
        elif step in changes:
            changes[step]()
        elif name in away:
            away.discard(name)
            if _end_push(queue, step, name, now):
                wanted.add(name)
        assert queue.pending == len(wanted | away)
        assert queue.waiting(now) <= len(wanted)
    queue.back(away)
    queue.up()
    queue.wake()
    assert set(queue.take(now, 99)) == wanted | away


def test_a_newer_save_does_not_wait_for_the_pause_of_an_older_one() -> None:
    queue = UploadQueue()
    queue.add("a", 1.0)
    assert queue.take(1.0, 9) == ("a",)
    assert queue.failed("a", 1.0, 0.0) == 1.0
    assert queue.take(1.5, 9) == ()
    queue.add("a", 1.6)
    assert queue.take(1.6, 9) == ("a",)
    queue.add("a", 1.7)  # while the other is on its way
    assert queue.settled("a") == 1.0  # the oldest save that had not arrived
    assert queue.take(1.7, 9) == ("a",)
    queue.refused("a", 2.0)
    assert queue.next_at() == 2.0 + REFUSED_PAUSE
    assert queue.waiting(2.0) == 1


def test_pauses_grow_to_a_minute_and_differ() -> None:
    queue = UploadQueue()
    pauses = [queue.down(0.0, 0.0) for _ in range(100)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == 60.0
    assert queue.down(0.0, 1.0) == 30.0
    assert queue.up()
    assert not queue.up()


def test_a_look_is_due_each_minute_and_a_jump_is_seen_once() -> None:
    rhythm = Rhythm(60.0)
    assert rhythm.due(5.0)
    rhythm.passed(5.0)
    assert not rhythm.due(64.0)
    assert rhythm.due(65.0)
    assert not rhythm.jumped(5.0, 1000.0)
    assert not rhythm.jumped(6.0, 1001.5)
    assert rhythm.jumped(7.0, 5000.0)
    assert not rhythm.jumped(8.0, 5001.0)
    assert rhythm.jumped(9.0, 1000.0)


KNOWN = KnownPaths(
    {"/r/a/SKILL.md": "/r/a/SKILL.md", "/real/a/SKILL.md": "/r/a/SKILL.md"},
    {"/r/a": "/r/a/SKILL.md", "/r/deep": ""},
)


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        (Change("/r/a/SKILL.md"), Meaning(frozenset({"/r/a/SKILL.md"}))),
        (Change("/real/a/SKILL.md"), Meaning(frozenset({"/r/a/SKILL.md"}))),
        (Change("/r/a/SKILL.md", deleted=True), Meaning(frozenset({"/r/a/SKILL.md"}), everything=True)),
        (Change("/r/a", is_folder=True), Meaning(frozenset({"/r/a/SKILL.md"}), everything=True)),
        (Change("/r/deep", deleted=True), Meaning(everything=True)),
        (Change("/r/new", is_folder=True), Meaning(everything=True)),
        (Change("/r/new/skill.MD"), Meaning(everything=True)),
        (Change("/r/a/.SKILL.md.swp"), Meaning()),
        (Change("/r/a/SKILL.md~", deleted=True), Meaning()),
        (Change("/r/gone", deleted=True), Meaning()),
    ],
)
def test_what_a_change_means(change: Change, meant: Meaning) -> None:
    assert meaning([change], KNOWN) == meant


def test_a_flood_of_changes_means_everything() -> None:
    assert meaning([Change(f"/r/a/{number}") for number in range(5001)], KNOWN).everything


def test_what_is_ignored_lies_below_a_root() -> None:
    roots = ["/home/.venv/skills", "/r"]
    assert ignored("/r/a/.git/SKILL.md", roots)
    assert ignored("/r/node_modules", roots)
    assert not ignored("/home/.venv/skills/a/SKILL.md", roots)
    assert not ignored("/r/a.git/SKILL.md", roots)
    assert not ignored("/elsewhere/.git", roots)


MOUNTS = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home/some\040body rw - nfs4 server:/export rw
31 30 0:41 / /home/some\040body/local rw - ext4 /dev/sdb rw
32 22 0:42 / /mnt rw - fuse.sshfs host: rw
"""


def test_a_network_mount_is_known_by_its_kind() -> None:
    assert silent_mount(["/var/skills"], MOUNTS) is None
    assert silent_mount(["/var", "/home/some body/skills"], MOUNTS) == "nfs4"
    assert silent_mount(["/home/some body/local/skills"], MOUNTS) is None
    assert silent_mount(["/mnt"], MOUNTS) == "fuse.sshfs"
    assert silent_mount(["/mntx"], MOUNTS) is None
    assert silent_mount(["/var"], "") is None
    assert unwatched(["/nowhere/at/all"]) is None


def test_what_comes_and_goes_within_its_time_is_not_told() -> None:
    lasting = Lasting[str](1.0)
    assert lasting.next_at() is None
    lasting.note("a", "away", 10.0)
    assert lasting.due(10.9) == {}
    lasting.end("a")
    assert lasting.due(100.0) == {}
    lasting.end("a")


def test_what_lasts_is_told_once_and_together_with_what_followed_soon() -> None:
    lasting = Lasting[str](1.0)
    lasting.note("a", "away", 10.0)
    lasting.note("b", "away", 10.8)
    lasting.note("a", "still", 10.9)
    assert lasting.next_at() == 11.8
    assert lasting.due(11.5) == {}
    assert lasting.due(11.8) == {"a": "still", "b": "away"}
    assert lasting.due(20.0) == {}


def test_what_goes_on_and_on_is_told_after_five_times_the_span() -> None:
    lasting = Lasting[None](1.0)
    for tenth in range(100, 160, 5):
        lasting.note(f"skill-{tenth}", None, tenth / 10)
    assert lasting.next_at() == 15.0
    assert len(lasting.due(15.6)) == 10
    assert lasting.next_at() == 16.5
    assert lasting.due(16.5).keys() == {"skill-150", "skill-155"}
