"""Tell or not, and what: truth against what each channel was last told.

Nothing here reacts to an event. A channel is owed news when the level that is true differs from the level it was last
told, so whatever was lost on the way (a crash, a dead channel) is owed again at the next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.book import OWNER, Rule
from rules.values import Alert, Firing, News, Ok


def news(told: int | None, level: int) -> News | None:
    """What a channel that was last told ``told`` (None: nothing yet) is owed when ``level`` is true."""
    before = told or 0
    if level == before:
        return None
    if level == 0:
        return News.RESOLVED
    if before == 0:
        return News.FIRED
    return News.CLIMBED if level > before else News.DESCENDED


def recipients(rule: Rule, owners: Iterable[str]) -> Iterable[str]:
    """The channels that a rule tells, where ``owners`` are those of the target's owner; each once."""
    named = [channel for name in rule.to for channel in (owners if name == OWNER else (name,))]
    return dict.fromkeys(named)


def owed(alert: Alert, rule: Rule, owners: Iterable[str] = ()) -> Iterator[tuple[str, News]]:
    """The channels that are owed news of an alert, and which. ``owners`` are the channels of the target's owner.

    A rising alert is not told, nor one of a rule in shadow. Whoever was told that it fires is told that it is over,
    also if the rule names other channels by now.
    """
    if not isinstance(alert.state, Ok | Firing):
        return
    channels = dict.fromkeys(recipients(rule, owners) if alert.level and not rule.shadow else ())
    channels |= dict.fromkeys(channel for channel, told in alert.told.items() if told and not alert.level)
    for channel in channels:
        what = news(alert.told.get(channel), alert.level)
        if what is not None:
            yield channel, what
