"""The configuration file: what it comes to, and every way in which it can be wrong (tests/bad_config)."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import providers
from daemon.config import Access, Config, Override, Watched, load
from daemon.config_models import Address
from daemon.marked import Problem
from daemon.providers.endpoint import Provider
from daemon.scribe import Voice
from daemon.secrets import Secret, resolve
from rules.values import Metric, Subject, Target, Unit
from rules.wording import Markup
from rules.words import Language

TESTS = Path(__file__).parent.parent
BAD_FILES = sorted((TESTS / "bad_config").glob("*.yaml"))
ENDPOINTS = {
    name: providers.ENDPOINTS[name]
    for name in ("get_account_health_status", "fetch_author_diagnosis", "detect_fake_views", "video_detail_analytics")
}
METRICS = {
    metric.name: metric
    for metric in (
        Metric("follower_count", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("like_count", Subject.ACCOUNT, Unit.COUNT, "likes"),
        Metric("violation_score", Subject.ACCOUNT, Unit.POINTS, "violation points"),
        Metric("author_rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("fake_score", Subject.VIDEO, Unit.SCORE, "how bought the views look"),
        Metric("cookie_ok", Subject.COOKIE, Unit.STATE, "only its changes are noted", history=False),
        Metric("visible", Subject.ACCOUNT, Unit.STATE, "each 0 is noted", history=False, repeated=True),
    )
}
ENV = {"TIKHUB_TOKEN": "t" * 20, "TEAM_URL": "console://", "TEAM_PART": "x", "BAD_URL": "nosuch://x"}

GOOD = """
database: here.db
listen: "[::1]:0"
providers:
  tikhub: {token: "${TIKHUB_TOKEN}", base_url: https://api.tikhub.dev, rate_per_s: 5, timeout: 1m, in_flight: 8}
  keyapi: {token: "${file:keyapi.token}"}
endpoints:
  fetch_author_diagnosis: {interval: 1h30m, rate_per_s: 0.5}
  detect_fake_views: {rate_per_s: 1}
accounts:
  - platform: tiktok
    id: alice-shop
    name: Alice
    uid: "107955"
    handle: alice
    owner: mei
    tags: [tier-a, food]
    cookie: ${file:cookies/alice}
    health_scheme: chr
  - {platform: douyin, id: MS4wLjABAAAAx-y_z, cookie: "${NO_COOKIE}"}
  - {platform: douyin, id: alice-shop, handle: al}
videos:
  - {platform: tiktok, id: "11", account: alice-shop, content_category: product}
  - {platform: tiktok, id: "12", account: alice-shop, owner: "", tags: [], name: Dance}
  - {platform: douyin, id: "11", account: alice-shop}
  - {platform: tiktok, id: "13"}
channels:
  console: {url: "console://"}
  team: {url: "${TEAM_URL:-console://}"}
rules:
  - name: few-fans
    on: account
    when: follower_count < 10
    to: [team]
"""


def problems_of(path: Path) -> list[Problem]:
    found = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(found, list)
    return found


def said(problem: Problem) -> str:
    """The problem as it is told, without the folder of a roster and without the name of the file itself."""
    return replace(problem, file="").shown(Path(problem.file).name).removeprefix(":")


def config_of(path: Path, text: str) -> Config:
    path.write_text(text, encoding="utf-8")
    found = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(found, Config), [problem.shown(path.name) for problem in found]
    return found


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Config:
    folder = tmp_path_factory.mktemp("good")
    (folder / "cookies").mkdir()
    (folder / "cookies" / "alice").write_text("sessionid=1\n")
    return config_of(folder / "rules.yaml", GOOD)


# --- what is wrong ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_a_bad_file_is_told_all_its_problems_in_their_order(path: Path):
    expected = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    told = [said(problem) for problem in problems_of(path)]
    assert told == expected
    assert told


def test_the_bad_files_are_many_and_each_has_its_messages():
    assert len(BAD_FILES) >= 25
    assert {path.stem for path in (TESTS / "bad_config").glob("*.txt")} == {path.stem for path in BAD_FILES}


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_no_message_quotes_a_secret(path: Path):
    told = " ".join(problem.text for problem in problems_of(path))
    assert "hunter2" not in told
    assert "31337" not in told


@pytest.mark.parametrize("path", BAD_FILES, ids=lambda path: path.stem)
def test_every_message_is_one_printable_line(path: Path):
    assert all(problem.text.isprintable() for problem in problems_of(path))


MANY_ACCOUNTS = "accounts:\n" + "\n".join(f"- {{platform: tiktok, id: acc{number}}}" for number in range(3_000))
MANY_VIDEOS = "videos:\n" + "\n".join(
    f"- {{platform: tiktok, id: '{number}', account: aac{number}}}" for number in range(3_000)
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"accounts: [{{platform: tiktok, id: a, tags: [{'1, ' * 20_000}]}}]", 20_000),
        (f"accounts: [{{platform: tiktok, id: a, {', '.join(f'k{number}: 1' for number in range(20_000))}}}]", 20_000),
        (f"{MANY_ACCOUNTS}\n{MANY_VIDEOS}\n", 3_000),
    ],
    ids=["tags", "keys", "unknown accounts"],
)
def test_the_time_grows_with_the_mistakes_and_not_with_their_square(text: str, count: int, tmp_path):
    path = tmp_path / "many.yaml"
    path.write_text(text)
    started_s = time.thread_time()
    assert len(problems_of(path)) == count
    assert time.thread_time() - started_s < 60  # with their square it would be many minutes


def test_a_missing_file_is_one_problem(tmp_path):
    assert problems_of(tmp_path / "none.yaml") == [Problem(1, 1, "there is no such file")]


def test_one_mistake_twice_in_the_same_place_is_told_once(tmp_path):
    path = tmp_path / "aliased.yaml"
    path.write_text("accounts:\n  - {platform: tiktok, id: a, tags: &t [5]}\n  - {platform: tiktok, id: b, tags: *t}\n")
    assert len(problems_of(path)) == 1


# --- what it comes to -------------------------------------------------------------------------------------------------


def test_providers_have_their_settings_or_the_defaults(good: Config):
    assert good.providers == {
        Provider.TIKHUB: Access("https://api.tikhub.dev", "${TIKHUB_TOKEN}", 5.0, 60.0, 8, canary=""),
        Provider.KEYAPI: Access("https://api.keyapi.ai", "${file:keyapi.token}", 2.0, 45.0, 64),
    }


def test_overrides_hold_only_what_is_written(good: Config):
    assert good.overrides == {
        "fetch_author_diagnosis": Override(timedelta(minutes=90), 0.5),
        "detect_fake_views": Override(None, 1.0),
    }


def test_where_it_writes_and_listens(good: Config):
    assert (good.database, good.listen) == (Path("here.db"), Address("::1", 0))


def test_an_account_becomes_a_target(good: Config):
    assert good.targets[0] == Watched(
        Target(
            key="tiktok/account/alice-shop",
            subject=Subject.ACCOUNT,
            name="Alice",
            platform="tiktok",
            owner="mei",
            tags=("tier-a", "food"),
            link="https://www.tiktok.com/@alice",
            channels=("console", "team"),
            account="tiktok/account/alice-shop",
        ),
        uid="107955",
        handle="alice",
        video_id="",
        cookie="${file:cookies/alice}",
        options={"health_scheme": "chr", "content_category": "default"},
    )


def test_a_video_has_owner_tags_link_and_cookie_from_its_account(good: Config):
    assert good.targets[3] == Watched(
        Target(
            key="tiktok/video/11",
            subject=Subject.VIDEO,
            name="11",
            platform="tiktok",
            owner="mei",
            tags=("tier-a", "food"),
            link="https://www.tiktok.com/@alice/video/11",
            channels=("console", "team"),
            account="tiktok/account/alice-shop",
        ),
        uid="107955",
        handle="alice",
        video_id="11",
        cookie="${file:cookies/alice}",
        options={"content_category": "product"},
        account="tiktok/account/alice-shop",
    )


def test_a_video_with_an_owner_and_tags_of_its_own_keeps_them_even_empty(good: Config):
    target = good.targets[4].target
    assert (target.name, target.owner, target.tags) == ("Dance", "", ())


def test_a_link_is_given_only_where_it_is_known(good: Config):
    links = {watched.target.key: watched.target.link for watched in good.targets}
    assert links["douyin/account/MS4wLjABAAAAx-y_z"] == "https://www.douyin.com/user/MS4wLjABAAAAx-y_z"
    assert links["douyin/account/alice-shop"] == links["douyin/video/11"] == links["tiktok/video/13"] == ""


def test_a_video_of_the_other_platform_is_not_that_accounts(good: Config):
    assert good.targets[5].handle == "al"


def test_the_rules_are_compiled_and_know_their_channels(good: Config):
    assert [(rule.name, rule.to) for rule in good.book.rules] == [("few-fans", ("team",))]
    assert good.channels == {"console": "console://", "team": "${TEAM_URL:-console://}"}


def test_a_secret_that_is_not_there_is_a_note_and_no_problem(good: Config):
    assert good.notes == (
        "keyapi is off: there is no file keyapi.token",
        "douyin/account/MS4wLjABAAAAx-y_z has no cookie: the environment variable NO_COOKIE is not set",
        "ids that are looked up once, by handle: al",
        "settings for what no rule reads and `collect` does not name: fetch_author_diagnosis, detect_fake_views",
    )


def test_what_a_dashboard_shows_and_nobody_exports_is_a_note(tmp_path):
    (tmp_path / "board.json").write_text('[{"expr": "creatorwatch_account_followers + creatorwatch_account_fans"}]')
    config = config_of(tmp_path / "rules.yaml", f"{GOOD}collect: [fake_score]\ndashboards: [board.json]\n")
    assert config.collect == {"fake_score", "follower_count"}
    assert "board.json shows what is never exported: creatorwatch_account_fans" in config.notes


def test_each_channel_is_spoken_to_as_the_file_says(tmp_path):
    text = """
zone: Asia/Shanghai
channels:
  plain: { url: "console://" }
  own: { url: "console://", language: zh, format: html, zone: UTC, template: short }
templates: { short: { title: "{{ rule }}", file: short.j2, format: markdown } }
"""
    (tmp_path / "short.j2").write_text("{{ who.name }}")
    config = config_of(tmp_path / "rules.yaml", text)
    assert config.voices == {
        "plain": Voice(zone=ZoneInfo("Asia/Shanghai")),
        "own": Voice(Language.ZH, ZoneInfo("UTC"), Markup.HTML, "short"),
    }
    assert (config.letterheads["short"].markup, list(config.letterheads["short"].bodies)) == ("markdown", ["markdown"])
    assert config.files == (tmp_path / "rules.yaml", tmp_path / "short.j2")


def test_a_variable_that_no_message_has_is_a_note(tmp_path):
    config = config_of(tmp_path / "rules.yaml", 'templates: { short: { body: "{{ whom.name }}" } }\n')
    [note] = config.notes
    assert note.startswith("the template short names `whom`, which no message has, so the usual text is sent instead")


def test_a_mistake_in_a_template_of_its_own_file_is_told_there(tmp_path):
    (tmp_path / "short.j2").write_text("one\n {{ range(3) }}")
    path = tmp_path / "rules.yaml"
    path.write_text("templates: { short: { file: short.j2 } }\n")
    [problem] = load(path, {}, METRICS, ENDPOINTS)
    assert problem.shown("rules.yaml").startswith("short.j2:2:2: nothing can be called here")


def test_overrides_for_those_whom_nobody_is_are_a_note(tmp_path):
    text = "define: {limit: 60}\noverrides: {tags: {fod: {limit: 5}}, accounts: {alice-shp: {limit: 3}}}\n"
    config = config_of(tmp_path / "rules.yaml", f"{GOOD}{text}")
    assert "overrides for the account alice-shp, which nobody has, did you mean `alice-shop`?" in config.notes
    assert "overrides for the tag fod, which nobody has, did you mean `food`?" in config.notes


def test_a_cookie_is_found_beside_the_configuration(good: Config):
    cookie = resolve(good.targets[0].cookie, ENV, good.base)
    assert isinstance(cookie, Secret)
    assert cookie.reveal() == "sessionid=1"


def test_a_configuration_shows_no_secret(good: Config):
    assert "sessionid" not in repr(good)
    assert ENV["TIKHUB_TOKEN"] not in repr(good)


def test_sections_may_be_missing_or_empty(tmp_path):
    config = config_of(tmp_path / "a.yaml", "accounts:\nvideos:\nchannels:\nrules:\nproviders:\nendpoints:\n")
    assert (config.targets, config.channels, config.book.rules) == ((), {}, ())
    assert (config.database, config.listen) == (Path("creatorwatch.db"), Address("127.0.0.1", 9109))


# --- any text ---------------------------------------------------------------------------------------------------------

WORDS = [
    "accounts",
    "rules",
    "channels",
    "providers",
    "tikhub",
    "roster",
    "dashboards",
    "owners",
    "budget",
    "discover",
    "url",
    "token",
    "levels",
    "when",
    "on",
    "for",
    "to",
    "tags",
]
KEYS = st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.sampled_from([None, True, 1, 0.5, "console://", "${A}", "follower_count < 10", "tiktok", "account", "2h"])
FILES = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


@given(st.dictionaries(st.sampled_from(WORDS[:8]), FILES))
@settings(max_examples=200, deadline=None)
def test_any_tree_is_a_configuration_or_a_sorted_list_of_problems(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(_written(tree), encoding="utf-8")
    found = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(found, Config) or (found and found == sorted(found))


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_configuration_or_problems(tmp_path_factory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    found = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(found, Config) or found


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text("${}[]:-\"'&*# \nx1", max_size=4))
@settings(max_examples=200, deadline=None)
def test_a_slip_in_a_good_file_crashes_nothing(tmp_path_factory, start: int, length: int, typed: str):
    path = tmp_path_factory.getbasetemp() / "slip.yaml"
    path.write_text(GOOD[:start] + typed + GOOD[start + length :], encoding="utf-8")
    found = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(found, Config) or found == sorted(set(found))


def _written(tree: object) -> str:
    """``tree`` as JSON, which is YAML too."""
    return json.dumps(tree, ensure_ascii=False)
