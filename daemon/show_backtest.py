"""What ``backtest`` prints: what would have fired, who would have been told, and how two rule books differ in that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import track

from daemon import show
from daemon.backtest import History, Period, Replayed, not_replayed
from daemon.config import Config
from daemon.tally import Difference, Incident, Tally, added, difference
from rules.book import Rule
from rules.wording import say_time

NOBODY = "(nobody)"


@dataclass(frozen=True, slots=True)
class Backtest:
    """A configuration and what followed under it; ``name`` is what people call it.

    ``unjudged`` are the rules that read what was polled of no target.
    """

    name: str
    config: Config
    tally: Tally
    unjudged: Sequence[str] = ()

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Its rules by name, in the order of the file."""
        return {rule.name: rule for rule in self.config.book.rules}


@dataclass(frozen=True, slots=True)
class Report:
    """One configuration, or two of which the first is compared with the second; what was replayed for it.

    ``first`` is when the first poll of all was; None if there was none.
    """

    ran: Sequence[Backtest]
    period: Period
    accounts: int
    polls: int
    first: datetime | None

    @classmethod
    def of(
        cls, files: Sequence[Path], configs: Sequence[Config], history: History, found: Sequence[Replayed]
    ) -> Report:
        """What was found of ``history`` under the configurations, which were read from ``files``."""
        tallies = [added((each.journals[n] for each in found), history.period.since) for n in range(len(configs))]
        parts = zip(map(str, files), configs, tallies, history.unjudged(), strict=True)
        first = min((each.first for each in found if each.first), default=None)
        polls = sum(each.polls for each in found)
        return cls([Backtest(*part) for part in parts], history.period, history.accounts(), polls, first)


def followed(running: Iterable[Replayed], accounts: int) -> Iterator[Replayed]:
    """What comes of each account, with a bar on standard error where that is a terminal."""
    console = Console(stderr=True)
    yield from track(running, "replaying", accounts, console=console, transient=True, disable=not console.is_terminal)


def report(found: Report) -> None:
    """Print what followed, or how it differs; which rules say nothing here; and what was replayed."""
    if len(found.ran) == 1:
        _say(found.ran[0])
    else:
        _compare(*found.ran)
    for note in dict.fromkeys(
        f"{ran.name}: {why}: {', '.join(names)}" for ran in found.ran for why, names in _notes(ran)
    ):
        show.line(note)
    if found.first is not None and found.first > found.period.since:
        show.line(f"of the time before {say_time(found.first)} nothing is stored")
    since, until = map(say_time, found.period)
    show.line(f"{found.accounts:,} accounts, {found.polls:,} polls, {since} to {until}")


def facts(found: Report) -> Mapping[str, Any]:
    """The same as it is printed in JSON."""
    told = {
        "since": found.period.since.isoformat(),
        "until": found.period.until.isoformat(),
        "accounts": found.accounts,
        "polls": found.polls,
        "first_poll": found.first.isoformat() if found.first else None,
        "files": [_facts(ran) for ran in found.ran],
    }
    if len(found.ran) == 1:
        return told
    first, second = found.ran
    return {**told, "difference": {rule: each._asdict() for rule, each in _differences(first, second).items()}}


def _say(ran: Backtest) -> None:
    show.table(("rule", "severity", "alerts", "targets", "letters", "on at the end"), _rule_rows(ran))
    _say_silent(ran.rules.keys() - {each.rule for each in ran.tally.incidents}, ran)
    for whose, read in (("channel", _channels(ran)), ("person", _people(ran))):
        show.table((whose, "messages", "on the busiest day"), [(name, *map(str, each)) for name, each in read.items()])
    owners = [(each or NOBODY, *map(str, _owner(ran, each))) for each in ran.tally.owners()]
    show.table(("owner", "alerts", "letters"), owners)


def _compare(first: Backtest, second: Backtest) -> None:
    differences = _differences(first, second)
    differing = {rule: each for rule, each in differences.items() if any(each)}
    headings = ("rule", first.name, second.name, "in both", f"only {first.name}", f"only {second.name}")
    rows = [(f"{rule}{_shadowed(rule, first, second)}", *map(str, each)) for rule, each in differing.items()]
    show.table((*headings, "opens", "closes"), rows)
    _say_silent(differences.keys() - differing.keys(), first, second)
    for what, read in (("messages to", _channels), ("messages read by", _people)):
        ones, others = read(first), read(second)
        messages = [
            (name, ones.get(name, NONE).messages, others.get(name, NONE).messages)
            for name in dict.fromkeys([*ones, *others])
        ]
        show.table((what, first.name, second.name, "more"), map(_with_more, messages))
    owners = sorted({*first.tally.owners(), *second.tally.owners()})
    letters = [(each or NOBODY, _owner(first, each).letters, _owner(second, each).letters) for each in owners]
    show.table(("letters about targets of", first.name, second.name, "more"), map(_with_more, letters))
    opens, closes = (sum(numbers) for numbers in zip(*((e.opens, e.closes) for e in differences.values()), strict=True))
    show.line(f"now: {first.name} opens {opens} and closes {closes} alerts, against {second.name}")


