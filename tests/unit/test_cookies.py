"""A cookie's life: how it comes under suspicion, expires and is believed again, and what each call of it costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cookies import FRESH, CookieState, Fingerprints, Validity, after, changed, may_ask, probing_order
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Need, Platform

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def refused(times: int) -> CookieState:
    """A cookie that was refused, and again at each probe as soon as it was due."""
    cookie, at = FRESH, T0
    for _ in range(times):
        cookie = after(cookie, accepted=False, at=at)
        assert cookie.next_probe is not None
        at = cookie.next_probe
    return cookie


def test_a_fresh_cookie_may_be_used_by_every_line():
    assert may_ask(FRESH, is_probe=False, at=T0)


def test_the_first_refusal_makes_it_suspect_and_only_the_probe_may_ask_two_minutes_later():
    cookie = refused(1)
    assert (cookie.state, cookie.since, cookie.failures) == (Validity.SUSPECT, T0, 1)
    assert not may_ask(cookie, is_probe=True, at=T0 + 1.9 * MINUTE)
    assert may_ask(cookie, is_probe=True, at=T0 + 2 * MINUTE)
    assert not may_ask(cookie, is_probe=False, at=T0 + 1000 * HOUR)


def test_the_second_refusal_expires_it_and_the_owner_is_told_since_when():
    cookie = refused(2)
    assert (cookie.state, cookie.since) == (Validity.EXPIRED, T0 + 2 * MINUTE)
    assert refused(7).since == cookie.since


def test_an_expired_cookie_is_probed_after_one_two_four_and_then_every_six_hours():
    probes = [refused(times).next_probe for times in range(2, 9)]
    before = [refused(times - 1).next_probe for times in range(2, 9)]
    assert [(b - a) / HOUR for a, b in zip(before, probes, strict=True)] == [1, 2, 4, 6, 6, 6, 6]


def test_calls_that_were_under_way_at_the_first_refusal_do_not_expire_it():
    cookie = refused(1)
    for seconds in (0, 1, 5, 119):
        assert after(cookie, accepted=False, at=T0 + timedelta(seconds=seconds)) is cookie


@pytest.mark.parametrize("times", [1, 2, 6])
def test_any_acceptance_lets_everything_resume_at_once(times):
    cookie = after(refused(times), accepted=True, at=T0 + HOUR)
    assert (cookie.state, cookie.since, cookie.failures) == (Validity.VALID, T0 + HOUR, 0)
    assert may_ask(cookie, is_probe=False, at=T0 + HOUR)


def test_an_acceptance_of_a_valid_cookie_is_no_news():
    assert after(FRESH, accepted=True, at=T0) is FRESH


@pytest.mark.parametrize("times", [1, 2, 6])
def test_a_new_cookie_is_probed_at_once_and_if_refused_again_an_hour_later(times):
    now = T0 + 1000 * HOUR
    cookie = changed(refused(times), now)
    assert cookie.state is refused(times).state
    assert may_ask(cookie, is_probe=True, at=now)
    assert not may_ask(cookie, is_probe=False, at=now)
    again = after(cookie, accepted=False, at=now)
    assert (again.state, again.next_probe) == (Validity.EXPIRED, now + HOUR)


def test_a_new_cookie_in_place_of_a_valid_one_changes_nothing():
    assert changed(FRESH, T0) is FRESH


@given(st.lists(st.tuples(st.sampled_from(["accepted", "refused", "changed"]), st.integers(0, 90_000)), max_size=60))
def test_a_cookie_is_held_back_exactly_while_it_is_not_valid(events):
    cookie, at = FRESH, T0
    for event, seconds in events:
        at += timedelta(seconds=seconds)
        cookie = changed(cookie, at) if event == "changed" else after(cookie, event == "accepted", at)
        assert (cookie.state is Validity.VALID) == (cookie.next_probe is None) == may_ask(cookie, False, at)
        assert may_ask(cookie, True, at + 6 * HOUR)


@given(st.lists(st.integers(1, 3600), min_size=10, max_size=200))
def test_a_cookie_that_never_works_again_costs_few_probes_however_often_its_line_is_due(gaps_s):
    cookie, at, asked = refused(1), T0, 0
    for gap_s in gaps_s:
        at += timedelta(seconds=gap_s)
        if may_ask(cookie, is_probe=True, at=at):
            cookie, asked = after(cookie, accepted=False, at=at), asked + 1
    assert asked <= 4 + (at - T0) / (6 * HOUR)


@pytest.mark.parametrize(
    ("platform", "probe"),
    [(Platform.TIKTOK, "get_account_health_status"), (Platform.DOUYIN, "fetch_author_diagnosis")],
)
def test_the_known_cheap_endpoints_are_the_probes(platform, probe):
    with_cookie = (each for each in ENDPOINTS.values() if each.platform is platform and Need.COOKIE in each.needs)
    assert min(with_cookie, key=probing_order) == ENDPOINTS[probe]


def test_the_probe_is_about_the_account_then_the_cheapest_then_the_one_that_is_asked_most_often():
    health, diagnosis = ENDPOINTS["get_account_health_status"], ENDPOINTS["fetch_author_diagnosis"]
    cheap = replace(diagnosis, cost_usd=Decimal("0.0001"))
    assert min([diagnosis, health], key=probing_order) is health
    assert min([health, cheap], key=probing_order) is cheap
    paged = replace(health, more=lambda _data: False)
    assert min([paged, diagnosis], key=probing_order) is diagnosis
    of_video = replace(ENDPOINTS["get_video_detailed_stats"], cost_usd=Decimal(0))
    assert min([of_video, paged], key=probing_order) is paged


def test_only_another_cookie_of_the_same_target_is_a_change():
    prints = Fingerprints()
    seen = [prints.changed(*each) for each in [("a", "x"), ("a", "x"), ("b", "y"), ("a", "z"), ("a", "x"), ("b", "y")]]
    assert seen == [False, False, False, True, True, False]


def test_nothing_of_a_cookie_is_kept():
    prints = Fingerprints()
    prints.changed("a", "sessionid=tell-nobody")
    assert "tell-nobody" not in repr(vars(prints))


def test_two_processes_have_no_digest_in_common():
    one, two = Fingerprints(), Fingerprints()
    one.changed("a", "x")
    two.changed("a", "x")
    assert one._digests != two._digests
