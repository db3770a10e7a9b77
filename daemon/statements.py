"""What people said of alerts, at work: read from rows where looks heed it, and ended when its time has come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

import structlog

from daemon.docket import Docket
from daemon.kept import keep
from daemon.providers import METRICS
from rules.book import Rule
from rules.selectors import Case, Selector, alerts, compile_selector
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


def silence_of(row: SilenceRow) -> Silence:
    """A silence that was stored. Its condition may be one that can be read no more (of a label that is gone)."""
    found = compile_selector(row.condition, LANGUAGE)
    match = Selector(row.condition, _none) if isinstance(found, list) else found
    fault = found[0].text if isinstance(found, list) else ""
    return Silence(row.id, match, row.begins, row.ends, row.who, row.why, row.awaits, row.matched, fault)


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

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make what was read what it is now: what is written meanwhile may be undone too."""
        keep(undo, self, "_number", "_silences", "_acks", "_matched")

    def heed(self, docket: Docket, at: datetime) -> None:
        """Let the looks of a docket heed what was said until now. What is over by now is written down as such."""
        before = {each.id for each in self._silences}
        self._read()
        self._settle(docket, at)
        self._hold_back(docket, [each for each in self._silences if each.id not in before], at)
        if self._silences and (self._matched is None or at - self._matched >= HOURLY):
            self._matched = at
            self._note_matched(docket, at)
        docket.said = Said(self._silences, self._acks)

    def _read(self) -> None:
        number = self._store.spoken.number()
        if number == self._number:
            return
        self._silences = tuple(map(silence_of, self._store.spoken.unended()))
        for each in self._silences:
            if each.fault:
                log.warning("a silence holds nothing: its condition cannot be read", silence=each.id, fault=each.fault)
        self._acks = {ack.alert_id: ack.level for ack in self._store.spoken.acks()}
        self._number = number

    def _settle(self, docket: Docket, at: datetime) -> None:
        if not (self._acks or any(each.awaits or at >= each.ends for each in self._silences)):
            return
        stands = {alert.id: abs(alert.stand) for alert in _alerts(docket) if alert.stand and alert.id is not None}
        over = {each.id: why for each in self._silences if (why := each.ending(stands, at))}
        gone = dict(lapsed(self._acks, stands))
        if over or gone:
            self._store.spoken.settle(over, gone, Speaker(ITSELF, at, How.DAEMON))
            self._read()

    def _hold_back(self, docket: Docket, new: Sequence[Silence], at: datetime) -> None:
        """Take back what waits to be told of alerts that somebody silenced since: what is later passed the silence."""
        on = list(_on_now(docket)) if new else []
        for silence in new:
            found = [alert.id for alert, case in on if alert.id is not None and silence.match.matches(case)]
            held = self._store.spoken.hold_back(found, at, silence.begins)
            docket.renew(self._store.live_alerts_of(held))

    def _note_matched(self, docket: Docket, at: datetime) -> None:
        cases = [case for _, case in _on_now(docket)]
        matching = {each.id for each in self._silences if any(map(each.match.matches, cases))}
        self._store.spoken.note_matched(matching, at)
        self._silences = tuple(replace(each, matched=at) if each.id in matching else each for each in self._silences)


def _on_now(docket: Docket) -> Iterator[tuple[Alert, Case]]:
    rules = {rule.name: rule for target in docket.alerting() for rule in docket.rules(target)}
    return on_now(_alerts(docket), docket.targets, rules.values())


def _alerts(docket: Docket) -> Iterator[Alert]:
    return chain.from_iterable(docket.alerts(target) for target in docket.alerting())


def _none(_case: Case) -> bool:
    return False
