"""Tell or not, and what: truth against what each channel was last told.

Nothing here reacts to an event. A channel is owed news when where the alert stands differs from what it was last told,
so whatever was lost or held on the way (a crash, a dead channel, a mute) is owed again at the next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.book import OWNER, Rule
from rules.values import Alert, FirstSight, News, Rising

FIRST_SIGHT = "first-sight"
"""The bundle of what was on already when it was looked at for the first time."""


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


def recipients(rule: Rule, owners: Iterable[str]) -> Iterable[str]:
    """The channels that a rule tells, where ``owners`` are those of the target's owner; each once."""
    named = [channel for name in rule.to for channel in (owners if name == OWNER else (name,))]
    return dict.fromkeys(named)


def owed(alert: Alert, rule: Rule, owners: Iterable[str] = (), muted: bool = False) -> Iterator[tuple[str, News]]:
    """The channels that are owed news of an alert, and which. ``owners`` are the channels of the target's owner.

    A rising alert is not told. Whoever was told that it fires is told that it is over, also if the rule names other
    channels by now, or is in shadow, or the alert is ``muted``; nobody is told anything else then.
    """
    if alert.past.flaps is None and isinstance(alert.state, Rising):
        return
    muted = muted or rule.shadow
    for channel in _audience(alert, rule, owners):
        what = news(alert.told.get(channel), alert.stand)
        if what is News.RESOLVED or (what is not None and not muted):
            yield channel, what


def bundle(alert: Alert, rule: Rule, what: News) -> str:
    """The bundle that a letter with this news belongs to, or ""."""
    sums_up = rule.on_first_sight is FirstSight.SUMMARY and what is News.FIRED
    return FIRST_SIGHT if sums_up and alert.stand <= alert.past.first else ""


def _audience(alert: Alert, rule: Rule, owners: Iterable[str]) -> Iterable[str]:
    """Whom it may concern. Of what is taken as usual, only those who were told of more."""
    believers = [channel for channel, told in alert.told.items() if told]
    if not alert.stand:
        return believers
    usual = is_usual(alert, rule)
    return [channel for channel in recipients(rule, owners) if not usual or channel in believers]
