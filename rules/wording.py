"""A story in words: a title and rows, a fact a row, in one language and time zone. Not yet in any markup."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from rules.durations import SECONDS
from rules.story import Amount, Band, Change, Ending, RecordWords, Story, Word, gravest
from rules.values import News, Severity, Unit
from rules.words import Language, Words
from rules.words_en import ENGLISH
from rules.words_zh import CHINESE

MAX_LINES, MAX_LINE = 30, 100
"""Of a message that sums up: so many lines of so many characters fit into what every channel takes."""

MAX_WORD = 2_000
"""Characters of a word of a record: whoever wrote it has no say in how many messages an alert comes to."""

WORDS = {Language.EN: ENGLISH, Language.ZH: CHINESE}

MARKS = {
    News.FIRED: "▲",
    News.CLIMBED: "▲",
    News.DESCENDED: "▼",
    News.FLAPPING: "↕",
    News.SETTLED: "▲",
    News.RESOLVED: "✔",
    News.REMINDED: "↻",
}


class Markup(StrEnum):
    """In what a text is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Message:
    """What a person reads: a title, one line without markup, and a body of several lines in a markup.

    ``stories`` are what it tells, for a channel that wants facts; ``picture`` is a PNG for one that takes files.
    """

    title: str
    body: str
    severity: Severity
    news: News
    markup: Markup = Markup.TEXT
    stories: tuple[Story, ...] = field(default=(), repr=False, compare=False)
    picture: bytes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """A fact: what it is (``label``; "" where the text says that itself), the text, how far it is indented, a link."""

    label: str
    text: str
    depth: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said: one line, and the rows below it."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """How numbers, times and names are said in a language; what is relative is so to ``now`` (None: not at all)."""

    language: Language = Language.EN
    zone: tzinfo = UTC
    now: datetime | None = None
    words: Words = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WORDS[self.language])

    def say(self, key: str, /, **places: object) -> str:
        """A sentence of the language, its places filled."""
        return self.words.texts[key].format(**places) if places else self.words.texts[key]

    def name(self, name: str) -> str:
        """What a metric, a level or a word of a record is called."""
        return self.words.names.get(name, name)

    def number(self, value: float | None, unit: Unit = Unit.COUNT) -> str:
        """A number as a person writes it: 12,345 or 7.16 or 5 % or 3 d 2 h; "unknown" where it is."""
        if value is None or math.isnan(value):
            return self.say("unknown")
        match unit:
            case Unit.RATIO:
                return f"{value * 100:,.0f} %" if abs(value) >= 1 else f"{value * 100:.3g} %"
            case Unit.SECONDS:
                return self.duration(value)
            case Unit.TIMESTAMP:
                return self._instant(value)
            case Unit.STATE:
                return self.say("yes" if value else "no")
        return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"

    def _instant(self, at_s: float) -> str:
        try:
            return self.time(datetime.fromtimestamp(at_s, UTC))
        except (ValueError, OverflowError, OSError):  # no year of ours
            return self.number(at_s)

    def duration(self, seconds: float) -> str:
        """``seconds`` in the two largest units that are not zero ("2 d 4 h"); "0 s" for less than a second."""
        parts, rest = [], round(abs(seconds))
        for unit in ("w", "d", "h", "m", "s"):
            number, rest = divmod(rest, SECONDS[unit])
            if number:
                parts.append(f"{number}{self.words.units[unit]}")
        return " ".join(parts[:2]) or f"0{self.words.units['s']}"

    def time(self, at: datetime, zone: tzinfo | None = None) -> str:
        """``2026-11-21 03:46 UTC``: an instant on the clock of the channel's zone, or of ``zone``."""
        zone = zone or self.zone
        try:
            there = at.astimezone(zone)
        except OverflowError:
            zone, there = UTC, at
        return self.say("time", time=there.strftime("%Y-%m-%d %H:%M"), zone=self.words.zones.get(str(zone), str(zone)))

    def deadline(self, at: datetime) -> str:
        """An instant in UTC and on the channel's clock, and the time that is left."""
        utc, own = self.time(at, UTC), self.time(at)
        both = utc if utc == own else self.say("both times", utc=utc, own=own)
        if self.now is None:
            return both
        left_s = (at - self.now).total_seconds()
        return self.say("left" if left_s > 0 else "passed", time=both, left=self.duration(left_s))

    def amount(self, amount: Amount) -> str:
        """A number; of one that is not known, what was known last: "unknown (last known 3, 5 h ago)"."""
        if amount.value is not None or amount.last is None or amount.last_at is None or self.now is None:
            return self.number(amount.value, amount.unit)
        ago = self.duration((self.now - amount.last_at).total_seconds())
        return self.say("last known", value=self.number(amount.last, amount.unit), ago=ago)

    def phrase(self, text: str) -> str:
        """What a rule, a detector or the daemon says of itself, as far as the language has words for it."""
        for pattern, said in self.words.phrases:
            match = re.fullmatch(pattern, text)
            if match:
                return _DURATION.sub(lambda part: f"{part[1]}{self.words.units[part[2][0]]}", match.expand(said))
        return text

    def series(self, metric: str, label: str) -> str:
        """A metric, and what tells the series from others."""
        name = self.name(metric)
        return self.say("series", metric=name, label=label) if label else name

    def severity(self, severity: Severity) -> str:
        """The word of a severity in a title."""
        return self.say(severity.value)


