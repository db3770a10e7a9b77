"""Which endpoint is asked about which target."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from daemon.config import load
from daemon.plan import plan
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.watchlist import Watchlist
from rules.values import Subject
from storage.records import CARRIED, Discovered, Identity

AT = datetime(2026, 11, 21, tzinfo=UTC)
DAY = timedelta(days=1)
BOTH = frozenset(Provider)
HEALTH, FAKE, STATS = "get_account_health_status", "detect_fake_views", "video_detail_analytics"
FANS, PROFILE = "fetch_creator_info_and_milestones", "tiktok_handler_user_profile"
ITEMS, SHOP_LIST, IDS = "fetch_item_list", "get_video_list_analytics", "douyin_handler_user_profile_v2"
MEI, LEO, XIAO, VIDEO = "tiktok/account/mei", "tiktok/account/leo", "douyin/account/xiao", "tiktok/video/7"
TIKHUB = "provider/tikhub"

FILE = """
providers: {tikhub: {token: "${T}"}, keyapi: {token: "${K}"}}
accounts:
  - {platform: tiktok, id: mei, uid: "1", cookie: "${COOKIE}"}
  - {platform: tiktok, id: leo}
  - {platform: douyin, id: xiao, cookie: "${COOKIE}"}
videos: [{platform: tiktok, id: "7", account: mei}]
"""
CHANNELS = 'channels: {console: {url: "console://"}}\n'


def rule(number: int, when: str) -> str:
    subject = next(METRICS[word].subject for word in re.findall(r"\w+", when) if word in METRICS)
    return f"\n  - {{name: r{number}, on: {subject}, when: {when}}}"


@pytest.fixture
def planned(tmp_path):
    """The lines of the plan by (target, endpoint), for the rules' conditions, a file, and what was learned since."""

    def lines(*conditions: str, file: str = FILE, more: str = "", providers=BOTH, identities=None, discovered=()):
        path = tmp_path / "rules.yaml"
        rules = "rules:" + "".join(rule(*each) for each in enumerate(conditions)) + "\n" if conditions else ""
        path.write_text(file + CHANNELS + more + "\n" + rules, encoding="utf-8")
        config = load(path, {}, METRICS, ENDPOINTS)
        assert not isinstance(config, list), config
        watchlist = Watchlist(config, providers)
        watchlist.renew(identities or {}, discovered, AT)
        found = list(plan(config, watchlist, providers, AT))
        by_line = {(line.target, line.endpoint): line for line in found}
        assert len(by_line) == len(found)
        return by_line

    return lines


def account(**keys: str) -> str:
    """The file with one account alone."""
    written = {"platform": "tiktok", "id": "mei"} | keys
    entry = ", ".join(f"{name}: {value}" for name, value in written.items())
    return FILE[: FILE.index("accounts:")] + f"accounts: [{{{entry}}}]\n"


# --- what rules read --------------------------------------------------------------------------------------------------


def test_what_no_rule_reads_is_not_paid_for(planned):
    assert set(planned("violation_score > 9")) == {(MEI, HEALTH)}


def test_without_rules_nothing_is_asked(planned):
    assert planned() == {}


def test_what_a_grafana_dashboard_shows_is_asked_without_a_rule(planned, tmp_path):
    (tmp_path / "board.json").write_text('{"panels": [{"targets": [{"expr": "creatorwatch_video_fake_score > 60"}]}]}')
    assert set(planned("violation_score > 9", more="dashboards: board.json")) == {(MEI, HEALTH), (VIDEO, FAKE)}


@pytest.mark.parametrize("named", [FAKE, "fake_score"])
def test_what_the_configuration_collects_is_asked_without_a_rule(planned, named):
    assert set(planned("violation_score > 9", more=f"collect: [{named}]")) == {(MEI, HEALTH), (VIDEO, FAKE)}


def test_the_settings_of_an_endpoint_do_not_make_it_asked(planned):
    assert set(planned("violation_score > 9", more=f"endpoints: {{{FAKE}: {{interval: 12h}}}}")) == {(MEI, HEALTH)}


def test_an_account_is_asked_about_only_what_it_has_the_means_for(planned):
    lines = planned("violation_score > 9", "follower_count > 1", "count(author_rank < 0.1) > 1")
    assert {target for target, _ in lines} == {MEI, XIAO}
    assert (XIAO, HEALTH) not in lines


def test_a_provider_without_a_key_is_not_asked(planned):
    assert set(planned("views > 1", "fake_score > 60", providers=frozenset({Provider.TIKHUB}))) == {(VIDEO, FAKE)}


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("canary_ok == 0", {(TIKHUB, "canary")}),
        ("keyapi_canary_ok == 0", set()),  # no video is named that it could be asked about
        ("balance_usd < 5", {(TIKHUB, "get_user_info")}),
        ("until(balance_ends_at) < 7d", {(TIKHUB, "get_user_info")}),  # worked out from the balance
        ("provider_up == 0", set()),
    ],
)
def test_a_provider_is_asked_about_itself_where_a_rule_reads_of_it(planned, condition, lines):
    assert set(planned(condition)) == lines


# --- how often --------------------------------------------------------------------------------------------------------


def test_the_configured_interval_replaces_the_endpoints_own(planned):
    own = planned("violation_score > 9")[MEI, HEALTH]
    set_ = planned("violation_score > 9", more=f"endpoints: {{{HEALTH}: {{interval: 1s}}}}")[MEI, HEALTH]
    assert (own.interval, set_.interval) == (timedelta(hours=2), timedelta(seconds=1))
    assert (own.cadence, set_.cadence) == (str(ENDPOINTS[HEALTH].cadence), "every 1 s")


