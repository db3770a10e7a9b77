"""Tests of rules: how they are written, what is wrong with them, and what they prove."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from functools import cache
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import Config, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.rule_test_files import Opened, Suite, open_suite, read_suite
from daemon.rule_test_notation import MOST, Named, Slip, read_series, read_values
from daemon.rule_tests import differ, run_test
from rules.values import Unit

START_S = 1_000_000.0

# --- the notation -----------------------------------------------------------------------------------------------------


def values(text, unit=Unit.COUNT):
    return read_values(text, unit, START_S)


def readable(found):
    return ["_" if value is not None and math.isnan(value) else "stale" if value is None else value for value in found]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("8", [8]),
        ("8 9.5 -3", [8, 9.5, -3]),
        ("8x3", [8, 8, 8, 8]),
        ("8x0", [8]),
        ("8+2x3", [8, 10, 12, 14]),
        ("8-2x3", [8, 6, 4, 2]),
        ("-8+2x2", [-8, -6, -4]),
        ("1_000x1", [1000, 1000]),
        ("5%", [0.05]),
        ("90%-45%x2", [0.9, 0.45, 0.0]),
        ("_", ["_"]),
        ("_x3 1", ["_", "_", "_", 1]),
        ("stale", ["stale"]),
        ("1 stalex2\n 2", [1, "stale", "stale", 2]),
    ],
)
def test_values_mean_what_the_notation_says(text, meaning):
    assert readable(values(text)) == pytest.approx(meaning) if "_" not in meaning else readable(values(text)) == meaning


def test_a_time_is_in_seconds_and_an_instant_counts_from_the_beginning():
    assert values("2h 90s+30sx1 60", Unit.SECONDS) == [7200, 90, 120, 60]
    assert values("7d -2h 1h+1hx1", Unit.TIMESTAMP) == [START_S + second for second in (604_800, -7_200, 3_600, 7_200)]


@pytest.mark.parametrize(
    ("text", "unit", "offset", "words"),
    [
        ("8 9y3", Unit.COUNT, 2, "`9y3` is no value"),
        ("8 stall", Unit.COUNT, 2, "did you mean `stale`?"),
        ("1 2h", Unit.COUNT, 2, "this is no time: write a number"),
        ("7d 5", Unit.TIMESTAMP, 3, "how long after the beginning"),
        ("7d+5x3", Unit.TIMESTAMP, 0, "how long after the beginning"),
        ("1x99999 1x99999", Unit.COUNT, 8, "100,000 values at most"),
        ("", Unit.COUNT, 0, "at least one value"),
    ],
)
def test_a_value_that_is_none_is_refused_at_its_place(text, unit, offset, words):
    slip = values(text, unit)
    assert isinstance(slip, Slip)
    assert (slip.offset, words in slip.text) == (offset, True)


@given(st.text(alphabet="0123456789+-x_ .%smhdwstale", max_size=30), st.sampled_from(list(Unit)))
def test_any_text_is_values_within_the_bound_or_a_slip_inside_it(text, unit):
    found = values(text, unit)
    if isinstance(found, Slip):
        assert 0 <= found.offset <= len(text)
    else:
        assert 0 < len(found) <= MOST


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(0, 99))
def test_steps_begin_at_the_first_and_end_at_the_last(first, step, times):
    found = values(f"{first}{step:+d}x{times}")
    assert (found[0], found[-1], len(found)) == (first, first + step * times, times + 1)


def test_a_series_says_its_metric_its_labels_and_whose_it_is():
    assert read_series('author_rank{dimension="Fans", account="mei"}', METRICS) == Named(
        METRICS["author_rank"], "mei", (("dimension", "Fans"),)
    )


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("violation_scor", 0, "did you mean `violation_score`?"),
        ("violation_score > 3", 0, "expected a series such as"),
        ("violation_score{acount='mei'}", 16, "did you mean `account`?"),
        ("violation_score{account!='mei'}", 16, "by `=` only"),
        ("author_rank", 0, 'author_rank{dimension="..."}'),
        ("violation_score{", 16, "expected"),
    ],
)
def test_a_series_that_is_none_is_refused_at_its_place(text, offset, words):
    slip = read_series(text, METRICS)
    assert isinstance(slip, Slip)
    assert (slip.offset, words in slip.text) == (offset, True)


# --- the file ---------------------------------------------------------------------------------------------------------

CONFIG = """
accounts:
  - { platform: tiktok, id: mei, tags: [tier-a], owner: lin, cookie: "${COOKIE}" }
  - { platform: tiktok, id: ana }
  - { platform: douyin, id: ana }
