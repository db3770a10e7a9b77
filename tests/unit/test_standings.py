"""May a line be asked now, and when is its next turn: from cookies, sights, alerts and money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from daemon.budget import Limits
from daemon.config import Config, load
from daemon.cookies import SECOND_LOOK, CookieState, Validity
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Failure, Reason
from daemon.providers.endpoint import Provider
from daemon.purse import Purse
from daemon.recent import Watch
from daemon.schedule import UNPLANNED
from daemon.sight import Sight, Visibility
from daemon.standings import Standings
from daemon.watchlist import Watchlist
from storage.records import Claim, Discovered, Remembered

AT = datetime(2026, 3, 2, 4, 15, tzinfo=UTC)  # 12:15 in Shanghai
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MEI, XIAO = "tiktok/account/mei", "douyin/account/xiao"
VIDEO = str(int((AT - 2 * DAY).timestamp()) << 32)
KEY = f"tiktok/video/{VIDEO}"
HEALTH, RECORDS, FANS = "get_account_health_status", "get_account_violation_list", "fetch_creator_info_and_milestones"
DIAGNOSIS, FAKE, DETAIL, STATS = (
    "fetch_author_diagnosis",
    "detect_fake_views",
    "get_video_detailed_stats",
    "video_detail_analytics",
)
LIST = "get_video_list_analytics"
LINES = [(MEI, HEALTH), (MEI, RECORDS), (MEI, FANS), (XIAO, DIAGNOSIS), (KEY, FAKE), (KEY, DETAIL), (KEY, STATS)]
LIMITS = {Provider.TIKHUB: Limits(Decimal(1), None, 0.5)}
NUMBERS = {("author_rank", (("dimension", "PlayCnt"),)): 0.5}

FILE = f"""
accounts:
  - {{platform: tiktok, id: mei, uid: "1", cookie: "${{COOKIE}}", discover: true}}
  - {{platform: douyin, id: xiao, cookie: "${{COOKIE}}"}}
