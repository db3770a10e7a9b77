"""What answers tell besides numbers, and which turns come earlier by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.config import Config, load
from daemon.cookies import SECOND_LOOK, Validity
from daemon.keys import WORD
from daemon.learning import SECOND_LIST, End, learn, recall, recalled, show, take_in
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Failure, Found, Ids, Reading, Reason, Videos
from daemon.purse import Purse
from daemon.recent import Recent
from daemon.sight import Visibility
from daemon.standings import Standings
from daemon.watchlist import Watchlist
from storage.records import Discovered, Identity, Remembered
from storage.records import Sight as StoredSight

AT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
XIAO, MEI, LEO = "douyin/account/xiao", "tiktok/account/mei", "tiktok/account/leo"
LIST, OVERVIEW, DIAGNOSIS = "fetch_item_list", "fetch_item_overview_data", "fetch_author_diagnosis"
PROFILE, SHOP_LIST = "tiktok_handler_user_profile", "get_video_list_analytics"
FAKE, DETAIL, STATS = "detect_fake_views", "get_video_detailed_stats", "video_detail_analytics"

FILE = """
accounts:
  - {platform: douyin, id: xiao, cookie: "${COOKIE}", discover: true}
  - {platform: tiktok, id: mei, cookie: "${COOKIE}"}
  - {platform: tiktok, id: leo, handle: leo}
