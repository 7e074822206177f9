"""No scenario of an older revision got lost: each has a test that holds it, and that test is there."""

from __future__ import annotations

from tools.test_map import BY_HAND, MAP, ids_in, mapped, older_tests, present_tests, rows, written


def test_each_older_scenario_is_held_by_a_test_that_is_there() -> None:
    present, lines = present_tests(), rows(MAP)
    assert len(older_tests()) == 1744
    assert [line for line in lines if line[1].partition("[")[0] not in present] == []
    assert all(how for _, _, how in lines)


def test_the_map_is_what_the_tool_writes() -> None:
    """After a test is renamed, `python -m tools.test_map` writes it anew, or says what to add by hand."""
    assert MAP.read_text("utf-8") == written(mapped(older_tests(), present_tests(), rows(BY_HAND)))


def test_no_line_by_hand_is_left_over() -> None:
    present, older = present_tests(), set(older_tests())
    for name, _, _ in rows(BY_HAND):
        function = name.partition("[")[0]
        assert function in older
        assert "[" in name or function not in present


def test_a_test_is_found_by_its_name_and_by_a_line_and_nobody_is_guessed() -> None:
    present = frozenset(
        ids_in("tests/test_b.py", "def test_one(): ...\nclass TestX:\n    def test_two(self): ...")
    )
    assert present == {"tests/test_b.py::test_one", "tests/test_b.py::TestX::test_two"}
    older = ["tests/test_a.py::test_one", "tests/test_a.py::test_three", "tests/test_a.py::test_four"]
    by_hand = [["tests/test_a.py::test_three", "tests/test_b.py::test_one", "merged"]]
    assert [line[1] for line in mapped(older, present, by_hand)] == [
        "tests/test_b.py::test_one",
        "tests/test_b.py::test_one",
        "",
    ]
