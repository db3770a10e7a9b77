"""Many things in one message, and a message that did not come at once, in words."""
# ruff: noqa: RUF001 - Chinese has its own punctuation

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.scribe import Letterhead, Scribe, Voice, plain
from daemon.templates import compiled
from rules.digest import BACKLOG, Fate, Piece, parcels, split
from rules.posting import FALLBACK, FIRST_SIGHT
from rules.story import Story, Who
from rules.values import News, Severity
from rules.wording import MAX_LINES, Markup, Speech
from rules.wording_digest import Delay, remark
from rules.words import Language

AT = datetime(2026, 2, 2, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
LADDER = ("warning", "high", "critical")
GRAVE = (Severity.INFO, Severity.WARNING, Severity.HIGH, Severity.CRITICAL)


def letter(number, thing, before, after, bundle, news=None):
    """A letter about a thing that stood there, and stands here."""
    if news is None:
        news = News.FLAPPING if after < 0 else News.FIRED if after else News.RESOLVED
    who = Who(thing, thing)
    story = Story(news, GRAVE[abs(after)], AT, "points", who, (f"{thing}: points",), told=before, stand=after)
    return Piece(number, thing, replace(story, ladder=LADDER), AT - MINUTE, bundle)


def digest(*moves, bundle="quiet nights"):
    """The digest of letters (thing, before, after)."""
    pieces = [letter(number, *move, bundle) for number, move in enumerate(moves, 1)]
    [parcel] = parcels(pieces, AT)
    return parcel.content


def said(digest, language=Language.EN, markup=Markup.TEXT, **more):
    scribe = Scribe({"c": Voice(language, SHANGHAI, markup)}, {})
    return scribe.digest(digest, "c", markup, AT, **more)


NIGHT = digest(
    ("on", 0, 2),
    ("climbed", 1, 3),
    ("flapping", 1, -2),
    ("better", 3, 1),
    ("gone", 0, 1),
    ("gone", 1, 0),
    ("back", 1, 2),
    ("back", 2, 1),
    ("over", 2, 0),
)


def test_a_digest_tells_what_is_on_before_what_is_over_each_with_its_way():
    message = said(NIGHT)
    assert message.title == (
        "Held during nights: 1 still on, 1 climbed, 1 coming and going, 1 better, 1 back where it was,"
        " 1 came and went, 1 over"
    )
    since = "since 2026-02-02 08:59 Asia/Shanghai"
    assert message.body.splitlines() == [
        "Still on",
        f"  HIGH: on: points, none → high, {since}",
        "Climbed",
        f"  CRITICAL: climbed: points, warning → critical, {since}",
        "Comes and goes",
        f"  HIGH: flapping: points, warning → coming and going, {since}",
        "Better",
        f"  WARNING: better: points, critical → warning, {since}",
        "Back where it was",
        f"  HIGH: back: points, {since}",
        "Came and went",
        f"  WARNING: gone: points, {since}",
        "Over",
        f"  INFO: over: points, high → none, {since}",
    ]
    assert (message.severity, message.news) == (Severity.CRITICAL, News.FIRED)


def test_a_digest_in_chinese_has_no_english_words_but_names():
    message = said(NIGHT, Language.ZH)
    assert message.title.startswith("nights期间：持续中 1 条、升级 1 条、")
    assert "  【严重】on: points，无 → 严重，自 北京时间 2026-02-02 08:59" in message.body.splitlines()
    assert not {"since", "Still", "over,"} & set(message.body.split())


@pytest.mark.parametrize(("markup", "line"), [(Markup.HTML, "<br/>"), (Markup.MARKDOWN, "- ")])
def test_a_name_in_a_digest_is_no_markup(markup, line):
    message = said(digest(("<b>*x*", 0, 2), ("y", 0, 1)), markup=markup)
    assert line in message.body
    assert "<b>*x*" not in message.body


def test_a_digest_of_what_is_over_alone_is_no_alarm():
    message = said(digest(("a", 1, 0), ("b", 2, 0)))
    assert (message.title, message.severity, message.news) == (
        "Held during nights: 2 over",
        Severity.INFO,
        News.RESOLVED,
    )


def test_who_it_is_about_is_said_where_the_headline_does_not():
    told = digest(("a", 0, 2), ("b", 0, 1))
    silent = replace(told.entries[0], story=replace(told.entries[0].story, headline=("12 points",)))
    assert "HIGH: a: 12 points" in said(replace(told, entries=(silent, *told.entries[1:]))).body


def test_what_was_on_at_first_sight_is_told_in_the_words_of_before():
    told = digest(*((f"t{number}", 0, 2) for number in range(MAX_LINES + 5)), bundle=FIRST_SIGHT)
    message = said(told)
    assert message.title == "35 alerts were on already at first sight"
    assert message.body.splitlines()[-1] == "and 5 more: 5 high"


@pytest.mark.parametrize(
    ("bundle", "language", "delay", "title"),
    [
        ("digest daily", Language.EN, Delay(), "Digest daily: 2 still on"),
        ("group mei", Language.EN, Delay(), "mei: 2 still on"),
        ("group mei", Language.ZH, Delay(), "mei：持续中 2 条"),
        (
            f"{FALLBACK} chat",
            Language.EN,
            Delay(instead_of="chat"),
            "Several alerts: 2 still on (could not be told to chat)",
        ),
        (BACKLOG, Language.EN, Delay(42 * MINUTE), "Held up for 42 min: 2 still on"),
        (
            BACKLOG,
            Language.EN,
            Delay(42 * MINUTE, "Telegram", "unreachable"),
            "While Telegram could not be reached for 42 min: 2 still on",
        ),
        (
            BACKLOG,
            Language.ZH,
            Delay(42 * MINUTE, "Telegram", "busy", 429),
            "Telegram 无法送达 42 分钟期间：持续中 2 条",
        ),
    ],
)
def test_the_first_line_says_why_things_are_told_together(bundle, language, delay, title):
    assert said(digest(("a", 0, 2), ("b", 0, 1), bundle=bundle), language, delay=delay).title == title


@pytest.mark.parametrize(
    ("delay", "english", "chinese"),
    [
        (Delay(), "", ""),
        (Delay(42 * MINUTE), " (delayed 42 min)", "（延迟 42 分钟）"),
        (
            Delay(42 * MINUTE, "Telegram", "busy", 429),
            " (delayed 42 min: Telegram 429)",
            "（延迟 42 分钟：Telegram 429）",
        ),
        (
            Delay(42 * MINUTE, "E-Mail", "timeout"),
            " (delayed 42 min: E-Mail does not answer)",
            "（延迟 42 分钟：E-Mail 无响应）",
        ),
        (Delay(42 * MINUTE, "", "failed"), " (delayed 42 min: does not take messages)", "（延迟 42 分钟：未能接收）"),
        (Delay(held=AT - 60 * MINUTE, name="nights"), " (held until 08:00: nights)", "（nights，延至 08:00 发送）"),
        (Delay(instead_of="chat"), " (could not be told to chat)", "（未能送达 chat）"),
    ],
)
def test_why_a_message_did_not_come_at_once_is_said_behind_its_first_line(delay, english, chinese):
    assert remark(delay, Speech(Language.EN, SHANGHAI)) == english
    assert remark(delay, Speech(Language.ZH, SHANGHAI)) == chinese


def test_a_template_has_no_say_in_whether_a_delay_is_told():
    head = Letterhead(
        compiled("{{ rule }}", Markup.TEXT, frozenset({"rule"})),
        {Markup.TEXT: compiled("x", Markup.TEXT, frozenset())},
        Markup.TEXT,
    )
    scribe = Scribe({"c": Voice(template="own")}, {"own": head})
    [piece] = [letter(1, "a", 0, 2, "")]
    assert scribe.write([piece.story], "c", Markup.TEXT, AT, Delay(42 * MINUTE)).title == "points (delayed 42 min)"


# --- reminders -----------------------------------------------------------------------------------------------------


def reminder(before=2, after=2, **more):
    piece = letter(1, "a", before, after, "", News.REMINDED)
    return replace(piece.story, stood=AT - timedelta(hours=4), **more)


@pytest.mark.parametrize(
    ("language", "title"),
    [(Language.EN, "↻ HIGH: a: points (still on for 4 h)"), (Language.ZH, "↻【严重】a: points（已持续 4 小时）")],
)
def test_a_reminder_says_for_how_long_it_has_been_so(language, title):
    assert plain(reminder(), language=language).title == title


@pytest.mark.parametrize(
    ("language", "row"), [("en", "Escalated: nobody acknowledged it for 2 h"), ("zh", "升级通知：2 小时内无人确认")]
)
def test_who_is_told_because_nobody_reacted_reads_that(language, row):
    story = replace(reminder(0, 2), news=News.FIRED, stood=AT - timedelta(hours=2), escalated=True)
    assert row in plain(story, language=Language(language)).body.splitlines()
    assert row not in plain(replace(story, escalated=False), language=Language(language)).body


def test_a_reminder_in_a_digest_is_still_on_and_not_back_where_it_was():
    reminded = Piece(1, "a", reminder(), AT, "quiet nights")
    again = replace(reminded, id=2)
    other = letter(3, "b", 0, 1, "quiet nights")
    [parcel] = parcels([reminded, again, other], AT)
    assert [each.fate for each in parcel.content.entries] == [Fate.OPENED, Fate.OPENED]
    [alone] = parcels([reminded, again], AT)
    assert alone.content.news is News.REMINDED


# --- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 20])
def test_the_parts_of_a_digest_have_all_its_things_once_in_their_order_and_their_letters(parts):
    pieces = [letter(number, f"t{number % 7}", number % 3, (number + 1) % 3, "quiet nights") for number in range(1, 15)]
    [whole] = parcels(pieces, AT)
    found = split(whole, parts)
    assert len(found) <= min(parts, 7)
    assert [each for part in found for each in part.content.entries] == list(whole.content.entries)
    assert sorted(piece.id for part in found for piece in part.pieces) == list(range(1, 15))
    for part in found:
        assert {piece.thing for piece in part.pieces} == {each.thing for each in part.content.entries}
        assert said(part.content).title.split(": ")[1].startswith(said(whole.content).title.split(": ")[1])
    assert [(part.content.part, part.content.parts) for part in found] == [
        (number, len(found)) for number in range(1, len(found) + 1)
    ]


def test_of_many_that_were_on_at_first_sight_the_gravest_are_told_and_the_others_counted_by_severity():
    body = said(digest(*((f"t{number:02}", 0, 1 + number % 3) for number in range(40)), bundle=FIRST_SIGHT)).body
    assert body.splitlines()[-1] == "and 10 more: 10 warning"
