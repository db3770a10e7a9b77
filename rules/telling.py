"""Tell or not, and what: truth against what each channel was last told.

Nothing here reacts to an event. A channel is owed news when where the alert stands differs from what it was last told,
so whatever was lost or held on the way (a crash, a dead channel, a mute) is owed again at the next look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rules.book import Rule
from rules.routes import Route
from rules.values import Alert, Firing, FirstSight, News, Past, Rising


def news(told: int | None, stand: int) -> News | None:
    """What a channel that was last told ``told`` (None: nothing yet) is owed of an alert that stands at ``stand``.

    Both are levels, 0 for none, or -k for an alert that comes and goes, up to level k.
    """
    before = told or 0
    if stand == before or before < stand < 0:
        return None
    if stand <= 0:
        return News.FLAPPING if stand else News.RESOLVED
    if before <= 0:
        return News.SETTLED if before else News.FIRED
    return News.CLIMBED if stand > before else News.DESCENDED


def is_usual(alert: Alert, rule: Rule) -> bool:
    """Whether an alert is on and no news: it was on already at first sight, no lower, and that is the baseline."""
    return rule.on_first_sight is FirstSight.BASELINE and 0 < alert.stand <= alert.past.first


def owed(alert: Alert, rule: Rule, audience: Iterable[str], muted: bool = False) -> Iterator[tuple[str, News]]:
    """The channels that are owed news of an alert, and which. ``audience`` are those that hear of it now.

    A rising alert is not told. Whoever was told that it fires is told that it is over, also if others hear of it by
    now, or the rule is in shadow, or the alert is ``muted``; nobody is told anything else then.
    """
    if alert.past.flaps is None and isinstance(alert.state, Rising):
        return
    muted = muted or rule.shadow
    for channel in _concerned(alert, rule, audience):
        what = news(alert.told.get(channel), alert.stand)
        if what is News.RESOLVED or (what is not None and not muted):
            yield channel, what


def is_first(alert: Alert, rule: Rule, what: News) -> bool:
    """Whether it is news only because it was looked at for the first time, and is to be told in sum."""
    sums_up = rule.on_first_sight is FirstSight.SUMMARY and what is News.FIRED
    return sums_up and alert.stand <= alert.past.first


def standing(past: Past, before: int, stand: int, at: datetime) -> Past:
    """What is remembered of where an alert stands, if that was ``before`` until ``at``."""
    if stand == before:
        return past
    escalated = past.escalated if stand else timedelta(0)
    return replace(past, stood=at if stand else None, heard=None, reminded=None, escalated=escalated)


def known_since(alert: Alert, audience: Collection[str]) -> datetime | None:
    """Since when somebody may know where it stands; None: nobody does, or it is over.

    Of an alert from before that was remembered, somebody of the ``audience``: who hears of it.
    """
    if alert.stand <= 0 or not isinstance(alert.state, Firing) or alert.stand not in alert.told.values():
        return None
    is_told = any(alert.told.get(channel) == alert.stand for channel in audience)
    return alert.past.heard or ((alert.past.stood or alert.state.since) if is_told else None)


def reminders(alert: Alert, ways: Mapping[str, Route], at: datetime) -> list[str]:
    """The channels that are told once more what they know, because they have known it for long."""
    heard = known_since(alert, ways)
    if heard is None:
        return []
    since = alert.past.reminded or heard
    return [
        channel
        for channel, route in ways.items()
        if alert.told.get(channel) == alert.stand and any(since < heard + each <= at for each in route.remind)
    ]


def _concerned(alert: Alert, rule: Rule, audience: Iterable[str]) -> Iterable[str]:
    """Whom it may concern. Of what is taken as usual, only those who were told of more."""
    believers = [channel for channel, told in alert.told.items() if told]
    if not alert.stand:
        return believers
    usual = is_usual(alert, rule)
    return [channel for channel in audience if not usual or channel in believers]
