"""The stored past, in the order of time."""

from __future__ import annotations

import pytest

from tests.stored import HEALTH, HOUR, LEO, MEI, NOW, Past


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch.db")
    found.plan((MEI, HEALTH), (LEO, HEALTH))
    found.points(MEI, (9, 1.0), (7, 2.0), (3, 3.0))
    found.points(LEO, (8, 4.0), (4, 5.0), (2, 6.0))
    yield found
    found.store.close()


def numbers(past, since, until, lines=None):
    ids = [line.schedule_id for line in past.store.every_line() if lines is None or line.target in lines]
    return [row[3][0] for row in past.store.history(ids, NOW - since * HOUR, NOW - until * HOUR)]


def test_lines_are_read_together_in_the_order_of_time(past):
    assert numbers(past, 24, 0) == [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]


def test_each_line_begins_with_its_newest_number_before_the_time_and_ends_with_the_time(past):
    assert numbers(past, 5, 3) == [4.0, 2.0, 5.0, 3.0]


def test_only_the_lines_that_are_asked_for_are_read(past):
    assert numbers(past, 24, 0, {LEO.key}) == [4.0, 5.0, 6.0]


def test_a_line_that_left_the_plan_is_still_read(past):
    past.plan((MEI, HEALTH))
    assert [line.target for line in past.store.remembered()] == [MEI.key]
    assert numbers(past, 24, 0, {LEO.key}) == [4.0, 5.0, 6.0]
