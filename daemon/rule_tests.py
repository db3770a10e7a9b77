"""Run tests of rules: what they say is seen goes through the daemon's own windows and docket, on virtual time.

Time alone is looked at every ``TICK`` while it may change anything, and whenever something is expected. Channels take
at once what is due (``daemon.post``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from daemon.config import Config
from daemon.marked import Mark
from daemon.post import Post, Posted, written
from daemon.replay import Replay
from daemon.rule_test_files import Expectation, Input, RuleTest
from daemon.rule_test_models import AlertModel, ToldModel
from daemon.rule_test_notation import FAILED
from daemon.rule_test_targets import is_named
from daemon.scribe import Scribe, Voice
from rules.book import RuleBook
from rules.digest import Digest
from rules.posting import QUIET
from rules.values import Alert, Labels, Record
from rules.wording import Markup, Message
from rules.wording_digest import NO_DELAY, Delay
from storage.records import SeriesKey

TICK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Told:
    """A message that a channel was told, and the rules that it is about."""

    channel: str
    rules: frozenset[str]
    message: Message


@dataclass(frozen=True, slots=True)
class Failure:
    """What was expected ``at`` this time since the beginning and is not so. ``what`` is alerts, messages or rules."""

    at: timedelta
    mark: Mark
    what: str
    expected: tuple[str, ...]
    got: tuple[str, ...]


def run_test(test: RuleTest, config: Config) -> list[Failure]:
    """What a test found wrong, in the order of time; it passes if that is nothing."""
    return list(_Run(test, config).failures())


class _Run:
    """One test under way."""

    def __init__(self, test: RuleTest, config: Config) -> None:
        self._test, self._book = test, config.book
        self._replay = Replay(config.book, test.targets, config.channels, self._records, telling=config.telling)
        self._zones = {name: voice.zone for name, voice in config.voices.items()}
        self._post = Post()
        self._told: list[Told] = []
        for line in {(each.target, each.endpoint, each.interval) for each in test.inputs if each.endpoint}:
            self._replay.watch(line[0], line[1], line[2].total_seconds())
        self._polls = _polls(test.inputs)

    def failures(self) -> Iterator[Failure]:
        self._replay.tick(self._test.start)
        begun = timedelta(0)
        for expected in self._test.expectations:
            for at in self._instants(begun, expected.at):
                self._pass(at, is_ticking=at == expected.at or not at % TICK)
            begun = expected.at
            yield from self._compare(expected)
            yield from self._broken(expected)

    def _instants(self, begun: timedelta, end: timedelta) -> Iterator[timedelta]:
        """When something may happen after ``begun`` and until ``end``; what is at ``begun`` is over, but for the start.

        Polls are left until they were taken in. Between them time alone is looked at while that may change anything.
        """
        due = {end, *(at for at in self._polls if at <= end)}
        before = begun
        for at in sorted(each for each in due if each > begun or not begun):
            while self._replay.docket.minds_time and (tick := (before // TICK + 1) * TICK) < at:
                yield tick
                before = tick
            yield at
            before = at

    def _pass(self, since: timedelta, is_ticking: bool) -> None:
        at = self._test.start + since
        self._tell(at)
        polls = self._polls.pop(since, ())
        for poll in polls:
            self._take_in(poll, at)
        if polls:
            self._post.add(written(self._replay.look(at), at), at)
        if is_ticking:
            self._post.add(written(self._replay.tick(at), at), at)
        self._tell(at)

    def _take_in(self, poll: Poll, at: datetime) -> None:
        if not poll.endpoint:
            for (metric, labels), value in poll.values.items():
                self._replay.state(poll.target, metric, at, math.nan if value is None else value, labels)
        elif FAILED in poll.values.values():
            self._replay.miss(poll.target, poll.endpoint)
        else:
            numbers = {key: None if value is None or math.isnan(value) else value for key, value in poll.values.items()}
            self._replay.see(poll.target, poll.endpoint, at, numbers)

    def _tell(self, at: datetime) -> None:
        for posted in self._post.hand_over(at):
            voice = Voice(self._test.language, self._zones[posted.channel])
            self._told.append(_told(posted, Scribe({}, {}, voice)))

    def _records(self, target: str, kind: str) -> Sequence[Record]:
        found = self._test.records
        return [*found.get((target, kind), ()), *found.get(("", kind), ())]

    def _broken(self, expected: Expectation) -> Iterator[Failure]:
        """A rule that breaks is a bug of ours: no test passes by it."""
        broken = self._replay.docket.failures
        if broken:
            yield Failure(expected.at, self._test.mark, "rules", ("no rule breaks",), tuple(sorted(broken)))

    # --- what is compared -------------------------------------------------------------------------------------------

    def _compare(self, expected: Expectation) -> Iterator[Failure]:
        if expected.alerts is not None and differ(expected.alerts, list(self._firing()), self._is_alert):
            texts = [_say_wanted(each) for each in expected.alerts], [self._say(each) for each in self._firing()]
            yield _failure(expected, "alerts", *texts)
        if expected.messages is not None:
            told, self._told = [each for each in self._told if each.rules & self._test.about], []
            if differ(expected.messages, told, _is_told):
                in_full = any(each.contains for each in expected.messages)
                texts = [_say_due(each) for each in expected.messages], [_say_told(each, in_full) for each in told]
                yield _failure(expected, "messages", *texts)

    def _firing(self) -> Iterator[Alert]:
        for target in self._replay.docket.targets:
            for alert in self._replay.docket.alerts(target):
                if alert.level and alert.rule in self._test.about:
                    yield alert

    def _is_alert(self, wanted: AlertModel, alert: Alert) -> bool:
        return (
            wanted.rule == alert.rule
            and is_named(alert.target, wanted.target)
            and wanted.level in ("", _level(self._book, alert))
            and wanted.labels in (None, dict(alert.labels))
        )

    def _say(self, alert: Alert) -> str:
        return _say_alert(alert.rule, alert.target, alert.labels, _level(self._book, alert))


# --- polls ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brings: all values of an endpoint; without ``endpoint`` what the daemon says itself."""

    target: str
    endpoint: str
    values: dict[SeriesKey, float | None]


