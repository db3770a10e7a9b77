"""Who is watched: what the file says, the ids that were learned, and the videos that were found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import Config, load
from daemon.plan import fits
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Found, Videos
from daemon.providers.endpoint import Provider
from daemon.watchlist import DAEMON, OWN_CANARY, Watchlist, cookie_key
from rules.values import Subject, Target
from storage.records import Discovered, Identity

AT = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEO, XIAO, YU = "tiktok/account/leo", "douyin/account/xiao", "douyin/account/yu"
OLD = 30 * DAY


def video_id(age: timedelta) -> str:
    return str(int((AT - age).timestamp()) << 32)


NAMED = video_id(9 * DAY)
FILE = f"""
providers: {{tikhub: {{token: "${{T}}"}}, keyapi: {{token: "${{K}}", canary: "7"}}}}
owners: {{lin: [console]}}
accounts:
  - {{platform: tiktok, id: leo, handle: leo, uid: "204"}}
  - platform: douyin
    id: xiao
    handle: xiao
    owner: lin
    tags: [tier-a]
    cookie: "${{COOKIE}}"
    content_category: product
    discover: {{newer_than: 10d, at_most: 4}}
  - {{platform: douyin, id: yu, sec_uid: MS4wLjABAAAAyu, discover: true}}
videos:
  - {{platform: tiktok, id: "7", account: leo}}
  - {{platform: douyin, id: "{NAMED}", account: xiao, name: Mine}}
