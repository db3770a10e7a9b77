"""The population guard: what many targets do at once is the source's doing; what a few do, or always did, is not."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.guard import SEEN_AT_ONCE, Comparison, Guard, Kind, Population, move, sayings
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Endpoint
from rules.values import Metric, Subject, Unit

HOUR, DAY = 3_600.0, 86_400.0
ACCOUNT, VIDEO = Subject.ACCOUNT, Subject.VIDEO

FANS = Metric("fans", ACCOUNT, Unit.COUNT, "", total=True)
LIKES = Metric("likes", ACCOUNT, Unit.COUNT, "", total=True)
VIEWS = Metric("views", VIDEO, Unit.COUNT, "", total=True)
VIEWS_1D = Metric("views_1d", VIDEO, Unit.COUNT, "")
POINTS = Metric("points", ACCOUNT, Unit.POINTS, "")
STATUS = Metric("status", ACCOUNT, Unit.COUNT, "")
SCORE = Metric("score", VIDEO, Unit.SCORE, "")
HIDDEN = Metric("hidden", VIDEO, Unit.STATE, "")
WEEK = Metric("own_value", ACCOUNT, Unit.SCORE, "", ("dimension",))

PROFILE = replace(ENDPOINTS["fetch_creator_info_and_milestones"], name="profile", metrics=(FANS, LIKES))
HEALTH = replace(ENDPOINTS["get_account_health_status"], name="health", metrics=(POINTS, STATUS), vital=True)
DETAIL = replace(ENDPOINTS["detect_fake_views"], name="detail", metrics=(VIEWS, VIEWS_1D, SCORE, HIDDEN))
STORE = replace(DETAIL, name="store", tells_absence=False)
DIAGNOSIS = replace(ENDPOINTS["fetch_author_diagnosis"], name="diagnosis", metrics=(WEEK,))


class World:
    """A population that is looked at in turn; the numbers of each target are remembered as the windows do."""

    def __init__(self, endpoint: Endpoint, size: int, guard: Guard | None = None, creators: int | None = None) -> None:
        self.endpoint, self.size, self.creators = endpoint, size, creators or size
        self.population = Population(guard or Guard())
        self.population.targets(endpoint.name, size)
        self.known: list[dict] = [{} for _ in range(size)]
        self.interval_s = HOUR
        self.at_s = 0.0

    def look(self, number: int, after: dict | None, reason: Reason | None = None) -> list:
        found = Comparison(
            endpoint=self.endpoint,
            target=f"target/{number}",
            account=f"account/{number % self.creators}",
            at_s=self.at_s,
            interval_s=self.interval_s,
            before=self.known[number],
            after=None if after is None else {_key(name): value for name, value in after.items()},
            reason=reason,
        )
        if found.after is not None:
            self.known[number] = {key: value for key, value in found.after.items() if value is not None}
        return self.population.look(found)

    def cycle(self, answer) -> list:
        """One turn of every target, evenly spread; ``answer`` maps a number to what is found, or why nothing is."""
        begun = []
        for number in range(self.size):
            self.at_s += self.interval_s / self.size
            told = answer(number)
            begun += self.look(number, None, told) if isinstance(told, Reason) else self.look(number, told)
        return begun


def _key(name):
    return name if isinstance(name, tuple) else (name, ())


def fans(number: int) -> float:
    return 1_000.0 * (number + 1)


def test_a_purge_of_a_third_of_all_is_one_doubt_and_names_what_it_rests_on():
    world = World(PROFILE, 100)
    assert world.cycle(lambda n: {"fans": fans(n)}) == []
    begun = world.cycle(lambda n: {"fans": fans(n) * (0.95 if n % 3 == 0 else 1.001)})
    (odd,) = begun
    assert (odd.endpoint, odd.metric, odd.kind) == ("profile", "fans", Kind.FELL)
    assert odd.targets >= max(5, 0.3 * odd.of)
    assert odd.of <= SEEN_AT_ONCE
    assert datetime.fromtimestamp(HOUR, UTC) < odd.since <= datetime.fromtimestamp(1.5 * HOUR, UTC)
    (newest,) = world.population.incidents(world.at_s)
    assert (newest.since, newest.metric) == (odd.since, "fans")


def test_only_the_metric_that_moved_is_held():
    world = World(PROFILE, 20)
    world.cycle(lambda n: {"fans": 1e6, "likes": 1e6})
    world.cycle(lambda n: {"fans": 9e5, "likes": 1e6 + 5})
    held = [world.population.held("profile", name, world.at_s) for name in ("fans", "likes")]
    assert held == [True, False]
    assert not world.population.held("another", "fans", world.at_s)


def test_a_doubt_ends_when_nothing_was_odd_for_as_long_as_it_holds():
    world = World(PROFILE, 20, Guard(hold=timedelta(hours=24)))
    world.cycle(lambda n: {"fans": 1e6})
    world.cycle(lambda n: {"fans": 9e5})
    last_s = world.at_s
    world.cycle(lambda n: {"fans": 9e5})
    assert world.population.held("profile", "fans", last_s + 23.9 * HOUR)
    assert not world.population.held("profile", "fans", last_s + 24.1 * HOUR)
    assert world.population.incidents(last_s + 24.1 * HOUR) == []


def test_a_second_fall_makes_the_doubt_longer_and_is_no_second_incident():
    world = World(PROFILE, 20)
    falls = [1e6, 9e5, 9e5, 8e5]
    begun = [world.cycle(lambda n, value=value: {"fans": value}) for value in falls]
    assert [len(each) for each in begun] == [0, 1, 0, 0]
    assert world.population.held("profile", "fans", world.at_s + 23 * HOUR)


def test_after_it_ended_the_same_may_begin_anew():
    world = World(PROFILE, 20)
    for value in (1e6, 9e5):
        world.cycle(lambda n, value=value: {"fans": value})
    for _ in range(30):
        world.cycle(lambda n: {"fans": 9e5})
    (odd,) = world.cycle(lambda n: {"fans": 8e5})
    assert odd.since.timestamp() > 30 * HOUR
    assert world.population.incidents(world.at_s)[0].since == odd.since


@pytest.mark.parametrize(("falling", "odd"), [(14, False), (16, True)])
def test_less_than_the_share_is_no_doubt(falling, odd):
    world = World(PROFILE, 50)
    world.cycle(lambda n: {"fans": 1e6})
    world.cycle(lambda n: {"fans": 1e6 if n < 50 - falling else 9e5})
    assert world.population.held("profile", "fans", world.at_s) is odd


@pytest.mark.parametrize(("size", "falling", "odd"), [(4, 4, False), (5, 5, True), (7, 4, False), (12, 5, True)])
def test_a_small_population_is_judged_when_it_was_looked_at_whole(size, falling, odd):
    world = World(PROFILE, size)
    world.cycle(lambda n: {"fans": 1e6})
    world.cycle(lambda n: {"fans": 9e5 if n < falling else 1e6})
    assert world.population.held("profile", "fans", world.at_s) is odd


def test_half_of_the_first_look_is_not_the_population():
    world = World(PROFILE, 100)
    for number in range(9):
        world.at_s += 1
        world.look(number, {"fans": 1e6})
    for number in range(9):
        world.at_s += 1
        assert world.look(number, {"fans": 9e5}) == []


def test_falls_that_are_hours_apart_are_not_one_event():
    world = World(PROFILE, 40)
    for day in range(10):
        for _ in range(4):
            world.cycle(lambda n, day=day: {"fans": 1e6 * 0.9 ** (day > n // 4)})
        assert not world.population.incidents(world.at_s)


def test_a_fall_is_forgotten_after_a_cycle_and_a_half_though_its_target_was_not_looked_at_again():
    world = World(PROFILE, 12)
    world.cycle(lambda n: {"fans": 1e6})
    for number in range(4):
        assert world.look(number, {"fans": 9e5}) == []
    world.at_s += 3 * HOUR
    for number in range(4, 12):
        assert world.look(number, {"fans": 9e5 if number < 8 else 1e6}) == []


def test_all_videos_of_two_creators_are_their_own_story():
    world = World(DETAIL, 40, creators=2)
    world.cycle(lambda n: {"views": 1e6})
    assert world.cycle(lambda n: {"views": 9e5}) == []
    assert world.cycle(lambda n: Reason.NOT_FOUND) == []


def test_ten_videos_of_one_creator_in_one_batch_are_no_population():
    world = World(DETAIL, 60)
    world.creators = 1
    world.cycle(lambda n: {"views": 1e6})
    for number in range(10):
        assert world.look(number, {"views": 2e7}) == []


# --- failures -----------------------------------------------------------------------------------------------------


def test_targets_that_fail_together_put_all_of_the_endpoint_in_doubt():
    world = World(HEALTH, 30)
    world.cycle(lambda n: {"points": 0.0})
    (odd,) = world.cycle(lambda n: Reason.COOKIE if n % 2 else {"points": 0.0})
    assert (odd.metric, odd.kind) == ("", Kind.FAILED)
    assert world.population.held("health", "points", world.at_s)
    assert world.population.held("health", "status", world.at_s)


def test_accounts_whose_cookies_expired_long_ago_are_no_incident():
    world = World(HEALTH, 30)
    for hour in range(300):
        expired = hour // 10  # one more every ten hours
        assert world.cycle(lambda n, expired=expired: Reason.COOKIE if n < expired else {"points": 0.0}) == []


def test_targets_that_never_answered_are_no_incident():
    world = World(HEALTH, 30)
    for _ in range(5):
        assert world.cycle(lambda n: Reason.NOT_FOUND) == []


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.SERVER, Reason.BALANCE, Reason.RATE_LIMITED])
def test_a_failure_of_the_provider_itself_is_told_elsewhere(reason):
    world = World(HEALTH, 30)
    world.cycle(lambda n: {"points": 0.0})
    assert world.cycle(lambda n: reason) == []


def test_rows_that_a_lagging_store_does_not_have_yet_are_no_failures():
    world = World(STORE, 30)
    world.cycle(lambda n: {"views": 1.0})
    assert world.cycle(lambda n: Reason.EMPTY) == []
    assert len(world.cycle(lambda n: Reason.BAD_PAYLOAD)) == 1


def test_what_is_forgotten_is_not_counted():
    world = World(HEALTH, 10)
    world.cycle(lambda n: {"points": 0.0})
    for number in range(6):
        world.population.forget("health", f"target/{number}")
    world.population.forget("never asked", "target/1")
    world.population.targets("health", 4)
    assert world.cycle(lambda n: Reason.NOT_FOUND if n >= 6 else {"points": 0.0}) == []


# --- what one look says -------------------------------------------------------------------------------------------


def test_accounts_that_all_get_the_same_status_are_in_doubt_though_the_number_is_small():
    world = World(HEALTH, 30)
    world.cycle(lambda n: {"points": 0.0, "status": 0.0})
    (odd,) = world.cycle(lambda n: {"points": 0.0, "status": 1.0})
    assert (odd.metric, odd.kind) == ("status", Kind.FLIPPED)


def test_accounts_that_change_to_different_numbers_are_not_in_doubt():
    world = World(HEALTH, 30)
    world.cycle(lambda n: {"points": 3.0})
    assert world.cycle(lambda n: {"points": 3.0 + n % 6}) == []


def test_points_that_become_ratings_are_in_doubt():
    world = World(HEALTH, 30)
    world.cycle(lambda n: {"points": float(n % 5)})
    assert {odd.metric for odd in world.cycle(lambda n: {"points": 190.0 + n})} == {"points"}


def test_videos_that_are_all_hidden_at_once_are_in_doubt():
    world = World(DETAIL, 30)
    world.cycle(lambda n: {"hidden": 0.0})
    assert [odd.kind for odd in world.cycle(lambda n: {"hidden": 1.0})] == [Kind.FLIPPED]


def test_one_list_speaks_with_one_voice_for_all_its_videos():
    endpoint = replace(PROFILE, name="list", metrics=(VIEWS,))
    videos = [("views", (("video", str(number)),)) for number in range(5)]

    def said(*now: float) -> int:
        before, after = dict.fromkeys(videos, 1e6), dict(zip(videos, now, strict=True))
        return len(sayings(Comparison(endpoint, "a", "a", 0.0, HOUR, before, after)))

    assert said(9e5, 9e5, 9e5, 1e6, 1e6) == 1
    assert said(9e5, 9e5, 1e6, 1e6, 1e6) == 0


def test_a_series_that_ended_has_no_number_now_and_one_without_labels_cannot_end():
    record = (("record", "1"),)
    before = {("fans", ()): 5.0, ("open", record): 1.0, ("likes", ()): 7.0}
    found = Comparison(PROFILE, "a", "a", 0.0, HOUR, before, {("likes", ()): 8.0, ("open", (("record", "2"),)): 1.0})
    assert found.pairs() == {"likes": [(7.0, 8.0)], "open": [(None, 1.0)], "fans": [(5.0, None)]}


def test_what_was_unknown_or_is_unknown_says_nothing():
    before, after = {("fans", ()): 1e6}, {("fans", ()): None, ("likes", ()): 5e6}
    assert sayings(Comparison(PROFILE, "a", "a", 0.0, HOUR, before, after)) == ()


@pytest.mark.parametrize(
    ("metric", "before", "after", "kind"),
    [
        (FANS, 1e6, 994_000, Kind.FELL),
        (FANS, 1e6, 996_000, None),
        (FANS, 500, 491, None),  # nine of five hundred left: a small account
        (FANS, 500, 489, Kind.FELL),
        (FANS, 1e6, 0, Kind.FELL),
        (FANS, 1e6, 1.05e6, None),
        (FANS, 1e6, 1.2e6, Kind.ROSE),
        (FANS, 200, 290, None),
        (VIEWS, 100, 50_000, None),  # a video in its first hour
        (VIEWS, 5_000, 15_000, None),
        (VIEWS, 5_000, 60_000, Kind.ROSE),
        (VIEWS_1D, 100, 30, None),
        (VIEWS_1D, 100, 20, Kind.FELL),
        (VIEWS_1D, 0, 12, Kind.ROSE),
        (VIEWS_1D, 0, 9, None),
        (VIEWS_1D, -6, 12, Kind.ROSE),
        (SCORE, 20, 41, Kind.ROSE),
        (SCORE, 20, 39, None),
        (SCORE, 4, 9, None),
        (POINTS, 12, 6, Kind.FELL),
        (HIDDEN, 0, 1, None),
    ],
)
def test_how_far_is_a_move(metric, before, after, kind):
    assert move(metric, before, after) is kind


numbers = st.floats(-1e12, 1e12)


@given(st.sampled_from([FANS, VIEWS, VIEWS_1D, SCORE, POINTS, HIDDEN]), numbers)
def test_what_stays_as_it_is_has_not_moved(metric, number):
    assert move(metric, number, number) is None


@given(st.sampled_from([FANS, VIEWS, VIEWS_1D, SCORE, POINTS]), numbers, numbers)
def test_what_rose_is_higher_and_what_fell_is_lower(metric, before, after):
    kind = move(metric, before, after)
    assert kind is None or (kind is Kind.ROSE) == (after > before)


@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, 29), st.sampled_from([1e6, 9e5, None]), st.integers(0, 7200)), max_size=200),
)
def test_no_doubt_rests_on_fewer_targets_than_the_guard_asks_for(size, looks):
    world = World(PROFILE, 30, Guard(share=0.3, at_least=5))
    world.population.targets("profile", size)
    for number, value, seconds in looks:
        world.at_s += seconds
        after = None if value is None else {"fans": value}
        for odd in world.look(number % size, after, Reason.NOT_FOUND if value is None else None):
            assert odd.targets >= 5
            assert odd.targets >= 0.3 * odd.of
            assert odd.of >= min(10, size)
            assert odd in world.population.incidents(world.at_s)


# --- what is natural ----------------------------------------------------------------------------------------------


def noise(chance: random.Random, days: int, sigma: float) -> list[float]:
    """AR(1) in logarithms (DOMAIN 3.2), a day a number, around 1."""
    level, found = 0.0, []
    for _ in range(days):
        level = 0.5 * level + chance.gauss(0, sigma)
        found.append(math.exp(level))
    return found


def weekly(chance: random.Random, base: float, days: int) -> list[float]:
    """The sums of seven days."""
    daily = [base * each for each in noise(chance, days + 7, 0.7)]
    return [round(sum(daily[day : day + 7])) for day in range(days)]


def test_a_season_of_natural_diagnoses_is_never_odd():
    chance, days, dimensions = random.Random(3), 90, ("Interact", "NewFans", "PlayCnt", "Publish")
    courses = [
        {("own_value", (("dimension", name),)): weekly(chance, 10 ** chance.uniform(0, 4), days) for name in dimensions}
        for _ in range(120)
    ]
    world = World(DIAGNOSIS, len(courses))
    world.interval_s = DAY
    for day in range(days):
        assert world.cycle(lambda n, day=day: {key: float(course[day]) for key, course in courses[n].items()}) == []


def test_weekends_and_the_ageing_of_videos_are_never_odd():
    chance, days = random.Random(5), 60
    bases = [10 ** chance.uniform(0.5, 5) for _ in range(150)]
    ages = [chance.uniform(1, 40) for _ in bases]
    swings = [noise(chance, days, 0.35) for _ in bases]
    world = World(DETAIL, len(bases))
    world.interval_s = DAY

    def views_1d(number: int, day: int) -> dict:
        age = ages[number] + day
        weekend = 0.6 if day % 7 in (5, 6) else 1.0
        return {"views_1d": float(round(bases[number] * age**-1.2 * weekend * swings[number][day]))}

    for day in range(days):
        assert world.cycle(lambda n, day=day: views_1d(n, day)) == []


def test_videos_that_are_published_together_are_not_odd():
    chance = random.Random(7)
    final = [10 ** chance.uniform(2, 6) for _ in range(40)]
    world = World(DETAIL, len(final))
    for hour in range(1, 72):
        assert world.cycle(lambda n, hour=hour: {"views": float(round(final[n] * (1 - (1 + hour) ** -0.5)))}) == []


# --- long lists -------------------------------------------------------------------------------------------------------

LIST = replace(ENDPOINTS["fetch_item_list"], name="list", metrics=(VIEWS,))


def of_list(account: int, number: int, at_s: float, before: float | None, after: float) -> Comparison:
    """One of the videos that a list of an account carries."""
    known = {} if before is None else {("views", ()): before}
    target, owner = f"video/{account}.{number}", f"account/{account}"
    return Comparison(LIST, target, owner, at_s, DAY, known, {("views", ()): after})


@pytest.mark.parametrize("videos", [1, 10, 60, 200])
def test_the_videos_of_many_accounts_that_fall_are_doubted_however_long_the_lists_are(videos):
    population = Population(Guard())
    population.targets("list", 100 * videos)
    begun, waited = [], 0
    for cycle, views in enumerate((1e6, 1.01e6, 0.5e6)):
        for account in range(100):
            at_s = cycle * DAY + account * 60.0
            for number in range(videos):
                begun += population.look(of_list(account, number, at_s, (None, 1e6, 1.01e6)[cycle], views))
                waited += population.waits("list", f"video/{account}.{number}", at_s)
    assert [(odd.metric, odd.kind) for odd in begun] == [("views", Kind.FELL)]
    assert 0 < waited <= 25 * videos


@pytest.mark.parametrize("falling", [1, 2])
def test_the_many_videos_of_a_few_accounts_are_their_own_story(falling):
    population = Population(Guard())
    population.targets("list", 2_000)
    for cycle in range(2):
        for account in range(10):
            for number in range(200):
                fell = cycle and account < falling
                found = of_list(account, number, cycle * DAY + account * 60.0, 1e6, 0.5e6 if fell else 1e6)
                assert population.look(found) == []


def test_each_look_counts_until_its_own_end_whatever_ended_before_it():
    population = Population(Guard())
    population.targets("profile", 100)

    def falls(number: int, hours: float, lasts: float) -> list:
        known = {("fans", ()): 1e6}
        found = Comparison(
            PROFILE, f"t{number}", f"a{number}", hours * HOUR, lasts * HOUR, known, {("fans", ()): 0.5e6}
        )
        return population.look(found)

    def stays(number: int, hours: float) -> list:
        known = {("fans", ()): 1e6}
        return population.look(Comparison(PROFILE, f"t{number}", f"a{number}", hours * HOUR, 100 * HOUR, known, known))

    assert [odd for number in range(7) for odd in stays(number, 0.0)] == []
    assert falls(10, 0.0, 1.0) == falls(11, 0.0, 1.0) == []
    assert falls(12, 0.0, 2.0) == falls(13, 0.0, 2.0) == []
    assert stays(20, 2.0) == []  # the first two have ended
    assert stays(21, 4.0) == []  # and the other two
    assert [odd for number in range(30, 34) for odd in falls(number, 4.0, 100.0)] == []
    [odd] = falls(34, 4.0, 100.0)
    assert (odd.targets, odd.of) == (5, 14)


# --- what goes on over a restart --------------------------------------------------------------------------------------


def test_a_doubt_that_goes_on_lasts_from_the_last_look_that_said_so_also_in_another_process():
    world = World(PROFILE, 20)
    world.cycle(lambda number: {"fans": 1e6})
    world.cycle(lambda number: Reason.NOT_FOUND)
    for _ in range(30):
        world.cycle(lambda number: Reason.NOT_FOUND)
    [odd] = world.population.incidents(world.at_s)
    assert world.at_s - odd.last.timestamp() <= HOUR
    assert odd.last - odd.since > timedelta(hours=24)
    again = world.population = Population(Guard())
    again.restore(odd)
    assert again.incidents(world.at_s + DAY - HOUR) == [odd]
    world.cycle(lambda number: Reason.NOT_FOUND)
    [later] = again.incidents(world.at_s)
    assert (later.since, later.last > odd.last) == (odd.since, True)
    world.cycle(lambda number: {"fans": 1e6})
    assert again.incidents(world.at_s + DAY) == []
