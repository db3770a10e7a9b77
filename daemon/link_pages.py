"""What is behind the links in messages: a page that asks, and one that says what was done."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from hashlib import sha256
from html import escape
from typing import NamedTuple, Protocol, TypeVar

import structlog

from daemon.docket import Docket
from daemon.links import SILENCED_FOR, Action, Invalid, Ticket
from daemon.pace import Pace
from daemon.scribe import Scribe
from daemon.statements import LANGUAGE
from rules.book import Rule
from rules.selectors import compile_selector, id_of
from rules.values import Alert, Target
from rules.wording import Speech
from rules.words import Language
from storage.records import StoreUnusableError
from storage.silences import How, Speaker, Wish
from storage.store import Store

T = TypeVar("T")

PACE_PER_S = 5.0
"""Pages a second: of links that are good, and once more of those that are not."""

STYLE = (
    "body{font:18px/1.5 sans-serif;max-width:32em;margin:2em auto;padding:0 1em}button{font:inherit;padding:.6em 2em}"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
"""Of every page: nothing of it is kept, found or framed, nothing else is loaded, and no address goes elsewhere."""

log = structlog.get_logger("creatorwatch.links")


class Outcome(Enum):
    """What came of following a link; the word of it in ``creatorwatch_links_total``."""

    SHOWN = "shown"
    DONE = "done"
    OVER = "over"
    RISEN = "risen"
    UNABLE = "unable"
    USED = "used"
    REFUSED = "refused"
    BUSY = "busy"


STATUS = {Outcome.REFUSED: 403, Outcome.BUSY: 429}


class Page(NamedTuple):
    """A page, and the HTTP status that it is sent with."""

    status: int
    html: str


@dataclass(frozen=True, slots=True)
class Found:
    """An alert as a page names it, and what came of a link about it; ``by`` whom it was done, and until when."""

    outcome: Outcome
    rule: str = ""
    level: str = ""
    name: str = ""
    by: str = ""
    at: datetime | None = None


class Clerk:
    """Does what links ask for. On the writer's thread; ``docket`` gives the one in force."""

    def __init__(self, store: Store, docket: Callable[[], Docket]) -> None:
        self._store, self._docket = store, docket

    def look(self, ticket: Ticket) -> Found:
        """What a ticket is about; changes nothing."""
        return self._about(ticket, Outcome.SHOWN)

    def act(self, ticket: Ticket, token: str, at: datetime) -> Found:
        """Do what a ticket says; a second time that changes nothing."""
        found = self._about(ticket, Outcome.DONE)
        if found.outcome is not Outcome.DONE:
            return found
        speaker = Speaker(ticket.channel, at, How.LINK)
        if ticket.action is Action.ACKNOWLEDGE:
            known, _ = self._store.spoken.acknowledge(ticket.alert_id, speaker, ticket.level)
            return self._about(ticket, Outcome.DONE, *((known.who, known.at) if known else ()))
        condition = self._condition(ticket)
        if condition is None:
            return self._about(ticket, Outcome.UNABLE)
        made = self._store.spoken.silence(Wish(condition, at + SILENCED_FOR, "by a link", link=token), speaker)
        if not made.is_in_force(at):
            return self._about(ticket, Outcome.USED, made.who, made.ended or made.ends)
        return self._about(ticket, Outcome.DONE, made.who, made.ends)

    def _about(self, ticket: Ticket, outcome: Outcome, by: str = "", at: datetime | None = None) -> Found:
        alert, rule, target = self._meant(ticket)
        if alert is None or rule is None or target is None or not alert.stand:
            return Found(Outcome.OVER)
        level = rule.case(target, alert.labels, alert.stand).level
        name = " ".join([target.name, *(value for _, value in alert.labels)])
        is_risen = abs(alert.stand) > ticket.level
        return Found(Outcome.RISEN if is_risen else outcome, rule.name, level, name, by, at)

    def _condition(self, ticket: Ticket) -> str | None:
        """What is to be silenced: this alert, at the level of the message or below; None where no text can say so.

        One that could not be read again would hold nothing.
        """
        alert, rule, target = self._meant(ticket)
        if alert is None or rule is None or target is None:
            return None
        own = {"rule": rule.name, "on": target.subject.value, "platform": target.platform, "id": id_of(target.key)}
        parts = [_compared(name, text) for name, text in own.items() if text]
        parts += [_compared(name, text) for name, text in alert.labels]
        if ticket.level < len(rule.levels):
            up_to = [_compared("level", each.name) for each in rule.levels[: ticket.level]]
            parts.append(f"({' or '.join(each or '' for each in up_to)})")
        text = " and ".join(each or "" for each in parts)  # what cannot be said leaves a hole
        return None if isinstance(compile_selector(text, LANGUAGE), list) else text

    def _meant(self, ticket: Ticket) -> tuple[Alert | None, Rule | None, Target | None]:
        docket = self._docket()
        live = (alert for alert in self._store.live_alerts_of([ticket.alert_id]) if alert.id == ticket.alert_id)
        alert = next(live, None)
        if alert is None:
            return None, None, None
        rules = (rule for rule in docket.rules(alert.target) if rule.name == alert.rule)
        return alert, next(rules, None), docket.targets.get(alert.target)


