"""The values of all label sets to one: known if whatever the unknown ones are, the answer is the same."""

from __future__ import annotations

import math
from itertools import product
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.over_labels import all_of, any_of, greatest, how_many, of_all
from rules.values import Bounds

truths = st.lists(st.sampled_from([True, False, None]), max_size=5)
numbers = st.lists(st.none() | st.integers(0, 3), max_size=5)


def possible(values, of):
    """What ``of`` comes to with each possible truth in the place of those that are unknown."""
    return {of(each) for each in product(*([value] if value is not None else [True, False] for value in values))}


@given(truths)
def test_a_count_is_known_or_lies_between_what_it_can_be(values):
    counts = possible(values, sum)
    known = float(counts.copy().pop()) if len(counts) == 1 else Bounds(min(counts), max(counts))
    assert how_many(values) == known


@given(truths)
def test_whether_any_is_true_is_known_where_it_can_be_one_thing_alone(values):
    found = possible(values, any)
    assert any_of(values) is (found.pop() if len(found) == 1 else None)


@given(truths)
def test_whether_all_are_true_is_known_where_it_can_be_one_thing_alone_and_of_nothing_never(values):
    found = possible(values, all)
    assert all_of(values) is (found.pop() if values and len(found) == 1 else None)


@given(st.sampled_from([min, max, fmean, math.fsum]), numbers)
def test_a_number_over_labels_is_known_if_all_are(reduce, values):
    assert of_all(reduce)(values) == (reduce(values) if values and None not in values else None)


@pytest.mark.parametrize("reduce", [math.fsum, fmean, sum])
def test_what_is_too_large_is_unknown(reduce):
    assert of_all(reduce)([1.7e308] * 2) is None
    assert of_all(reduce)([1.7e308]) == 1.7e308


@given(numbers, st.integers(0, 6))
def test_one_is_among_the_greatest_if_no_unknown_number_could_push_it_out(values, most):
    seen = {(("record", str(place)),): value for place, value in enumerate(values)}
    found = greatest(seen, most)
    unknown = {labels for labels, value in seen.items() if value is None}
    ranked = sorted(seen.keys() - unknown, key=lambda labels: (-seen[labels], labels))
    assert {labels for labels in found if labels not in unknown} == set(ranked[:most])
    sure = set(ranked[: max(0, most - len(unknown))])
    assert found == {labels: seen[labels] if labels in sure else None for labels in {*ranked[:most], *unknown}}
