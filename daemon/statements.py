"""What people said of alerts, at work: read from rows where looks heed it, and ended when its time has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain

import structlog

from daemon.docket import Docket
from daemon.providers import METRICS
from rules.book import Rule
from rules.selectors import Case, alerts, compile_selector
from rules.silences import Said, Silence, lapsed
from rules.values import Alert, Target
from storage.silences import How, SilenceRow, Speaker
from storage.store import Store

LANGUAGE = alerts("`silence`", sorted({label for metric in METRICS.values() for label in metric.labels}))
"""What a silence may ask of alerts."""

HOURLY = timedelta(hours=1)
"""So often is looked whether a silence has anything to hold."""

ITSELF = "creatorwatch"
"""Who ends what has ended by itself."""

log = structlog.get_logger("creatorwatch.statements")


def silence_of(row: SilenceRow) -> Silence | None:
    """A silence that was stored; None where nothing can be made of its condition any more (a label that is gone)."""
    match = compile_selector(row.condition, LANGUAGE)
    if isinstance(match, list):
        log.warning("a silence holds nothing: its condition cannot be read", silence=row.id, fault=match[0].text)
        return None
    return Silence(row.id, match, row.begins, row.ends, row.who, row.why, row.awaits, row.matched)


def in_force(store: Store, at: datetime) -> list[Silence]:
    """The silences that are stored and count."""
    return [silence for row in store.spoken.silences(at) if (silence := silence_of(row)) is not None]


def in_force_then(store: Store, at: datetime) -> list[Silence]:
    """The silences that counted at a time in the past, as far as their conditions can still be read."""
    return [silence for row in store.spoken.silences_then(at) if (silence := silence_of(row)) is not None]


def on_now(
    found: Iterable[Alert], targets: Mapping[str, Target], rules: Iterable[Rule]
) -> Iterator[tuple[Alert, Case]]:
    """Those of the alerts that are on, as silences see them."""
    named = {rule.name: rule for rule in rules}
    for alert in found:
        if alert.stand and alert.rule in named and alert.target in targets:
            yield alert, named[alert.rule].case(targets[alert.target], alert.labels, alert.stand)


class Statements:
    """Keeps a docket at what was said. On the writer's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._number = -1
        self._silences: tuple[Silence, ...] = ()
        self._acks: Mapping[int, int] = {}
        self._matched: datetime | None = None

    def heed(self, docket: Docket, at: datetime) -> None:
        """Let the looks of a docket heed what was said until now. What is over by now is written down as such."""
        self._read(at)
        self._settle(docket, at)
        if self._silences and (self._matched is None or at - self._matched >= HOURLY):
            self._matched = at
            self._note_matched(docket, at)
        docket.said = Said(self._silences, self._acks)

    def _read(self, at: datetime) -> None:
        number = self._store.spoken.number()
        if number == self._number:
            return
        self._silences = tuple(in_force(self._store, at))
        self._acks = {ack.alert_id: ack.level for ack in self._store.spoken.acks()}
        self._number = number

    def _settle(self, docket: Docket, at: datetime) -> None:
        if not self._acks and not any(silence.awaits for silence in self._silences):
            return
        stands = {alert.id: abs(alert.stand) for alert in _alerts(docket) if alert.stand and alert.id is not None}
        over = {each.id: "all that it was to last for is over" for each in self._silences if each.is_over(stands)}
        gone = dict(lapsed(self._acks, stands))
        if over or gone:
            self._store.spoken.settle(over, gone, Speaker(ITSELF, at, How.DAEMON))
            self._read(at)

    def _note_matched(self, docket: Docket, at: datetime) -> None:
        rules = {rule.name: rule for target in docket.alerting() for rule in docket.rules(target)}
        cases = [case for _, case in on_now(_alerts(docket), docket.targets, rules.values())]
        matching = {each.id for each in self._silences if any(map(each.match.matches, cases))}
        self._store.spoken.note_matched(matching, at)


def _alerts(docket: Docket) -> Iterator[Alert]:
    return chain.from_iterable(docket.alerts(target) for target in docket.alerting())