channels: { managers: { url: "console://" }, operators: { url: "console://" } }
owners: { lin: [managers] }
define: { limit: 60 }
overrides: { tags: { tier-a: { limit: 50 } } }
rules:
  - name: points
    on: account
    levels:
      warned: { when: violation_score >= 9, severity: warning }
      off: { when: violation_score >= 12, severity: high }
    summary: "{name} has {violation_score} points"
    records: violation
    to: [managers]
  - { name: fake, on: video, when: fake_score > limit, for_polls: 2, to: [owner] }
  - { name: tried, on: account, when: violation_score >= 6, shadow: true }
  - { name: deadline, on: account, when: "until(appeal_deadline) < 2d", for: 1h, to: [managers] }
  - { name: unseen, on: account, when: visible == 0, for_polls: 2, to: [operators] }
  - { name: expired, on: cookie, when: cookie_ok == 0, to: [operators] }
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "rules.yaml").write_text(CONFIG)
    return tmp_path


def opened(folder, text):
    (folder / "tests.yaml").write_text(text)
    return open_suite(folder / "tests.yaml")


def read(folder, text):
    """What is read of a file with these tests."""
    found = opened(folder, f"rules: rules.yaml\ntests:\n{text}")
    assert isinstance(found, Opened), found
    config = load(found.rules, {"COOKIE": "a"}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    return read_suite(found, config)


def ran(folder, text):
    """What the only test of a file finds wrong."""
    suite = read(folder, text)
    assert isinstance(suite, Suite), suite
    (test,) = suite.tests
    return run_test(test, suite.config)


POINTS = '    input: [{ series: \'violation_score{account="mei"}\', values: "8 9 12 9 3" }]\n'


def placed(text):
    """``text`` without the mark, and the line and column of what stands behind it."""
    before, _, after = text.partition("§")
    return before + after, (before.count("\n") + 1, len(before) - before.rfind("\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("§rule: a.yaml\n", "unknown key `rule`, did you mean `rules`?"),
        ("§tests: []\n", "`rules` is missing"),
        ("rules: §[a.yaml]\n", "expected text, got a list"),
        ("rules: a\n§rules: b\n", "the same key stands in line 1 already"),
        ("rules: {\n§", "this is not YAML"),
    ],
)
def test_a_file_that_names_no_rules_is_refused_at_its_place(folder, text, words):
    text, place = placed(text)
    found = opened(folder, text)
    assert isinstance(found, list)
    assert any((each.line, each.column) == place and words in each.text for each in found), found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  §[]\n", "there is no test"),
        ("- §name: a\n", "without `expect` proves nothing"),
        ("- { name: a, expect: [§{ at: 1h }] }\n", "nothing is compared"),
        ("- { name: a, §expekt: [] }\n", "did you mean `expect`?"),
        ("- { name: a, start: §2026-01-01, expect: [] }\n", "an instant such as"),
        ("- { name: a, start: §2026-01-01T00:00, expect: [] }\n", "an instant such as"),
        ("- { name: a, start: §1026-01-01T00:00Z, expect: [] }\n", "an instant such as"),
        ("- { name: a, expect: [{ at: §401d, alerts: [] }] }\n", "expected at most 400d"),
        ("- { name: a, about: [points, §pints] }\n", "unknown rule `pints`, did you mean `points`?"),
        ('- { name: a, about: [§"\\e[31mred"] }\n', "unknown rule `\ufffd[31mred`"),
        ("- { name: a, expect: [{ at: 2h, alerts: [] }, { at: §1h, alerts: [] }] }\n", "order of time"),
        ("- { name: a, expect: [{ at: 1h, alerts: [{ rule: §pints }] }] }\n", "did you mean `points`?"),
        ("- { name: a, expect: [{ at: 1h, alerts: [{ rule: points, level: §up }] }] }\n", "known are off, warned"),
        ("- { name: a, expect: [{ at: 1h, alerts: [{ rule: points, target: §mai }] }] }\n", "did you mean `mei`?"),
        ("- { name: a, about: [fake], expect: [{ at: 1h, alerts: [{ rule: §points }] }] }\n", "is not `about` points"),
        ("- { name: a, expect: [{ at: 1h, messages: [{ channel: §manager }] }] }\n", "did you mean `managers`?"),
        ("- { name: a, expect: [{ at: 1h, messages: [{ news: §fird }] }] }\n", "did you mean `fired`?"),
        ("- { name: a, input: [{ series: §'visible{account=\"mai\"}', values: 1 }] }\n", "did you mean `mei`?"),
        ("- { name: a, input: [{ series: §'visible{account=\"ana\"}', values: 1 }] }\n", "name it by that"),
        ("- { name: a, input: [{ series: violation_score, values: 1 §9y3 }] }\n", "`9y3` is no value"),
        ("- { name: a, input: [{ series: §violation_skore, values: 1 }] }\n", "did you mean `violation_score`?"),
        ("- { name: a, §input: [{ series: visible, values: stale }] }\n", "write _ instead of stale"),
        ("- { name: a, videos: [{ platform: tiktok, id: '1', account: §mai }] }\n", "did you mean `mei`?"),
        ("- { name: a, records: [{ kind: violation, id: '1', target: §mai }] }\n", "did you mean `mei`?"),
        ("- { name: a, records: [{ kind: §violations, id: '1' }] }\n", "did you mean `violation`?"),
    ],
)
def test_what_is_wrong_with_a_test_is_told_at_its_place(folder, text, words):
    text, (line, column) = placed(text)
    found = read(folder, text)
    assert isinstance(found, list)
    assert any((each.line, each.column) == (line + 2, column) and words in each.text for each in found), found


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (["{ series: follower_count, values: 1 }", "{ series: follower_count, values: 2 }"], "stands there twice"),
        (["{ series: follower_count, values: 1 }", "{ series: like_count, values: 2, interval: 2h }"], "same interval"),
        (["{ series: follower_count, values: 1 stale }", "{ series: like_count, values: 2 2 }"], "for all of them"),
    ],
)
def test_series_that_cannot_be_one_answer_are_refused(folder, series, words):
    found = read(folder, f"  - {{ name: a, expect: [{{ at: 0s, alerts: [] }}], input: [{', '.join(series)}] }}\n")
    assert [words in each.text for each in found] == [True]