channels: {{console: {{url: "console://"}}, other: {{url: "console://"}}}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    path = tmp_path_factory.mktemp("watchlist") / "rules.yaml"
    path.write_text(FILE, encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    return config


def found(*ages: timedelta, account: str = XIAO, title: str = "") -> list[Discovered]:
    return [Discovered(account, video_id(age), title, None, AT, AT) for age in ages]


def renewed(config: Config, identities=None, discovered=(), at: datetime = AT) -> Watchlist:
    watchlist = Watchlist(config, config.providers)
    watchlist.renew(identities or {}, discovered, at)
    return watchlist


def key(age: timedelta) -> str:
    return f"douyin/video/{video_id(age)}"


# --- ids -----------------------------------------------------------------------------------------------------------


def test_ids_that_the_file_gives_are_kept_and_the_handle_is_the_one_that_was_told_last(config):
    leo = renewed(config, {LEO: Identity("999", "MS4wLjABsec", "leo.new", AT)})[LEO]
    assert (leo.uid, leo.sec_uid, leo.handle) == ("204", "MS4wLjABsec", "leo.new")
    assert leo.target.link == "https://www.tiktok.com/@leo.new"


def test_an_answer_that_told_no_handle_takes_none_away(config):
    assert renewed(config, {LEO: Identity("", "MS4wLjABsec", "", AT)})[LEO].handle == "leo"


def test_a_video_has_the_learned_ids_of_its_account(config):
    watchlist = renewed(config, {LEO: Identity("204", "MS4wLjABsec", "leo.new", AT)})
    video = watchlist["tiktok/video/7"]
    assert (video.uid, video.sec_uid) == ("204", "MS4wLjABsec")
    assert video.target.link == "https://www.tiktok.com/@leo.new/video/7"


# --- videos --------------------------------------------------------------------------------------------------------


def test_a_found_video_has_owner_tags_channels_cookie_and_category_of_its_account(config):
    video = renewed(config, discovered=found(DAY, title=" A\n dance "))[key(DAY)]
    assert (video.target.name, video.target.owner, video.target.tags) == ("A dance", "lin", ("tier-a",))
    assert video.target.channels == ("console",)
    assert (video.cookie, video.account, video.options["content_category"]) == ("${COOKIE}", XIAO, "product")


def test_a_found_video_has_a_name_of_one_printable_line(config):
    title = "\x1b[2Jhello\n \u202eworld\x07 " + "a" * 300
    watchlist = renewed(config, discovered=found(HOUR, title=title))
    assert watchlist[key(HOUR)].target.name == "[2Jhello world " + "a" * 185


def test_a_video_that_the_file_names_keeps_its_name_and_stays_however_old_it_is(config):
    watchlist = renewed(config, discovered=found(9 * DAY, title="Theirs"), at=AT + OLD)
    assert watchlist[key(9 * DAY)].target.name == "Mine"
    assert watchlist.videos(XIAO) == {NAMED: key(9 * DAY)}


@pytest.mark.parametrize("account", [LEO, "douyin/account/somebody"])
def test_of_an_account_that_is_not_to_be_discovered_no_found_video_is_watched(config, account):
    assert key(DAY) not in renewed(config, discovered=found(DAY, account=account))


ages = st.lists(st.integers(0, 20 * 24).map(lambda hours: hours * HOUR), unique=True, max_size=12)


@given(ages)
def test_the_newest_videos_are_watched_as_many_and_as_young_as_the_account_says(config, ages):
    watchlist = renewed(config, discovered=found(*ages))
    watched = {age for age in ages if key(age) in watchlist} - {9 * DAY}
    young = {age for age in ages if age <= 10 * DAY}
    assert watched | {9 * DAY} == set(sorted(young)[:4]) | {9 * DAY}


@given(ages, ages)
def test_what_was_learned_of_one_account_is_taken_in_as_if_it_were_learned_of_all(config, before, after):
    watchlist = renewed(config, discovered=found(*before))
    of_xiao, ids = found(*before, *after), {XIAO: Identity("1", "MS4wLjABx", "xiao.new", AT)}
    watchlist.renew(ids, of_xiao, AT, {XIAO})
    whole = renewed(config, ids, of_xiao)
    assert {each.target.key: each for each in watchlist} == {each.target.key: each for each in whole}
    for key in watchlist.targets():
        assert (watchlist.videos(key), watchlist.created(key)) == (whole.videos(key), whole.created(key))
        assert set(watchlist.named(key)) == set(whole.named(key))


def test_a_video_that_the_file_gives_to_another_account_stays_there_whoever_lists_it(config):
    watchlist = renewed(config)
    watchlist.renew({}, found(9 * DAY, account=YU), AT, {YU})
    assert watchlist[key(9 * DAY)].account == XIAO
    assert (watchlist.videos(XIAO), watchlist.videos(YU)) == ({NAMED: key(9 * DAY)}, {})


def test_a_video_of_unknown_age_is_as_old_as_the_time_since_it_was_found(config):
    odd = [Discovered(XIAO, "12", "", None, AT - age, AT) for age in (9 * DAY, 11 * DAY)]
    assert "douyin/video/12" in renewed(config, discovered=odd[:1])
    assert "douyin/video/12" not in renewed(config, discovered=odd[1:])


def test_a_time_that_a_list_told_counts_more_than_the_one_in_the_id(config):
    told = Discovered(XIAO, video_id(DAY), "", AT - 3 * DAY, AT, AT)
    assert renewed(config, discovered=[told]).created(key(DAY)) == AT - 3 * DAY


def test_what_was_named_once_is_known_although_it_is_too_old_to_be_watched(config):
    watchlist = renewed(config, discovered=found(DAY, OLD))
    assert set(watchlist.named(XIAO)) == {video_id(DAY), video_id(OLD)}
    assert video_id(OLD) not in watchlist.videos(XIAO)
    assert not watchlist.named(LEO)


def test_the_newest_video_of_an_account_is_the_newest_watched_one_or_one_that_was_just_named(config):
    watchlist = renewed(config, discovered=found(DAY, 3 * DAY))
    assert watchlist.created(XIAO) == watchlist.newest(XIAO, None, AT) == AT - DAY
    named = Videos((Found(video_id(HOUR)), Found("12"), Found("13", AT - 2 * DAY)))
    assert watchlist.newest(XIAO, named, AT) == AT - HOUR
    assert watchlist.newest(LEO, Videos((Found("12"),)), AT) is None


# --- what is no creator --------------------------------------------------------------------------------------------


def test_the_cookie_of_an_account_is_a_target_that_is_named_looked_after_and_told_of_like_the_account(config):
    watchlist = renewed(config, {XIAO: Identity("1", "MS4wLjABx", "xiao.new", AT)})
    cookie, account = watchlist["douyin/cookie/xiao"], watchlist[XIAO]
    assert cookie.target == replace(account.target, key=cookie_key(XIAO), subject=Subject.COOKIE)
    assert (cookie.account, cookie.target.account) == (XIAO, XIAO)
    assert cookie in watchlist.of({XIAO})
    assert [each for each in watchlist if each.target.subject is Subject.COOKIE] == [cookie]


def test_nothing_is_asked_about_a_cookie_or_about_the_daemon(config):
    watchlist = renewed(config)
    own = [watchlist["douyin/cookie/xiao"], watchlist[DAEMON]]
    assert not any(fits(endpoint, each) for each in own for endpoint in ENDPOINTS.values())


def test_the_daemon_is_a_target_whose_news_go_to_all_channels(config):
    assert renewed(config)[DAEMON].target == Target(
        "daemon", Subject.DAEMON, "creatorwatch", "", channels=("console", "other")
    )


def test_each_provider_that_can_be_asked_is_a_target_whose_news_go_to_all_channels(config):
    watchlist = renewed(config)
    assert watchlist["provider/tikhub"].options == {"canary": OWN_CANARY}
    assert watchlist["provider/keyapi"].options == {"canary": "7"}
    assert watchlist["provider/keyapi"].target.channels == ("console", "other")
    assert "provider/keyapi" not in Watchlist(config, [Provider.TIKHUB])


def test_every_target_is_there_once_under_its_own_key(config):
    watchlist = renewed(config, discovered=found(DAY, 9 * DAY))
    keys = [watched.target.key for watched in watchlist]
    assert len(set(keys)) == len(keys) == len(watchlist.targets()) == 10
    assert all(target.key == name for name, target in watchlist.targets().items())
