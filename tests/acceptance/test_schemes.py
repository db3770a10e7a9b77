"""When the provider answers health ratings where it answered points, or any number a hundred times as large."""

from __future__ import annotations

import pytest

from storage.store import Store
from tests.acceptance.blind import DAYS, HEALTH, HOURS, MINUTES, account, firing, known, renew, until, watching
from tests.acceptance.conftest import START

FAKE = "detect_fake_views"
POINTS, SCHEME = {(HEALTH, "violation_score")}, {(HEALTH, "health_scheme")}
DOUBTED, BELIEVED = "▲ HIGH: TikHub is not believed", "✔ RESOLVED: TikHub is not believed"
LADDER = ["▲ WARNING: A0 has 9 violation points", "▲ HIGH: A0 has 12 violation points"]
CLIMBS, MOVES = {"*": "calm", "a0": "violation-ladder"}, {"*": "scheme-migration"}
NEVER = 1_000 * DAYS
"""A step of the stories that never comes: who is to move to the rating has points until the step is made shorter."""


async def scored(tell, scheme: str, scenarios: dict[str, str], n: int = 6, **world: object):
    """Accounts whose health number is read as points, as a rating, or as what it looks like."""
    accounts = [account(f"a{number}", str(5000 + number), "wu") for number in range(n)]
    settings = [each.replace("cookie:", f"health_scheme: {scheme}, cookie:") for each in accounts]
    story = await tell(", ".join(settings), scenarios=scenarios, **world)
    for number in range(n):
        renew(story, f"a{number}", f"a{number}")
    return story


def names_points(message: dict) -> bool:
    """Whether it tells which number is not believed, and what to do if it is right."""
    text = message["message"]
    return f"incident {HEALTH} violation_score" in text and "creatorwatch trust violation_score" in text


def trust(story, endpoint: str = HEALTH, metric: str = "violation_score") -> None:
    """What ``creatorwatch trust`` does, in a process of its own."""
    store = Store.open(story.config.database)
    store.release(endpoint, metric)
    store.close()


