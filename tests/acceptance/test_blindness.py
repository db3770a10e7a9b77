"""When one thing is blind: a cookie, a target, the provider; every class of "no answer", and the canary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import pytest

from daemon.providers.endpoint import Provider
from tests.acceptance.blind import (
    DAYS,
    HEALTH,
    HOURS,
    MINUTES,
    account,
    asked,
    firing,
    known,
    renew,
    until,
    watching,
    with_cookie,
)
from tests.acceptance.conftest import RULES, START

MEI, ANA = account("mei", "107955", "lin"), account("ana", "204", "wu")


async def expire(story, name: str = "mei") -> None:
    """The platform ends an account's session, and the daemon finds out."""
    story.world.faults[name] = "cookie-expired"
    await until(story, lambda: known(story, "cookie_ok").get((name,)) == 0.0, 3 * HOURS)


# --- cookies ------------------------------------------------------------------------------------------------------


async def test_one_refusal_of_a_cookie_is_a_suspicion_and_told_to_nobody(tell, managers, operators):
    story = await tell(MEI, scenarios={"mei": "calm"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        assert known(story, "cookie_ok") == {("mei",): 1.0}
        story.world.faults["mei"] = "cookie-expired"
        await until(story, lambda: known(story, "cookie_suspect") == {("mei",): 1.0}, 3 * HOURS)
        assert str(known(story, "cookie_ok")["mei",]) == "nan"
        story.world.faults.clear()
        await story.live(3 * MINUTES, MINUTES)
        assert (known(story, "cookie_ok"), known(story, "cookie_suspect")) == ({("mei",): 1.0}, {("mei",): 0.0})
    assert managers.got == operators.got == []


async def test_an_expired_cookie_is_told_once_with_the_place_of_the_new_one_and_never_its_value(
    tell, managers, operators
):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story)
        await story.live(2 * DAYS, 10 * MINUTES)
        assert story.simulator.world.health("mei", story.clock.now())["violation_score"] == 18
        assert firing(story) == ["cookie-expired"]
    assert managers.got == [], "what needs the cookie holds"
    [told] = operators.got
    assert told["title"] == "▲ HIGH: Mei: the cookie has expired"
    for words in ("log in as Mei", "where: ${file:mei.cookie}", "owner lin"):
        assert words in told["message"]
    kept = [file.read_bytes() for file in story.config.base.glob("watch.db*")]
    assert not [text for text in [*kept, str(operators.got).encode()] if b"sim-cookie" in text]


async def test_an_expired_cookie_is_tried_by_the_cheapest_line_alone_and_ever_less_often(tell):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        begin = story.clock.now()
        await expire(story)
        await story.live(2 * DAYS, 10 * MINUTES)
    refused = with_cookie(story, begin)
    assert refused == sorted(asked(story, HEALTH, begin))
    hours = [(after - before) / HOURS for (before, _), (after, _) in pairwise(refused)]
    assert hours[1:] == [1, 2, 4, 6, 6, 6, 6, 6, 6]
    assert hours[0] <= 0.05


async def test_a_new_cookie_in_its_file_is_tried_within_a_minute_and_everything_resumes_at_once(
    tell, managers, operators
):
    story = await tell(MEI, scenarios={"mei": "violation-ladder", "mei2": "violation-ladder"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story)
        await story.live(1 * DAYS, 10 * MINUTES)
        renew(story, "mei", "mei2")
        changed = story.clock.now()
        await story.live(90 * timedelta(seconds=1), timedelta(seconds=30))
        names = [whom for at, whom in with_cookie(story, changed) if at <= changed + MINUTES]
        assert names[0] == "mei2"
        assert {len(asked(story, name, changed)) for name in (HEALTH, "get_account_violation_list")} == {1}
        assert firing(story) == ["violation-points"]
    assert operators.titles() == ["▲ HIGH: Mei: the cookie has expired", "✔ RESOLVED: Mei: the cookie has expired"]
    assert managers.titles() == ["▲ HIGH: Mei has 12 violation points"]


IN_A_VARIABLE = MEI.replace("${file:mei.cookie}", "${COOKIE_MEI}")


def rewrite(story, content: str | None) -> None:
    """What the variables' file says from now on; None: it is not there."""
    path = story.config.base / "creatorwatch.env"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")


async def test_a_new_cookie_in_a_variable_is_tried_within_a_minute_and_everything_resumes_without_a_restart(
    tell, managers, operators
):
    scenarios = {"mei": "violation-ladder", "mei2": "violation-ladder"}
    story = await tell(IN_A_VARIABLE, scenarios=scenarios, more="env_file: creatorwatch.env")
    rewrite(story, 'COOKIE_MEI="sim-cookie:mei"\n')
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story)
        await story.live(1 * DAYS, 10 * MINUTES)
        assert operators.titles() == ["▲ HIGH: Mei: the cookie has expired"]
        assert "where: ${COOKIE_MEI}" in operators.got[0]["message"]
        rewrite(story, 'COOKIE_MEI="sim-cookie:mei2"\n')
        changed = story.clock.now()
        await story.live(90 * timedelta(seconds=1), timedelta(seconds=30))
        names = [whom for at, whom in with_cookie(story, changed) if at <= changed + MINUTES]
        assert names[0] == "mei2"
        assert known(story, "cookie_ok") == {("mei",): 1.0}
        assert {len(asked(story, name, changed)) for name in (HEALTH, "get_account_violation_list")} == {1}
        assert firing(story) == ["violation-points"]
    assert operators.titles()[1:] == ["✔ RESOLVED: Mei: the cookie has expired"]
    assert managers.titles() == ["▲ HIGH: Mei has 12 violation points"]


@pytest.mark.parametrize("half", [None, "", "COOKIE_M", 'COOKIE_MEI="sim-cookie:m', "COOKIE_MEI=sim-cookie:m"])
async def test_a_file_of_variables_that_is_gone_or_half_written_is_a_suspicion_until_it_is_whole(
    tell, managers, operators, half
):
    story = await tell(IN_A_VARIABLE, more="env_file: creatorwatch.env", scenarios={"mei": "violation-ladder"})
    story.world.faults["m"] = "cookie-expired"
    whole = 'COOKIE_MEI="sim-cookie:mei"\n'
    rewrite(story, whole)
    async with watching(story):
        await story.live(14 * HOURS, 10 * MINUTES)
        before = managers.titles()
        rewrite(story, half)
        await until(story, lambda: known(story, "cookie_suspect") == {("mei",): 1.0}, 3 * HOURS)
        assert firing(story) == ["violation-points"]
        rewrite(story, whole)
        await story.live(1 * MINUTES, timedelta(seconds=30))
        assert (known(story, "cookie_ok"), known(story, "cookie_suspect")) == ({("mei",): 1.0}, {("mei",): 0.0})
    assert managers.titles() == before == ["▲ WARNING: Mei has 9 violation points"]
    assert operators.got == []


async def test_a_file_of_variables_that_stays_away_is_told_as_a_cookie_that_is_no_more_and_costs_nothing(
    tell, operators
):
    story = await tell(IN_A_VARIABLE, more="env_file: creatorwatch.env")
    rewrite(story, "COOKIE_MEI=sim-cookie:mei\n")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        rewrite(story, None)
        gone = story.clock.now()
        await story.live(1 * DAYS, 10 * MINUTES)
        assert with_cookie(story, gone) == []
        assert operators.titles() == ["▲ HIGH: Mei: the cookie has expired"]
        assert "where: ${COOKIE_MEI}" in operators.got[0]["message"]
        rewrite(story, "COOKIE_MEI=sim-cookie:mei\n")
        await story.live(1 * MINUTES, timedelta(seconds=30))
        assert known(story, "cookie_ok") == {("mei",): 1.0}
    assert operators.titles()[1:] == ["✔ RESOLVED: Mei: the cookie has expired"]


async def test_another_cookie_that_is_refused_too_is_no_second_alert(tell, operators):
    story = await tell(MEI)
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story)
        story.world.faults["old"] = "cookie-expired"
        renew(story, "mei", "old")
        changed = story.clock.now()
        await story.live(1 * DAYS, 10 * MINUTES)
    assert [whom for _, whom in with_cookie(story, changed + MINUTES)] == ["old"] * 6
    assert len(operators.got) == 1