def test_every_target_has_a_first_turn_soon(planned):
    due = [line.first_due for line in planned("violation_score > 9", "views > 1").values()]
    assert all(AT <= each <= AT + timedelta(seconds=10) for each in due)


def test_a_video_past_the_ages_of_an_endpoint_is_planned_and_not_asked_by_itself(planned):
    old = str(int((AT - 40 * DAY).timestamp()) << 32)
    file = FILE.replace('id: "7"', f'id: "{old}"')
    assert planned("fake_score > 60", file=file)[f"tiktok/video/{old}", FAKE].first_due is None


# --- videos of an account ---------------------------------------------------------------------------------------------


def test_numbers_of_videos_that_a_call_about_their_account_brings_need_no_call_of_their_own(planned):
    lines = planned("shop_listed_video_views > 1")
    assert set(lines) == {(MEI, SHOP_LIST), (VIDEO, SHOP_LIST)}
    carried = lines[VIDEO, SHOP_LIST]
    assert (carried.first_due, carried.cadence) == (None, CARRIED)
    assert lines[MEI, SHOP_LIST].first_due is not None


@pytest.mark.parametrize(
    "file",
    [
        FILE.replace("account: mei", "account: leo"),  # without a cookie
        FILE.replace(", account: mei", ""),
        FILE.replace("platform: tiktok, id: mei, uid", "platform: douyin, id: mei, uid").replace(", account: mei", ""),
    ],
)
def test_a_video_whose_account_cannot_be_listed_is_not_carried(planned, file):
    assert not [target for target, _ in planned("shop_listed_video_views > 1", file=file) if target == VIDEO]


def test_a_list_that_is_read_for_its_own_numbers_alone_carries_no_video(planned):
    assert set(planned("shop_videos_listed > 1")) == {(MEI, SHOP_LIST)}


@pytest.mark.parametrize(("platform", "listed_by"), [("tiktok", SHOP_LIST), ("douyin", ITEMS)])
def test_the_videos_of_an_account_are_listed_if_they_are_to_be_discovered(planned, platform, listed_by):
    one = account(platform=platform, cookie='"${COOKIE}"')
    line = (f"{platform}/account/mei", listed_by)
    assert planned(file=one) == {}
    assert set(planned(file=one, more="discover: true")) == {line}
    assert planned(file=account(platform=platform), more="discover: true") == {}
    assert planned(file=one, more="discover: true", providers=frozenset({Provider.KEYAPI})) == {}


def test_a_list_that_rules_read_is_not_asked_twice_to_discover_videos(planned):
    one = account(platform="douyin", cookie='"${COOKIE}"', discover="true")
    assert set(planned("items_listed > 1", file=one)) == {("douyin/account/mei", ITEMS)}


def test_a_discovered_video_is_asked_about_like_a_named_one(planned):
    found = Discovered(MEI, "8", "", AT - DAY, AT, AT)
    old = Discovered(MEI, "9", "", AT - 40 * DAY, AT, AT)
    lines = planned("fake_score > 60", "shop_listed_video_views > 1", more="discover: 30d", discovered=[found, old])
    assert {endpoint for target, endpoint in lines if target == "tiktok/video/8"} == {FAKE, SHOP_LIST}
    assert not [target for target, _ in lines if target == "tiktok/video/9"]


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "condition", "profile"),
    [
        ({"handle": "mei"}, "follower_count > 1", PROFILE),
        ({"platform": "douyin", "handle": "mei"}, "douyin_follower_count > 1", IDS),
    ],
)
def test_an_id_that_is_needed_is_looked_up_until_it_is_known(planned, keys, condition, profile):
    key = f"{keys.get('platform', 'tiktok')}/account/mei"
    read_by = next(name for name, each in ENDPOINTS.items() if condition.split()[0] in {m.name for m in each.metrics})
    known = {key: Identity("1", "MS4wLjABAAAAmei", "mei", AT)}

    assert set(planned(condition, file=account(**keys))) == {(key, profile)}
    assert set(planned(condition, file=account(**keys), identities=known)) == {(key, read_by)}


def test_no_id_is_looked_up_that_nothing_needs(planned):
    lines = planned("violation_score > 9", file=account(handle="mei", cookie='"${COOKIE}"'))
    assert set(lines) == {(MEI, HEALTH)}


def test_an_id_is_not_looked_up_where_nothing_is_known_to_look_it_up_by(planned):
    assert planned("follower_count > 1", file=account()) == {}


def test_a_profile_that_rules_read_is_not_asked_twice_for_the_ids(planned):
    lines = planned("follower_count > 1", "tiktok_follower_count > 1", file=account(handle="mei"))
    assert set(lines) == {(MEI, PROFILE)}


def test_every_line_is_about_a_target_of_its_endpoints_kind_or_is_carried(planned):
    everything = f"collect: [{', '.join(ENDPOINTS)}]\ndiscover: true"
    kinds = {"account": Subject.ACCOUNT, "video": Subject.VIDEO}
    for (target, endpoint), line in planned("shop_listed_video_views > 1", more=everything).items():
        kind = kinds.get(target.split("/")[1], Subject.PROVIDER)
        assert (ENDPOINTS[endpoint].subject is kind) != (line.cadence == CARRIED)
