"""Which targets a rule is about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.selectors import TARGETS, Case, Selector, alerts, compile_selector
from rules.values import Severity, Subject, Target

MEI = Target(
    "tiktok/account/mei",
    Subject.ACCOUNT,
    "Mei's Kitchen",
    "tiktok",
    "lin",
    ("tier-a", "food"),
    "",
    (),
    "tiktok/account/mei",
)
VIDEO = Target("douyin/video/7", Subject.VIDEO, "Dance", "douyin", "", (), "", (), "douyin/account/xiao")


def matches(text: str, target: Target = MEI) -> bool:
    found = compile_selector(text, TARGETS)
    assert isinstance(found, Selector), found
    return found.matches(target)


@pytest.mark.parametrize(
    ("text", "mei", "video"),
    [
        ('tag == "tier-a"', True, False),
        ('tag == "tier"', False, False),
        ('tag != "food"', False, True),
        ('owner == "lin"', True, False),
        ('owner == ""', False, True),
        ('platform == "douyin"', False, True),
        ('account == "xiao"', False, True),
        ('name == "Mei\'s Kitchen"', True, False),
        ('not tag == "food"', False, True),
        ('tag == "food" and owner != "lin"', False, False),
        ('tag == "food" or platform == "douyin"', True, True),
        ('not (tag == "food" or platform == "douyin")', False, False),
        ('tag == "tier-a" and tag == "food"', True, False),
    ],
)
def test_a_target_is_meant_by_what_it_has(text, mei, video):
    assert (matches(text), matches(text, VIDEO)) == (mei, video)


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ('tags == "a"', 0, "a target has no `tags`, did you mean `tag`?"),
        ('colour == "a"', 0, "a target has no `colour`; known are tag, owner, platform, account, name"),
        ("tag == 3", 4, "compares what a target has with a quoted text"),
        ('tag = "a"', 4, "equality is written =="),
        ("tag", 0, 'tag == "tier-a" and owner != "lin"'),
        ('"a" == tag', 4, "quoted text"),
        ('tag == "a" and follower_count > 3', 30, "quoted text"),
        ("", 0, "found the end"),
    ],
)
def test_what_is_no_selector_is_told_with_its_place(text, offset, says):
    [problem] = compile_selector(text, TARGETS)
    assert problem.offset == offset
    assert says in problem.text


@given(st.text(max_size=40))
def test_no_text_breaks_it(text):
    found = compile_selector(text, TARGETS)
    assert isinstance(found, Selector) or len(found) == 1


ALERTS = alerts("`match`", ["dimension"])
SLUMP = Case("author-rank-slump", Severity.HIGH, "bottom", (("dimension", "PlayCnt"),), MEI)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('severity >= "high"', True),
        ('severity > "high"', False),
        ('severity < "critical" and severity != "info"', True),
        ('on == "account" and tag == "tier-a"', True),
        ('rule == "author-rank-slump" and level == "bottom"', True),
        ('dimension == "PlayCnt"', True),
        ('dimension == "NewFans" or owner != "lin"', False),
    ],
)
def test_an_alert_is_meant_by_its_rule_its_labels_its_target_and_how_grave_it_is(text, meant):
    found = compile_selector(text, ALERTS)
    assert isinstance(found, Selector), found
    assert found.matches(SLUMP) is meant


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ('severity >= "hihg"', 12, "no `severity` is called 'hihg', did you mean `high`?"),
        ('on == "creator"', 6, "known are account, video, provider, cookie, daemon"),
        ('owner >= "lin"', 9, "`owner` has no order"),
        ('on > "account"', 5, "`on` has no order"),
        ('dimensions == "a"', 0, "an alert has no `dimensions`, did you mean `dimension`?"),
        ('severity = "high"', 9, "equality is written =="),
    ],
)
def test_what_no_alert_can_have_is_told_with_its_place(text, offset, says):
    [problem] = compile_selector(text, ALERTS)
    assert problem.offset == offset
    assert says in problem.text
