"""`creatorwatch plan`: what a file will ask and cost, before anything is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.clock import SystemClock
from daemon.providers import ENDPOINTS
from rules.values import Subject, Target
from storage.records import Attempt, FoundVideo, Listing, Noted, Settled
from storage.store import Store

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
LIST = "get_video_list_analytics"

FILE = """\
providers:
  tikhub: { token: "${TIKHUB_TOKEN}" }
  keyapi: { token: "${KEYAPI_TOKEN}" }
budget: { tikhub: { day: 1, month: 20 } }
endpoints: { fetch_creator_info_and_milestones: { interval: 10m } }
collect: [video_detail_analytics]
accounts:
  - { platform: tiktok, id: mei, uid: "1", tags: [food] }
  - { platform: tiktok, id: leo, uid: "2" }
videos: [{ platform: tiktok, id: "7460937381265411370", account: mei }]
channels: { console: { url: "console://" } }
rules:
  - { name: fans, on: account, when: follower_count > 1 }
"""


@pytest.fixture
def plan(tmp_path):
    """Plan a file in a process of its own, without keys."""

    def run(*arguments: str, text: str = FILE):
        (tmp_path / "rules.yaml").write_text(text)
        command = [CREATORWATCH, "plan", "rules.yaml", *arguments]
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_plan_is_shown_by_provider_endpoint_rule_tag_and_account(plan, tmp_path):
    done = plan()
    assert (done.returncode, done.stderr) == (0, "")
    rows = {cells[0]: cells[1:] for line in done.stdout.splitlines() if (cells := line.split())}
    calls, _peak, *money = rows["tikhub"]
    assert (calls, money) == ("288", ["0.2880", "0.2880", "8.6400", "1", "a", "day,", "20", "a", "month"])
    assert rows["fetch_creator_info_and_milestones"] == rows["fans"] == ["288.0", "0.2880"]
    assert rows["tiktok/account/leo"] == ["144.0", "0.1440"]
    assert "food" in rows
    assert "note: this is a calm day" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_a_plan_is_json_where_that_is_asked_for(plan):
    planned = json.loads(plan("--json").stdout)
    assert planned["providers"]["tikhub"]["budget"] == {"day_usd": "1", "month_usd": "20"}
    assert planned["providers"]["keyapi"]["budget"] is None
    assert planned["endpoints"]["fetch_creator_info_and_milestones"] == {"calls_a_day": 288.0, "usd_a_day": "0.2880"}
    assert planned["rules"] == {"fans": {"calls_a_day": 288.0, "usd_a_day": "0.2880"}}
    assert planned["accounts"].keys() == {"tiktok/account/mei", "tiktok/account/leo"}
    assert planned["calls_a_day"] == sum(each["calls_a_day"] for each in planned["endpoints"].values())
    assert planned["refused"] is None


def test_only_the_dearest_accounts_are_shown_but_all_are_in_the_json(plan):
    more = "".join(f'  - {{ platform: tiktok, id: c{n}, uid: "{n + 3}" }}\n' for n in range(28))
    text = FILE.replace("videos:", f"{more}videos:").replace("10m", "3h")
    assert plan(text=text).stdout.count("tiktok/account/") == 20
    assert len(json.loads(plan("--json", text=text).stdout)["accounts"]) == 30


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_plan_above_its_budget_is_shown_and_ends_with_1_and_a_sentence(plan, arguments):
    done = plan(*arguments, text=FILE.replace("day: 1,", "day: 0.25,"))
    assert done.returncode == 1
    assert done.stderr.startswith("creatorwatch: tikhub would cost 0.2880 USD a day, above its budget of 0.25 USD")
    assert "fetch_creator_info_and_milestones" in done.stdout


def test_a_file_with_a_mistake_is_not_planned(plan):
    done = plan(text=FILE.replace("follower_count", "folower_count"))
    assert done.returncode == 2
    assert done.stdout == ""


def test_videos_that_were_discovered_and_pages_that_lists_took_count(plan, tmp_path):
    text = FILE.replace('uid: "1"', 'uid: "1", handle: mei, cookie: "${COOKIE}", discover: true').replace(
        "budget", "# "
    )
    before = json.loads(plan("--json", text=text).stdout)["endpoints"]
    now = SystemClock().now()
    with closing(Store.open(tmp_path / "creatorwatch.db")) as store:
        store.sync_targets([Target("tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok")], now)
        found = tuple(FoundVideo(str(n), now - timedelta(hours=n), "") for n in range(100))
        listing = Listing("tiktok/account/mei", "tiktok", found, now)
        [row] = store.open_calls([Attempt("tikhub", LIST, 1, Decimal("0.001"))], now)
        store.commit_polls([], "me", [Settled(row, 3, Decimal("0.003"), "ok")], Noted([listing]))
    after = json.loads(plan("--json", text=text).stdout)["endpoints"]
    stats = [endpoints["video_detail_analytics"]["calls_a_day"] for endpoints in (before, after)]
    assert stats[1] > 2 * stats[0]
    months = ENDPOINTS[LIST].parts(now)  # a page each, as long as nothing is known
    assert after[LIST]["calls_a_day"] * months == 3 * before[LIST]["calls_a_day"]
