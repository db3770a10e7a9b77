"""The tails of the negative binomial distribution, beside their own sums."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.detector_tails import scarcity, surprisal

means, dispersions = st.floats(0.02, 60), st.floats(0.02, 5)


def mass(count: int, mean: float, dispersion: float) -> float:
    shape = 1 / dispersion
    share = mean / (mean + shape)
    ways = math.lgamma(count + shape) - math.lgamma(count + 1) - math.lgamma(shape)
    return math.exp(ways + count * math.log(share) + shape * math.log1p(-share))


@given(st.integers(0, 120), means, dispersions)
def test_the_lower_tail_is_the_sum_of_its_terms(seen, mean, dispersion):
    terms = [mass(count, mean, dispersion) for count in range(seen + 1)]
    assert scarcity(seen, mean, dispersion) == pytest.approx(-math.log10(math.fsum(terms) - terms[-1] / 2), abs=1e-6)


@given(st.integers(0, 60), means, dispersions)
def test_both_tails_together_are_everything(seen, mean, dispersion):
    together = 10 ** -surprisal(seen, mean, dispersion) + 10 ** -scarcity(seen, mean, dispersion)
    assert together == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("seen", "mean", "dispersion", "answer"),
    [
        (0, 3.0, 0.5, 0.0362),
        (1, 3.0, 0.5, 0.1284),
        (3, 3.0, 0.5, 0.3914),
        (40, 12.0, 0.2, 2.9901),
        (12, 0.2, 1.0, 9.5719),
    ],
)
def test_worked_examples(seen, mean, dispersion, answer):
    assert surprisal(seen, mean, dispersion) == pytest.approx(answer, abs=1e-4)


def test_far_out_it_is_still_a_number():
    assert 100 < surprisal(1e6, 1.0, 0.05) < math.inf
    assert 10 < scarcity(0, 1e6, 0.05) < math.inf


@given(st.floats(0, 1e6), st.floats(1, 2), st.floats(0.02, 1e6), dispersions)
def test_more_is_never_less_surprising(seen, factor, mean, dispersion):
    assert surprisal(seen * factor, mean, dispersion) >= surprisal(seen, mean, dispersion) - 1e-6
    assert scarcity(seen * factor, mean, dispersion) <= scarcity(seen, mean, dispersion) + 1e-6
