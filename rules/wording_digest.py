"""What many things come to, in words; and what is said of a message that did not come at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from rules.digest import BACKLOG, Digest, Entry, Fate
from rules.silences import Silence
from rules.story import Change, Story
from rules.wording import Row, Speech, Wording, cut, ended, headline, ladder_step, numbered, sum_up, word

MAX_SILENCES = 10
"""Silences that a message lists; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Why a message comes when it comes: ``late`` by so much because of ``service`` and the ``reason`` that it gave.

    It was ``held`` until a time by what has that ``name``, or it is told instead of the channel ``instead_of``. "" and
    None where it is not so, or not known.
    """

    late: timedelta | None = None
    service: str = ""
    reason: str = ""
    status: int | None = None
    held: datetime | None = None
    name: str = ""
    instead_of: str = ""


NO_DELAY = Delay()


def remark(delay: Delay, speech: Speech) -> str:
    """What is said of a delay behind a first line; "" if there is none."""
    said = ""
    if delay.instead_of:
        said += speech.say("instead", channel=delay.instead_of)
    if delay.held is not None:
        said += speech.say("held until", time=delay.held.astimezone(speech.zone).strftime("%H:%M"), name=delay.name)
    if delay.late is not None:
        late, why = speech.duration(delay.late.total_seconds()), _why(delay, speech)
        said += speech.say("delayed because", late=late, why=why) if why else speech.say("delayed", late=late)
    return said


def _why(delay: Delay, speech: Speech) -> str:
    """Telegram 429."""
    if delay.status is not None:
        return f"{delay.service} {delay.status}".strip()
    key = f"why.{delay.reason}"
    return speech.say("why", service=delay.service, why=speech.say(key)).strip() if key in speech.words.texts else ""


def word_digest(digest: Digest, speech: Speech, delay: Delay = NO_DELAY) -> Wording:
    """A digest in words, a line for each of its things. One thing alone is told in full.

    Only of many that were on at first sight the gravest are told one by one, and the others counted.
    """
    if digest.parts == 1 and len(digest.entries) == 1:
        own = digest.entries[0]
        return Wording(_title_of_one(own, speech) + remark(delay, speech), word(own.story, speech).rows)
    part = speech.say("part", part=digest.part, parts=digest.parts) if digest.parts > 1 else ""
    if digest.is_first_sight:
        return _first_sight(digest, speech, part + remark(delay, speech))
    head = speech.say("digest", what=_what(digest, speech, delay), counts=_counts(digest.fates, speech), part=part)
    if digest.kind != BACKLOG:
        head += remark(delay, speech)
    return Wording(head, tuple(_table(digest.entries, speech)))


def word_forgotten(silences: Sequence[Silence], speech: Speech, most: int = MAX_SILENCES) -> Iterator[Row]:
    """Silences that somebody may have forgotten, a line each of ``most`` of them; nothing of none."""
    if not silences:
        return
    yield Row("", speech.say("silences"))
    for each in silences[:most]:
        why = speech.say("in brackets", text=each.why) if each.why else ""
        said = speech.say("silence", id=each.id, match=each.match.text, by=each.by, since=speech.time(each.begins))
        yield Row("", said + why, 1)
    if len(silences) > most:
        said = "silences.more" if most else "silences.all"
        yield Row("", speech.say(said, number=len(silences) - most), 1)


def _first_sight(digest: Digest, speech: Speech, more: str) -> Wording:
    said = sum_up([each.story for each in digest.entries], speech)
    return Wording(speech.say("first sight", number=len(digest.fates)) + more, said.rows)


def _title_of_one(own: Entry, speech: Speech) -> str:
    severity = speech.severity(own.gravest)
    fate = speech.say(f"fate.{own.fate}")
    return speech.say(
        "title of one",
        mark="✔" if not own.is_on else "■",
        fate=fate,
        word=severity,
        headline=headline(own.story, speech),
    )


def _what(digest: Digest, speech: Speech, delay: Delay) -> str:
    if digest.kind != BACKLOG:
        return speech.say(f"digest.{digest.kind}", name=digest.name)
    late = speech.duration((delay.late or timedelta(0)).total_seconds())
    if delay.service:
        return speech.say("digest.unreachable", service=delay.service, late=late)
    return speech.say("digest.backlog", late=late)


def _counts(fates: Sequence[Fate], speech: Speech) -> str:
    counted = Counter(fates)
    return speech.say("list").join(speech.say(f"count.{fate}", number=counted[fate]) for fate in Fate if counted[fate])


def _table(entries: Sequence[Entry], speech: Speech) -> Iterator[Row]:
    for fate, own in groupby(entries, key=lambda each: each.fate):
        yield Row("", speech.say(f"fate.{fate}"))
        for each in own:
            yield Row("", _line(each, speech), 1)


def _line(each: Entry, speech: Speech) -> str:
    """HIGH: Mei: 12 points, none → high, since 22:10; of what is over also how it was, and what the number was last."""
    story = each.story
    step = ladder_step(story, speech) if len(story.ladder) > 1 and story.told != story.stand else ""
    said, name = headline(story, speech), " ".join(story.who.name.split())
    who = f"{name}: " if name and name not in said else ""
    return speech.say(
        "entry",
        word=speech.say("resolved") if each.fate is Fate.ENDED else speech.severity(each.gravest),
        headline=cut(who + said),
        step=speech.say("entry.step", step=step) if step else "",
        since=speech.time(_since(each)),
        ending=_ending(story, speech),
    )


def _ending(story: Story, speech: Speech) -> str:
    if story.ending is None:
        return ""
    known = [(each, _known_last(each)) for each in story.changes if each.peak is not None]
    last = [numbered(each, number, speech) for each, number in known if number is not None]
    said = speech.say("entry.last", numbers=speech.say("list").join(last)) if last else ""
    return speech.say("entry.ending", ending=ended(story.ending, story.changes, speech), last=said)


def _known_last(change: Change) -> float | None:
    """Of what nobody asks for any more, or cannot see, the number of before."""
    new = change.new
    return None if new is None else new.last if new.value is None else new.value


def _since(entry: Entry) -> datetime:
    """Since when it is so; of what is told again, or late, that is before its letter."""
    stood = entry.story.stood if entry.is_on else None
    return min(entry.since, stood or entry.since)