videos: [{platform: tiktok, id: "7", account: mei}]
channels: {console: {url: "console://"}}
"""
SEVEN = "tiktok/video/7"
VIDEO = str(int((AT - 2 * DAY).timestamp()) << 32)
KEY = f"douyin/video/{VIDEO}"
LINES = [(XIAO, LIST), (XIAO, DIAGNOSIS), (KEY, LIST), (KEY, OVERVIEW), (SEVEN, FAKE), (SEVEN, DETAIL), (SEVEN, STATS)]


@pytest.fixture
def standings(tmp_path) -> Standings:
    path = tmp_path / "rules.yaml"
    path.write_text(FILE, encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    watchlist = Watchlist(config, ())
    watchlist.renew({}, [Discovered(XIAO, VIDEO, "", None, AT, AT)], AT)
    standings = Standings(config, watchlist, Purse({}))
    standings.follow([Remembered(n, *line, HOUR, None, None, 0) for n, line in enumerate(LINES)])
    return standings


def brought(target: str, endpoint: str, at: datetime = AT, **reading: object) -> End:
    return End(target, endpoint, at, None, Reading({}, **reading))


def failed(target: str, endpoint: str, reason: Reason, at: datetime = AT) -> End:
    return End(target, endpoint, at, reason, None)


def listed(*found: Found, at: datetime = AT, since: datetime | None = AT - 30 * DAY) -> End:
    return brought(XIAO, LIST, at, videos=Videos(found, since))


def follow(standings: Standings, *ends: End) -> set[tuple[tuple[str, str], datetime]]:
    """One group of polls: what it teaches is taken in; the turns that come earlier."""
    return set(take_in(standings, learn(standings, ends), ends[-1].at))


def gone(standings: Standings) -> None:
    follow(standings, listed())
    follow(standings, listed(at=AT + HOUR))
    assert standings.sights[KEY].state is Visibility.REMOVED


# --- videos --------------------------------------------------------------------------------------------------------


def test_what_is_learned_counts_only_once_it_is_taken_in(standings):
    ends = [listed(), failed(XIAO, DIAGNOSIS, Reason.COOKIE)]
    assert learn(standings, ends) == learn(standings, ends)
    assert not standings.sights
    assert not standings.cookies


def test_two_lists_without_a_video_prove_that_it_is_gone_and_what_is_stored_says_so(standings):
    assert learn(standings, [listed()]).noted.sights == [StoredSight(KEY, "public", 1, AT)]
    gone(standings)
    assert standings.is_gone(KEY)
    stored = learn(standings, [listed(Found(VIDEO), at=AT + DAY)]).noted.sights
    assert recalled(stored)[KEY].state is Visibility.RESTORED


def test_two_proofs_that_end_together_count_as_one(standings):
    follow(standings, failed(SEVEN, FAKE, Reason.NOT_FOUND), failed(SEVEN, DETAIL, Reason.NOT_FOUND))
    assert not standings.is_gone(SEVEN)
    follow(standings, failed(SEVEN, FAKE, Reason.NOT_FOUND, AT + HOUR))
    assert standings.is_gone(SEVEN)


def test_a_source_that_lags_proves_nothing(standings):
    for hours in range(3):
        follow(standings, failed(SEVEN, STATS, Reason.NOT_FOUND, AT + hours * HOUR))
    assert not standings.sights


def test_of_a_video_that_is_back_all_is_asked_at_once_but_what_has_just_answered(standings):
    for hours in range(2):
        follow(standings, failed(SEVEN, FAKE, Reason.NOT_FOUND, AT + hours * HOUR))
    back = AT + 7 * DAY
    assert follow(standings, brought(SEVEN, FAKE, back)) == {((SEVEN, DETAIL), back), ((SEVEN, STATS), back)}
    assert follow(standings, brought(SEVEN, FAKE, back + HOUR)) == set()
    assert standings.sights[SEVEN].state is Visibility.PUBLIC


def test_that_a_video_is_back_is_seen_although_two_answers_that_show_it_end_together(standings):
    gone(standings)
    ends = [listed(Found(VIDEO), at=AT + DAY), listed(Found(VIDEO), at=AT + DAY)]
    assert follow(standings, *ends) == {((KEY, OVERVIEW), AT + DAY)}
    assert standings.sights[KEY].state is Visibility.RESTORED


def test_one_line_alone_looks_for_a_video_that_is_gone_and_it_is_one_that_needs_no_cookie(standings):
    for hours in range(2):
        follow(standings, failed(SEVEN, FAKE, Reason.NOT_FOUND, AT + hours * HOUR))
    refused = {name for name in (FAKE, DETAIL, STATS) if standings.refusal(SEVEN, ENDPOINTS[name], AT + DAY)}
    assert standings.probe_of(SEVEN) == (SEVEN, FAKE)
    assert refused == {DETAIL, STATS}


def test_a_private_video_is_private_though_its_owner_still_sees_its_numbers(standings):
    hidden = Found(VIDEO, private=True)
    for hours in range(2):
        follow(standings, listed(hidden, at=AT + hours * HOUR), brought(KEY, OVERVIEW, AT + hours * HOUR))
    assert standings.sights[KEY].state is Visibility.PRIVATE


# --- lists ---------------------------------------------------------------------------------------------------------


def test_the_list_that_names_the_first_videos_of_an_account_is_asked_again_when_they_are_watched(standings):
    standings.watchlist.renew({}, [], AT)
    again = {((XIAO, LIST), AT + SECOND_LIST)}
    assert follow(standings, listed(Found(VIDEO))) == again
    standings.watchlist.renew({}, [Discovered(XIAO, VIDEO, "", None, AT, AT)], AT + 60 * DAY)
    assert not standings.watchlist.videos(XIAO), "too old to be watched"
    assert follow(standings, listed(Found(VIDEO), Found("9"))) == set()


def test_an_empty_list_is_no_reason_to_ask_again(standings):
    standings.watchlist.renew({}, [], AT)
    assert follow(standings, listed()) == set()


def test_the_videos_of_an_account_are_stored_only_if_they_are_to_be_discovered(standings):
    videos = Videos((Found("8", AT, "Dance"),))
    lesson = learn(standings, [listed(Found(VIDEO)), brought(MEI, SHOP_LIST, videos=videos)])
    assert [listing.account for listing in lesson.noted.found] == [XIAO]


# --- ids -----------------------------------------------------------------------------------------------------------


def test_ids_are_stored_when_they_are_new_and_not_again(standings):
    ids = Ids("204", "MS4wLjABsec", "leo")
    known = Identity("204", "MS4wLjABsec", "leo", AT)
    assert learn(standings, [brought(LEO, PROFILE, ids=ids)]).noted.ids == {LEO: known}
    standings.watchlist.renew({LEO: known}, [], AT)
    assert learn(standings, [brought(LEO, PROFILE, ids=ids)]).noted.ids == {}
    renamed = Ids("204", "MS4wLjABsec", "leo.new")
    assert learn(standings, [brought(LEO, PROFILE, ids=renamed)]).noted.ids[LEO].handle == "leo.new"


# --- cookies -------------------------------------------------------------------------------------------------------


def test_a_refused_cookie_is_tried_by_one_line_and_once_accepted_by_all_others(standings):
    probe = standings.probe_of(XIAO)
    assert probe == (XIAO, DIAGNOSIS)
    refused = failed(XIAO, LIST, Reason.COOKIE)
    assert follow(standings, refused) == {(probe, AT + SECOND_LOOK)}
    accepted = AT + SECOND_LOOK
    assert follow(standings, brought(*probe, accepted)) == {((KEY, OVERVIEW), accepted)}
    assert standings.cookie(XIAO).state is Validity.VALID


def test_a_line_that_had_no_data_while_the_cookie_was_accepted_is_not_asked_again_and_accuses_no_more(standings):
    probe, empty = (XIAO, DIAGNOSIS), (XIAO, LIST)
    follow(standings, failed(*empty, Reason.COOKIE))
    assert follow(standings, brought(*probe, AT + SECOND_LOOK)) == {((KEY, OVERVIEW), AT + SECOND_LOOK)}
    follow(standings, failed(*empty, Reason.COOKIE, AT + HOUR))
    assert standings.cookie(XIAO).state is Validity.VALID
    follow(standings, brought(*empty, AT + 2 * HOUR))
    follow(standings, failed(*empty, Reason.COOKIE, AT + 3 * HOUR))
    assert standings.cookie(XIAO).state is Validity.SUSPECT


def test_a_line_that_accused_a_cookie_which_the_second_look_refused_too_is_asked_again_with_the_others(standings):
    probe, accuser = (XIAO, DIAGNOSIS), (XIAO, LIST)
    follow(standings, failed(*accuser, Reason.COOKIE))
    follow(standings, failed(*probe, Reason.COOKIE, AT + SECOND_LOOK))
    woken = follow(standings, brought(*probe, AT + DAY))
    assert woken == {(accuser, AT + DAY), ((KEY, OVERVIEW), AT + DAY)}


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (None, Validity.VALID),
        (Reason.NOT_FOUND, Validity.VALID),
        (Reason.BAD_PAYLOAD, Validity.VALID),
        (Reason.EMPTY, Validity.SUSPECT),
        (Reason.SERVER, Validity.SUSPECT),
        (Reason.AUTH, Validity.SUSPECT),
    ],
)
def test_a_cookie_is_accepted_by_every_answer_but_no_data_and_the_failures_of_the_provider(standings, reason, state):
    follow(standings, failed(XIAO, DIAGNOSIS, Reason.COOKIE))
    follow(standings, End(KEY, OVERVIEW, AT + SECOND_LOOK, reason, None if reason else Reading({})))
    assert standings.cookie(XIAO).state is state


def test_where_videos_alone_need_the_cookie_no_data_accepts_one_that_was_refused(standings):
    follow(standings, failed(SEVEN, DETAIL, Reason.COOKIE))
    follow(standings, failed(SEVEN, DETAIL, Reason.EMPTY, AT + SECOND_LOOK))
    assert standings.cookie(MEI).state is Validity.VALID


def test_what_is_seen_in_spite_of_a_refusal_is_not_asked_again(standings):
    follow(standings, failed(XIAO, DIAGNOSIS, Reason.COOKIE))
    lesson = learn(standings, [brought(XIAO, DIAGNOSIS, AT + SECOND_LOOK)])
    blind = {(KEY, OVERVIEW)}
    assert take_in(standings, lesson, AT + HOUR, blind.__contains__) == [((KEY, OVERVIEW), AT + HOUR)]


def test_another_line_tries_a_cookie_when_the_one_that_did_can_tell_nothing_any_more(standings):
    follow(standings, failed(XIAO, LIST, Reason.COOKIE))
    assert follow(standings, failed(XIAO, DIAGNOSIS, Reason.SCOPE, AT + SECOND_LOOK)) == {
        ((XIAO, LIST), AT + SECOND_LOOK)
    }


def test_a_401_to_a_cookie_has_the_key_asked_about_at_once(standings):
    answer = standings.blame(XIAO, ENDPOINTS[LIST], Failure(Reason.AUTH, ""), AT)
    woken = follow(standings, failed(XIAO, LIST, answer.reason))
    assert woken == {((XIAO, DIAGNOSIS), AT + SECOND_LOOK), (("provider/tikhub", WORD), AT)}


def test_a_start_remembers_who_had_no_data_and_that_the_key_was_refused(standings):
    ends = [failed(XIAO, LIST, Reason.EMPTY), failed(MEI, SHOP_LIST, Reason.AUTH, AT + HOUR)]
    take_in(standings, recall(standings, ends), AT + HOUR)
    empty, refused = Failure(Reason.EMPTY, ""), Failure(Reason.AUTH, "")
    assert standings.blame(XIAO, ENDPOINTS[DIAGNOSIS], refused, AT + 2 * HOUR).reason is Reason.AUTH
    assert standings.blame(XIAO, ENDPOINTS[LIST], empty, AT + 3 * HOUR).reason is Reason.EMPTY


def test_a_start_remembers_cookies_by_the_newest_polls_and_sights_as_they_are_stored(standings):
    gone(standings)
    sight = standings.sights[KEY]
    ends = [failed(XIAO, LIST, Reason.COOKIE), failed(XIAO, LIST, Reason.COOKIE, AT + SECOND_LOOK)]
    take_in(standings, recall(standings, ends), AT + DAY)
    assert standings.cookie(XIAO).state is Validity.EXPIRED
    assert standings.sights == {KEY: sight}


# --- what rules read -----------------------------------------------------------------------------------------------


def test_rules_read_each_state_of_a_video_as_yes_or_no_and_only_changes_are_news(standings):
    recent = Recent({})
    lesson = learn(standings, [listed()])
    take_in(standings, lesson, AT)
    assert show(recent, standings, lesson, AT) == {KEY}
    assert show(recent, standings, lesson, AT + HOUR) == set()
    gone(standings)
    assert show(recent, standings, lesson, AT + HOUR) == {KEY}
    states = {labels[0][1]: window.values[-1] for labels, window in recent.view(KEY)["video_state"].items()}
    assert states == {"public": 0.0, "private": 0.0, "removed": 1.0, "restored": 0.0}