_SPACE = re.compile(r"\s+")
_DURATION = re.compile(r"(\d+) (w|d|h|min|s)\b")
PLAIN = Speech()
"""English, in UTC."""


def say_number(value: float | None, unit: Unit) -> str:
    """A number as ``Speech.number`` says it in English."""
    return PLAIN.number(value, unit)


def say_time(at: datetime) -> str:
    """``2026-11-21 03:46 UTC``."""
    return PLAIN.time(at)


def title(story: Story, speech: Speech = PLAIN) -> str:
    """The first line of a message: what happened, how much it matters, to whom."""
    over = story.news is News.RESOLVED
    return speech.say(
        "title",
        mark=MARKS[story.news],
        word=speech.say("resolved") if over else speech.severity(story.severity),
        headline=headline(story, speech),
        turn=_turn(story, speech),
    )


def headline(story: Story, speech: Speech) -> str:
    """What the rule says of it in one line, whatever names are in it."""
    text = "".join(speech.amount(each) if isinstance(each, Amount) else each for each in story.headline)
    return _SPACE.sub(" ", text)


def cut(line: str, most: int = MAX_LINE) -> str:
    """A line that fits into a message of many, with a mark where it was cut: half a number is another number."""
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _turn(story: Story, speech: Speech) -> str:
    if story.news is News.REMINDED:
        return speech.say("still on", span=_stood(story, speech))
    turn = "comes and goes" if story.news is News.FLAPPING else "settled" if story.told < 0 else ""
    return speech.say(turn) if turn else ""


def _stood(story: Story, speech: Speech) -> str:
    return speech.duration((story.at - (story.stood or story.at)).total_seconds())


def word(story: Story, speech: Speech) -> Wording:
    """A story in words."""
    rows = (
        *_what_happened(story, speech),
        *_meaning(story, speech),
        *_why(story, speech),
        *(row for record in story.records for row in _record(record, speech)),
        *_times(story, speech),
        *_whose(story, speech),
        *(Row("", note.strip(), depth=int(note.startswith(" "))) for note in story.notes),
    )
    return Wording(title(story, speech), rows)


def sum_up(stories: Sequence[Story], speech: Speech, most: int = MAX_LINES) -> Wording:
    """Those that were on already when they were looked at for the first time, in sum; of one, that itself."""
    if len(stories) == 1:
        return word(stories[0], speech)
    ordered = gravest(stories)
    rows = [Row("", cut(title(story, speech))) for story in ordered[:most]]
    rest = Counter(story.severity for story in ordered[most:])
    if rest:
        counted = [
            speech.say("counted", number=number, severity=speech.name(severity)) for severity, number in rest.items()
        ]
        rows.append(Row("", speech.say("more", number=rest.total(), counted=speech.say("list").join(counted))))
    return Wording(speech.say("first sight", number=len(stories)), tuple(rows))


def _what_happened(story: Story, speech: Speech) -> Iterator[Row]:
    if len(story.ladder) > 1:
        yield Row(speech.say("label.level"), ladder_step(story, speech))
    for change in story.changes:
        yield Row(speech.series(change.metric, change.label), _change(change, speech))
    if f"scheme.{story.scheme}" in speech.words.texts:
        yield Row(speech.say("label.scheme"), speech.say(f"scheme.{story.scheme}"))
    for band in story.bands:
        yield Row(speech.series(band.metric, band.label), _band(band, speech))
    if story.condition:
        yield Row(speech.say("label.condition"), story.condition)


def ladder_step(story: Story, speech: Speech) -> str:
    """From which level to which; of what is told again, where it stands."""
    old, new = (_stand(story, stand, speech) for stand in (story.told, story.stand))
    return new if old == new else speech.say("from to", old=old, new=new)


def _stand(story: Story, stand: int, speech: Speech) -> str:
    if stand <= 0:
        return speech.say("level.flapping" if stand else "level.none")
    return speech.name(story.ladder[stand - 1]) if stand <= len(story.ladder) else str(stand)


def _change(change: Change, speech: Speech) -> str:
    if change.new is None:
        return speech.say("never seen")
    new = speech.amount(change.new)
    return new if change.old is None else speech.say("from to", old=speech.number(change.old, change.unit), new=new)


