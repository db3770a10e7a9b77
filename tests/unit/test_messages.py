"""Stories, and the words that are made of them."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apprise import NotifyFormat
from apprise.conversion import convert_between
from hypothesis import given
from hypothesis import strategies as st

from daemon.markup import escaped, linked
from daemon.providers import METRICS, RECORDS
from daemon.scribe import VARIABLES, Letterhead, Scribe, Voice, as_body, plain
from daemon.templates import LONGEST_S, MAX_BYTES, Pattern, TemplateFault, compiled
from rules import story
from rules.building import build_book
from rules.evaluate import Look, evaluate
from rules.models import RuleModel
from rules.posting import STRAIGHTFORWARD, Telling
from rules.routes import Route, Routes
from rules.story import Amount, Story, Who, story_from_json, story_to_json
from rules.values import FirstSight, News, Record, Severity, Subject, Target, Unit, Window
from rules.wording import WORDS, Markup, Speech
from rules.words import Language
from tests.recorded import READ, read_sample
from tests.told import NOON, a_story

HOUR = timedelta(hours=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MEI = Target(
    "tiktok/account/mei", Subject.ACCOUNT, "Mei", "tiktok", owner="lin", link="https://www.tiktok.com/@mei.shop"
)
LADDER = {
    "info": "violation_score >= 9",
    "high": {"when": "violation_score >= 12", "effect": "停播 24 小时", "lasts": "24h"},
    "critical": "violation_score >= 24",
}
WORDS_OF_A_VIOLATION = {
    "reason": "夸大宣传",
    "policy_url": "https://example.invalid/policy",
    "enforcement": "佣金冻结",
    "violation_time": "2026-11-20T08:00:00+00:00",
    "appeal_deadline": "2026-11-23T16:00:00+00:00",
}


def rule(**fields):
    model = RuleModel.model_validate({"name": "r", "on": "account", **fields})
    return build_book([model], METRICS, ["team"]).rules[0]


def window(*values, at=NOON):
    start = at - (len(values) - 1) * HOUR
    return Window((((start + hour * HOUR).timestamp(), value) for hour, value in enumerate(values)))


def stories(the_rule, *looks, records=(), telling=STRAIGHTFORWARD):
    """What is told at each of these looks, as (view, time)."""
    alerts, told = {}, []
    for view, at in looks:
        found = {"violation": records, "shop_account": [Record("shop_account", "account", {"region": "US"})]}
        records_of = lambda kind, found=found: found.get(kind, ())  # noqa: E731 - it is no more than that
        for outcome in evaluate([the_rule], Look(MEI, view, alerts, at, {}, records_of, telling=telling)):
            alerts = {(the_rule.name, ()): outcome.alert}
            told += [letter.story for letter in outcome.owed]
    return told


def points(*values, at=NOON):
    return {"violation_score": {(): window(*values, at=at)}}, at


def in_text(told, language, at=None):
    return Scribe({"c": Voice(language, SHANGHAI)}, {}).write([told], "c", Markup.TEXT, at)


# --- facts --------------------------------------------------------------------------------------------------------


finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC))
for kind, made in ((float, finite), (datetime, moments)):
    st.register_type_strategy(kind, made)
any_story = st.from_type(Story)


@given(any_story)
def test_a_story_is_the_same_after_it_was_stored(told):
    assert story_from_json(story_to_json(told)) == told


@given(any_story)
def test_what_a_newer_daemon_has_put_into_a_story_is_passed_over(told):
    fields = json.loads(story_to_json(told)) | {"feeling": {"sad": True}}
    fields["who"] |= {"shoe_size": 38}
    assert story_from_json(json.dumps(fields)) == told


def test_what_an_older_daemon_did_not_know_is_empty():
    row = '{"news":"fired","severity":"high","at":0,"rule":"r","who":{"name":"n","key":"k"}}'
    begun = datetime(1970, 1, 1, tzinfo=UTC)
    assert story_from_json(row) == Story(News.FIRED, Severity.HIGH, begun, "r", Who("n", "k"))


def test_a_number_that_is_not_known_is_none_and_never_zero():
    view = {"violation_score": {(): window(3.0, float("nan"), float("nan"))}}
    [told] = stories(rule(levels=LADDER, unknown="fire"), (view, NOON))
    [change] = told.changes
    assert (change.old, change.new) == (None, Amount(None, Unit.POINTS, 3.0, NOON - 2 * HOUR))
    assert story_from_json(story_to_json(told)).changes[0].new.value is None
    assert "violation_score: unknown (last known 3, 2 h ago)" in plain(told).body


def test_the_end_of_an_effect_is_at_the_latest_so_long_after_it_was_first_seen():
    later = NOON + 5 * HOUR
    first, climbed = stories(rule(levels=LADDER), points(8, 9), points(9, 12, at=later))
    assert (first.ends, climbed.ends) == (None, later + 24 * HOUR)


def test_the_end_says_how_far_the_number_went_and_what_it_is_now():
    later = NOON + 3 * HOUR
    _, over = stories(rule(levels=LADDER), points(12), points(12, 14, 20, 3, at=later))
    assert (over.changes[0].peak, over.changes[0].new.value, over.ending.lasted_s) == (20, 3, 3 * 3600)
    assert "Lasted: 3 h; peak: high (violation_score 20)" in plain(over).body


def test_the_end_says_how_far_the_number_went_also_when_that_was_many_looks_ago():
    looks = [points(value, at=NOON + hour * HOUR) for hour, value in enumerate([12, 20, 14, 13, 12, 12, 3])]
    _, over = stories(rule(levels=LADDER), *looks)
    assert "Lasted: 6 h; peak: high (violation_score 20)" in plain(over).body


def test_the_end_of_what_came_and_went_says_since_when_and_how_far_up():
    levels = {"info": "violation_score >= 9", "high": "violation_score >= 12"}
    flapping = rule(levels=levels, flapping={"times": 3, "within": "6h"})
    looks = [points(value, at=NOON + hour * HOUR) for hour, value in enumerate([9, 0, 12, 0, 9, 0, 0, 0, 0, 0, 0, 0])]
    told = stories(flapping, *looks)
    assert [each.news for each in told][-2:] == [News.FLAPPING, News.RESOLVED]
    assert "Lasted: 11 h; peak: info" in plain(told[-1]).body


def test_the_estimated_end_of_an_effect_is_the_same_however_often_it_is_told():
    the_rule = replace(rule(levels=LADDER), on_first_sight=FirstSight.TELL)
    remind = Telling(Routes((Route("r", to=("team",), remind=(HOUR,)),)))
    fired, climbed, reminded = stories(
        the_rule, *(points(9 + 3 * (hour > 0), at=NOON + hour * HOUR) for hour in range(3)), telling=remind
    )
    assert (reminded.news, reminded.ends) == (News.REMINDED, climbed.ends)
    assert climbed.ends == NOON + 25 * HOUR
    assert fired.ends is None


def test_of_a_number_that_must_not_fall_the_peak_is_the_lowest():
    later, view = NOON + 3 * HOUR, {"health_rating": {(): window(140)}}
    after = {"health_rating": {(): window(140, 90, 130, 220, at=NOON + 3 * HOUR)}}
    _, over = stories(rule(when="health_rating <= 150"), (view, NOON), (after, later))
    assert (over.changes[0].peak, over.scheme) == (90, "chr")


@pytest.mark.parametrize(("state", "said"), [(1.0, "possible"), (0.0, "not possible"), (float("nan"), None)])
def test_an_appeal_is_what_the_platform_says_it_is(state, said):
    view, at = points(12)
    view["appeal_open"] = {(("record", "7"),): window(state)}
    [told] = stories(rule(levels=LADDER, records="violation"), (view, at), records=[Record("violation", "7", {})])
    assert re.findall(r"  appeal: (.*)", plain(told).body) == ([said] if said else [])


def test_records_of_the_same_policy_are_counted_as_far_as_their_time_is_known():
    def violation(name, **words):
        return Record("violation", name, WORDS_OF_A_VIOLATION | words)

    records = [
        violation("1"),
        violation("2", violation_time="2026-08-01T08:00:00+00:00"),
        violation("3", policy_url="https://example.invalid/other"),
        violation("4", violation_time=""),
        violation("5"),
    ]
    [told] = stories(rule(levels=LADDER, records="violation"), points(12), records=records)
    assert [record.alike for record in told.records] == [2, 2, 1]
    [bare] = stories(
        rule(levels=LADDER, records="violation"), points(12), records=[violation("6", policy_url="", violation_time="")]
    )
    assert (bare.records[0].alike, bare.records[0].falls_off) == (None, None)


# --- golden -------------------------------------------------------------------------------------------------------


def test_a_climb_on_the_ladder_of_violations_in_english():
    _, told = stories(
        rule(levels=LADDER, summary="{name}: {violation_score}"), points(8, 9, at=NOON - HOUR), points(9, 12)
    )
    message = in_text(told, Language.EN)
    assert message.title == "▲ HIGH: Mei: 12"
    assert message.body.splitlines() == [
        "Level: info → high",
        "violation_score: 9 → 12",
        "Scheme: violation points (0 is best, 24 is the end)",
        "Condition: violation_score >= 12",
        "Means: 停播 24 小时",
        "Ends: about 2026-11-22 20:00 Asia/Shanghai, at the latest (estimate)",
        "Next: critical at violation_score >= 24, 12 to go",
        "Measured: 2026-11-21 20:00 Asia/Shanghai; polled: 2026-11-21 20:00 Asia/Shanghai",
        "Who: Mei (tiktok/account/mei), owner lin",
        "Account: @mei.shop, region US",
        "https://www.tiktok.com/@mei.shop",
    ]


def test_a_climb_on_the_ladder_of_violations_and_its_end_in_chinese():
    later = NOON + 51 * HOUR
    the_rule = rule(levels=LADDER, summary="{name}违规 {violation_score} 分")
    _, climbed, over = stories(the_rule, points(8, 9, at=NOON - HOUR), points(9, 12), points(*[12] * 51, 3, at=later))
    message = in_text(climbed, Language.ZH)
    assert message.title == "▲【严重】Mei违规 12 分"
    assert message.body.splitlines() == [
        "级别：提示 → 严重",  # noqa: RUF001
        "违规分：9 → 12",  # noqa: RUF001
        "计分方式：违规分制（0 分最好，满 24 分封禁）",  # noqa: RUF001
        "触发条件：violation_score >= 12",  # noqa: RUF001
        "影响：停播 24 小时",  # noqa: RUF001
        "处罚结束：最晚约 北京时间 2026-11-22 20:00（预估）",  # noqa: RUF001
        "下一级：违规分 >= 24 时升为「紧急」，还差 12",  # noqa: RUF001
        "数据时间：北京时间 2026-11-21 20:00；采集时间：北京时间 2026-11-21 20:00",  # noqa: RUF001
        "对象：Mei（tiktok/account/mei），负责人 lin",  # noqa: RUF001
        "账号：@mei.shop、地区 US",  # noqa: RUF001
        "https://www.tiktok.com/@mei.shop",
    ]
    end = in_text(over, Language.ZH)
    assert end.title == "✔【已恢复】Mei违规 3 分"
    assert "持续时长：2 天 4 小时；峰值：严重（违规分 12）" in end.body  # noqa: RUF001
    assert "原因：条件不再成立" in end.body  # noqa: RUF001


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            Language.EN,
            [
                "violation 7501",
                "  reason: 夸大宣传",
                "  policy url: https://example.invalid/policy",
                "  enforcement: 佣金冻结",
                "  violation time: 2026-11-20 16:00 Asia/Shanghai",
                "  appeal deadline: 2026-11-23 16:00 UTC (2026-11-24 00:00 Asia/Shanghai), closes in 2 d 4 h",
                "  appeal: possible",
                "  points fall off: about 2027-02-18 16:00 Asia/Shanghai (estimate: 90 d after the violation)",
                "  same policy: 1 in 90 d",
            ],
        ),
        (
            Language.ZH,
            [
                "违规记录 7501",
                "  原因：夸大宣传",  # noqa: RUF001
                "  规则链接：https://example.invalid/policy",  # noqa: RUF001
                "  处罚：佣金冻结",  # noqa: RUF001
                "  违规时间：北京时间 2026-11-20 16:00",  # noqa: RUF001
                "  申诉截止：北京时间 2026-11-24 00:00，即 UTC 2026-11-23 16:00，剩余 2 天 4 小时",  # noqa: RUF001
                "  申诉：可申诉",  # noqa: RUF001
                "  违规分清除：约 北京时间 2027-02-18 16:00（预估：违规满 90 天）",  # noqa: RUF001
                "  同类违规：90 天内 1 次",  # noqa: RUF001
            ],
        ),
    ],
)
def test_an_appeal_window(language, lines):
    records = [Record("violation", "7501", WORDS_OF_A_VIOLATION)]
    [told] = stories(rule(levels=LADDER, records="violation"), points(12), records=records)
    said = in_text(told, language).body.splitlines()
    assert said[said.index(lines[0]) :][: len(lines)] == lines


def test_the_time_that_is_left_is_that_of_the_sending():
    records = [Record("violation", "7501", WORDS_OF_A_VIOLATION)]
    [told] = stories(rule(levels=LADDER, records="violation"), points(12), records=records)
    assert "closes in 1 d 20 h" in in_text(told, Language.EN, NOON + 8 * HOUR).body


@pytest.mark.parametrize(("hours", "said"), [(51, "possible"), (52, "not possible"), (60, "not possible")])
def test_an_appeal_is_not_possible_any_more_when_its_time_ran_out_while_the_message_waited(hours, said):
    records = [Record("violation", "7501", WORDS_OF_A_VIOLATION)]
    [told] = stories(rule(levels=LADDER, records="violation"), points(12), records=records)
    assert f"  appeal: {said}" in in_text(told, Language.EN, NOON + hours * HOUR).body.splitlines()


# --- every one of them --------------------------------------------------------------------------------------------


@given(any_story, st.sampled_from(Language), st.sampled_from(Markup))
def test_whatever_is_told_it_is_told_in_each_language_and_markup(told, language, markup):
    message = Scribe({}, {}, Voice(language, SHANGHAI, markup)).write([told], "c", Markup.TEXT)
    assert (message.markup, message.severity, message.news) == (markup, told.severity, told.news)
    assert message.title


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("news", News)
@pytest.mark.parametrize("severity", Severity)
def test_news_of_any_severity_says_both_in_its_title(language, news, severity):
    words = WORDS[language].texts
    title = plain(a_story("it", news=news, severity=severity), language=language).title
    assert (words["resolved"] if news is News.RESOLVED else words[severity]) in title


def test_each_language_has_the_same_sentences_with_the_same_places():
    def places(language):
        return {key: set(re.findall(r"\{(\w+)\}", text)) for key, text in WORDS[language].texts.items()}

    assert places(Language.ZH) == places(Language.EN)


LATIN = re.compile(r"[A-Za-z]{2,}")


def test_no_sentence_in_chinese_is_english():
    bare = {key: re.sub(r"\{\w+\}|`[^`]*`|UTC", "", text) for key, text in WORDS[Language.ZH].texts.items()}
    assert {key: text for key, text in bare.items() if LATIN.search(text)} == {}
    assert not [name for name in WORDS[Language.ZH].names.values() if LATIN.search(name)]


full = a_story(
    news=News.RESOLVED,
    level="high",
    ladder=("info", "high"),
    told=2,
    scheme="points",
    changes=(
        story.Change("violation_score", Unit.POINTS, None),
        story.Change("views", Unit.COUNT, Amount(None, Unit.COUNT)),
    ),
    bands=(story.Band("views", 1, 2, 3, 60, grounds=("sawtooth", "lost again", "round number", "window roll-off")),),
    effect="封号",
    ends=NOON,
    ahead=story.Ahead("critical", "views", ">", 3, Unit.COUNT, 2),
    flutter=story.Flutter(3, 60, climbs=True),
    ending=story.Ending(60, "high"),
    reason="it was still for 6 h",
    held="the cookie is expired",
    records=(
        story.RecordWords("violation", "1", (story.Word("reason", "x"),), can_appeal=False, falls_off=NOON, alike=1),
    ),
    measured=NOON,
    polled=NOON,
)


def test_a_message_in_chinese_has_no_english_label():
    rows = plain(full, language=Language.ZH).body.splitlines()
    labels = [row.partition("：")[0] for row in rows if "：" in row]  # noqa: RUF001
    assert len(labels) > 12
    assert not [label for label in labels if LATIN.search(label)]


def test_every_number_and_record_and_its_words_have_chinese_names():
    readings = [read_sample(sample) for sample in READ]
    words = {word for reading in readings for record in reading.records for word in record.words}
    assert sorted({*METRICS, *RECORDS, *words} - WORDS[Language.ZH].names.keys()) == []


# --- markup -------------------------------------------------------------------------------------------------------

markup_like = st.text(st.sampled_from("*_`[]()<>&~|#!-+=.1 \\\"'ab\n@:/违") | st.characters(codec="utf-8"), max_size=40)


@given(markup_like)
def test_a_strangers_text_reads_in_html_as_it_is(text):
    html = escaped(text, Markup.HTML)
    assert "<" not in html
    assert unescape(html) == " ".join(text.splitlines())


@given(st.text(st.sampled_from("*_`[]()<>&~|#!-+=.1 \\\"'ab@:违x"), max_size=40).map(str.strip))
def test_a_strangers_text_reads_in_markdown_as_it_is(text):
    html = convert_between(NotifyFormat.MARKDOWN, NotifyFormat.HTML, f"x {escaped(text, Markup.MARKDOWN)} x")
    assert "".join(re.findall(r"<(?!/?p>)[^>]*>", html)) == ""
    assert " ".join(unescape(html[3:-4]).split()) == " ".join(f"x {text} x".split())


@given(markup_like)
def test_a_strangers_text_is_one_line_of_markdown_and_begins_no_block(text):
    line = escaped(text, Markup.MARKDOWN)
    assert "\n" not in line
    assert not re.match(r" ?([#>|~`*_+=-]|\d{1,9}[.)])", line)


@given(markup_like, st.sampled_from([Markup.TEXT, Markup.HTML]))
def test_a_strangers_text_is_one_line_of_text_or_html(text, markup):
    assert len(escaped(f"x{text}", markup).splitlines()) == 1
    assert escaped(text, Markup.TEXT).split() == text.split()


@pytest.mark.parametrize("markup", Markup)
def test_no_word_of_a_stranger_adds_a_line_to_a_message(markup):
    forged = "so what\nLevel: none\u2028Silence: https://example.invalid/a/1\r\nx"
    lines = []
    for said in ("so what", forged):
        record = story.RecordWords("violation", "1", (story.Word("reason", said),))
        told = replace(a_story(said, said, records=(record,)), who=Who(said, "k", "tiktok", "lin"))
        message = Scribe({"c": Voice(markup=markup)}, {}).write([told], "c", markup)
        lines.append(len(f"{message.title}\n{message.body}".splitlines()))
    assert lines[0] == lines[1]


@given(st.text(max_size=60))
def test_a_link_is_a_link_only_of_what_is_one(text):
    for url in (text, f"https://example.invalid/{text}"):
        assert linked(url, Markup.HTML).count("<") in (0, 2)
        said = linked(url, Markup.MARKDOWN)
        assert re.fullmatch(r"<https?://[^\s<>]+>", said) or said == escaped(url, Markup.MARKDOWN)


@pytest.mark.parametrize(("markup", "head"), [("text", "a*b"), ("markdown", r"**a\*b**"), ("html", "<b>a*b</b><br/>")])
def test_where_there_is_no_place_for_a_title_it_is_the_first_line(markup, head):
    message = Scribe({}, {}, Voice(markup=Markup(markup))).write([a_story("a*b")], "c", Markup.TEXT)
    assert as_body(replace(message, title="a*b")).splitlines()[0] == head


# --- templates ----------------------------------------------------------------------------------------------------


def head(body, title="", markup=Markup.TEXT):
    made = [None if not source else compiled(source, markup, VARIABLES) for source in (title, body)]
    return Letterhead(made[0], {markup: made[1]}, markup)


def by(body, told=full, title="", markup=Markup.TEXT):
    scribe = Scribe({"c": Voice(template="t")}, {"t": head(body, title, markup)})
    return scribe, scribe.write([told], "c", Markup.TEXT)


def test_a_template_has_the_facts_of_the_story():
    body = "{{ who.name }}|{{ severity|name }}|{{ changes|length }}|{{ polled|time }}"
    scribe, message = by(body, title="{{ rule }}!")
    assert (message.title, message.body) == ("r!", "|high|2|2026-11-21 12:00 UTC")
    assert not scribe.failures


def test_a_rules_own_template_comes_before_that_of_the_channel():
    heads = {"t": head("of the channel"), "own": head("of the rule")}
    scribe = Scribe({"c": Voice(template="t")}, heads)
    assert scribe.write([a_story(template="own")], "c", Markup.TEXT).body == "of the rule"
    assert scribe.write([a_story()], "c", Markup.TEXT).body == "of the channel"
    assert scribe.write([a_story("x", "as usual", template="gone")], "d", Markup.TEXT).body == "as usual"


@pytest.mark.parametrize("markup", Markup)
def test_what_a_template_prints_is_escaped(markup):
    _, message = by("{{ who.name }}", replace(full, who=Who("<b>*x*</b>", "k")), markup=markup)
    assert message.body == escaped("<b>*x*</b>", markup)


@pytest.mark.parametrize(
    "body",
    [
        "{{ ahead.nothing.at.all }}{{ ahead.nothing + 1 }}{{ 1 - ahead.nothing }}{{ ahead.nothing < 3 or '' }}x",
        "{{ ahead.nothing|number }}{{ ahead.nothing|round(2) }}{{ ahead.nothing|join(', ') }}x",
        "{% for each in ahead.nothing %}y{% endfor %}{{ flutter.none.there|upper }}x",
    ],
)
def test_what_is_not_there_prints_nothing(body):
    scribe, message = by(body, replace(full, flutter=None))
    assert message.body.replace("False", "") == "x"
    assert not scribe.failures


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("{{ whoo.name }}", "unknown variable whoo"),
        ("{{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ who.name * 1000000 }}", "OverflowError"),
        ("{{ 'x' * 5 }}", "OverflowError"),
        ("{{ 9 ** 99 }}", "OverflowError"),
        ("{{ 9999999 * 9999999 }}", "OverflowError"),
        ("{{ '%999999999d' % 1 }}", "OverflowError"),
        ("{{ changes|number }}", "TypeError"),
        (
            "{% for a in ladder %}{% for b in ladder %}{% for c in ladder %}x{% endfor %}{% endfor %}{% endfor %}",
            "OverflowError",
        ),
    ],
)
def test_whatever_a_template_does_the_message_is_sent_in_the_usual_words(body, fault):
    told = replace(full, ladder=("x",) * 60)
    scribe, message = by(body, told)
    assert message.body.splitlines()[:-1] == plain(told).body.splitlines()
    assert message.body.splitlines()[-1] == f"the template t could not be used ({fault}); this is the usual text"
    assert scribe.failures == {"t": 1}


def test_a_template_that_takes_its_time_holds_up_nobody():
    grown = "condition" + "|replace('e', 'eeeeeeeeeeeeeeee')" * 40
    loops = "".join(f"{{% for {each} in notes %}}" for each in "abc")
    began_s = time.monotonic()
    scribe, message = by(
        loops + f"{{% if {grown} == 1 %}}{{% endif %}}" + "{% endfor %}" * 3,
        replace(full, condition="views > 3 and likes > 3", notes=("x",) * 20),
    )
    assert time.monotonic() - began_s < 10 * LONGEST_S
    assert "(TimeoutError)" in message.body
    assert scribe.failures == {"t": 1}


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("a\n{{ range(3) }}", (2, "nothing can be called here")),
        ("{{ who.name.format() }}", (0, "nothing can be called here")),
        ("{% set x = 1 %}", (0, "`set` is not for templates")),
        ("x {% macro a() %}{% endmacro %}", (2, "macros are not")),
        ("{% include 'x' %}", (0, "a template cannot include")),
        ("{% import 'x' as y %}", (0, "a template cannot import")),
        ("{% extends 'x' %}", (0, "a template cannot extend")),
        ("{{ who|safe }}", (7, "no filter named 'safe'")),
        ("{{ who|nmae }}", (7, "no filter named 'nmae', did you mean `name`?")),
        ("{{ who", (0, "unexpected end of template")),
        ("ok\n  {% if x %}", (5, "unexpected end of template")),
        ("{% for a in b %}" * 4 + "{% endfor %}" * 4, (0, "loops are nested 3 deep at most")),
        ("{% for a in b recursive %}{% endfor %}", (0, "a loop cannot be recursive")),
        ("x" * 16_001, (0, "a template has 16,000 characters at most")),
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", (0, "it is nested too deeply")),
        ("{% if told %}" * 100 + "{% endif %}" * 100, (0, "too many levels of indentation")),
        ("{{ rule" + "|trim" * 300 + " }}", (0, "too many nested parentheses")),
        ("{{ rule|truncate(length=3, length=4) }}", (0, "keyword argument repeated: length")),
        ("{{ " + "9" * 5_000 + " }}", (0, "a number in it is too long")),
    ],
)
def test_what_is_not_for_templates_is_refused_where_it_stands(source, fault):
    found = compiled(source, Markup.TEXT, VARIABLES)
    assert isinstance(found, TemplateFault)
    offset, text = fault
    assert found.text.startswith(text)
    assert found.offset == (offset if "\n" not in source else source.index("{"))


def test_what_is_nested_deeply_is_checked_quickly():
    began_s = time.monotonic()
    assert isinstance(compiled("{{ rule" + "|trim" * 190 + " }}", Markup.TEXT, VARIABLES), Pattern)
    assert time.monotonic() - began_s < 3


def test_the_inside_of_python_is_out_of_reach():
    _, message = by("{{ who.__class__ }}{{ who.__init__.__globals__ }}x")
    assert "class" not in message.body
    assert not {"range", "lipsum", "cycler", "namespace", "dict", "joiner"} & VARIABLES


def test_a_text_that_is_too_long_is_cut_and_ends_in_dots():
    told = replace(full, notes=("违" * 1000,) * 60)
    _, message = by("{% for note in notes %}{{ note }}{% endfor %}", told)
    assert (len(message.body.encode()) <= MAX_BYTES, message.body[-1]) == (True, "…")


@pytest.mark.parametrize("name", ["<'\"&>", "x"])
def test_html_that_is_too_long_is_not_cut_inside_of_a_character(name):
    for more in range(8):
        notes = ("x" * more, name * 1_000) * 4
        _, message = by(
            "{% for note in notes %}{{ note }}{% endfor %}", replace(full, notes=notes * 5), markup=Markup.HTML
        )
        assert not re.search(r"&[^;]*$", message.body)


def test_of_an_endless_word_of_a_record_the_beginning_is_told():
    told = replace(full, records=(story.RecordWords("violation", "1", (story.Word("reason", "违" * 100_000),)),))
    assert f"  reason: {'违' * 1_999}…" in plain(told).body.splitlines()


@pytest.mark.parametrize("markup", Markup)
def test_an_endless_link_of_a_stranger_is_cut_and_leads_nowhere(markup):
    url = "https://example.invalid/" + "x" * 100_000
    told = a_story(records=(story.RecordWords("comment", "1", (story.Word("content", url),)),))
    body = Scribe({}, {}).write([told], "c", markup).body
    assert (len(body) < 3_000, "href" in body, "<https" in body) == (True, False, False)


def test_what_the_daemon_says_in_a_record_is_said_in_chinese():
    told = a_story(records=(story.RecordWords("cookie", "k", (story.Word("text", "the cookie is expired"),)),))
    assert "  内容：登录凭证已失效" in plain(told, language=Language.ZH).body.splitlines()  # noqa: RUF001


@given(st.text(max_size=60))
def test_any_text_is_a_template_or_has_a_fault_inside_of_it(source):
    found = compiled(source, Markup.HTML, VARIABLES)
    assert isinstance(found, Pattern) or 0 <= found.offset <= len(source)


def test_the_example_of_the_documents_gives_what_it_says():
    text = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    body, given_ = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("jinja", "text"))
    _, told = stories(rule(levels=LADDER), points(8, 9, at=NOON - HOUR), points(8, 12))
    _, message = by(body, told)
    assert message.body == given_.strip()


def test_every_variable_is_in_the_documents():
    text = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    assert VARIABLES - set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE)) == set()


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (187_200, "2 d 4 h", "2 天 4 小时"),
        (660, "11 min", "11 分钟"),
        (691_200, "1 w 1 d", "1 周 1 天"),
    ],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds, english, chinese):
    assert [Speech(language).duration(seconds) for language in Language] == [english, chinese]
