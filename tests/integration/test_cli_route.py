"""`creatorwatch route-test`: who would hear of an alert that somebody describes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.config import Config, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.route_case import MisdescribedError, described
from rules.values import Severity, Subject

CREATORWATCH = shutil.which("creatorwatch", path=Path(sys.executable).parent)
FILE = """
zone: Asia/Shanghai
accounts:
  - { platform: tiktok, id: mei-kitchen, name: Mei's Kitchen, owner: lin, tags: [tier-a], cookie: "${A_COOKIE}" }
  - { platform: tiktok, id: ana, owner: wu }
  - { platform: douyin, id: ana, owner: lin }
channels:
  lin: { url: "console://" }
  wu: { url: "console://" }
  duty: { url: "console://" }
  operators: { url: "console://" }
owners: { lin: [lin], wu: [wu] }
operators: [operators]
times:
  nights: { from: "22:00", to: "08:00" }
routes:
  - name: tier-a
    match: severity >= "high" and tag == "tier-a"
    to: [owner, duty]
    quiet: { times: nights, passes: critical }
  - { name: rest, to: [owner], group_by: [account] }
rules:
  - name: fake-views
    on: video
    levels:
      some: { when: fake_score > 60, severity: warning }
      many: { when: fake_score > 80, severity: high }
  - { name: cookie-expired, on: cookie, when: cookie_ok == 0 }
videos: [{ platform: tiktok, id: "77", account: mei-kitchen, owner: wu }]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def config(file):
    found = load(file, {}, METRICS, ENDPOINTS)
    assert isinstance(found, Config), found
    return found


@pytest.fixture
def ask(file):
    def asked(*arguments):
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "200"}
        command = [CREATORWATCH, "route-test", *arguments, str(file)]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return asked


# --- what is described --------------------------------------------------------------------------------------------


def test_an_account_that_is_named_has_its_owner_tags_and_platform_from_the_file(config):
    rule, case = described("rule=fake-views level=many account=mei-kitchen", config)
    assert (rule.name, case.severity, case.level) == ("fake-views", Severity.HIGH, "many")
    target = case.target
    assert (target.subject, target.owner, target.tags, target.platform) == (
        Subject.VIDEO,
        "lin",
        ("tier-a",),
        "tiktok",
    )
    assert (target.account, target.channels) == ("tiktok/account/mei-kitchen", ("lin",))


def test_what_is_said_takes_the_place_of_what_the_file_has(config):
    _, case = described('account="Mei\'s Kitchen" owner=wu tag=x tag=y severity=critical dimension=Fans', config)
    assert (case.target.owner, case.target.tags, case.target.channels) == ("wu", ("x", "y"), ("wu",))
    assert (case.severity, case.labels, case.target.key) == (
        Severity.CRITICAL,
        (("dimension", "Fans"),),
        "tiktok/account/mei-kitchen",
    )


@pytest.mark.parametrize(
    ("text", "level", "severity"),
    [
        ("rule=fake-views", "some", "warning"),
        ("rule=fake-views severity=high", "many", "high"),
        ("rule=cookie-expired account=mei-kitchen", "warning", "warning"),
        ("account=mei-kitchen", "", "warning"),
        ("", "", "warning"),
    ],
)
def test_what_is_left_out_is_the_lowest_level(config, text, level, severity):
    _, case = described(text, config)
    assert (case.level, case.severity) == (level, severity)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule=fake-view", "unknown rule `fake-view`, did you mean `fake-views`?"),
        ("sevrity=high", "unknown word `sevrity`, did you mean `severity`?"),
        ("severity=hihg", "unknown severity `hihg`, did you mean `high`?"),
        ("account=mei-kitchn", "unknown account `mei-kitchn`, did you mean `mei-kitchen`?"),
        ("platform=titok", "unknown platform `titok`, did you mean `tiktok`?"),
        ("rule=fake-views on=account", "fake-views is on=video, not on=account"),
        ("rule=fake-views severity=critical", "fake-views has no such level: some is warning, many is high"),
        ("account=ana", "the account ana is on douyin and tiktok: say which by platform="),
        ("severity", "expected words such as severity=high, not `severity`"),
        ("owner=", "expected words such as severity=high, not `owner=`"),
        ("owner=lin owner=wu", "`owner` is said twice"),
        ('name="Mei', "a quotation mark is not closed"),
    ],
)
def test_a_mistake_is_told_with_what_was_probably_meant(config, text, words):
    with pytest.raises(MisdescribedError) as caught:
        described(text, config)
    assert words in str(caught.value)


def test_one_of_two_accounts_of_a_name_is_chosen_by_its_platform(config):
    _, case = described("account=ana platform=douyin", config)
    assert (case.target.key, case.target.owner) == ("douyin/account/ana", "lin")


@pytest.mark.parametrize(
    ("text", "key", "owner"),
    [
        ("rule=fake-views id=77", "tiktok/video/77", "wu"),
        ("rule=fake-views id=78 account=mei-kitchen", "tiktok/video/78", "lin"),
        ("id=mei-kitchen", "tiktok/account/mei-kitchen", "lin"),
        ("rule=cookie-expired account=mei-kitchen", "tiktok/cookie/mei-kitchen", "lin"),
        ("on=daemon", "daemon", ""),
    ],
)
def test_an_id_names_what_the_file_has_or_a_video_that_may_be_found(config, text, key, owner):
    target = described(text, config).case.target
    assert (target.key, target.owner) == (key, owner)


# --- what is printed ----------------------------------------------------------------------------------------------


def test_who_hears_and_until_when_it_is_held_is_printed_by_the_clock_of_the_file(ask):
    ended = ask("rule=fake-views severity=high account=mei-kitchen", "--at", "2026-02-01T23:00")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "  lin       tier-a   held until 2026-02-02 08:00 Asia/Shanghai: nights" in ended.stdout
    assert "route rest: tier-a has decided" in ended.stdout
    by_day = ask("rule=fake-views severity=high account=mei-kitchen", "--at", "2026-02-01T23:00Z")
    assert "held until 2026-02-02 08:00" in by_day.stdout
    assert "2026-02-02 07:00 Asia/Shanghai" in by_day.stdout


def test_json_has_the_same_for_machines(ask):
    ended = ask("severity=warning account=mei-kitchen", "--at", "2026-02-02T12:00", "--json")
    said = json.loads(ended.stdout)
    assert said["alert"]["tags"] == ["tier-a"]
    assert said["hears"] == [
        {
            "channel": "lin",
            "route": "rest",
            "due": "2026-02-02T04:00:30+00:00",
            "kind": "group",
            "name": "mei-kitchen",
            "wait_s": 30.0,
        }
    ]
    assert [each["taken"] for each in said["routes"]] == [False, True]


@pytest.mark.parametrize(
    "arguments", [["rule=nothing"], ["severity=high", "--at", "tomorrow"], ["tag=a", "--at", "9999-12-31"]]
)
def test_a_mistake_ends_with_2(ask, arguments):
    assert ask(*arguments).returncode == 2