async def test_a_restart_neither_tells_of_an_expired_cookie_again_nor_lets_everything_try_it(tell, operators):
    story = await tell(MEI)
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story)
        await story.live(8 * HOURS, 10 * MINUTES)
    again = story.clock.now()
    async with watching(story):
        await story.live(1 * DAYS, 10 * MINUTES)
        assert firing(story) == ["cookie-expired"]
    assert len(operators.got) == 1
    assert len(with_cookie(story, again)) <= 8


async def test_a_video_waits_for_the_cookie_of_its_account(tell, managers):
    rule = """
  - name: products
    on: video
    when: video_products >= 1
    severity: info
    summary: "{name} shows products"
    effect: "none"
    to: [managers]
"""
    path = "get_video_associated_product_list"
    dance = str(int((START - HOURS).timestamp()) << 32)
    video = f'{{platform: tiktok, id: "{dance}", account: mei, name: Dance}}'
    story = await tell(MEI, video, rules=RULES + rule)
    hourly = replace(story.config.overrides[path], interval=HOURS)
    story.config = replace(story.config, overrides={**story.config.overrides, path: hourly})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(2 * HOURS, 10 * MINUTES)
        assert managers.news() == ["▲ INFO: Dance shows products"]
        await expire(story)
        expired = story.clock.now()
        await story.live(1 * DAYS, 10 * MINUTES)
        assert asked(story, path, expired + MINUTES) == []
        assert sorted(firing(story)) == ["cookie-expired", "products"]
        renew(story, "mei", "mei2")
        await story.live(3 * MINUTES, MINUTES)
        assert len(asked(story, path, expired + MINUTES)) == 1
    assert len(managers.got) == 1