def _differences(first: Backtest, second: Backtest) -> Mapping[str, Difference]:
    """How they differ, by rule. An alert in shadow is as none: it neither opens nor closes."""
    return {
        rule: difference(first.tally, second.tally, rule, (_is_shadow(rule, first), _is_shadow(rule, second)))
        for rule in {**first.rules, **second.rules}
    }


def _is_shadow(rule: str, ran: Backtest) -> bool:
    return rule in ran.rules and ran.rules[rule].shadow


def _shadowed(rule: str, first: Backtest, second: Backtest) -> str:
    """In which of them it is in shadow."""
    names = [ran.name for ran in (first, second) if _is_shadow(rule, ran)]
    return f" (shadow in {' and '.join(names)})" if names else ""


def _say_silent(rules: Collection[str], *ran: Backtest) -> None:
    """Name rules of which nothing followed, besides those of which nothing could."""
    excused = {name for each in ran for _, names in _notes(each) for name in names}
    names = [rule for each in ran for rule in each.rules if rule in rules and rule not in excused]
    if names:
        show.line(f"nothing followed of: {', '.join(dict.fromkeys(names))}")


def _notes(ran: Backtest) -> Iterator[tuple[str, Sequence[str]]]:
    """Why nothing, or not all, can be said of rules, and which."""
    for why, names in (
        ("not replayed, for what the daemon says itself is not stored", _not_replayed(ran)),
        ("not judged, for nothing that was polled tells what they read", ran.unjudged),
        ("broken at times", list(ran.tally.failures)),
    ):
        if names:
            yield why, names


def _not_replayed(ran: Backtest) -> Sequence[str]:
    return [rule.name for rule in not_replayed(ran.config.book)]


def _facts(ran: Backtest) -> Mapping[str, Any]:
    begun, letters = ran.tally.begun(), ran.tally.letters(lambda each: each.rule)
    return {
        "file": ran.name,
        "rules": {name: _rule_facts(rule, ran.tally, letters[name]) for name, rule in ran.rules.items()},
        "channels": {name: each._asdict() for name, each in _channels(ran).items()},
        "people": {name: each._asdict() for name, each in _people(ran).items()},
        "owners": {name: _owner(ran, name)._asdict() for name in ran.tally.owners()},
        "not_replayed": _not_replayed(ran),
        "not_judged": list(ran.unjudged),
        "broken": dict(ran.tally.failures),
        "alerts": [_incident(each, ran.rules[each.rule]) for each in begun],
    }


# --- rows ---------------------------------------------------------------------------------------------------------


def _rule_rows(ran: Backtest) -> Iterable[Sequence[str]]:
    letters = ran.tally.letters(lambda each: each.rule)
    for name, rule in ran.rules.items():
        if not any(each.rule == name for each in ran.tally.incidents):
            continue
        begun = ran.tally.begun(name)
        targets = len({each.target for each in begun})
        counted = (len(begun), targets, letters[name], ran.tally.on(name))
        yield name, _severity(rule, begun), *map(str, counted)


def _severity(rule: Rule, begun: Sequence[Incident]) -> str:
    """The gravest that it came to."""
    peak = max((each.peak for each in begun), default=0)
    return (rule.severity(peak).value if peak else "") + (" (shadow)" if rule.shadow else "")


class _Read(NamedTuple):
    """How many messages, and how many of them on one day of UTC at most."""

    messages: int
    busiest_day: int

    @classmethod
    def of(cls, sent: Sequence[datetime]) -> _Read:
        return cls(len(sent), max(Counter(at.date() for at in sent).values(), default=0))


NONE = _Read(0, 0)


class _Owner(NamedTuple):
    alerts: int
    letters: int


def _channels(ran: Backtest) -> Mapping[str, _Read]:
    """What was sent to each channel."""
    return {channel: _Read.of(ran.tally.messages(channel)) for channel in ran.config.channels}


def _people(ran: Backtest) -> Mapping[str, _Read]:
    """What was sent to the channels of each person, also that which was for somebody else there."""
    return {
        person: _Read.of([at for channel in dict.fromkeys(channels) for at in ran.tally.messages(channel)])
        for person, channels in ran.config.telling.directory.channels.items()
    }


def _owner(ran: Backtest, owner: str) -> _Owner:
    begun = sum(each.owner == owner for each in ran.tally.begun())
    return _Owner(begun, ran.tally.letters(lambda each: each.owner)[owner])


def _with_more(row: tuple[str, int, int]) -> Sequence[str]:
    name, first, second = row
    return name, str(first), str(second), f"{first - second:+d}" if first != second else "0"


def _rule_facts(rule: Rule, tally: Tally, letters: int) -> Mapping[str, Any]:
    begun = tally.begun(rule.name)
    peaks = Counter(each.peak for each in begun)
    return {
        "alerts": len(begun),
        "targets": len({each.target for each in begun}),
        "levels": {level.name: peaks[number] for number, level in enumerate(rule.levels, 1)},
        "letters": letters,
        "on_at_the_end": tally.on(rule.name),
        "shadow": rule.shadow,
    }


def _incident(each: Incident, rule: Rule) -> Mapping[str, Any]:
    return {
        "rule": each.rule,
        "target": each.target,
        "owner": each.owner,
        "labels": dict(each.labels),
        "level": rule.levels[each.peak - 1].name,
        "began": each.began.isoformat(),
        "ended": each.ended.isoformat() if each.ended else None,
    }
