"""What the daemon would do with numbers that are handed to it: its windows, its docket, no store; nothing is sent.

Who replays says what was seen and when, in the order of time, and asks what follows. A critical level that waits for a
second look (``Outcome.refetch``) is confirmed by the next look there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from daemon.cohorts import Cohorts, compared, tell_births
from daemon.docket import Docket, Records
from daemon.providers.answer import SeriesKey
from daemon.recent import Recent
from rules.book import Rule, RuleBook
from rules.outcomes import Outcome
from rules.posting import STRAIGHTFORWARD, Telling
from rules.values import NO_LABELS, NO_PAST, Alert, Labels, Record, Target
from storage.samples import SampleRow

NO_BIRTHS: Mapping[str, datetime] = {}


def no_records(_target: str, _kind: str) -> Sequence[Record]:
    """No records of any target: messages are without their words."""
    return ()


UNSEEN = frozenset({"provider_up", "endpoint_up", "key_accepted", "visible", "video_visible"})
"""What is news each time it is not so: one more failure is one more look (``daemon.health``)."""


class Replay:
    """These targets under a rule book, from no alerts. ``channels`` are those that exist.

    ``births`` are when videos were published, as far as that is known. ``telling`` says who hears what, and when;
    nobody says that they know of an alert.
    """

    def __init__(
        self,
        book: RuleBook,
        targets: Mapping[str, Target],
        channels: Collection[str],
        records: Records = no_records,
        births: Mapping[str, datetime] = NO_BIRTHS,
        telling: Telling = STRAIGHTFORWARD,
    ) -> None:
        self.recent = Recent(book.needs())
        self.docket = Docket(self.recent, book, channels, records, telling)
        self._cohorts = Cohorts(self.recent, compared(book))
        self._book, self._births, self._targets = book, births, targets
        self._ids = count()
        self._lines: dict[str, dict[tuple[str, str], int]] = {}
        self._is_followed = False
        self._due: dict[str, dict[Rule, None]] = {}

    def watch(self, target: str, endpoint: str, interval_s: float) -> None:
        """Ask this endpoint about the target, so often; a rule applies to a target that is asked for all it reads."""
        self._ask((target, endpoint), interval_s)
        self._is_followed = False

    def _ask(self, line: tuple[str, str], interval_s: float) -> None:
        schedule_id = next(self._ids)
        self.recent.watch(schedule_id, *line, interval_s)
        self._lines.setdefault(line[0], {})[line] = schedule_id

    def follow(
        self,
        targets: Mapping[str, Target],
        asked: Mapping[tuple[str, str], float],
        at: datetime,
        keys: Collection[str] | None = None,
    ) -> list[Outcome]:
        """Watch these targets and no others from now on, and ask these lines (target, endpoint), so often (seconds).

        What changed, and what is ``asked``, is about ``keys``; None: about all. The alerts end that nothing is asked
        about any more, as in the daemon when its plan changes.
        """
        if keys is None:
            keys = self._targets.keys() | targets.keys()
        before = {line: own for key in keys for line, own in self._lines.pop(key, {}).items()}
        for line in before.keys() - asked.keys():
            self.recent.unwatch(before[line])
        for line, interval_s in asked.items():
            if line in before:
                self._lines.setdefault(line[0], {})[line] = before[line]
            else:
                self._ask(line, interval_s)
        self._targets = targets
        self._follow(keys if self._is_followed else None)
        return self._enter(self.docket.retire(at, keys))

    # --- what happens ----------------------------------------------------------------------------------------

    def see(
        self,
        target: str,
        endpoint: str,
        at: datetime,
        numbers: Mapping[SeriesKey, float | None],
        interval_s: float | None = None,
    ) -> None:
        """A poll brought all the numbers that there are; None is *asked and not known*.

        The line is asked every ``interval_s`` from now on; None: as before.
        """
        line = self._line(target, endpoint)
        self.recent.see(line, at.timestamp(), numbers.keys(), numbers.values(), interval_s, interval_s)
        self._cohorts.look(target)
        self._add(target, endpoint)

    def recollect(self, target: str, endpoint: str, past: Iterable[SampleRow]) -> None:
        """Find out when numbers were known that are not, if rules ask for their age; ``past``: the newest first."""
        self.recent.recollect([self._line(target, endpoint)], self._book.aged(), lambda _: past)

    def miss(self, target: str, endpoint: str) -> None:
        """A poll failed: also of the account's videos nothing is known that it would have brought."""
        self._line(target, endpoint)
        for key in (target, *(key for key, each in self._targets.items() if each.account == target != key)):
            line = self.recent.line(key, endpoint)
            if line is not None:
                self.recent.miss(line)
                self._add(key, endpoint)

    def state(self, target: str, metric: str, at: datetime, value: float, labels: Labels = NO_LABELS) -> None:
        """The daemon says this of a target itself (``daemon.recent.STATES``); it counts as a look if that is news."""
        self._followed()
        if self.recent.state(target, metric, labels, at.timestamp(), value):
            self._add(target, "")
        elif metric in UNSEEN and value == 0.0:
            self.recent.repeat(self.recent.view(target)[metric][labels], at.timestamp(), value)
            self._add(target, "")

    # --- what follows ----------------------------------------------------------------------------------------

    def look(self, at: datetime) -> list[Outcome]:
        """Judge what was seen, missed or said since the last look."""
        due, self._due = self._due, {}
        return self._enter(self.docket.hear(due, at))

    def tick(self, at: datetime) -> list[Outcome]:
        """Judge what time alone can change, and what somebody has not been told."""
        self._followed()
        return self._enter(self.docket.hear(dict(self.docket.due_by_time(())), at))

    def _enter(self, outcomes: list[Outcome]) -> list[Outcome]:
        self.docket.enter(outcomes, _live(outcomes))
        return outcomes

    def _line(self, target: str, endpoint: str) -> int:
        self._followed()
        line = self.recent.line(target, endpoint)
        if line is None:
            raise LookupError(f"{endpoint} of {target} is not watched")
        return line

    def _followed(self) -> None:
        if not self._is_followed:
            self._follow()

    def _follow(self, keys: Collection[str] | None = None) -> None:
        """Let all that looks at targets follow them, as far as ``keys`` changed; None: all of them."""
        changed = self._targets.keys() if keys is None else self._targets.keys() & keys
        polled = [line for key in changed for line in self._lines.get(key, ())]
        births = {key: self._births[key] for key in changed if key in self._births}
        tell_births(self.recent, self._book, births)
        self._cohorts.follow(self._targets, keys)
        self.docket.follow(self._targets, {}, polled, keys)
        self._is_followed = True

    def _add(self, target: str, endpoint: str) -> None:
        self._due.setdefault(target, {}).update(dict.fromkeys(self.docket.rules_by_endpoint(target)[endpoint]))


def _live(outcomes: Iterable[Outcome]) -> Iterator[Alert]:
    """The alerts as a store would give them back: of those that are over, what is remembered."""
    for outcome in outcomes:
        alert = outcome.alert
        if not alert.over:
            yield alert
        elif alert.past != NO_PAST:
            yield replace(alert, told={})