videos: [{{platform: tiktok, id: "{VIDEO}", account: mei}}]
channels: {{console: {{url: "console://"}}}}
"""


@pytest.fixture
def standings(tmp_path) -> Standings:
    path = tmp_path / "rules.yaml"
    path.write_text(FILE, encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    watchlist = Watchlist(config, ())
    watchlist.renew({}, (), AT)
    standings = Standings(config, watchlist, Purse(LIMITS))
    standings.follow([Remembered(number, *line, HOUR, None, None, 0) for number, line in enumerate(LINES)])
    return standings


def watch(target: str, endpoint: str, numbers: dict | None = None) -> Watch:
    numbers = numbers or {}
    return Watch(target, ENDPOINTS[endpoint], 3600.0, (tuple(numbers), list(numbers.values())), AT.timestamp())


def claim(target: str, endpoint: str, failures: int = 0) -> Claim:
    return Claim(1, target, endpoint, HOUR, failures)


def refused(standings: Standings, at: datetime = AT) -> dict[tuple[str, str], Reason]:
    found = {line: standings.refusal(line[0], ENDPOINTS[line[1]], at) for line in LINES}
    return {line: failure.reason for line, failure in found.items() if failure is not None}


# --- may it be asked --------------------------------------------------------------------------------------------------


def test_all_may_be_asked_while_nothing_bad_is_known(standings):
    assert refused(standings) == {}


def test_of_a_refused_cookie_the_cheapest_line_alone_asks_when_its_time_has_come(standings):
    standings.cookies[MEI] = CookieState(Validity.EXPIRED, AT, 2, AT + HOUR)
    own = {(MEI, HEALTH): Reason.COOKIE, (MEI, RECORDS): Reason.COOKIE, (KEY, DETAIL): Reason.COOKIE}
    assert refused(standings) == own
    assert standings.probe_of(MEI) == (MEI, HEALTH)
    del own[MEI, HEALTH]
    assert refused(standings, AT + HOUR) == own


def test_of_a_video_that_is_gone_one_line_alone_is_asked_that_tells_whether_it_is_back(standings):
    standings.sights[KEY] = Sight(Visibility.REMOVED, 0, AT)
    probe = standings.probe_of(KEY)
    assert ENDPOINTS[probe[1]].tells_absence
    assert refused(standings) == {line: Reason.NOT_FOUND for line in LINES if line[0] == KEY and line != probe}


@pytest.mark.parametrize(
    ("target", "endpoint", "reason"),
    [
        (MEI, RECORDS, Reason.COOKIE),
        (KEY, DETAIL, Reason.COOKIE),
        (MEI, HEALTH, Reason.COOKIE),
        (MEI, FANS, Reason.EMPTY),
    ],
    ids=["of the account", "of a video", "the probe itself", "without a cookie"],
)
def test_no_data_puts_a_cookie_in_doubt_where_a_line_about_the_account_can_settle_it(
    standings, target, endpoint, reason
):
    answer = standings.blame(target, ENDPOINTS[endpoint], Failure(Reason.EMPTY, "why", billed=True), AT)
    assert (answer.reason, answer.billed) == (reason, True)


def test_no_data_about_a_video_is_no_word_against_a_cookie_that_only_videos_need(standings):
    videos = [Remembered(1, KEY, DETAIL, HOUR, None, None, 0), Remembered(2, KEY, FAKE, HOUR, None, None, 0)]
    standings.follow(videos)
    assert standings.blame(KEY, ENDPOINTS[DETAIL], Failure(Reason.EMPTY, ""), AT).reason is Reason.EMPTY
    assert standings.probe_of(MEI) == (KEY, DETAIL)


def test_a_cookie_is_tried_by_a_line_that_can_tell_something(standings):
    standings.acquitted.add((MEI, HEALTH))
    assert standings.probe_of(MEI) == (MEI, RECORDS)
    standings.acquitted.add((MEI, RECORDS))
    assert standings.probe_of(MEI) == (KEY, DETAIL)
    standings.sights[KEY] = Sight(Visibility.REMOVED, 0, AT)
    assert standings.probe_of(MEI) == (MEI, HEALTH), "none can, so the best of all"


# --- when next --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "hours"),
    [(NUMBERS, 1), ({**NUMBERS, ("similar_rank", ()): None}, 1), (dict.fromkeys(NUMBERS, 0.6), 24)],
    ids=["the same", "the same, and one unknown", "another"],
)
def test_daily_numbers_that_are_those_of_the_day_before_are_asked_for_again_soon(standings, values, hours):
    turn = standings.next_turn(watch(XIAO, DIAGNOSIS, NUMBERS), AT, values)
    assert timedelta(0) < turn.due - AT <= hours * HOUR
    assert turn.due - AT > (hours - 1) * HOUR
    assert DAY - HOUR <= turn.interval <= DAY


def test_an_alert_brings_no_daily_turn_forward_and_all_others_that_can_be(standings):
    assert standings.closer_turn(watch(XIAO, DIAGNOSIS, NUMBERS), AT) - AT > 23 * HOUR
    before = standings.closer_turn(watch(MEI, FANS), AT), standings.closer_turn(watch(KEY, FAKE), AT)
    standings.suspects |= {XIAO, MEI, KEY}
    assert standings.closer_turn(watch(XIAO, DIAGNOSIS, NUMBERS), AT) - AT > 23 * HOUR
    assert standings.closer_turn(watch(MEI, FANS), AT) <= min(before[0], AT + 1.5 * HOUR)
    assert standings.closer_turn(watch(KEY, FAKE), AT) == AT + 6 * HOUR < before[1]


def test_the_interval_of_a_turn_that_is_put_off_reaches_to_it_although_the_turn_after_it_is_not(standings):
    standings.purse.reserve(Provider.TIKHUB, Decimal("0.99"))
    turn = standings.next_turn(watch(MEI, FANS), AT + 12 * HOUR, {})
    assert turn.interval == turn.due - (AT + 12 * HOUR) > 6 * HOUR


def test_a_line_without_a_turn_keeps_its_numbers_for_a_while(standings):
    old = AT + 30 * DAY
    turn = standings.next_turn(watch(KEY, FAKE), old, {})
    assert (turn.due, turn.interval) == (None, UNPLANNED)


def test_the_interval_is_the_time_from_the_next_turn_to_the_one_after_it(standings):
    turn = standings.next_turn(watch(KEY, FAKE), AT + 26 * HOUR, {})  # past the third day
    assert 7 * DAY <= turn.due - (AT - 2 * DAY) <= 7 * DAY + HOUR
    assert turn.interval == UNPLANNED
    assert standings.next_turn(watch(MEI, RECORDS), AT, {}).interval == 6 * HOUR


def test_the_interval_of_a_video_that_a_list_tells_of_is_that_of_the_list(standings):
    newer = str(int(AT.timestamp()) << 32)
    standings.watchlist.renew({}, [Discovered(MEI, newer, "", AT, AT, AT)], AT)
    for days, hours in ((2, 6), (4, 24)):
        assert standings.slowest(MEI, LIST, AT + days * DAY) == hours * HOUR
        assert standings.slowest(KEY, LIST, AT + days * DAY) == hours * HOUR


def test_money_that_runs_short_puts_a_turn_off_but_not_beyond_its_usual_wait_after_midnight(standings):
    def wait(endpoint: str, at: datetime) -> timedelta:
        return standings.next_turn(watch(MEI, endpoint), at, {}).due - at

    night = AT.replace(hour=23)
    usual = {at: wait(FANS, at) for at in (AT, night)}
    vital = wait(HEALTH, AT)
    standings.purse.reserve(Provider.TIKHUB, Decimal("0.85"))
    assert wait(FANS, AT) > 2 * usual[AT]
    assert wait(FANS, night) == usual[night] + 45 * MINUTE
    assert wait(HEALTH, AT) == vital


# --- after a failure --------------------------------------------------------------------------------------------------


def test_a_failure_that_passes_is_asked_again_soon_and_keeps_the_interval(standings):
    turn = standings.retry(claim(MEI, FANS), watch(MEI, FANS), AT, Failure(Reason.SERVER, ""))
    assert turn.due - AT <= timedelta(seconds=10)
    assert turn.interval == HOUR


def test_after_a_refused_cookie_its_probe_is_asked_soon_and_the_others_at_their_turn(standings):
    expired = Failure(Reason.COOKIE, "")
    probe = standings.retry(claim(MEI, HEALTH), watch(MEI, HEALTH), AT, expired)
    other = standings.retry(claim(MEI, RECORDS), watch(MEI, RECORDS), AT, expired)
    assert probe.due == AT + SECOND_LOOK
    assert other.due - AT >= 3 * HOUR


def test_a_video_that_was_missed_once_is_looked_at_again_soon_and_then_a_week_later(standings):
    probe = standings.probe_of(KEY)
    missing = Failure(Reason.NOT_FOUND, "")
    standings.sights[KEY] = Sight(Visibility.PUBLIC, 0, AT - DAY)
    assert standings.retry(claim(*probe), watch(*probe), AT, missing).due - AT <= 5 * MINUTE
    standings.sights[KEY] = Sight(Visibility.PUBLIC, 1, AT - DAY)
    assert 7 * DAY <= standings.retry(claim(*probe, 1), watch(*probe), AT, missing).due - AT <= 8 * DAY
