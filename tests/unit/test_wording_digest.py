"""Many things in one message, and a message that did not come at once, in words."""
# ruff: noqa: RUF001 - Chinese has its own punctuation

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from daemon.packing import MAX_ENTRIES
from daemon.scribe import Letterhead, Scribe, Voice, plain
from daemon.statements import LANGUAGE
from daemon.templates import compiled
from rules.digest import BACKLOG, Fate, Piece, parcels, split
from rules.posting import FALLBACK, FIRST_SIGHT
from rules.selectors import compile_selector
from rules.silences import Silence
from rules.story import Amount, Change, Ending, Story, Who
from rules.values import News, Severity, Unit
from rules.wording import MAX_LINES, Markup, Speech
from rules.wording_digest import Delay, remark
from rules.words import Language

AT = datetime(2026, 2, 2, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHTS = "quiet nights"
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
        f"  RESOLVED: over: points, high → none, {since}",
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


@pytest.mark.parametrize("markup", Markup)
def test_each_of_many_things_is_told_however_long_its_name(markup):
    names = [f"{'违' * 80}{number}" for number in range(MAX_ENTRIES)]
    body = said(digest(*((name, 0, 2) for name in names)), markup=markup).body
    assert [name for name in names if f"{name}:" not in body] == []


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


# --- silences that may be forgotten --------------------------------------------------------------------------------


def forgotten(number, why="a launch"):
    match = compile_selector('rule == "<b>points</b>"', LANGUAGE)
    return Silence(number, match, AT - 20 * DAY, AT + DAY, "lin", why)


def neglected(silences, language=Language.EN, markup=Markup.TEXT):
    return Scribe({"c": Voice(language, SHANGHAI, markup)}, {}, forgotten=lambda _channel, _at: silences)


@pytest.mark.parametrize(
    ("language", "rows"),
    [
        (
            Language.EN,
            [
                "Silences that may be forgotten (`creatorwatch silence --end ID` ends one)",
                '  3: rule == "<b>points</b>", by lin, since 2026-01-13 09:00 Asia/Shanghai (a launch)',
                '  4: rule == "<b>points</b>", by lin, since 2026-01-13 09:00 Asia/Shanghai',
            ],
        ),
        (
            Language.ZH,
            [
                "可能已被遗忘的静默（用 `creatorwatch silence --end 编号` 结束）",
                '  3：rule == "<b>points</b>"，lin 设于 北京时间 2026-01-13 09:00（a launch）',
                '  4：rule == "<b>points</b>"，lin 设于 北京时间 2026-01-13 09:00',
            ],
        ),
    ],
)
def test_a_scheduled_digest_ends_in_the_silences_that_may_be_forgotten(language, rows):
    scribe = neglected([forgotten(3), forgotten(4, "")], language)
    many = digest(("a", 0, 1), ("b", 0, 1), bundle="digest daily")
    assert scribe.digest(many, "c", Markup.TEXT, AT).body.splitlines()[-3:] == rows
    [one] = [letter(1, "a", 0, 1, "digest daily")]
    assert scribe.write([one.story], "c", Markup.TEXT, AT, scheduled=True).body.splitlines()[-3:] == rows


def test_only_the_last_part_of_a_scheduled_digest_and_nothing_else_lists_silences():
    scribe = neglected([forgotten(3)])
    pieces = [letter(number, thing, 0, 1, "digest daily") for number, thing in enumerate("abc")]
    parts = [scribe.digest(part.content, "c", Markup.TEXT, AT).body for part in split(parcels(pieces, AT)[0], 2)]
    assert ["Silences" in body for body in parts] == [False, True]
    assert "Silences" not in scribe.digest(NIGHT, "c", Markup.TEXT, AT).body
    assert "Silences" not in scribe.write([pieces[0].story], "c", Markup.TEXT, AT).body


def test_of_very_many_silences_ten_are_listed_and_none_of_them_can_be_markup():
    many = digest(("a", 0, 1), ("b", 0, 1), bundle="digest daily")
    scribe = neglected([forgotten(number) for number in range(12)], markup=Markup.HTML)
    body = scribe.digest(many, "c", Markup.HTML, AT).body
    assert (body.count("by lin"), "<b>points" in body) == (10, False)
    assert "and 2 more (`creatorwatch silences`)" in body


@pytest.mark.parametrize(("language", "said"), [(Language.EN, "12 in all"), (Language.ZH, "共 12 条")])
def test_where_there_is_no_room_for_silences_it_is_said_how_many_there_are(language, said):
    many = digest(("a", 0, 1), ("b", 0, 1), bundle="digest daily")
    scribe = neglected([forgotten(number) for number in range(12)], language)
    last = scribe.digest(many, "c", Markup.TEXT, AT, silences=0).body.splitlines()[-1].strip()
    assert last.startswith(said)


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


def test_a_reminder_in_a_digest_is_dated_by_when_it_began_and_not_by_itself():
    reminded = Piece(1, "a", reminder(), AT, "quiet nights")
    [parcel] = parcels([reminded, letter(2, "b", 0, 1, "quiet nights")], AT)
    assert "HIGH: a: points, since 2026-02-02 05:00 Asia/Shanghai" in said(parcel.content).body
    assert "WARNING: b: points, none → warning, since 2026-02-02 08:59 Asia/Shanghai" in said(parcel.content).body


@pytest.mark.parametrize(
    ("language", "gone", "over"),
    [
        (
            Language.EN,
            "lasted 40 min; peak: high (violation_score 15), last known violation_score 3",
            "lasted 2 h; peak: high",
        ),
        (Language.ZH, "持续 40 分钟；峰值：严重（违规分 15），最后已知 违规分 3", "持续 2 小时；峰值：严重"),
    ],
)
def test_of_what_is_over_a_digest_says_how_it_was(language, gone, over):
    change = Change("violation_score", Unit.POINTS, Amount(3.0, Unit.POINTS), peak=15.0)
    came, went, ended = letter(1, "a", 0, 2, NIGHTS), letter(2, "a", 2, 0, NIGHTS), letter(3, "b", 2, 0, NIGHTS)
    went = replace(went, story=replace(went.story, ending=Ending(2_400, "high"), changes=(change,)))
    ended = replace(ended, story=replace(ended.story, ending=Ending(7_200, "high")))
    [parcel] = parcels([came, went, ended], AT)
    _, first, _, last = said(parcel.content, language).body.splitlines()
    assert first.endswith(gone)
    assert last.endswith(over)


@pytest.mark.parametrize(
    ("amount", "ending"),
    [
        (Amount(None, Unit.POINTS, 12.0, AT - DAY), "peak: high (violation_score 15), last known violation_score 12"),
        (Amount(None, Unit.POINTS), "peak: high (violation_score 15)"),
    ],
)
def test_a_number_that_nobody_knows_any_more_is_not_said_to_be_so_now(amount, ending):
    change = Change("violation_score", Unit.POINTS, amount, peak=15.0)
    over = letter(1, "a", 2, 0, NIGHTS)
    over = replace(over, story=replace(over.story, ending=Ending(2_400, "high"), changes=(change,)))
    [parcel] = parcels([over, letter(2, "b", 2, 0, NIGHTS)], AT)
    assert said(parcel.content).body.splitlines()[1].endswith(ending)


def test_a_line_that_is_cut_shows_it():
    body = said(digest(("x" * 95 + " 12,345", 0, 2), ("y", 0, 1))).body
    assert f"HIGH: {'x' * 95} 12,…, none → high" in body


def test_a_reminder_names_its_level_once():
    assert "Level: high" in plain(reminder()).body.splitlines()


@pytest.mark.parametrize(
    ("held", "row"),
    [
        ("silenced by lin: a campaign", "延后通知的原因：已被 lin 静默：a campaign"),
        ("silenced by lin", "延后通知的原因：已被 lin 静默"),
    ],
)
def test_why_a_silence_held_news_is_said_in_chinese(held, row):
    assert row in plain(replace(reminder(0, 2), held=held), language=Language.ZH).body.splitlines()


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


def test_a_name_with_two_spaces_stands_once_in_its_line():
    pieces = [letter(number, f"t{number}", 0, 2, "quiet nights") for number in (1, 2)]
    named = [
        replace(each, story=replace(each.story, who=Who("Mei  Li", "k"), headline=("Mei  Li: 12",))) for each in pieces
    ]
    [parcel] = parcels(named, AT)
    assert [line.count("Mei Li") for line in said(parcel.content).body.splitlines()[1:]] == [1, 1]
