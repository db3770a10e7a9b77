"""Every way to get no answer has its own consequences."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.policy import POLICY, Billed, Recipient, Retry, cost_of
from daemon.providers.answer import Blames, Failure, Reason

PRICE = Decimal("0.001")


def test_every_reason_has_a_policy():
    assert POLICY.keys() == set(Reason)


def test_what_stops_all_calls_until_a_person_acts_costs_nothing_and_is_told_to_the_operator():
    stopped = [policy for policy in POLICY.values() if policy.retry is Retry.STOPPED]
    assert stopped
    assert {policy.billed for policy in stopped} == {Billed.NO}
    assert {policy.tells for policy in stopped} == {Recipient.OPERATOR}


def test_nothing_that_is_billed_for_certain_is_asked_for_again_and_again():
    assert not [reason for reason, each in POLICY.items() if each.billed is Billed.YES and each.retry is Retry.SOON]


def test_owners_are_told_only_of_what_is_theirs():
    of_owners = {policy.blames for policy in POLICY.values() if policy.tells is Recipient.OWNER}
    assert of_owners == {Blames.COOKIE, Blames.TARGET}


@pytest.mark.parametrize(
    ("reason", "calls", "cost"),
    [
        (None, 1, "0.001"),
        (None, 3, "0.003"),
        (Reason.SERVER, 1, "0"),
        (Reason.SERVER, 3, "0.002"),  # two pages came before the one that failed
        (Reason.EMPTY, 1, "0.001"),
        (Reason.TIMEOUT, 1, "0.001"),
        (Reason.AUTH, 0, "0"),
        (Reason.COOKIE, 0, "0"),
    ],
)
def test_a_call_counts_with_the_most_it_may_have_cost(reason, calls, cost):
    assert cost_of(reason and Failure(reason, ""), PRICE, calls) == Decimal(cost)


@pytest.mark.parametrize("reason", sorted(Reason))
def test_what_is_known_of_the_bill_goes_before_what_is_usual(reason):
    assert cost_of(Failure(reason, "", billed=True), PRICE, 3) == 3 * PRICE
    assert cost_of(Failure(reason, "", billed=False), PRICE, 3) == 2 * PRICE


@given(st.none() | st.builds(Failure, st.sampled_from(Reason), billed=st.none() | st.booleans()), st.integers(0, 50))
def test_no_call_costs_less_than_nothing_or_more_than_all_its_pages(failure, calls):
    assert 0 <= cost_of(failure, PRICE, calls) <= cost_of(None, PRICE, calls) == PRICE * calls
