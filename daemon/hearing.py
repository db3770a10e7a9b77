"""Who hears of the alerts that a rule has about a target, or would have, and what people said of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from rules.audience import Audience, audience
from rules.book import Rule
from rules.posting import Telling
from rules.silences import Said
from rules.values import Alert, Target


class Heard(NamedTuple):
    """Who hears of an alert at these levels."""

    levels: tuple[str, ...]
    audience: Audience


def heard(rule: Rule, target: Target, alerts: Collection[Alert], telling: Telling, at: datetime) -> Sequence[Heard]:
    """Who hears of the alerts where they stand; if none is on, of one at each level. Levels alike are told together."""
    on = [alert for alert in alerts if alert.stand]
    stands = [(alert.labels, alert.stand, alert.past.escalated) for alert in on]
    stands = stands or [((), number, timedelta(0)) for number in range(1, len(rule.levels) + 1)]
    found: list[Heard] = []
    for labels, stand, escalated in stands:
        case = rule.case(target, labels, stand)
        own = audience(rule, case, telling, at, escalated=escalated)
        alike = next((each for each in found if _is_alike(each.audience, own)), None)
        if alike is None:
            found.append(Heard((case.level,), own))
        else:
            found[found.index(alike)] = Heard(tuple(dict.fromkeys((*alike.levels, case.level))), own)
    return found


def _is_alike(one: Audience, other: Audience) -> bool:
    return (one.hearers, one.later, one.notes) == (other.hearers, other.later, other.notes)


def said_of(rule: Rule, target: Target, alerts: Collection[Alert], said: Said, at: datetime) -> Iterator[str]:
    """What people said of alerts that keeps them from being told, in sentences."""
    cases = [rule.case(target, alert.labels, alert.stand) for alert in alerts if alert.stand]
    cases = cases or [rule.case(target, (), number) for number in range(1, len(rule.levels) + 1)]
    yield from dict.fromkeys(why for case in cases if (why := said.silenced(case, at)))
    for alert in alerts:
        level = 0 if alert.id is None else said.acks.get(alert.id, 0)
        if 0 < alert.stand <= level:
            yield "somebody said that they know: no reminders, and not to more"
