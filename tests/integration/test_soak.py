"""Processes that are killed while services fail: what readers know in the end. The large run is in tests/benchmarks."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import event

from tests.benchmarks.soak import NAMES, Pace, Told, judged, read, run
from tests.benchmarks.soak_process import batches
from tests.delivered import MINUTE, T0, Bench, Service

HASTE = Pace(pause_s=0.06, speed=600.0, life_s=2.0)


def told(*steps, by=0, passed=()):
    """A message of a process that says these steps of alerts: (alert, number, level)."""
    return Told(by, f"{steps}", steps, frozenset(passed))


FIRED, CLIMBED, OVER = (1, 1, 2), (1, 2, 3), (1, 3, 0)
LIFE = {1: 3}


def test_killed_four_times_every_reader_learns_the_truth_of_every_alert_in_order_and_hardly_twice(tmp_path):
    found = run(tmp_path, 200, 4, seed=1, pace=HASTE)
    assert (found.lost, found.overtaken, found.repeated) == ([], [], [])
    assert found.letters == len(NAMES) * sum(map(len, batches(200, 1)))
    assert found.failures
    assert 0 < found.told_twice <= 4 * len(NAMES)


def test_every_planned_alert_fires_and_ends_and_takes_one_step_at_a_time():
    planned = batches(500, 7)
    steps = [step for batch in planned for step in batch]
    assert all(len({step.alert for step in batch}) == len(batch) for batch in planned)
    for alert in range(500):
        own = [step for step in steps if step.alert == alert]
        assert [step.number for step in own] == list(range(1, len(own) + 1))
        assert [bool(step.level) for step in own] == [True] * (len(own) - 1) + [False]
    assert set(Counter(step.alert for step in steps).values()) == {2, 3}


@pytest.mark.parametrize(
    "messages",
    [
        [told(FIRED), told(CLIMBED), told(OVER)],
        [told(FIRED), told(OVER)],
        [told(OVER, passed=[1])],
        [told(FIRED), told(FIRED, by=1), told(OVER, by=1)],
        [told(FIRED), told(FIRED, CLIMBED, by=1), told(OVER, by=1)],
    ],
)
def test_readers_who_know_how_it_ended_are_content(messages):
    assert judged({"chat": messages}, LIFE).is_good


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([], "lost"),
        ([told(FIRED), told(CLIMBED)], "lost"),
        ([told(OVER)], "lost"),
        ([told(CLIMBED), told(FIRED), told(OVER)], "overtaken"),
        ([told(FIRED), told(FIRED), told(OVER)], "repeated"),
        ([told(FIRED), told(CLIMBED), told(FIRED, by=1), told(CLIMBED, by=1), told(OVER, by=1)], "overtaken"),
    ],
)
def test_what_must_not_be_is_found(messages, what):
    assert getattr(judged({"chat": messages}, LIFE), what)


def test_of_one_dead_process_only_one_message_may_come_again():
    two = [told((1, 1, 2)), told((2, 1, 2)), told((1, 1, 2), by=1), told((2, 1, 2), by=1)]
    over = [told((1, 2, 0), by=1), told((2, 2, 0), by=1)]
    assert judged({"chat": [*two, *over]}, {1: 2, 2: 2}).repeated == ["chat: 2 messages of process 0"]


def test_a_reader_finds_alerts_in_a_first_line_and_under_the_fate_that_a_table_gives_them():
    one = read(3, "HIGH: a000007s1l2", "a000007s1l2\n\nid: 5.6")
    assert one == told((7, 1, 2), by=3)._replace(id_text="5.6")
    many = "Still on\n  HIGH: a000001s2l3, since 12:00\nCame and went\n  INFO: a000002s2l0\n\nid: 1.2-3.4"
    assert read(0, "Held up for 1 h", many) == Told(0, "1.2-3.4", ((1, 2, 3), (2, 2, 0)), frozenset({2}))
    assert read(0, "Came and went: HIGH: a000002s2l0", "a000002s2l0\n\nid: 1").passed == {2}


def test_four_times_the_backlog_takes_four_times_the_work_to_claim(tmp_path):
    few, many = (steps_to_claim(tmp_path / f"{number}.db", number) for number in (100, 400))
    assert many < 6 * few


def steps_to_claim(path, number):
    """Hundreds of steps of SQLite to claim the letters about so many things."""
    bench, steps = Bench(path, Service()), Counter()
    for each in range(number):
        bench.move(f"n{each}", 2, T0)

    def watch(_connection, cursor, *_):
        cursor.connection.set_progress_handler(lambda: steps.update(["hundred"]), 100)

    event.listen(bench.store._transactions.engine, "before_cursor_execute", watch)
    assert len(bench.store.claim_letters("chat", T0, T0 + MINUTE, "me", number)) == number
    bench.store.close()
    return steps["hundred"]