async def test_each_owner_is_told_of_his_own_accounts(tell, managers, operators):
    story = await tell(f"{MEI}, {ANA}")
    for name in ("mei", "ana"):
        renew(story, name, name)
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
        await expire(story, "mei")
        await expire(story, "ana")
    assert operators.titles() == ["▲ HIGH: Mei: the cookie has expired"]
    assert managers.titles() == ["▲ HIGH: Ana: the cookie has expired"]


# --- every class of "no answer" -----------------------------------------------------------------------------------

REGULAR = 120
"""Paid calls of two days in which nothing of one account is answered: hourly health and balance, fans, violations."""

DOWN, PARTLY = "TikHub does not answer", "TikHub answers in part only"
UNSEEN, EXPIRED = "Mei cannot be seen", "Mei: the cookie has expired"


class Class(NamedTuple):
    """A class of failures: what the operators are told, the most calls of so many days, whether any is billed."""

    fault: str
    told: set[str]
    calls: float
    billed: bool
    states: set[str]
    days: float = 2


REFUSES = "TikHub refuses the key, or its balance is used up"
ONCE, SOON, PROBED = REGULAR + 5, REGULAR + 20, 76
CLASSES = [
    Class("timeout", {DOWN}, ONCE / 3, True, {"provider_up", "endpoint_up"}, days=0.4),
    Class("http-500", {DOWN}, SOON, False, {"provider_up", "endpoint_up"}),
    Class("http-400-retry", {DOWN}, SOON, False, {"provider_up", "endpoint_up"}),
    Class("rate-limited", {DOWN}, SOON, False, {"provider_up", "endpoint_up"}),
    Class("balance-402", {REFUSES}, ONCE, False, {"key_accepted"}),
    Class("balance-403", {REFUSES}, ONCE, False, {"key_accepted"}),
    Class("scope-403", {DOWN}, ONCE, False, {"provider_up", "endpoint_up"}),
    Class("cloudflare-1010", {DOWN}, ONCE, False, {"provider_up", "endpoint_up"}),
    Class("html", {DOWN}, ONCE, True, {"provider_up", "endpoint_up"}),
    Class("cookie-expired", {EXPIRED}, PROBED, True, {"cookie_ok"}),
    Class("empty-200", {EXPIRED, UNSEEN, PARTLY}, PROBED, True, {"cookie_ok", "visible", "endpoint_up"}),
    Class("inner-code", {EXPIRED, UNSEEN, PARTLY}, PROBED, True, {"cookie_ok", "visible", "endpoint_up"}),
    Class("not-found", {UNSEEN, PARTLY}, ONCE, False, {"visible", "endpoint_up"}),
    Class("bad-json", {UNSEEN, PARTLY}, ONCE, True, {"visible", "endpoint_up"}),
    Class("truncated", {UNSEEN, PARTLY}, ONCE, True, {"visible", "endpoint_up"}),
    Class("huge-body", {UNSEEN, PARTLY}, ONCE, True, {"visible", "endpoint_up"}),
    Class("wrong-identity", {UNSEEN}, ONCE, True, {"visible"}),
]


