"""What was spent, what may still be spent, and what is spared when it runs short."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.budget import Limits, Spent, affordable, day_start, month_start, renewal, stretch, unreserved, used
from daemon.fetch import Fetched
from daemon.kept import keep
from daemon.policy import cost_of
from daemon.providers.answer import Failure
from daemon.providers.endpoint import Endpoint, Provider
from storage.records import POLLED, Settled
from storage.store import Store

SETTLED = timedelta(hours=1)
"""No call takes so long: what those before it have cost is known."""

UNLIMITED = Limits(None, None)
NOTHING = Spent(Decimal(0), Decimal(0))


class Purse:
    """The budgets of the providers, and what the ledger says was spent of them.

    ``reserve`` counts a call before it is sent, so that calls under way cannot pass a limit together; ``renew`` reads
    the ledger, which also holds what others spent.
    """

    def __init__(self, limits: Mapping[Provider, Limits]) -> None:
        self._limits = limits
        self._spent: dict[Provider, Spent] = {}
        self._settled: dict[Provider, tuple[datetime, datetime, Decimal]] = {}

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make the limits what they are now."""
        keep(undo, self, "_limits")

    def adopt(self, limits: Mapping[Provider, Limits]) -> None:
        """Other limits are in force from now on."""
        self._limits = limits

    def renew(self, store: Store, at: datetime) -> None:
        """Read what was spent in this day and month (UTC)."""
        self._spent = {provider: self._read(store, provider, at) for provider in Provider}

    def _read(self, store: Store, provider: Provider, at: datetime) -> Spent:
        """The days of the month that are settled are summed up once: there may be a million calls."""
        day, month = day_start(at), month_start(at)
        until = max(month, day_start(at - SETTLED))
        begin, end, usd = self._settled.get(provider, (day, day, Decimal(0)))
        if (begin, end) != (month, until):
            usd = store.spent(provider.value, month, until)
            self._settled[provider] = month, until, usd
        today_usd = store.spent(provider.value, day)
        return Spent(today_usd, usd + (today_usd if until == day else store.spent(provider.value, until)))

    def affordable(self, provider: Provider, cost_usd: Decimal, vital: bool) -> int:
        """How many calls of this cost may still start; a part of each limit is kept for those that are ``vital``."""
        limits = self.limits(provider)
        return affordable(limits if vital else unreserved(limits), self.spent(provider), cost_usd)

    def reserve(self, provider: Provider, usd: Decimal) -> None:
        """Count what is about to be spent."""
        spent = self.spent(provider)
        self._spent[provider] = Spent(spent.day_usd + usd, spent.month_usd + usd)

    def spent(self, provider: Provider) -> Spent:
        """What was spent in this day and month (UTC)."""
        return self._spent.get(provider, NOTHING)

    def limits(self, provider: Provider) -> Limits:
        """What may be spent."""
        return self._limits.get(provider, UNLIMITED)

    def stretch(self, provider: Provider, rank: int) -> float:
        """How many times longer than usual the intervals of this rank are."""
        limits = self.limits(provider)
        return stretch(rank, used(limits, self.spent(provider)), limits.soft)

    def renewal(self, provider: Provider, at: datetime) -> datetime:
        """When the limit for which a provider is spared begins anew."""
        return renewal(self.limits(provider), self.spent(provider), at)


def so_far(ledger_id: int, endpoint: Endpoint, page: int) -> Settled:
    """What a call may have cost once this page of it is sent."""
    return Settled(ledger_id, page, endpoint.cost_usd * page, None)


def settled(ledger_id: int, endpoint: Endpoint, fetched: Fetched) -> Settled:
    """What a call cost, or may have cost: each page is a call, and the last one decides about itself alone."""
    failures = [answer for answer in fetched.answers.values() if isinstance(answer, Failure)]
    failure = failures[0] if len(failures) == len(fetched.answers) else None
    cost_usd = cost_of(failure, endpoint.cost_usd, fetched.calls)
    return Settled(ledger_id, fetched.calls, cost_usd, POLLED if failure is None else failure.reason.value)
