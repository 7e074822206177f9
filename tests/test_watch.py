"""The watcher at work: every way to save a skill ends with the agent holding its newest content."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from openclaw_install.sync.watch.source import EventSource, PollingSource, Report
from openclaw_install.sync.watch.timing import Clock
from tests.sync_rig import skill_text, write_skill
from tests.watch_rig import Bench, Watched, bench_in


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as made:
        yield made


@pytest.fixture
def watched(bench: Bench) -> Iterator[Watched]:
    with bench.watching() as made:
        for name in ("alpha", "beta"):
            made.wait("acknowledged", name)
        yield made


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def atomic_rename(path: Path, text: str) -> None:
    temporary = path.with_name(".SKILL.md.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def like_vim(path: Path, text: str) -> None:
    (path.parent / "4913").write_text("")
    (path.parent / "4913").unlink()
    swap = path.with_name(".SKILL.md.swp")
    swap.write_text("swap")
    path.rename(path.with_name("SKILL.md~"))
    path.write_text(text)
    path.with_name("SKILL.md~").unlink()
    swap.unlink()


def like_emacs(path: Path, text: str) -> None:
    lock = path.with_name(".#SKILL.md")
    lock.symlink_to("somebody@somewhere.1234")
    path.with_name("#SKILL.md#").write_text("half")
    path.rename(path.with_name("SKILL.md~"))
    path.write_text(text)
    path.with_name("#SKILL.md#").unlink()
    lock.unlink()


def like_jetbrains(path: Path, text: str) -> None:
    new, old = path.with_name("SKILL.md___jb_tmp___"), path.with_name("SKILL.md___jb_old___")
    new.write_text(text)
    path.rename(old)
    new.rename(path)
    old.unlink()


@pytest.mark.parametrize("save", [in_place, atomic_rename, like_vim, like_emacs, like_jetbrains])
def test_a_save_reaches_the_agent_however_the_editor_does_it(
    bench: Bench, watched: Watched, save: Callable[[Path, str], None]
) -> None:
    after = len(watched.events)
    text = skill_text("alpha", "new\n")
    save(bench.skills / "alpha" / "SKILL.md", text)
    event = watched.wait("acknowledged", "alpha", after, agent=bench.agents["main"])
    watched.until(lambda: bench.stored("alpha") == text)
    assert event.milliseconds is not None
    assert bench.stored("beta") == skill_text("beta")
    assert not watched.kinds("beta")[1:]


def test_a_half_written_skill_is_held_back_and_the_good_one_stays(bench: Bench, watched: Watched) -> None:
    path = bench.skills / "alpha" / "SKILL.md"
    path.write_text("---\nname: alpha\n")
    event = watched.wait("held", "alpha", code="invalid")
    assert event.reason
    assert bench.stored("alpha") == skill_text("alpha")
    path.write_text(skill_text("alpha", "mended\n"))
    watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "mended\n"))


def test_a_content_with_a_secret_is_held_back_and_the_others_go_on(bench: Bench, watched: Watched) -> None:
    bench.save("alpha", "aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYzzRt8qKbQpLm\n")
    event = watched.wait("held", "alpha", code="secret")
    assert "wJalrXUtnFEMI" not in str(event)
    bench.save("beta", "other\n")
    watched.until(lambda: bench.stored("beta") == skill_text("beta", "other\n"))
    assert bench.stored("alpha") == skill_text("alpha")


def test_a_new_skill_a_moved_one_and_one_in_a_new_folder_arrive(bench: Bench, watched: Watched) -> None:
    bench.save("gamma")
    watched.until(lambda: bench.stored("gamma") == skill_text("gamma"))
    write_skill(bench.skills / "deep" / "down", "delta")
    watched.until(lambda: bench.stored("delta") == skill_text("delta"))
    write_skill(bench.skills / "deep" / "down", "delta", skill_text("delta", "again\n"))
    watched.until(lambda: bench.stored("delta") == skill_text("delta", "again\n"))
    (bench.skills / "gamma").rename(bench.skills / "omega")
    watched.until(lambda: bench.stored("omega") == skill_text("gamma"))
    watched.wait("deleted", "gamma")
    assert bench.stored("gamma") == skill_text("gamma")


def test_a_folder_that_changes_case_is_another_skill(bench: Bench, watched: Watched) -> None:
    (bench.skills / "alpha").rename(bench.skills / "Alpha")
    watched.wait("deleted", "alpha")
    refused = watched.wait("refused", "Alpha", code="invalid_name")
    assert refused.next_step
    (bench.skills / "Alpha").rename(bench.skills / "alpha")
    watched.until(lambda: watched.events[-1].pending == 0)
    (bench.skills / "beta" / "SKILL.md").rename(bench.skills / "beta" / "skill.md")
    watched.wait("deleted", "beta")
    assert bench.stored("beta") == skill_text("beta")


def test_a_skill_behind_a_link_is_followed_also_when_the_link_is_new(
    bench: Bench, watched: Watched, tmp_path: Path
) -> None:
    path = write_skill(tmp_path / "elsewhere", "linked")
    (bench.skills / "linked").symlink_to(path.parent)
    watched.until(lambda: bench.stored("linked") == skill_text("linked"))
    path.write_text(skill_text("linked", "changed\n"))
    watched.until(lambda: bench.stored("linked") == skill_text("linked", "changed\n"))


def test_folders_that_hold_no_skills_are_ignored(bench: Bench, watched: Watched) -> None:
    after = len(watched.events)
    for ignored in (".git", "node_modules", ".venv", "__pycache__"):
        write_skill(bench.skills / "alpha" / ignored, "inner")
    (bench.skills / "alpha" / "notes.txt").write_text("nothing")
    bench.save("beta", "last\n")
    watched.until(lambda: bench.stored("beta") == skill_text("beta", "last\n"))
    assert bench.stored("inner") == ""
    assert {event.skill for event in watched.events[after:]} <= {"", "beta"}


def test_a_checkout_of_a_hundred_skills_arrives_whole(bench: Bench, watched: Watched) -> None:
    for number in range(100):
        bench.save(f"skill-{number}")
    watched.until(lambda: all(bench.stored(f"skill-{number}") for number in range(100)))
    for number in range(100):
        bench.save(f"skill-{number}", "other branch\n")
    watched.until(lambda: all("other branch" in bench.stored(f"skill-{number}") for number in range(100)))


def test_a_deleted_skill_is_told_and_stays_at_the_agent(bench: Bench, watched: Watched) -> None:
    shutil.rmtree(bench.skills / "alpha")
    event = watched.wait("deleted", "alpha")
    assert "stays" in event.reason
    assert bench.stored("alpha") == skill_text("alpha")


def test_case_slow_save_deleted_a_skill_that_is_away_while_it_is_saved_is_not_told_as_deleted(
    bench: Bench,
) -> None:
    with bench.watching(lasting_seconds=3600.0) as watched:
        file = bench.skills / "alpha" / "SKILL.md"
        aside = file.with_name("SKILL.md~")
        seen = len(watched.events)
        file.rename(aside)
        watched.until(lambda: any(event.kind == "reconciled" for event in watched.events[seen:]))
        file.write_text(skill_text("alpha", "anew\n"))
        aside.unlink()
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "anew\n"))
        assert set(watched.kinds("alpha")) <= {"changed", "acknowledged", "unchanged"}


def test_case_slow_save_deleted_a_file_that_is_empty_while_it_is_saved_is_not_told_as_held(
    bench: Bench,
) -> None:
    with bench.watching(lasting_seconds=3600.0) as watched:
        file = bench.skills / "alpha" / "SKILL.md"
        file.write_text("")
        bench.save("beta", "after it\n")
        watched.until(lambda: bench.stored("beta") == skill_text("beta", "after it\n"))
        file.write_text(skill_text("alpha", "whole\n"))
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "whole\n"))
        assert "held" not in watched.kinds("alpha")


def test_a_fault_that_lasts_is_told(bench: Bench, watched: Watched) -> None:
    (bench.skills / "alpha" / "SKILL.md").write_text("")
    watched.wait("held", "alpha", code="invalid")


def test_when_most_skills_go_at_once_nothing_is_concluded(bench: Bench) -> None:
    for number in range(8):
        bench.save(f"skill-{number}")
    with bench.watching() as watched:
        aside = bench.home / "aside"
        aside.mkdir()
        for number in range(8):
            (bench.skills / f"skill-{number}").rename(aside / f"skill-{number}")
        watched.wait("warning", code="most_gone")
        assert not any(event.kind == "deleted" for event in watched.events)


@pytest.mark.parametrize("source", [EventSource, PollingSource])
def test_a_root_that_goes_comes_back_and_is_watched_again(bench: Bench, source: type[EventSource]) -> None:
    polling = lambda: PollingSource(0.05)  # noqa: E731 - short enough to be read in place
    events = EventSource if source is EventSource else polling
    with bench.watching(events=events, polling=polling, check_seconds=0.05) as watched:
        watched.until(lambda: bench.stored("beta") != "")
        bench.skills.rename(bench.home / "away")
        watched.wait("warning", code="most_gone")
        (bench.home / "away").rename(bench.skills)
        bench.save("alpha", "back\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "back\n"))
        watched.until(lambda: watched.events[-1].pending == 0)
        bench.save("alpha", "and again\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "and again\n"))
        assert not any(event.kind == "deleted" for event in watched.events)


def test_a_root_that_is_a_loop_of_links_does_no_harm(bench: Bench, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    write_skill(extra, "solo")
    (extra / "again").symlink_to(extra)
    (extra / "solo" / "loop").symlink_to(extra / "solo" / "loop")
    bench.choose(roots=(extra,))
    with bench.watching() as watched:
        watched.until(lambda: bench.stored("solo") == skill_text("solo"))
        write_skill(extra, "solo", skill_text("solo", "more\n"))
        watched.until(lambda: bench.stored("solo") == skill_text("solo", "more\n"))
        shutil.rmtree(extra)
        watched.wait("warning")
        extra.symlink_to(extra)
        bench.save("alpha", "meanwhile\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "meanwhile\n"))


def test_only_the_chosen_names_are_followed_and_new_roots_need_consent(bench: Bench) -> None:
    bench.choose(("alpha", "gamma"))
    with bench.watching(check_seconds=0.05) as watched:
        bench.save("beta", "not chosen\n")
        bench.save("gamma")
        watched.until(lambda: bench.stored("gamma") != "")
        assert bench.stored("beta") == ""
    bench.choose()
    with bench.watching(check_seconds=0.05) as watched:
        write_skill(bench.home / ".agents" / "skills", "personal")
        event = watched.wait("held", "personal", code="consent")
        assert "--keep" in event.next_step
        assert bench.stored("personal") == ""


def test_roots_that_are_not_there_yet_are_watched_once_they_are(bench: Bench) -> None:
    shutil.rmtree(bench.skills)
    with bench.watching(check_seconds=0.05) as watched:
        bench.save("alpha", "the first one\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "the first one\n"))
        watched.until(lambda: watched.events[-1].pending == 0)
        bench.save("alpha", "and its change\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "and its change\n"))


def test_what_no_event_told_is_found_by_the_next_look_which_then_trusts_events_no_more(bench: Bench) -> None:
    class DeafSource(EventSource):
        def start(self, roots: Sequence[str], report: Report) -> None:
            super().start(roots, lambda _changes: None)

    clock = [0.0]
    wall = Clock(wall=lambda: time.time() + clock[0])
    with bench.watching(
        events=DeafSource, polling=lambda: PollingSource(0.05), check_seconds=0.02, clock=wall
    ) as watched:
        watched.wait("acknowledged", "beta")
        bench.save("alpha", "unheard\n")
        clock[0] = 3600.0
        event = watched.wait("polling")
        assert "no event" in event.reason
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "unheard\n"))
        bench.save("alpha", "seen by looking\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "seen by looking\n"))


def test_the_hosts_config_says_where_to_look_also_when_it_changes_or_breaks(bench: Bench) -> None:
    extra = bench.home / "extra"
    write_skill(extra, "solo")
    bench.choose(roots=(extra,))  # agreed to, but by this choice not a root
    bench.choose()
    config = bench.home / ".openclaw" / "openclaw.json"
    with bench.watching(check_seconds=0.05) as watched:
        watched.wait("acknowledged", "beta")
        config.write_text(json.dumps({"skills": {"load": {"extraDirs": [str(extra)]}}}))
        watched.until(lambda: bench.stored("solo") == skill_text("solo"))
        config.write_text("{ broken")
        watched.wait("warning", code="roots")
        write_skill(extra, "solo", skill_text("solo", "still here\n"))
        watched.until(lambda: bench.stored("solo") == skill_text("solo", "still here\n"))


def test_each_agent_gets_each_save(tmp_path: Path) -> None:
    with bench_in(tmp_path, "main", "other") as bench, bench.watching() as watched:
        bench.save("alpha", "for both\n")
        for agent in ("main", "other"):
            watched.until(lambda agent=agent: "for both" in bench.stored("alpha", agent))  # type: ignore[misc]


def test_what_was_saved_while_nobody_watched_goes_up_at_the_start(bench: Bench) -> None:
    with bench.watching() as watched:
        watched.until(lambda: bench.stored("beta") != "")
    bench.save("alpha", "in the dark\n")
    with bench.watching() as watched:
        event = watched.wait("acknowledged", "alpha")
        assert event.milliseconds is None
        watched.until(lambda: watched.events[-1].pending == 0)
        assert watched.kinds("beta") == []


def test_case_watch_link_outside_a_skill_behind_a_link_out_of_its_root_is_held_back_also_when_it_is_saved(
    bench: Bench, tmp_path: Path
) -> None:
    named, private = tmp_path / "named", tmp_path / "private"
    path = write_skill(private, "diary")
    linked_file = private / "notes.md"
    linked_file.write_text(skill_text("notes"))
    (named / "notes").mkdir(parents=True)
    (named / "notes" / "SKILL.md").symlink_to(linked_file)
    (named / "diary").symlink_to(path.parent)
    moved = write_skill(named, "moved")
    bench.choose(roots=(named,))
    with bench.watching() as watched:
        watched.wait("acknowledged", "moved")
        for name in ("diary", "notes"):
            watched.wait("held", name, code="outside")
        path.write_text(skill_text("diary", "saved\n"))
        linked_file.write_text(skill_text("notes", "saved\n"))
        # A folder that becomes a link out of the root is held back, too, at once.
        moved.parent.rename(private / "moved")
        (named / "moved").symlink_to(private / "moved")
        (private / "moved" / "SKILL.md").write_text(skill_text("moved", "saved\n"))
        watched.wait("held", "moved", code="outside")
        bench.save("alpha", "after them\n")
        watched.until(lambda: bench.stored("alpha") == skill_text("alpha", "after them\n"))
        for name in ("diary", "notes"):
            assert set(watched.kinds(name)) == {"held"}
            assert bench.stored(name) == ""
        assert bench.stored("moved") == skill_text("moved")