@pytest.mark.parametrize("case", CLASSES, ids=[case.fault for case in CLASSES])
async def test_each_class_of_no_answer_has_its_own_recipients_calls_bill_and_states(tell, managers, operators, case):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(1 * HOURS, 10 * MINUTES)
    if case.fault == "timeout":
        access = replace(story.config.providers[Provider.TIKHUB], timeout_s=0.1)
        story.config = replace(story.config, providers={**story.config.providers, Provider.TIKHUB: access})
    async with watching(story):
        begin, billed_usd = story.clock.now(), story.simulator.spent_usd
        story.world.faults["*"] = case.fault
        await story.live(case.days * DAYS, 15 * MINUTES)
        states = {
            name: known(story, name) for name in ("provider_up", "endpoint_up", "key_accepted", "cookie_ok", "visible")
        }
        assert (story.simulator.spent_usd > billed_usd) is case.billed
    assert managers.got == []
    told = [title.partition(": ")[2] for title in operators.titles()]
    assert sorted(told) == sorted(case.told), "each once"
    assert len(asked(story, "", begin)) <= case.calls
    story.check_bill(given_up=case.fault == "timeout")
    assert {name for name, values in states.items() if 0.0 in values.values()} == case.states


# --- the canary ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["field-gone", "bad-json", "not-found", "http-500", "empty-200"])
async def test_a_canary_that_fails_alone_is_one_alert_of_the_provider_and_costs_nothing(
    tell, managers, operators, fault
):
    story = await tell(MEI, scenarios={"mei": "violation-ladder"})
    renew(story, "mei", "mei")
    async with watching(story) as app:
        await story.live(2 * HOURS, 10 * MINUTES)
        story.world.faults["canary"] = fault
        await story.live(19 * HOURS, 10 * MINUTES)
        assert len(story.alerts()) == 2
        story.world.faults.clear()
        await story.live(1 * HOURS, 10 * MINUTES)
        assert app._store.spent("tikhub", START) == story.simulator.spent_usd
    assert managers.titles() == ["▲ WARNING: Mei has 9 violation points"]
    words = "its answers about a known account are wrong" if fault == "field-gone" else "answers in part only"
    assert [title[0] for title in operators.titles() if words in title] == ["▲", "✔"]
    assert len(operators.got) == 2
    paid = [call for call in story.simulator.answered if call.cost_usd and "demo" in call.path]
    assert not paid
