"""What may be spent, what is spared first when money runs short, and when it ends. Pure.

Money is US dollars, as Decimal; days and months are those of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import IntEnum

from daemon.providers.endpoint import Endpoint
from rules.values import Subject

OLD = timedelta(days=7)
"""A video of this age or more is old: almost all of its views are behind it."""

MOST_STRETCH = 16.0
UNLIMITED_CALLS = 1_000_000_000
FORESEEN_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Limits:
    """What one provider may cost in a day and in a month; None: as much as it takes.

    ``soft`` (above 0, at most 1) is the share of a limit from which on money is spared.
    """

    day_usd: Decimal | None
    month_usd: Decimal | None
    soft: float = 0.8


@dataclass(frozen=True, slots=True)
class Spent:
    """What one provider has cost in this day and in this month, or may have cost."""

    day_usd: Decimal
    month_usd: Decimal


class Rank(IntEnum):
    """The order in which calls are spared, the first first."""

    OLD_VIDEO = 0
    VIDEO = 1
    ACCOUNT = 2
    VITAL = 3


def rank(endpoint: Endpoint, created: datetime | None, at: datetime) -> Rank:
    """When a call is spared; ``created`` is when its video was published. A video of unknown age is not old."""
    if endpoint.vital:
        return Rank.VITAL
    if endpoint.subject is Subject.ACCOUNT:
        return Rank.ACCOUNT
    return Rank.OLD_VIDEO if created is not None and at - created >= OLD else Rank.VIDEO


def used(limits: Limits, spent: Spent) -> float:
    """The share of the limits that is spent, of the day's or the month's the larger; 0 without limits.

    A limit of nothing is used up from the start.
    """
    return max((_share(limit, gone) for limit, gone in _pairs(limits, spent)), default=0.0)


def affordable(limits: Limits, spent: Spent, cost_usd: Decimal) -> int:
    """How many calls of this cost may still start without passing a limit; 0 or more."""
    if cost_usd <= 0:
        return UNLIMITED_CALLS
    left = (int((limit - gone) // cost_usd) for limit, gone in _pairs(limits, spent))
    return max(0, min(left, default=UNLIMITED_CALLS))


def unreserved(limits: Limits) -> Limits:
    """What may be spent on all that is not vital: the last quarter of the way from the soft limit to the hard is kept.

    That is the quarter in which ``stretch`` begins to spare what is vital too.
    """
    share = 1 - (1 - Decimal(str(limits.soft))) / len(Rank)
    day_usd, month_usd = (None if usd is None else usd * share for usd in (limits.day_usd, limits.month_usd))
    return replace(limits, day_usd=day_usd, month_usd=month_usd)


def stretch(rank: int, used_share: float, soft: float) -> float:
    """How many times longer than usual the intervals of this rank are: 1 to ``MOST_STRETCH``.

    The way from the soft limit to the hard one has four quarters, and each rank begins to be spared at one of them: old
    videos at once, what is vital in the last. From there on the stretch grows exponentially, and reaches its end at the
    hard limit.
    """
    begin = soft + (1 - soft) * rank / len(Rank)
    if used_share <= begin:
        return 1.0
    return MOST_STRETCH ** min(1.0, (used_share - begin) / (1 - begin)) if begin < 1 else MOST_STRETCH


def day_start(at: datetime) -> datetime:
    """When the day of ``at`` began."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(at: datetime) -> datetime:
    """When the month of ``at`` began."""
    return day_start(at).replace(day=1)


def renewal(limits: Limits, spent: Spent, at: datetime) -> datetime:
    """When the limit of which the larger share is spent begins anew: with the next day or month."""
    of_day, of_month = used(replace(limits, month_usd=None), spent), used(replace(limits, day_usd=None), spent)
    return month_start(month_start(at) + timedelta(days=32)) if of_month > of_day else day_start(at) + timedelta(days=1)


def balance_ends(balance_usd: Decimal, usd_a_day: Decimal, at: datetime) -> datetime | None:
    """When the balance is nothing if so much is spent a day; None if that is ten years away or never.

    A balance that is nothing already ends at ``at``.
    """
    if balance_usd <= 0:
        return at
    if balance_usd >= usd_a_day * FORESEEN_DAYS:
        return None
    return at + timedelta(days=float(balance_usd / usd_a_day))


def _pairs(limits: Limits, spent: Spent) -> list[tuple[Decimal, Decimal]]:
    pairs = ((limits.day_usd, spent.day_usd), (limits.month_usd, spent.month_usd))
    return [(limit, gone) for limit, gone in pairs if limit is not None]


def _share(limit: Decimal, gone: Decimal) -> float:
    return float(gone / limit) if limit > 0 else 1.0


def say_usd(usd: Decimal) -> str:
    """US dollars to a hundredth of a cent, without their sign."""
    return f"{usd:.4f}"
