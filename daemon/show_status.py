"""What the commands print about a daemon: what it sees and what it cannot see, what it spent, what waits to be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from daemon import show
from daemon.budget import say_usd
from daemon.providers.endpoint import Provider
from daemon.purse import Purse
from daemon.show_money import Budgets, budget_facts, say_budget
from rules.wording import say_time
from storage.records import Counts, Quarantine, Remembered
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Seen:
    """How a daemon is doing, by its database: ``videos`` counts them by their state, ``doubted`` is not believed."""

    lines: Sequence[Remembered]
    counts: Counts
    videos: Mapping[str, int]
    doubted: Sequence[Quarantine]
    purse: Purse


def look(store: Store, budgets: Budgets, at: datetime) -> Seen:
    """Read how a daemon is doing; its money is that of the day and month of ``at`` (UTC)."""
    purse = Purse(budgets)
    purse.renew(store, at)
    videos = Counter(sight.state for sight in store.sights())
    return Seen(store.remembered(), store.counts(), videos, store.quarantines(), purse)


def status_facts(seen: Seen, budgets: Budgets) -> Mapping[str, Any]:
    """The state of a daemon as it is printed in JSON. ``failing`` lists the polls whose newest attempt failed."""
    counts = seen.counts
    return {
        "polls": {endpoint: dict(outcomes) for endpoint, outcomes in _by_endpoint(seen.lines).items()},
        "failing": [
            {"target": each.target, "endpoint": each.endpoint, "reason": each.outcome, "times": each.failures}
            for each in _failing(seen)
        ],
        "videos": dict(seen.videos),
        "doubted": [
            {"endpoint": each.endpoint, "metric": each.metric, "since": each.since.isoformat(), "reason": each.reason}
            for each in seen.doubted
        ],
        "spent": {provider: _spent_facts(seen.purse, provider, budgets) for provider in _paid(seen, budgets)},
        "alerts": [{"rule": rule, "level": level, "count": n} for (rule, level), n in sorted(counts.alerts.items())],
        "outbox": {"waiting": counts.outbox_waiting, "oldest": counts.outbox_oldest, "dead": counts.outbox_dead},
        "database_bytes": counts.database_bytes,
    }


def status(seen: Seen, budgets: Budgets) -> None:
    """Print the state of a daemon."""
    rows = [
        (endpoint, str(outcomes.total()), _say_counts(outcomes))
        for endpoint, outcomes in _by_endpoint(seen.lines).items()
    ]
    show.table(("endpoint", "targets", "newest polls"), rows)
    failing = [(each.target, each.endpoint, str(each.outcome), str(each.failures)) for each in _failing(seen)]
    doubted = [(each.metric, each.endpoint, say_time(each.since), each.reason) for each in seen.doubted]
    paid = [_spent_row(seen.purse, provider, budgets) for provider in _paid(seen, budgets)]
    for headings, found in (
        (("cannot see", "by", "because", "times in a row"), failing),
        (("does not believe", "of", "since", "because"), doubted),
        (("provider", "USD today", "USD this month", "budget"), paid),
    ):
        if found:
            show.table(headings, found)
    if seen.videos:
        show.line(f"videos: {_say_counts(seen.videos)}")
    _say_totals(seen.counts)


def _say_totals(counts: Counts) -> None:
    open_alerts = sum(number for (_, level), number in counts.alerts.items() if level)
    show.line(
        f"alerts open: {open_alerts}; messages waiting: {counts.outbox_waiting}, given up: {counts.outbox_dead}; "
        f"database: {counts.database_bytes / 1e6:.1f} MB"
    )


def _failing(seen: Seen) -> Sequence[Remembered]:
    return [line for line in seen.lines if line.failures]


def _paid(seen: Seen, budgets: Budgets) -> Sequence[Provider]:
    return [provider for provider in Provider if provider in budgets or seen.purse.spent(provider).month_usd]


def _spent_facts(purse: Purse, provider: Provider, budgets: Budgets) -> Mapping[str, Any]:
    spent = purse.spent(provider)
    money = {"day_usd": say_usd(spent.day_usd), "month_usd": say_usd(spent.month_usd)}
    return {**money, "budget": budget_facts(budgets.get(provider))}


def _spent_row(purse: Purse, provider: Provider, budgets: Budgets) -> Sequence[str]:
    spent = purse.spent(provider)
    return provider, say_usd(spent.day_usd), say_usd(spent.month_usd), say_budget(budgets.get(provider))


def _by_endpoint(lines: Sequence[Remembered]) -> Mapping[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for line in lines:
        found.setdefault(line.endpoint, Counter())[line.outcome or "not yet"] += 1
    return found


def _say_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