def test_numbers_of_two_endpoints_may_fail_and_come_apart(folder):
    text = (
        "  - { name: a, expect: [{ at: 0s, alerts: [] }], input: "
        "[{ series: violation_score, values: 1 stale }, { series: like_count, values: 2 2, interval: 2h }] }\n"
    )
    assert isinstance(read(folder, text), Suite)


# --- a test at work ---------------------------------------------------------------------------------------------------


def expecting(*expectations, given=POINTS, about="points"):
    lines = [f"      - {{ at: {at}, {what} }}\n" for at, what in expectations]
    return f"  - name: a\n    about: [{about}]\n{given}    expect:\n{''.join(lines)}"


CLIMB = (
    ("0h", "alerts: [], messages: []"),
    ("1h", "alerts: [{ rule: points, target: mei, level: warned }], messages: [{ news: fired }]"),
    ("2h", "alerts: [{ rule: points, level: 'off', labels: {} }], messages: [{ channel: managers, news: climbed }]"),
    ("3h", "alerts: [{ rule: points, level: warned }], messages: [{ contains: 'off → warned' }]"),
    ("4h", "alerts: [], messages: [{ news: resolved, title: '✔ RESOLVED: mei has 3 points' }]"),
)


def test_a_test_that_says_what_happens_passes(folder):
    assert ran(folder, expecting(*CLIMB)) == []


@pytest.mark.parametrize("wrong", range(len(CLIMB)))
@pytest.mark.parametrize(
    "claim",
    ["alerts: [{ rule: points, level: 'off' }, { rule: points }]", "messages: [{}, {}]", "messages: [{title: a}]"],
)
def test_a_test_that_says_anything_else_fails_there_and_only_there(folder, wrong, claim):
    said = [(at, claim if turn == wrong else what) for turn, (at, what) in enumerate(CLIMB)]
    found = ran(folder, expecting(*said))
    assert [(each.at, each.mark.line) for each in found if each.at <= wrong * timedelta(hours=1)] == [
        (wrong * timedelta(hours=1), 7 + wrong)
    ]


def test_a_failure_says_what_was_expected_and_what_came(folder):
    (found,) = ran(folder, expecting(("2h", "alerts: [{ rule: points, target: mei, level: warned }]")))
    assert found.expected == ("points of mei: warned",)
    assert found.got == ("points of tiktok/account/mei: off",)


