"""What the commands say of money and of doubt: `spending`, `status`, `trust`, and a `run` above its budget."""

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

from daemon.budget import day_start
from daemon.clock import SystemClock
from rules.values import Subject, Target
from storage.records import Attempt, Noted, Quarantine, Settled, Sight
from storage.store import Store

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
KEY = {"TIKHUB_TOKEN": "a-key-of-no-use"}

FILE = """\
listen: 127.0.0.1:0
providers: { tikhub: { token: "${TIKHUB_TOKEN}" } }
budget: { tikhub: { day: 0.25, month: 20 } }
endpoints: { fetch_creator_info_and_milestones: { interval: 10m } }
accounts:
  - { platform: tiktok, id: mei, uid: "1" }
  - { platform: tiktok, id: leo, uid: "2" }
channels: { console: { url: "console://" } }
rules:
  - { name: fans, on: account, when: follower_count > 1 }
"""

COLLECTING = """\
listen: 127.0.0.1:0
providers:
  tikhub: { token: "${TIKHUB_TOKEN}", base_url: "http://127.0.0.1:9" }
  keyapi: { token: "${KEYAPI_TOKEN}", base_url: "http://127.0.0.1:9" }
budget: { BUDGET }
endpoints: { fetch_creator_info_and_milestones: { interval: 10m } }
collect: [video_detail_analytics]
accounts: [{ platform: tiktok, id: mei, uid: "1" }]
videos: [{ platform: tiktok, id: "7460937381265411370" }]
channels: { console: { url: "console://" } }
rules: [{ name: fans, on: account, when: follower_count > 1 }]
"""


def environment(**more):
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


@pytest.fixture
def cli(tmp_path):
    """Runs a command in the folder of rules.yaml."""
    (tmp_path / "rules.yaml").write_text(FILE)

    def run(*arguments, **more):
        command, env = [CREATORWATCH, *arguments], environment(**more)
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "creatorwatch.db")) as opened:
        yield opened


def spend(store, at, endpoint, calls, usd):
    """A call that was settled, of so many pages."""
    [row] = store.open_calls([Attempt("tikhub", endpoint, 1, Decimal("0.001"))], at)
    store.settle_calls([Settled(row, calls, Decimal(usd), "ok")])


# --- spending ---------------------------------------------------------------------------------------------------------


def test_spending_sums_calls_and_money_by_endpoint_the_dearest_first(cli, store):
    at = SystemClock().now()
    spend(store, at, "fetch_item_list", 3, "0.003")
    spend(store, at, "detect_fake_views", 1, "0.01")
    spend(store, at, "fetch_item_list", 2, "0.002")
    store.open_calls([Attempt("keyapi", "video_detail_analytics", 10, Decimal("0.001"))], at)  # nobody knows its end
    done = cli("spending")
    facts = json.loads(cli("spending", "--json").stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"(?m)^ +(tikhub|keyapi) +(\w+) +(\d+) +([\d.]+) *$", done.stdout) == [
        ("tikhub", "detect_fake_views", "1", "0.0100"),
        ("tikhub", "fetch_item_list", "5", "0.0050"),
        ("keyapi", "video_detail_analytics", "1", "0.0010"),
    ]
    assert re.search(r"(?m)^since .+ 00:00 UTC: 7 calls, 0\.0160 USD at most$", done.stdout)
    assert (facts["calls"], facts["usd"]) == (7, "0.0160")
    assert facts["endpoints"][0] == {
        "provider": "tikhub",
        "endpoint": "detect_fake_views",
        "calls": 1,
        "usd": "0.0100",
    }


@pytest.mark.parametrize(("days", "calls"), [("1", 1), ("2", 3), ("7", 3), ("8", 7)])
def test_spending_goes_back_whole_days_of_utc_and_a_week_if_nothing_is_said(days, calls, cli, store):
    today = day_start(SystemClock().now())
    spend(store, today, "fetch_item_list", 1, "0.001")
    spend(store, today - timedelta(days=1), "fetch_item_list", 2, "0.002")
    spend(store, today - timedelta(days=7), "fetch_item_list", 4, "0.004")

    facts = json.loads(cli("spending", "--days", days, "--json").stdout)
    assert facts["calls"] == calls
    assert facts["since"] == (today - timedelta(days=int(days) - 1)).isoformat()
    if days == "7":
        assert json.loads(cli("spending", "--json").stdout) == facts


