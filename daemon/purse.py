"""What was spent, what may still be spent, and what is spared when it runs short."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from daemon.budget import Limits, Spent, affordable, day_start, month_start, renewal, stretch, unreserved, used
from daemon.providers.endpoint import Provider
from storage.store import Store

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

    def renew(self, store: Store, at: datetime) -> None:
        """Read what was spent in this day and month (UTC)."""
        self._spent = {
            provider: Spent(
                store.spent(provider.value, day_start(at)),
                store.spent(provider.value, month_start(at)),
            )
            for provider in Provider
        }

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