def test_a_message_that_lacks_a_text_is_shown_in_full(folder):
    (found,) = ran(folder, expecting(("1h", "messages: [{ contains: [points, sunshine] }]")))
    assert found.expected == ("... points ... | ... sunshine ...",)
    assert "Condition: violation_score >= 9" in found.got[0]


def test_a_rule_in_shadow_fires_and_tells_nobody(folder):
    assert ran(folder, expecting(("0h", "alerts: [{ rule: tried }], messages: []"), about="tried")) == []


def test_a_test_that_is_about_nothing_in_particular_compares_all_rules(folder):
    text = expecting(("1h", "alerts: [{ rule: points }, { rule: tried }]")).replace("    about: [points]\n", "")
    assert ran(folder, text) == []


def test_messages_are_those_since_messages_were_last_compared(folder):
    later = [("1h", "alerts: [{ rule: points }]"), ("2h", "messages: [{ news: fired }, { news: climbed }]")]
    assert ran(folder, expecting(*later, ("4h", "messages: [{ news: resolved }, { news: descended }]"))) == []


def test_what_came_is_given_to_what_was_expected_so_that_all_of_it_fits_if_it_can(folder):
    told = "messages: [{ rule: points, channel: managers }, { rule: points, news: fired }, { news: climbed }]"
    given = POINTS.replace("8 9 12 9 3", "8 9 12 3")
    assert ran(folder, expecting(("3h", told), given=given)) == []


FITS = st.integers(0, 4).flatmap(
    lambda size: st.lists(st.lists(st.booleans(), min_size=size, max_size=size), min_size=size, max_size=size)
)


@given(FITS)
def test_what_came_differs_where_no_way_to_give_it_to_what_was_expected_leaves_nothing_over(fits):
    every = range(len(fits))
    ways = [all(fits[who][what] for who, what in zip(every, way, strict=True)) for way in permutations(every)]
    assert differ(every, every, lambda who, what: fits[who][what]) is not any(ways)


def test_many_that_are_alike_are_compared_at_once():
    assert not differ(range(300), range(300), lambda _who, _what: True)
    assert differ(range(300), range(299), lambda _who, _what: True)


def test_what_is_on_at_first_sight_is_told_after_a_minute_as_one_message(folder):
    given = """    input:
      - { series: 'violation_score{account="mei"}', values: 9 }
      - { series: 'violation_score{account="tiktok/account/ana"}', values: 12 }
"""
    said = "messages: [{ rule: points, title: 2 alerts were on already at first sight, contains: [HIGH, mei] }]"
    assert ran(folder, expecting(("59s", "messages: []"), ("1m", said), given=given)) == []


def test_unknown_and_a_failed_poll_hold_an_alert(folder):
    given = POINTS.replace("8 9 12 9 3", "8 9 _ stale 3")
    on = [(f"{hour}h", "alerts: [{ rule: points, level: warned }]") for hour in (1, 2, 3)]
    assert ran(folder, expecting(*on, ("4h", "alerts: []"), given=given)) == []


def test_the_numbers_of_a_tag_are_those_of_the_configuration_and_of_the_test(folder):
    given = """    accounts: [{ platform: tiktok, id: own, tags: [tier-a], owner: lin }]
    videos:
      - { platform: tiktok, id: "11", account: own }
      - { platform: tiktok, id: "12", account: mei }
      - { platform: tiktok, id: "13", tags: [] }
    input:
      - { series: 'fake_score{video="11"}', values: 0 55 55 }
      - { series: 'fake_score{video="12"}', values: 0 55 55 }
      - { series: 'fake_score{video="13"}', values: 0 55 55 }
"""
    on = "alerts: [{ rule: fake, target: '11' }, { rule: fake, target: '12' }]"
    told = "messages: [{ channel: managers, rule: fake }, { channel: managers, rule: fake }]"
    assert ran(folder, expecting(("1h", "alerts: []"), ("2h", f"{on}, {told}"), given=given, about="fake")) == []


def test_a_series_that_does_not_say_whose_it_is_is_about_a_plain_target_or_the_one_that_the_test_describes(folder):
    plain = "    input: [{ series: violation_score, values: 9 }]\n"
    own = "    accounts: [{ platform: tiktok, id: own }]\n" + plain
    for seen, target in ((plain, "test"), (own, "own")):
        said = f"alerts: [{{ rule: points, target: {target} }}]"
        assert ran(folder, expecting(("0h", said), given=seen)) == []


