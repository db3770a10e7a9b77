from __future__ import annotations

import asyncio
import itertools
import math
import sqlite3

import orjson
import pytest

from tests.benchmarks import disk, inside
from tests.benchmarks.bodies import CREATOR_INFO, FAKE_VIEWS, Answers, grown
from tests.benchmarks.measure import Figure, medians, render
from tests.benchmarks.world import START, Inside, build, read_config, times, write_config


@pytest.fixture
def config(tmp_path):
    return read_config(write_config(tmp_path, videos=2, accounts=2))


def test_an_aim_is_met_on_its_own_side_and_an_unknown_figure_meets_none():
    assert Figure("at most", 2.0, aim=2.0).met is True
    assert Figure("at most", 2.1, aim=2.0).met is False
    assert Figure("at least", 0.9, aim=0.95, at_least=True).met is False
    assert Figure("unknown", math.nan, aim=2.0).met is None


def test_the_round_before_the_first_does_not_count():
    answers = itertools.chain([100.0], itertools.cycle([1.0, 3.0, 2.0]))
    assert medians({"case": lambda: next(answers)}, rounds=3) == {"case": 2.0}


def test_the_table_says_what_was_missed():
    lines = render([Figure("memory", 300.0, "MiB", 256.0), Figure("disk", 7.5, "B")]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["memory", "300 MiB", "<= 256", "NO"]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["disk", "7.5 B", "", ""]


def test_a_step_inside_a_step_is_not_counted_twice():
    spans = inside.Spans()
    with spans.span("outer"), spans.span("inner"):
        sum(range(300_000))
    assert spans.spent_s["outer"] < spans.spent_s["inner"] / 2


def test_a_counter_never_falls():
    steps = [grown("7000000000000000001", step, 89) for step in range(200)]
    assert steps == sorted(steps)


def test_an_answer_is_about_the_subject_asked_for_and_differs_from_the_one_before():
    answers = Answers()
    first, second = (orjson.loads(answers.body(CREATOR_INFO, "107955")) for _ in range(2))
    assert first["params"] == {"user_id": "107955"}
    assert first["data"]["creator_info"]["follower_count"] < second["data"]["creator_info"]["follower_count"]


def test_every_target_is_due_at_every_turn(config):
    with asyncio.Runner() as runner:
        app = build(config)
        runner.run(app.open(START))
        daemon = Inside(app, Answers())
        polls = [daemon.turn(at, group=3) for at in itertools.islice(times(), 5)]
        runner.run(app.close(1.0))
    assert polls == [4] * 5


def test_the_steps_of_a_poll_are_measured_and_the_daemon_is_left_as_it_was(config):
    with asyncio.Runner() as runner:
        app = build(config)
        runner.run(app.open(START))
        found = inside.figures(Inside(app, Answers()), times(), rounds=1, group=2)
        left = vars(app._judge).keys() & {"_take_in", "_look", "_commit"}
        runner.run(app.close(1.0))
    assert [figure.aim for figure in found if figure.aim] == [inside.AIM, inside.AIM]
    assert next(figure for figure in found if figure.what.endswith("commit polls")).value > 0
    assert not left


def test_the_bytes_of_a_table_are_those_of_its_pages():
    copy = sqlite3.connect(":memory:")
    copy.execute("CREATE TABLE sample (numbers BLOB)")
    copy.executemany("INSERT INTO sample VALUES (?)", [(bytes(1000),)] * 100)
    used = disk.table_bytes(copy, "sample")
    copy.close()
    assert 100_000 < used < 150_000


def test_both_endpoints_take_room_on_disk(config):
    with asyncio.Runner() as runner:
        app = build(config)
        runner.run(app.open(START))
        Inside(app, Answers()).turn(next(times()), group=4)
        runner.run(app.close(1.0))
    titles = [figure.what for figure in disk.figures(config.database) if figure.value > 0]
    assert f"disk, {FAKE_VIEWS}" in titles
    assert f"disk, {CREATOR_INFO}" in titles