# --- status -----------------------------------------------------------------------------------------------------------


def test_status_shows_what_was_spent_of_the_budget_and_which_videos_are_gone(cli, store):
    at = SystemClock().now()
    spend(store, at, "fetch_item_list", 3, "0.003")
    videos = [Target(f"tiktok/video/{n}", Subject.VIDEO, str(n), "tiktok") for n in range(3)]
    store.sync_targets(videos, at)
    states = ("public", "public", "removed")
    sights = [Sight(each.key, state, 0, at) for each, state in zip(videos, states, strict=True)]
    store.commit_polls([], "me", noted=Noted(sights=sights))
    shown, facts = cli("status"), json.loads(cli("status", "--json").stdout)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(r"(?m)^ +tikhub +0\.0030 +0\.0030 +0\.25 a day, 20 a month *$", shown.stdout)
    assert "\nvideos: public 2, removed 1\n" in shown.stdout
    assert facts["videos"] == {"public": 2, "removed": 1}
    budget = {"day_usd": "0.25", "month_usd": "20"}
    assert facts["spent"] == {"tikhub": {"day_usd": "0.0030", "month_usd": "0.0030", "budget": budget}}


# --- what is not believed ---------------------------------------------------------------------------------------------


def test_what_is_not_believed_is_shown_until_somebody_trusts_it(cli, store):
    at = SystemClock().now()
    store.quarantine([Quarantine("fetch_item_list", name, at, "scale") for name in ("douyin_plays", "douyin_likes")])
    shown, facts = cli("status"), json.loads(cli("status", "--json").stdout)
    assert re.search(r"(?m)^ +douyin_plays +fetch_item_list +\d{4}-\d\d-\d\d \d\d:\d\d UTC +scale *$", shown.stdout)
    assert [(each["metric"], each["reason"]) for each in facts["doubted"]] == [
        ("douyin_likes", "scale"),
        ("douyin_plays", "scale"),
    ]

    done = cli("trust", "douyin_plays")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "douyin_plays is believed again, by a running daemon within half a minute\n"
    assert [each.metric for each in store.quarantines()] == ["douyin_likes"]


def test_a_metric_that_is_believed_already_is_exit_code_2(cli, store):
    store.quarantine([Quarantine("fetch_item_list", "douyin_plays", SystemClock().now(), "scale")])
    done = cli("trust", "douyin_play")

    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean `douyin_plays`?" in " ".join(done.stderr.replace("│", " ").split())
    assert [each.metric for each in store.quarantines()] == ["douyin_plays"]


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_daemon_that_would_pass_its_budget_does_not_start_and_says_how_to_go_on(cli, tmp_path):
    done = cli("run", **KEY)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("creatorwatch: tikhub would cost 0.2880 USD a day, above its budget of 0.25 USD: ")
    assert "raise `budget`; `creatorwatch plan` shows what costs most" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


@pytest.mark.parametrize(
    ("budget", "keys"),
    [("tikhub: { day: 0.25 }", {}), ("keyapi: { day: 0.0001 }", KEY)],
    ids=["simulated", "of a provider without a key"],
)
def test_a_budget_for_what_is_not_spent_is_no_reason_not_to_start(tmp_path, budget, keys):
    (tmp_path / "rules.yaml").write_text(COLLECTING.replace("BUDGET", budget))
    out = tmp_path / "out"
    with (
        out.open("w") as stdout,
        subprocess.Popen([CREATORWATCH, "run"], cwd=tmp_path, env=environment(**keys), stdout=stdout) as daemon,
    ):
        try:
            deadline_s = time.monotonic() + 60
            while "stop: Ctrl-C" not in out.read_text():
                assert daemon.poll() is None
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
        finally:
            daemon.send_signal(signal.SIGINT)
    assert daemon.returncode == 0