# --- ratings instead of points ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 6], ids=["one", "six"])
async def test_ratings_of_accounts_on_points_hold_their_rules_until_the_points_are_back(tell, managers, operators, n):
    story = await scored(tell, "points", CLIMBS, n)
    async with watching(story):
        await story.live(35 * HOURS, 10 * MINUTES)
        assert managers.titles() == LADDER
        story.world.scenarios = {"*": "chr-healthy"}
        await story.live(14 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == POINTS
        assert firing(story) == ["source-doubted", "violation-points"]
        assert (operators.titles(), managers.titles()) == ([DOUBTED], LADDER)
        assert names_points(operators.got[0])
        story.world.scenarios = dict(CLIMBS)
        await story.live(3 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == frozenset()
    assert operators.titles() == [DOUBTED, BELIEVED]
    assert managers.titles() == [*LADDER, "▲ HIGH: A0 has 18 violation points"], "what is true then is told"


async def test_ratings_of_accounts_on_points_that_somebody_trusts_are_told_no_more_and_still_ban_nobody(
    tell, managers, operators
):
    story = await scored(tell, "points", CLIMBS)
    async with watching(story):
        await story.live(35 * HOURS, 10 * MINUTES)
        story.world.scenarios = {"*": "chr-healthy"}
        await until(story, lambda: operators.got != [], 3 * HOURS, 10 * MINUTES)
        trust(story)
        await story.live(1 * DAYS, 10 * MINUTES)
        assert firing(story) == ["violation-points"], "how many points there are is not known"
        assert story.app._recent.withheld() == frozenset()
    assert operators.titles() == [DOUBTED, BELIEVED]
    assert managers.titles() == LADDER


@pytest.mark.parametrize("n", [1, 2, 6, 12])
async def test_ratings_where_the_scheme_is_told_by_the_number_are_doubted_and_alert_on_nobody(
    tell, managers, operators, n
):
    story = await scored(tell, "auto", MOVES, n, step=NEVER)
    async with watching(story):
        await story.live(20 * HOURS, 10 * MINUTES)
        story.world.step = HOURS
        await story.live(8 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() - SCHEME == POINTS
        assert list(known(story, "health_rating").values()) == [200.0] * n
        assert operators.titles() == [DOUBTED]
        assert names_points(operators.got[0])
        story.world.step = NEVER
        await story.live(28 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == frozenset()
        assert list(known(story, "violation_score").values()) == [3.0] * n
    assert operators.titles()[-1] == BELIEVED
    assert managers.got == []


async def test_ratings_where_the_scheme_is_told_by_the_number_end_no_alert_until_somebody_trusts_them(
    tell, managers, operators
):
    story = await scored(tell, "auto", CLIMBS)
    async with watching(story):
        await story.live(35 * HOURS, 10 * MINUTES)
        story.world.scenarios = {"*": "chr-healthy"}
        await story.live(6 * HOURS, 10 * MINUTES)
        assert firing(story) == ["source-doubted", "violation-points"]
    async with watching(story):  # a restart keeps it
        await story.live(2 * HOURS, 10 * MINUTES)
        assert firing(story) == ["source-doubted", "violation-points"]
        assert managers.titles() == LADDER
        assert names_points(operators.got[-1])
        trust(story)
        await story.live(1 * HOURS, 10 * MINUTES)
        assert firing(story) == ["source-doubted"], "the scheme of so many that moved together is in doubt for a day"
    assert managers.titles() == [*LADDER, "✔ RESOLVED: A0 has unknown violation points"]


async def test_a_migration_of_all_is_believed_for_good_when_somebody_trusts_it(tell, managers, operators):
    story = await scored(tell, "auto", MOVES, step=NEVER)
    async with watching(story):
        await story.live(20 * HOURS, 10 * MINUTES)
        story.world.step = HOURS
        await story.live(4 * HOURS, 10 * MINUTES)
        assert operators.titles() == [DOUBTED]
        trust(story)
        await story.live(28 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == frozenset()
        assert list(known(story, "health_rating").values()) == [200.0] * 6
    assert operators.titles()[-1] == BELIEVED
    assert managers.got == []


async def test_the_number_that_waits_for_a_person_is_named_before_all_that_passes_by_itself(tell, operators):
    story = await scored(tell, "auto", {"*": "calm"})
    async with watching(story):
        await story.live(20 * HOURS, 10 * MINUTES)
        story.world.scenarios = {"*": "chr-healthy"}  # nobody has violations any more, either
        await story.live(4 * HOURS, 10 * MINUTES)
        assert len(story.app._recent.withheld()) > 3
    assert names_points(operators.got[-1])


# --- a hundred times as large -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["points", "auto"])
@pytest.mark.parametrize("later", [0, 40, 80], ids="{}min".format)
async def test_points_a_hundred_times_as_large_are_doubted_whoever_is_looked_at_first(
    tell, managers, operators, scheme, later
):
    story = await scored(tell, scheme, {"*": "calm", "a0": "violation-ladder"}, step=NEVER)
    async with watching(story):
        await story.live(20 * HOURS + later * MINUTES, 10 * MINUTES)
        assert sorted(map(bool, known(story, "violation_score").values())) == [False, True, True, True, True, True]
        story.world.faults[HEALTH] = "scale-100"
        await story.live(5 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() >= POINTS
        assert operators.titles() == [DOUBTED]
        story.world.faults.clear()
        await story.live(28 * HOURS, 10 * MINUTES)
        assert story.app._recent.withheld() == frozenset()
    assert operators.titles()[-1] == BELIEVED
    assert managers.got == []


async def test_fake_scores_a_hundred_times_as_large_accuse_and_acquit_nobody(tell, managers, operators):
    ids = [str((int((START - HOURS).timestamp()) << 32) + number) for number in range(6)]
    videos = ", ".join(f'{{platform: tiktok, id: "{each}", account: mei, name: V{n}}}' for n, each in enumerate(ids))
    scenarios = {"*": "calm", ids[0]: "fake-wave"}
    story = await tell(account("mei", "107955", "lin"), videos, scenarios, step=1 * DAYS)
    renew(story, "mei", "mei")
    async with watching(story):
        await story.live(3.5 * DAYS, HOURS)
        story.world.faults[FAKE] = "scale-100"
        await story.live(4 * DAYS, HOURS)
        assert story.app._recent.withheld() == {(FAKE, "fake_score")}
        assert firing(story) == ["source-doubted", "fake-views"]
        assert (managers.titles(), operators.titles()) == (["▲ HIGH: V0: fake score 85"], [DOUBTED])
        assert f"incident {FAKE} fake_score" in operators.got[0]["message"]
        story.world.faults.clear()
        trust(story, FAKE, "fake_score")
        await story.live(12 * HOURS, HOURS)
        assert firing(story) == []
    assert operators.titles() == [DOUBTED, BELIEVED]
    assert managers.titles()[1:] == ["✔ RESOLVED: V0: fake score 40"]