def test_time_alone_fires_between_polls_and_what_is_gone_ends(folder):
    given = """    interval: 12h
    input:
      - { series: 'appeal_deadline{record="7", account="mei"}', values: 3dx2 }
      - { series: 'appeal_deadline{record="8", account="mei"}', values: 9dx3 }
"""
    on = "alerts: [{ rule: deadline, labels: { record: '7' } }]"
    said = [("25h", "alerts: []"), ("25h5m", on), ("35h", on), ("36h", "alerts: []")]
    assert ran(folder, expecting(*said, given=given, about="deadline")) == []


def test_each_failure_to_see_an_account_is_a_look(folder):
    given = "    input: [{ series: 'visible{account=\"mei\"}', values: 1 0 0 }]\n"
    said = ("1h", "alerts: []"), ("2h", "alerts: [{ rule: unseen, target: mei }]")
    assert ran(folder, expecting(*said, given=given, about="unseen")) == []


def test_a_cookie_is_named_as_its_account_is(folder):
    given = "    input: [{ series: 'cookie_ok{cookie=\"mei\"}', values: 1 0 }]\n"
    said = ("0h", "alerts: []"), ("1h", "alerts: [{ rule: expired, target: mei }]")
    assert ran(folder, expecting(*said, given=given, about="expired")) == []


def test_the_words_of_records_are_those_of_the_target_and_of_everybody(folder):
    given = f"""    records:
      - {{ kind: violation, id: "7", target: mei, words: {{ reason: "a bad link" }} }}
      - {{ kind: violation, id: "8", words: {{ reason: "a bad word" }} }}
      - {{ kind: violation, id: "9", target: tiktok/account/ana, words: {{ reason: "a lie" }} }}
{POINTS}"""
    said = "messages: [{ contains: [a bad link, a bad word] }]"
    assert ran(folder, expecting(("1h", said), given=given)) == []
    (found,) = ran(folder, expecting(("1h", "messages: [{ contains: a lie }]"), given=given))
    assert "a lie" not in found.got[0]


def test_the_hours_count_from_the_beginning_of_the_test(folder):
    config = CONFIG + "  - { name: late, on: account, when: 'violation_score > 0 and hour_of() >= 22' }\n"
    (folder / "rules.yaml").write_text(config)
    said = ("0h", "alerts: []"), ("59m", "alerts: []"), ("1h", "alerts: [{ rule: late }]"), ("3h", "alerts: []")
    given = f"    start: 2026-03-02T21:00:00Z\n{POINTS}"
    assert ran(folder, expecting(*said, given=given, about="late")) == []


def test_what_waited_for_another_alert_to_end_is_told_when_it_has(folder):
    rule = "{ name: top, on: account, when: like_count < 10, inhibits: [points] }"
    (folder / "rules.yaml").write_text(f"{CONFIG}  - {rule}\n")
    given = """    input:
      - { series: 'violation_score{account="mei"}', values: 8 9x3, interval: 6h }
      - { series: 'like_count{account="mei"}', values: 100x5 5x1 100 5x3 }
"""
    assert ran(folder, expecting(("7h", "messages: []"), ("11h", "messages: [{ news: fired }]"), given=given)) == []


def test_a_number_that_is_too_old_between_two_polls_is_not_known_there(folder):
    rule = "{ name: late, on: account, when: violation_score >= 9, for: 2h, stale_after: 30m, on_first_sight: tell }"
    (folder / "rules.yaml").write_text(f"{CONFIG}  - {rule}\n")
    given = POINTS.replace("8 9 12 9 3", "9x30")
    for pace, said in (("1h", "alerts: []"), ("20m", "alerts: [{ rule: late }]")):
        text = expecting(("9h", said), given=f"    interval: {pace}\n{given}", about="late")
        assert ran(folder, text) == [], pace


def test_what_grew_too_old_counts_as_the_rule_says_though_nobody_asks_any_more(folder):
    rule = "{ name: dark, on: account, when: violation_score >= 9, unknown: fire }"
    (folder / "rules.yaml").write_text(f"{CONFIG}  - {rule}\n")
    given = POINTS.replace("8 9 12 9 3", "8x5")
    said = ("8h", "alerts: []"), ("9h", "alerts: [{ rule: dark }]")
    assert ran(folder, expecting(*said, given=given, about="dark")) == []