def _band(band: Band, speech: Speech) -> str:
    low, high, saw = (speech.number(_rounded(value)) for value in (band.low, band.high, band.saw))
    key = "expected.age" if band.by_age else "expected.in"
    expected = speech.say(key, low=low, high=high, saw=saw, span=speech.duration(band.span_s))
    grounds = speech.say("list").join(map(speech.phrase, band.grounds))
    return expected + (speech.say("in brackets", text=grounds) if grounds else "")


def _rounded(value: float) -> float:
    return float(round(value)) if abs(value) >= 10 else value


def _meaning(story: Story, speech: Speech) -> Iterator[Row]:
    if story.effect:
        yield Row(speech.say("label.effect"), story.effect)
    if story.ends:
        yield Row(speech.say("label.ends"), speech.say("ends", time=speech.time(story.ends)))
    ahead = story.ahead
    if ahead:
        text = speech.say(
            "ahead",
            level=speech.name(ahead.level),
            metric=speech.name(ahead.metric),
            operator=ahead.operator,
            threshold=speech.number(ahead.threshold, ahead.unit),
        )
        to_go = "" if ahead.to_go is None else speech.say("to go", number=speech.number(ahead.to_go, ahead.unit))
        yield Row(speech.say("label.ahead"), text + to_go)


def _why(story: Story, speech: Speech) -> Iterator[Row]:
    """Why it is told now, and not otherwise or before."""
    flutter = story.flutter
    known = story.heard or story.stood
    if story.escalated and known is not None and known < story.at:
        span = speech.duration((story.at - known).total_seconds())
        yield Row(speech.say("label.escalated"), speech.say("escalated", span=span))
    if flutter:
        within = speech.duration(flutter.within_s)
        key = "flutter.climbs" if flutter.climbs else "flutter"
        yield Row(speech.say("label.flutter"), speech.say(key, times=flutter.times, within=within))
    if story.ending:
        yield Row(speech.say("label.ending"), ended(story.ending, story.changes, speech))
    if story.reason:
        yield Row(speech.say("label.reason"), speech.phrase(story.reason))
    if story.held:
        yield Row(speech.say("label.held"), speech.phrase(story.held))


def ended(ending: Ending, changes: Sequence[Change], speech: Speech) -> str:
    """How long it was, and how far it went."""
    peaks = [numbered(each, each.peak, speech) for each in changes if each.peak is not None]
    farthest = speech.say("in brackets", text=speech.say("list").join(peaks)) if peaks else ""
    return speech.say("ending", lasted=speech.duration(ending.lasted_s), peak=speech.name(ending.peak)) + farthest


def numbered(change: Change, number: float | None, speech: Speech) -> str:
    """A series, and a number of it."""
    series = speech.series(change.metric, change.label)
    return speech.say("peak number", metric=series, number=speech.number(number, change.unit))


def _record(record: RecordWords, speech: Speech) -> Iterator[Row]:
    kind = speech.name(record.kind).replace("_", " ")
    yield Row("", speech.say("record", kind=kind, id=record.id))
    for each in record.words:
        text = _word(each, speech)
        link = text if text == each.text and _LINK.fullmatch(text) else ""  # half a link leads elsewhere
        yield Row(speech.name(each.name).replace("_", " "), text, 1, link)
    if record.can_appeal is not None:
        is_late = record.deadline is not None and speech.now is not None and record.deadline <= speech.now
        said = speech.say("appeal.can" if record.can_appeal and not is_late else "appeal.cannot")
        yield Row(speech.say("label.appeal"), said, 1)
    if record.falls_off:
        said = speech.say("falls off", time=speech.time(record.falls_off))
        yield Row(speech.say("label.falls off"), said, 1)
    if record.alike is not None:
        yield Row(speech.say("label.alike"), speech.say("alike", number=record.alike), 1)


def _word(each: Word, speech: Speech) -> str:
    if each.instant is None:
        return cut(speech.phrase(each.text), MAX_WORD)
    return speech.deadline(each.instant) if each.name.endswith("deadline") else speech.time(each.instant)


_LINK = re.compile(r"https?://[^\s<>\"]+")


def _times(story: Story, speech: Speech) -> Iterator[Row]:
    if story.polled:
        measured, polled = speech.time(story.measured or story.polled), speech.time(story.polled)
        yield Row(speech.say("label.times"), speech.say("times", measured=measured, polled=polled))


def _whose(story: Story, speech: Speech) -> Iterator[Row]:
    who = story.who
    if who.key:
        owner = speech.say("owner", owner=who.owner) if who.owner else ""
        yield Row(speech.say("label.who"), speech.say("who", name=who.name, key=who.key, owner=owner))
    account = [speech.say("handle", handle=who.handle)] if who.handle not in ("", who.name) else []
    account += [speech.say("region", region=who.region)] if who.region else []
    if account:
        yield Row(speech.say("label.account"), speech.say("list").join(account))
    if who.link:
        yield Row("", who.link, link=who.link if _LINK.fullmatch(who.link) else "")
