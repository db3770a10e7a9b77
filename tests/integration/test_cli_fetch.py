"""`creatorwatch fetch`: one call now, to a simulator in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.lock import hold
from rules.values import NO_LABELS, Subject, Target
from storage.records import POLLED, Identity, Noted, Planned, Polled
from storage.store import Store

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
EXAMPLE = Path(__file__).parents[2] / "rules.example.yaml"
CREATOR, HEALTH = "fetch_creator_info_and_milestones", "get_account_health_status"
COOKIE = "sim-cookie:violation-ladder-c00k1e"
TOKEN = "creator.107955"  # the handle of uid 107955 in the simulation, so that answers quote the key
FAULTS = ["501=http-500", "502=not-found", "503=empty-200"]

FILE = """\
providers:
  tikhub: { token: "${TIKHUB_TOKEN}", base_url: "URL" }
  keyapi: { token: "${KEYAPI_TOKEN}", base_url: "URL", canary: "7460937381265411370" }
budget: { tikhub: { day: 0.002 } }
accounts:
  - { platform: tiktok, id: mei, name: Mei, uid: "107955", cookie: "${COOKIE_MEI}" }
  - { platform: tiktok, id: late, uid: "9", cookie: "${COOKIE_LATE}" }
  - { platform: tiktok, id: named, handle: creator.77 }
  - { platform: tiktok, id: http-500, uid: "501" }
  - { platform: tiktok, id: not-found, uid: "502" }
  - { platform: tiktok, id: empty-200, uid: "503" }
  - { platform: douyin, id: xiaoyu, sec_uid: MS4wLjABAAAAxiaoyu, cookie: "${COOKIE_MEI}" }
videos:
  - { platform: tiktok, id: "7460937381265411370", account: late }
  - { platform: tiktok, id: "7460937381265411371", account: named }
channels: { console: { url: "console://" } }
rules:
  - { name: fans, on: account, when: follower_count > 1 }