ROUTES = """
times:
  nights: { from: "22:00", to: "08:00" }
  away: { days: [tue] }
delegations: [{ owner: lin, to: wu, from: 2024-01-02, until: 2024-01-02 }]
routes:
  - name: tier-a
    match: tag == "tier-a"
    to: [owner]
    quiet: { times: nights, passes: high }
    remind: [4h]
    escalate_after: 6h
    escalate_to: [operators]
"""


def routed(folder):
    text = CONFIG.replace("owners: { lin: [managers] }", "owners: { lin: [managers], wu: [deputy] }")
    text = text.replace("channels: {", 'channels: { deputy: { url: "console://" },')
    (folder / "rules.yaml").write_text(text.replace("    to: [managers]\n", "") + ROUTES)


def test_news_goes_by_routes_is_held_at_night_and_comes_as_one_message_in_the_morning(folder):
    routed(folder)
    given = """    accounts: [{ platform: tiktok, id: own, tags: [tier-a], owner: lin }]
    input:
      - { series: 'violation_score{account="mei"}', values: 3x22 9 3x30 }
      - { series: 'violation_score{account="own"}', values: 3x24 9x30 }
      - { series: 'violation_score{account="tiktok/account/ana"}', values: 3 }
"""
    held = "(held until 08:00: nights)"
    told = [
        "{ channel: managers, title: '✔ Came and went: WARNING: mei has 3 points' }",
        f"{{ channel: deputy, title: '▲ WARNING: own has 9 points {held}' }}",
    ]
    said = [
        ("31h", "messages: []"),
        ("32h", f"messages: [{', '.join(told)}]"),
        ("36h", "messages: [{ channel: deputy, news: reminded }]"),
        ("38h", "messages: [{ channel: operators, news: fired, contains: nobody acknowledged it for 6 h }]"),
    ]
    assert ran(folder, expecting(*said, given=given)) == []


@pytest.mark.parametrize("whose", ["", "    accounts: [{ platform: tiktok, id: own }]\n"])
def test_clients_do_not_stand_in_for_an_owner_who_is_not_named(folder, whose):
    text = CONFIG.replace("channels: {", 'channels: { brand: { url: "console://", audience: clients },')
    (folder / "rules.yaml").write_text(text.replace("to: [managers]", "to: [owner]"))
    given = f"{whose}    input:\n      - {{ series: violation_score, values: 0 10x3 }}\n"
    said = [("2h", "messages: [{ channel: managers }, { channel: operators }]")]
    assert ran(folder, expecting(*said, given=given)) == []


def test_what_is_grave_passes_the_night_and_takes_along_what_was_held(folder):
    routed(folder)
    given = POINTS.replace("8 9 12 9 3", "3x23 9 12 12x30")
    said = [("24h", "messages: []"), ("25h", "messages: [{ channel: deputy, news: fired, contains: 'none → off' }]")]
    assert ran(folder, expecting(*said, given=given)) == []


def test_what_stays_on_is_told_again_and_then_to_more(folder):
    routed(folder)
    given = POINTS.replace("8 9 12 9 3", "3x8 9x30")
    said = [
        ("9h", "messages: [{ channel: managers, news: fired }]"),
        ("12h", "messages: []"),
        ("13h", "messages: [{ channel: managers, news: reminded }]"),
        ("15h", "messages: [{ channel: operators, news: fired }]"),
    ]
    assert ran(folder, expecting(*said, given=given)) == []


# --- any file at all --------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 99)
    | st.sampled_from(["points", "mei", "1h", "8 9x3", "violation_score"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "input", "series", "values", "expect", "at", "alerts", "rule", "messages", "accounts"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANYTHING, max_size=3))
def test_any_file_is_read_as_tests_that_can_be_run_or_as_problems(folder, written):
    found = opened(folder, json.dumps({"rules": "rules.yaml", "tests": written}))
    assert isinstance(found, Opened)
    suite = read_suite(found, shared_config())
    if isinstance(suite, Suite):
        assert [isinstance(run_test(test, suite.config), list) for test in suite.tests] == [True] * len(written)
    else:
        assert suite
        assert all(problem.line > 0 and problem.text for problem in suite)


@cache
def shared_config():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(CONFIG)
        config = load(path, {"COOKIE": "a"}, METRICS, ENDPOINTS)
    assert isinstance(config, Config)
    return config