def _polls(inputs: Iterable[Input]) -> dict[timedelta, list[Poll]]:
    """All polls by their time since the beginning; a series that has ended is in no answer any more."""
    polls: dict[timedelta, dict[tuple[str, str], Poll]] = {}
    for each in inputs:
        for turn, value in enumerate(each.values):
            line = (each.target, each.endpoint)
            polls.setdefault(turn * each.interval, {}).setdefault(line, Poll(*line, {})).values[each.key] = value
    return {at: list(each.values()) for at, each in polls.items()}


# --- messages ---------------------------------------------------------------------------------------------------------


def _told(posted: Posted, scribe: Scribe) -> Told:
    rules = frozenset(letter.rule for letter in posted.letters)
    kind, _, name = posted.letters[-1].bundle.partition(" ")
    match posted.parcel.content:
        case Digest() as digest:
            message = scribe.digest(digest, "", Markup.TEXT, posted.at)
        case story:
            delay = Delay(held=posted.at, name=name) if kind == QUIET else NO_DELAY
            message = scribe.write([story], "", Markup.TEXT, posted.at, delay)
    return Told(posted.channel, rules, message)


# --- what is expected, and what is ------------------------------------------------------------------------------------

W = TypeVar("W")
G = TypeVar("G")


def differ(wanted: Sequence[W], got: Sequence[G], fits: Callable[[W, G], bool]) -> bool:
    """Whether there is no way to give each that is wanted one of its own of those that came, and all of them."""
    choice = [[position for position, thing in enumerate(got) if fits(each, thing)] for each in wanted]
    owner: dict[int, int] = {}

    def settles(who: int, tried: set[int]) -> bool:
        """Take one that is free, or that its owner can do without (an augmenting path; H. W. Kuhn, 1955)."""
        for position in sorted(set(choice[who]) - tried, key=owner.__contains__):
            tried.add(position)
            if position not in owner or settles(owner[position], tried):
                owner[position] = who
                return True
        return False

    return len(wanted) != len(got) or not all(settles(who, set()) for who in range(len(wanted)))


def _is_told(wanted: ToldModel, told: Told) -> bool:
    text = f"{told.message.title}\n{told.message.body}"
    return (
        wanted.channel in ("", told.channel)
        and (not wanted.rule or wanted.rule in told.rules)
        and wanted.news in (None, told.message.news)
        and wanted.title in ("", told.message.title)
        and all(part in text for part in wanted.contains)
    )


def _failure(expected: Expectation, what: str, wanted: Iterable[str], got: Iterable[str]) -> Failure:
    return Failure(expected.at, expected.marks[what], what, tuple(wanted), tuple(got))


def _level(book: RuleBook, alert: Alert) -> str:
    rule = next(rule for rule in book.rules if rule.name == alert.rule)
    return rule.levels[alert.level - 1].name


def _say_wanted(wanted: AlertModel) -> str:
    labels = tuple(wanted.labels.items()) if wanted.labels else ()
    return _say_alert(wanted.rule, wanted.target, labels, wanted.level)


def _say_alert(rule: str, target: str, labels: Labels, level: str) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels)
    parts = (rule, f"{{{shown}}}" if shown else "", f" of {target}" if target else "", f": {level}" if level else "")
    return "".join(parts)


def _say_due(wanted: ToldModel) -> str:
    parts = [
        wanted.channel,
        wanted.rule,
        wanted.news or "",
        wanted.title,
        *(f"... {part} ..." for part in wanted.contains),
    ]
    return " | ".join(filter(None, parts)) or "any message"


def _say_told(told: Told, in_full: bool) -> str:
    head = " | ".join([told.channel, ", ".join(sorted(told.rules)), told.message.news, told.message.title])
    return "\n    ".join([head, *told.message.body.splitlines()]) if in_full else head
