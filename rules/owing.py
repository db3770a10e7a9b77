"""What is owed of an alert after a look: to whom, which way, and what is remembered of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from rules.book import Rule
from rules.posting import Slot, Telling, slot
from rules.routes import Route, passes
from rules.selectors import Case
from rules.telling import is_first, known_since, owed, reminders, standing
from rules.values import Alert, News, Ok, Target


class Hearing(NamedTuple):
    """Who may be told of alerts on a target at a moment.

    ``muted`` says why nothing new is to be told of an alert, in words ("" if it is), ``acked`` up to which level
    somebody said that they know of it (0: of none).
    """

    target: Target
    telling: Telling
    muted: Callable[[Rule, Case], str]
    acked: Callable[[Alert], int]
    at: datetime

    def case(self, rule: Rule, alert: Alert, level: int) -> Case:
        """An alert as routes see it, as grave as a level."""
        return rule.case(self.target, alert.labels, level)

    def ways(self, rule: Rule, alert: Alert) -> Mapping[str, Route]:
        """The channels that hear of an alert now, each with its way; also those that it has escalated to.

        And those that would hear of it were it as grave as they were told: that it no longer is so.
        """
        if not alert.stand or rule.shadow:
            return {}
        found = dict(self._ways_at(rule, alert, alert.stand))
        graver = [(c, told) for c, told in alert.told.items() if told > alert.stand > 0 and c not in found]
        for channel, told in graver:
            way = self._ways_at(rule, alert, told).get(channel)
            if way is not None:
                found[channel] = way
        return found

    def _ways_at(self, rule: Rule, alert: Alert, stand: int) -> Mapping[str, Route]:
        owners, case = self.telling.owners(self.target, self.at), self.case(rule, alert, stand)
        return self.telling.routes.ways(rule, case, owners, self.at, escalated=alert.past.escalated)

    def escalated(self, rule: Rule, alert: Alert, ways: Mapping[str, Route]) -> Alert:
        """An alert as it has escalated by now; the very same where it has not."""
        since = known_since(alert, ways)
        if since is None or alert.stand <= self.acked(alert):
            return alert
        case = self.case(rule, alert, alert.stand)
        longest = self.telling.routes.escalation(case, self.at - since, self.at)
        past = alert.past
        return alert if longest <= past.escalated else replace(alert, past=replace(past, escalated=longest))

    def still_escalated(self, rule: Rule, alert: Alert) -> Alert:
        """An alert that stands elsewhere by now: who was told more hears of that, and for others it begins anew."""
        believers = {channel for channel, told in alert.told.items() if told}
        owners, case = self.telling.owners(self.target, self.at), self.case(rule, alert, alert.stand)
        told = self.telling.routes.escalated_to(believers, case, owners, alert.past.escalated, self.at)
        return replace(alert, past=replace(alert.past, escalated=told))


class Due(NamedTuple):
    """News for a channel, and the slot of its letter."""

    channel: str
    news: News
    slot: Slot


def settle(rule: Rule, before: Alert, after: Alert, hearing: Hearing) -> tuple[Alert, Sequence[Due]]:
    """The alert with what is remembered of telling it, and the news that is told now."""
    alert = replace(after, past=standing(after.past, before.stand, after.stand, hearing.at))
    if alert.past.escalated and alert.stand != before.stand:
        alert = hearing.still_escalated(rule, alert)
    ways = hearing.ways(rule, alert)
    risen = hearing.escalated(rule, alert, ways)
    heard = ways if risen is alert else hearing.ways(rule, risen)
    news = list(owed(alert, rule, ways))
    more = [] if risen is alert else [each for each in owed(risen, rule, heard) if each not in news]
    again = [] if 0 < alert.stand <= hearing.acked(alert) else reminders(alert, ways, hearing.at)
    is_more = bool(news or again) or risen is not alert
    why = hearing.muted(rule, hearing.case(rule, alert, alert.stand)) if is_more else ""
    if why:
        told = list(owed(alert, rule, ways, muted=True))
        alert = _held(alert, (alert.past.held or why) if len(told) < len(news) else "")
        return alert, [_due(rule, before, alert, hearing, ways, *each) for each in told]
    due, rising, reminding = (
        [_due(rule, before, alert, hearing, heard, *each) for each in those]
        for those in (news, more, [(channel, News.REMINDED) for channel in again])
    )
    # What would be laid up for the morning is not told yet: somebody may say by then that they know.
    if not _are_held(rising):
        alert, due = risen, due + rising
    if due or not _are_held(reminding):  # what is told now is all that is told until the next turn
        due += reminding
    return _told(rule, _held(alert, ""), due, hearing, ways), due


def _are_held(due: Collection[Due]) -> bool:
    return bool(due) and all(each.slot.is_held for each in due)


def _held(alert: Alert, why: str) -> Alert:
    return alert if alert.past.held == why else replace(alert, past=replace(alert.past, held=why))


def _told(rule: Rule, alert: Alert, due: Sequence[Due], hearing: Hearing, ways: Mapping[str, Route]) -> Alert:
    """The alert with when it was told. Whoever is told only now is not told again before the next turn."""
    past, since, goes = alert.past, known_since(alert, ways), [each.slot.due for each in due]
    if alert.stand > 0 and since is None and due:
        past = replace(past, heard=min(goes))
    if since is not None and due:
        past = replace(past, reminded=hearing.at)
    if since is not None and since > hearing.at:  # what holds it may be over sooner than was said then
        told = (channel for channel in ways if alert.told.get(channel) == alert.stand)
        new = replace(alert, state=Ok())
        goes += [_due(rule, new, alert, hearing, ways, channel, News.FIRED).slot.due for channel in told]
        past = replace(past, heard=min((since, *goes)))
    return alert if past == alert.past else replace(alert, past=past)


def _due(
    rule: Rule, before: Alert, alert: Alert, hearing: Hearing, ways: Mapping[str, Route], channel: str, what: News
) -> Due:
    """News waits as long as the gravest level that it speaks of may."""
    telling, told = hearing.telling, before.told.get(channel, 0)
    case = hearing.case(rule, alert, max(abs(told), abs(alert.stand)))
    route = ways.get(channel) or telling.way(channel, rule, case, hearing.at)
    holds = () if passes(case, rule.passes_quiet) else telling.holds(route)
    first, is_open = is_first(alert, rule, what), alert.stand == before.stand != 0
    return Due(channel, what, slot(route, case, hearing.at, holds, is_first=first, is_open=is_open))
