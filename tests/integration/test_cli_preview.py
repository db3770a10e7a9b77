"""`creatorwatch preview`: what would be sent, to whom, and that nothing is."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from rules.outcomes import Outcome, Owed
from rules.values import Alert, Firing, Flaps, Ok
from rules.values import Past as Since
from tests.running import creatorwatch
from tests.services.hook import Hook
from tests.services.loopback import running
from tests.stored import HEALTH, HOUR, MEI, NOW, POINTS, UNNAMED, Past
from tests.told import a_story

LADDER = """\
  - name: points
    on: account
    levels: { low: violation_score >= 9, high: violation_score >= 12 }
    to: [owner]
"""
ELSEWHERE = {"CREATORWATCH_RULES": ""}


@pytest.fixture
def past(tmp_path):
    found = Past(tmp_path / "creatorwatch-simulated.db")
    found.plan((MEI, HEALTH))
    found.points(MEI, *((hours, 8.0 if hours > 3 else 9.0) for hours in range(200, 0, -2)))
    yield found
    found.store.close()


@pytest.fixture
def preview(past, tmp_path):
    def say(*arguments, rules=LADDER, channels="", **env):
        text = UNNAMED.replace("managers: {{ url", "managers: {{ " + channels + "url")
        past.config(rules, text=text)
        return creatorwatch(tmp_path, "preview", *arguments, "rules.yaml", TIKHUB_TOKEN="", KEYAPI_TOKEN="", **env)

    return say


def test_it_says_which_alert_it_is_who_hears_and_what_they_read(preview):
    found = preview("points", "Mei")
    assert (found.returncode, found.stderr) == (0, "")
    first, who, _, channel, title, *body = found.stdout.splitlines()
    assert first == "points on tiktok/account/mei, low: no such alert is on: as if it fired now"
    assert (who, channel) == ("tells: managers", "--- managers, text")
    assert title == "▲ WARNING: Mei: points low"
    assert "violation_score: 8 → 9" in body
    assert body[-1] == "id: 0.0"


@pytest.mark.parametrize("state", [Ok(), Firing(1, NOW - HOUR, NOW - HOUR, 1)])
def test_of_an_alert_that_comes_and_goes_that_is_shown(preview, past, state):
    flapping = Since((NOW - HOUR,), Flaps(NOW - HOUR, 2), stood=NOW - HOUR)
    owed = (Owed("managers", -2, a_story()),)
    past.judge(1, Outcome(Alert("points", MEI.key, (), state, {"managers": -2}, past=flapping), (), owed))
    first, _, _, _, title, *body = preview("points", "Mei").stdout.splitlines()
    assert first == "points on tiktok/account/mei, high: alert 1 is on"
    assert title == "↕ HIGH: Mei: points high (comes and goes)"
    assert "Level: none → coming and going" in body


def test_what_a_silence_holds_back_is_shown_and_that_it_is_held(preview, past):
    preview("points", "mei")
    silence = ("silence", 'rule == "points"', "--for", "4h", "--why", "a launch", "--by", "lin")
    assert creatorwatch(past.folder, *silence, TIKHUB_TOKEN="", KEYAPI_TOKEN="").returncode == 0
    _, tells, held, _, _, title, *_ = preview("points", "mei").stdout.splitlines()
    assert (tells, held, title) == ("tells: managers", "held: silenced by lin: a launch", "▲ WARNING: Mei: points low")
    assert json.loads(preview("points", "mei", "--json").stdout)["held"] == "silenced by lin: a launch"


def test_what_clients_would_read_says_nothing_of_what_our_own_people_silenced(preview, past):
    waited = Since(held="silenced by lin: a dispute", stood=NOW - HOUR)
    alert = Alert("points", MEI.key, (), Firing(1, NOW - HOUR, NOW - HOUR, 1), {"managers": 1}, past=waited)
    past.judge(1, Outcome(alert, (), (Owed("managers", 1, a_story()),)))
    channels = 'url: "console://" }}, brand: {{ audience: clients, '
    ours = preview("points", "mei", "--channel", "managers", channels=channels)
    theirs = preview("points", "mei", "--channel", "brand", channels=channels)
    assert ("a dispute" in ours.stdout, "a dispute" in theirs.stdout) == (True, False)
    assert "--- brand, text" in theirs.stdout


def test_a_level_a_language_and_a_markup_may_be_asked_for(preview):
    found = preview(
        "points", "mei", "--level", "high", "--language", "zh", "--format", "markdown", "--channel", "console"
    )
    assert "--- console, markdown" in found.stdout
    assert "**违规分**\uff1a8 → 9" in found.stdout
    assert "points high" in found.stdout


def test_in_json_there_is_all_of_it(preview):
    found = json.loads(preview("points", "mei", "--json", channels="language: zh, ").stdout)
    assert (found["rule"], found["target"], found["level"], found["alert"]) == ("points", MEI.key, "low", None)
    assert [each["channel"] for each in found["hears"]] == ["managers"]
    [message] = found["messages"]
    assert (message["channel"], message["language"], message["format"]) == ("managers", "zh", "text")
    assert "违规分" in message["body"]


def test_the_chart_is_written_where_it_is_asked_for(preview, tmp_path):
    assert preview("points", "mei", "--chart", "points.png").returncode == 0
    assert (tmp_path / "points.png").read_bytes().startswith(b"\x89PNG")


def test_a_number_that_was_never_seen_has_a_message_and_no_chart(preview, tmp_path):
    rules = POINTS.replace("violation_score >= 9", "health_rating < 100")
    found = preview("points", "mei", "--chart", "points.png", rules=rules)
    assert found.returncode == 1
    assert "Mei: points" in found.stdout
    assert "there is no chart of it" in found.stderr
    assert not (tmp_path / "points.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pionts", "mei"), "did you mean `points`?"),
        (("points", "mai"), "did you mean `mei`?"),
        (("points", "mei", "--channel", "manager"), "did you mean `managers`?"),
        (("points", "mei", "--level", "hihg"), "did you mean `high`?"),
        (("points", "mei", "--language", "de"), "known are en, zh"),
        (("points", "mei", "--format", "markdwon"), "did you mean `markdown`?"),
    ],
)
def test_who_names_what_there_is_not_is_told_what_was_probably_meant(preview, arguments, said):
    found = preview(*arguments, COLUMNS="300")
    assert found.returncode == 2
    assert said in found.stderr


def test_a_rule_that_does_not_look_at_the_target_says_why(preview):
    found = preview("points", "leo")
    assert found.returncode == 1
    assert "points does not look: this target is not asked for violation_score" in found.stderr


def test_nothing_is_written_and_nothing_is_sent(preview, past):
    with running(Hook()) as hook:
        url = f"json://127.0.0.1:{hook.server_port}/"
        rules = LADDER.replace("[owner]", "[hook]")
        text = UNNAMED.replace("channels: {{", 'channels: {{ hook: {{ url: "' + url + '" }},')
        past.store.close()
        before = sha256(past.path.read_bytes()).digest()
        past.config(rules, text=text)
        found = creatorwatch(past.folder, "preview", "points", "mei", "rules.yaml", TIKHUB_TOKEN="", KEYAPI_TOKEN="")
        assert "--- hook, text" in found.stdout, found.stderr
        assert hook.asked == []
    assert sha256(past.path.read_bytes()).digest() == before
