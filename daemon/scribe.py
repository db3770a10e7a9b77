"""Stories to messages: who is told in which language, markup, time zone and template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, tzinfo

import structlog

from daemon.links import Links
from daemon.markup import escaped
from daemon.templates import OURS, BrokenTemplateError, Pattern, layout
from rules.digest import Digest
from rules.posting import DIGEST
from rules.silences import Silence
from rules.story import Story, gravest
from rules.values import News
from rules.wording import Markup, Message, Row, Speech, Wording, sum_up
from rules.wording_digest import MAX_SILENCES, NO_DELAY, Delay, remark, word_digest, word_forgotten
from rules.words import Language

VARIABLES = frozenset({field.name for field in fields(Story)} | {"title", "rows", "colon", "language"})
"""What a template may name: the fields of a story, and the message as it would be without the template."""

Forgotten = Callable[[str, datetime], Sequence[Silence]]
"""The silences that somebody may have forgotten by a time, as far as a channel is to know of them."""

log = structlog.get_logger("creatorwatch.scribe")


def _nothing_forgotten(_channel: str, _at: datetime) -> Sequence[Silence]:
    return ()


@dataclass(frozen=True, slots=True)
class Voice:
    """How a channel is spoken to. ``markup`` is None where the channel's service decides; ``template`` may be "".

    ``charts`` says whether it wants pictures, if its service takes them.
    """

    language: Language = Language.EN
    zone: tzinfo = UTC
    markup: Markup | None = None
    template: str = ""
    charts: bool = True


ENGLISH = Voice()


@dataclass(frozen=True, slots=True)
class Letterhead:
    """A template of the configuration. Without a ``title`` the usual one stays; ``body`` is in ``markup``.

    ``markup`` is None where it is in whatever the channel takes: then there is a pattern for each.
    """

    title: Pattern | None
    bodies: Mapping[Markup, Pattern]
    markup: Markup | None = None


class Scribe:
    """Writes messages. ``failures`` counts how often each template could not be used.

    ``otherwise`` is how channels are spoken to that are not among ``voices``; ``links`` is None where there are none.
    Scheduled digests end in the silences that are ``forgotten``.
    """

    def __init__(
        self,
        voices: Mapping[str, Voice],
        letterheads: Mapping[str, Letterhead],
        otherwise: Voice = ENGLISH,
        links: Links | None = None,
        forgotten: Forgotten = _nothing_forgotten,
    ) -> None:
        self._voices, self._letterheads, self._otherwise, self.links = voices, letterheads, otherwise, links
        self._forgotten = forgotten
        self.failures: Counter[str] = Counter()

    def then(
        self, voices: Mapping[str, Voice], letterheads: Mapping[str, Letterhead], links: Links | None = None
    ) -> Scribe:
        """One that writes by these from now on, and counts on."""
        after = Scribe(voices, letterheads, self._otherwise, links, self._forgotten)
        after.failures = self.failures
        return after

    def write(
        self,
        stories: Sequence[Story],
        channel: str,
        taken: Markup,
        at: datetime | None = None,
        delay: Delay = NO_DELAY,
        alert_id: int | None = None,
        scheduled: bool = False,
    ) -> Message:
        """The message that tells one story, or sums up several, to a channel whose service likes ``taken`` best.

        ``at`` is when it is sent, for what is said of the time that is left (None: when the first was written). It
        never fails for what a template does: then the message is the usual one, with a line that says so. Of
        one alert that has an ``alert_id`` the links come last; ``scheduled``: it is all that there was for a digest.
        """
        voice, first = self._voices.get(channel, self._otherwise), gravest(stories)[0]
        speech = Speech(voice.language, voice.zone, at or stories[0].at)
        wording, markup = sum_up(stories, speech), voice.markup or taken
        more = (*self._neglected(scheduled, channel, speech), *self._linked(first, alert_id, channel, speech))
        wording = Wording(wording.title, (*wording.rows, *more))
        said = remark(delay, speech)
        name = (first.template or voice.template) if len(stories) == 1 else ""
        if name in self._letterheads:
            try:
                own = self._by(self._letterheads[name], first, wording, speech, markup)
                return replace(own, title=own.title + said)
            except BrokenTemplateError as error:
                self.failures[name] += 1
                log.warning("a template could not be used", template=name, fault=str(error), channel=channel)
                row = Row("", speech.say("built-in", name=name, fault=str(error)))
                wording = Wording(wording.title, (*wording.rows, row))
        body = _body(wording, speech, markup)
        return Message(wording.title + said, body, first.severity, _news(stories), markup, tuple(stories))

    def digest(
        self,
        digest: Digest,
        channel: str,
        taken: Markup,
        at: datetime,
        delay: Delay = NO_DELAY,
        silences: int = MAX_SILENCES,
    ) -> Message:
        """The message about many things. Templates are for one thing. Of the ``silences`` so many are listed."""
        voice = self._voices.get(channel, self._otherwise)
        speech, markup = Speech(voice.language, voice.zone, at), voice.markup or taken
        wording = word_digest(digest, speech, delay)
        is_end = digest.kind == DIGEST and digest.part == digest.parts
        wording = Wording(wording.title, (*wording.rows, *self._neglected(is_end, channel, speech, silences)))
        stories = tuple(each.story for each in digest.entries)
        news = News.FIRED if any(each.is_on for each in digest.entries) else News.RESOLVED
        return Message(wording.title, _body(wording, speech, markup), digest.severity, news, markup, stories)

    def _linked(self, story: Story, alert_id: int | None, channel: str, speech: Speech) -> Iterator[Row]:
        if self.links is not None and alert_id is not None and speech.now is not None:
            for name, url in self.links.of(story, alert_id, channel, speech.now):
                yield Row(speech.say(name), url, link=url)

    def _neglected(self, scheduled: bool, channel: str, speech: Speech, most: int = MAX_SILENCES) -> Iterator[Row]:
        if scheduled and speech.now is not None:
            yield from word_forgotten(self._forgotten(channel, speech.now), speech, most)

    def speech(self, channel: str) -> Speech:
        """How a channel is spoken to."""
        voice = self._voices.get(channel, self._otherwise)
        return Speech(voice.language, voice.zone)

    def wants_charts(self, channel: str) -> bool:
        """Whether a channel is to get pictures."""
        return self._voices.get(channel, self._otherwise).charts

    def _by(self, head: Letterhead, story: Story, wording: Wording, speech: Speech, markup: Markup) -> Message:
        markup = head.markup or markup
        values = {
            **{field.name: getattr(story, field.name) for field in fields(story)},
            "title": wording.title,
            "rows": wording.rows,
            "colon": speech.say("colon"),
            "language": speech.language.value,
        }
        title = " ".join(head.title.fill(values, speech).split()) if head.title else wording.title
        body = head.bodies[markup].fill(values, speech)
        if not (title or body):
            raise BrokenTemplateError("it gives nothing")
        return Message(title or wording.title, body, story.severity, story.news, markup, (story,))


def _body(wording: Wording, speech: Speech, markup: Markup) -> str:
    values = {"rows": wording.rows, "colon": speech.say("colon")}
    return layout(markup).fill(values, speech, OURS)  # there is nothing to be sent instead


def _news(stories: Sequence[Story]) -> News:
    return stories[0].news if len(stories) == 1 else News.FIRED


def as_body(message: Message) -> str:
    """A message whose channel has no place for a title: the title is the first line of the body."""
    head = escaped(message.title, message.markup)
    match message.markup:
        case Markup.HTML:
            return f"<b>{head}</b><br/>\n{message.body}"
        case Markup.MARKDOWN:
            return f"**{head}**\n\n{message.body}"
        case Markup.TEXT:
            return f"{message.title}\n{message.body}"


def plain(*stories: Story, language: Language = Language.EN, at: datetime | None = None) -> Message:
    """The message as plain text, in UTC, as it is sent ``at`` this time (None: when the first was written)."""
    return Scribe({}, {}, Voice(language)).write(stories, "", Markup.TEXT, at)