"""


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """The URL of a running `creatorwatch simulate`."""
    out = tmp_path_factory.mktemp("provider") / "out"
    command = [CREATORWATCH, "simulate", "--port", "0", *(word for fault in FAULTS for word in ("--fault", fault))]
    with out.open("w") as stdout, subprocess.Popen(command, stdout=stdout) as simulator:
        try:
            deadline_s = time.monotonic() + 60
            while not (url := re.search(r"http://127\.0\.0\.1:\d+", out.read_text())):
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            yield url[0]
        finally:
            simulator.send_signal(signal.SIGINT)


@pytest.fixture
def cli(provider, tmp_path):
    """Runs a command in a folder whose rules.yaml leads to the provider, with a key for TikHub."""
    (tmp_path / "rules.yaml").write_text(FILE.replace("URL", provider))
    keys = {"TIKHUB_TOKEN": TOKEN, "COOKIE_MEI": COOKIE}

    def run(*arguments, **more):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **keys, **more}
        command = [CREATORWATCH, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def spent(cli):
    """(endpoint, calls, USD) of every row of `creatorwatch spending`."""
    rows = json.loads(cli("spending", "--json").stdout)["endpoints"]
    return [(row["endpoint"], row["calls"], row["usd"]) for row in rows]


def an_account(id_):
    return Target(f"tiktok/account/{id_}", Subject.ACCOUNT, id_, "tiktok")


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_fetch_prints_every_series_with_its_value_and_unit_the_records_and_the_cost(cli):
    done = cli("fetch", CREATOR, "mei")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{CREATOR} about Mei (tiktok/account/mei)\n")
    assert re.search(r"(?m)^ +follower_count +[\d,]+ +count *$", done.stdout)
    assert re.search(r"(?m)^ +milestone +[0-9a-f]{12} +title: Started posting on TikTok", done.stdout)
    assert re.search(r"(?m)^1 call, 0\.0010 USD at most, \d+\.\d s; nothing of it is stored$", done.stdout)


def test_a_number_that_is_not_known_is_said_to_be_unknown(cli):
    done = cli("fetch", "video_detail_analytics", "7460937381265411370", KEYAPI_TOKEN="k")

    assert done.returncode == 0
    assert re.search(r"(?m)^ +views +[\d,]+ +count *$", done.stdout)
    assert re.search(r"(?m)^ +favorites +unknown +count *$", done.stdout)


def test_fetch_gives_the_same_in_json(cli):
    done = cli("fetch", HEALTH, "tiktok/account/mei", "--json")
    facts = json.loads(done.stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert {name: facts[name] for name in ("endpoint", "target", "source", "calls", "cost_usd")} == {
        "endpoint": HEALTH,
        "target": "tiktok/account/mei",
        "source": "provider",
        "calls": 1,
        "cost_usd": "0.0010",
    }
    assert {"metric": "violation_score", "labels": {}, "value": 6.0, "unit": "points"} in facts["series"]
    assert [record["kind"] for record in facts["records"]] == ["health"]
    assert (facts["videos"], facts["ids"], "payload" in facts) == (None, None, False)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_raw_adds_the_answer_itself_without_secrets(form, cli):
    assert "avatar_url" not in cli("fetch", CREATOR, "mei", *form).stdout
    done = cli("fetch", CREATOR, "mei", "--raw", *form)

    payload = json.loads(done.stdout[done.stdout.index("{\n") :])
    creator = (payload["payload"] if form else payload)["creator_info"]
    assert creator["unique_id"] == "***"  # the provider quoted the key
    assert creator["avatar_url"].startswith("https://")
    assert TOKEN not in done.stdout + done.stderr


def test_the_ids_that_a_profile_tells_are_shown(cli):
    done = cli("fetch", "tiktok_handler_user_profile", "named")
    assert re.search(r"(?m)^ids: uid: 77, sec_uid: MS4wLjABAAAA77, handle: creator\.77$", done.stdout)
    ids = json.loads(cli("fetch", "tiktok_handler_user_profile", "named", "--json").stdout)["ids"]
    assert ids == {"uid": "77", "sec_uid": "MS4wLjABAAAA77", "handle": "creator.77"}


def test_the_videos_that_a_list_names_are_shown_with_the_numbers_of_each(cli):
    facts = json.loads(cli("fetch", "fetch_item_list", "xiaoyu", "--json").stdout)
    shown = cli("fetch", "fetch_item_list", "xiaoyu").stdout

    ids = {video["video_id"] for video in facts["videos"]["found"]}
    assert ids == {series["labels"]["video"] for series in facts["series"] if series["metric"] == "douyin_plays"}
    assert ids
    for video_id in ids:
        assert re.search(rf"(?m)^ +douyin_plays{{video={video_id}}} +[\d,]+ +count *$", shown)
        assert re.search(rf"(?m)^ +{video_id} +(unknown|\d{{4}}-\d\d-\d\d \d\d:\d\d UTC) ", shown)
    assert re.search(rf"(?m)^videos: {len(ids)}, (all since \d{{4}}|there may be others)", shown)


# --- whom it is about -------------------------------------------------------------------------------------------------


def test_any_video_can_be_asked_about_and_a_provider_too(cli):
    video = cli("fetch", "fetch_video_metrics", "7460937381265419999")
    key = cli("fetch", "get_user_info", "provider/tikhub")

    assert (video.returncode, key.returncode) == (0, 0)
    assert "about 7460937381265419999 (tiktok/video/7460937381265419999)" in video.stdout
    assert re.search(r"(?m)^ +key_active +yes +state *$", key.stdout)


@pytest.mark.parametrize(
    ("endpoint", "target", "words"),
    [
        ("fetch_item_lst", "mei", "there is no endpoint `fetch_item_lst`, did you mean `fetch_item_list`?"),
        (CREATOR, "mej", "none that is watched is called `mej`, did you mean `mei`?"),
        ("fetch_item_list", "mei", "is about a douyin account, and none that is watched is called `mei`"),
        (HEALTH, "named", f"{HEALTH} needs a cookie: set cookie for named"),
        (CREATOR, "named", f"{CREATOR} needs a uid: set uid for named"),
        (HEALTH, "late", "tiktok/account/late has no cookie: the environment variable COOKIE_LATE is not set"),
        ("get_video_audience_stats", "7460937381265411371", "needs a cookie: set cookie for named"),
        ("get_video_audience_stats", "7460937381265419999", "name 7460937381265419999 in the file, with its account"),
        ("get_video_to_product_stats", "7460937381265411370", "needs a product: set product for 7460937381265411370"),
        ("video_detail_analytics", "7460937381265411370", "keyapi is off: it has no API key"),
    ],
)
def test_what_cannot_be_asked_is_said_in_words_and_nothing_is_spent(endpoint, target, words, cli, tmp_path):
    done = cli("fetch", endpoint, target)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_the_ids_and_videos_that_a_daemon_learned_are_used(cli, tmp_path):
    at = SystemClock().now()
    with closing(Store.open(tmp_path / "creatorwatch.db")) as store:
        store.sync_targets([an_account("named")], at)
        store.commit_polls([], "me", noted=Noted(ids={"tiktok/account/named": Identity("77", "", "", at)}))
    done = cli("fetch", CREATOR, "named")

    assert (done.returncode, done.stderr) == (0, "")
    assert "follower_count" in done.stdout


def test_an_answer_is_read_in_the_light_of_the_numbers_that_a_daemon_stored(cli, tmp_path):
    at, target, canary = SystemClock().now(), "provider/keyapi", "keyapi_canary"
    fell = re.compile(r"(?m)^ +keyapi_canary_ok +no +state *$")
    assert not fell.search(cli("fetch", canary, target, KEYAPI_TOKEN="k").stdout)
    with closing(Store.open(tmp_path / "creatorwatch.db")) as store:
        store.sync_targets([Target(target, Subject.PROVIDER, "KeyAPI", "")], at)
        store.plan([Planned(target, canary, timedelta(hours=6), at)], at)
        (claim,) = store.claim(canary, at, at + timedelta(minutes=5), "a daemon", 1)
        views = {("keyapi_canary_views", NO_LABELS): 1e12}
        store.commit_polls([Polled(claim.schedule_id, at, POLLED, at, views, b"{}")], "a daemon")
    assert fell.search(cli("fetch", canary, target, KEYAPI_TOKEN="k").stdout)


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_a_call_stands_in_the_ledger_and_nothing_else_is_stored(cli, tmp_path):
    cli("fetch", "tiktok_handler_user_profile", "named")

    assert spent(cli) == [("tiktok_handler_user_profile", 1, "0.0010")]
    with closing(Store.open(tmp_path / "creatorwatch.db", readonly=True)) as store:
        assert (store.remembered(), dict(store.identities()), store.discovered()) == ([], {}, [])


@pytest.mark.parametrize(
    ("target", "reason", "usd"),
    [("http-500", "server", "0.0000"), ("not-found", "not_found", "0.0000"), ("empty-200", "empty", "0.0010")],
)
def test_a_failure_is_said_with_its_reason_and_what_it_may_have_cost(target, reason, usd, cli):
    done = cli("fetch", CREATOR, target)
    facts = json.loads(cli("fetch", CREATOR, target, "--json").stdout)

    assert done.returncode == 1
    assert re.fullmatch(rf"creatorwatch: {reason}: .+\n", done.stderr)
    assert f"1 call, {usd} USD at most" in done.stdout
    assert (facts["failure"]["reason"], facts["cost_usd"]) == (reason, usd)
    assert [(endpoint, calls) for endpoint, calls, _ in spent(cli)] == [(CREATOR, 2)]


def test_no_call_is_made_when_the_budget_is_used_up_unless_that_is_wanted(cli):
    assert [cli("fetch", CREATOR, "mei").returncode for _ in range(2)] == [0, 0]
    refused = cli("fetch", CREATOR, "mei")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the budget of tikhub is used up (0.0020 USD today, 0.0020 this month)" in refused.stderr
    assert spent(cli) == [(CREATOR, 2, "0.0020")]
    assert cli("fetch", CREATOR, "mei", "--over-budget").returncode == 0
    assert spent(cli) == [(CREATOR, 3, "0.0030")]


# --- the database -----------------------------------------------------------------------------------------------------


def test_fetch_works_beside_a_daemon(cli, tmp_path):
    database = tmp_path / "creatorwatch.db"
    with hold(database), closing(Store.open(database)) as daemons:
        done = cli("fetch", CREATOR, "mei")
        at = SystemClock().now()
        assert (done.returncode, daemons.spent("tikhub", at - timedelta(hours=1))) == (0, Decimal("0.001"))


def test_a_database_that_cannot_be_worked_with_is_said_and_kept(cli, tmp_path):
    (tmp_path / "creatorwatch.db").write_text("a diary, and no database at all\n" * 40)
    done = cli("fetch", CREATOR, "mei")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"creatorwatch: creatorwatch\.db: .+\n", done.stderr)
    assert (tmp_path / "creatorwatch.db").read_text().startswith("a diary")


def test_without_any_key_the_answer_is_simulated_and_leaves_nothing_behind(tmp_path):
    shutil.copy(EXAMPLE, tmp_path / "rules.yaml")
    (tmp_path / "creatorwatch-simulated.db").write_text("what an earlier simulation left")
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    command = [CREATORWATCH, "fetch", HEALTH, "mei-kitchen"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0
    assert done.stderr == "creatorwatch: no API key is set: this answer is SIMULATED\n"
    assert re.search(r"(?m)^ +violation_score +6 +points *$", done.stdout)
    assert {path.name for path in tmp_path.iterdir()} == {"rules.yaml", "creatorwatch-simulated.db"}