def _compared(name: str, text: str) -> str | None:
    """A comparison of the selector language, which has two kinds of quotes and nothing to hide one with."""
    quote = next((each for each in "\"'" if each not in text), None)
    return None if quote is None or not text.isprintable() else f"{name} == {quote}{text}{quote}"


class OnWriter(Protocol):
    """Runs a function on the thread that owns the store."""

    def __call__(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do ``work`` there; the answer can be awaited."""


class LinkPages:
    """Answers to those who follow links. ``scribe`` gives the one that makes them now; ``count`` is told outcomes."""

    def __init__(
        self, scribe: Callable[[], Scribe], clerk: Clerk, on_writer: OnWriter, count: Callable[[str], None]
    ) -> None:
        self._scribe, self._clerk, self._on_writer, self._count = scribe, clerk, on_writer, count
        self._good, self._bad = Pace(PACE_PER_S), Pace(PACE_PER_S)

    async def answer(self, token: str, acts: bool, at: datetime) -> Page | None:
        """The page behind a token; with ``acts`` what it says is done. None where there are no links."""
        scribe = self._scribe()
        if scribe.links is None:
            return None
        ticket = scribe.links.ticket(token, at)
        pace = self._bad if isinstance(ticket, Invalid) else self._good
        if not pace.ready(at.timestamp()):
            return self._page(Outcome.BUSY, refusal("link.busy"))
        pace.take(at.timestamp(), 1)
        if isinstance(ticket, Invalid):
            return self._page(Outcome.REFUSED, refusal(f"link.{ticket.value}"))
        work = partial(self._clerk.act, ticket, token, at) if acts else partial(self._clerk.look, ticket)
        try:
            found = await self._on_writer(work)
        except StoreUnusableError:  # another process writes for very long
            return self._page(Outcome.BUSY, refusal("link.busy"))
        if acts:
            log.info("link", action=ticket.action.name.lower(), alert=ticket.alert_id, outcome=found.outcome.value)
        return self._page(found.outcome, answer(ticket, found, scribe.speech(ticket.channel)))

    def _page(self, outcome: Outcome, html: str) -> Page:
        self._count(outcome.value)
        return Page(STATUS.get(outcome, 200), html)


# --- the pages --------------------------------------------------------------------------------------------------------


def answer(ticket: Ticket, found: Found, speech: Speech) -> str:
    """What a link is about, and what it asks or has done."""
    action = ticket.action.name.lower()
    title = speech.say(f"link.{action}")
    lines = [f"{speech.name(found.rule)}: {found.name} ({speech.name(found.level)})"] if found.rule else []
    if found.outcome is Outcome.SHOWN:
        return _html(title, [*lines, speech.say(f"link.{action}.asks")], speech.language, button=title)
    said = f"link.{action}.done" if found.outcome is Outcome.DONE else f"link.{found.outcome.value}"
    places = {"by": found.by, "time": speech.time(found.at)} if found.at else {}
    return _html(title, [*lines, speech.say(said, **places)], speech.language)


def refusal(said: str) -> str:
    """Why nothing is shown, in every language: nobody knows who asks."""
    return _html("creatorwatch", [Speech(language).say(said) for language in Language], Language.EN)


def _html(title: str, lines: Sequence[str], language: Language, button: str = "") -> str:
    return "".join(_parts(title, lines, language, button))


def _parts(title: str, lines: Sequence[str], language: Language, button: str) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="{language}"><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width">'
    yield f"<title>{escape(title)}</title><style>{STYLE}</style>\n<h1>{escape(title)}</h1>\n"
    yield from (f"<p>{escape(line)}</p>\n" for line in lines)
    if button:
        yield f'<form method="post"><button>{escape(button)}</button></form>\n'
    yield "</html>\n"
