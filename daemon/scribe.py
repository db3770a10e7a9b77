"""Stories to messages: who is told in which language, markup, time zone and template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, tzinfo

import structlog

from daemon.markup import escaped
from daemon.templates import BrokenTemplateError, Pattern, layout
from rules.story import Story, gravest
from rules.values import News
from rules.wording import Markup, Message, Row, Speech, Wording, sum_up
from rules.words import Language

VARIABLES = frozenset({field.name for field in fields(Story)} | {"title", "rows", "colon", "language"})
"""What a template may name: the fields of a story, and the message as it would be without the template."""

log = structlog.get_logger("creatorwatch.scribe")


@dataclass(frozen=True, slots=True)
class Voice:
    """How a channel is spoken to. ``markup`` is None where the channel's service decides; ``template`` may be ""."""

    language: Language = Language.EN
    zone: tzinfo = UTC
    markup: Markup | None = None
    template: str = ""


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

    ``otherwise`` is how channels are spoken to that are not among ``voices``.
    """

    def __init__(
        self, voices: Mapping[str, Voice], letterheads: Mapping[str, Letterhead], otherwise: Voice = ENGLISH
    ) -> None:
        self._voices, self._letterheads, self._otherwise = voices, letterheads, otherwise
        self.failures: Counter[str] = Counter()

    def then(self, voices: Mapping[str, Voice], letterheads: Mapping[str, Letterhead]) -> Scribe:
        """One that writes by these from now on, and counts on."""
        after = Scribe(voices, letterheads, self._otherwise)
        after.failures = self.failures
        return after

    def write(self, stories: Sequence[Story], channel: str, taken: Markup, at: datetime | None = None) -> Message:
        """The message that tells one story, or sums up several, to a channel whose service likes ``taken`` best.

        ``at`` is when it is sent, for what is said of the time that is left (None: when the first was written). It
        never fails for what a template does: then the message is the usual one, with a line that says so.
        """
        voice, first = self._voices.get(channel, self._otherwise), gravest(stories)[0]
        speech = Speech(voice.language, voice.zone, at or stories[0].at)
        wording, markup = sum_up(stories, speech), voice.markup or taken
        name = (first.template or voice.template) if len(stories) == 1 else ""
        if name in self._letterheads:
            try:
                return self._by(self._letterheads[name], first, wording, speech, markup)
            except BrokenTemplateError as error:
                self.failures[name] += 1
                log.warning("a template could not be used", template=name, fault=str(error), channel=channel)
                said = Row("", speech.say("built-in", name=name, fault=str(error)))
                wording = Wording(wording.title, (*wording.rows, said))
        body = layout(markup).fill({"rows": wording.rows, "colon": speech.say("colon")}, speech)
        return Message(wording.title, body, first.severity, _news(stories), markup, tuple(stories))

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
