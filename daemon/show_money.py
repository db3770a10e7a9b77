"""What the commands print about money: what a day will take, and what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from daemon import show
from daemon.budget import Limits, say_usd
from daemon.forecast import Cost, Forecast, Load
from daemon.providers.endpoint import Provider
from rules.wording import say_time
from storage.records import Spending

Budgets = Mapping[Provider, Limits]

_DEAREST = 20


def plan_facts(planned: Forecast, budgets: Budgets, notes: Sequence[str], refused: str | None) -> Mapping[str, Any]:
    """What a day will take as it is printed in JSON. Money is in US dollars, at list price where nothing else is said.

    ``refused`` is why a daemon would not start, null if it would.
    """
    loads = planned.providers.values()
    return {
        "calls_a_day": sum(float(load.day.calls) for load in loads),
        "usd_a_day": say_usd(sum((load.day.usd for load in loads), Decimal(0))),
        "peak_calls_per_s": round(planned.peak_per_s, 3),
        "providers": {name: _load_facts(load, budgets.get(name)) for name, load in planned.providers.items()},
        **{f"{side}s": {name: _cost_facts(cost) for name, cost in _dearest(costs)} for side, costs in _sides(planned)},
        "notes": list(notes),
        "refused": refused,
    }


def plan(planned: Forecast, budgets: Budgets, notes: Sequence[str]) -> None:
    """Print what a day will take: by provider, endpoint, rule, tag, and for the accounts that cost most."""
    headings = ("provider", "calls a day", "peak a second", "USD a day", "with discount", "USD in 30 days", "budget")
    show.table(headings, [_load_row(name, load, budgets.get(name)) for name, load in planned.providers.items()])
    for side, costs in _sides(planned):
        shown = _dearest(costs)[:_DEAREST] if side == "account" else _dearest(costs)
        if shown:
            rows = [(name, f"{cost.calls:.1f}", say_usd(cost.usd)) for name, cost in shown]
            show.table((side, "calls a day", "USD a day"), rows)
    for note in notes:
        show.line(f"note: {note}")


def spending_facts(spent: Sequence[Spending], since: datetime) -> Mapping[str, Any]:
    """What was spent since a time as it is printed in JSON: US dollars, at list price; possible spend counts."""
    return {
        "since": since.isoformat(),
        "calls": sum(each.calls for each in spent),
        "usd": say_usd(_total_usd(spent)),
        "endpoints": [
            {"provider": each.provider, "endpoint": each.endpoint, "calls": each.calls, "usd": say_usd(each.usd)}
            for each in spent
        ],
    }


def spending(spent: Sequence[Spending], since: datetime) -> None:
    """Print what was spent since a time, the dearest endpoint first."""
    rows = [(each.provider, each.endpoint, str(each.calls), say_usd(each.usd)) for each in spent]
    show.table(("provider", "endpoint", "calls", "USD"), rows)
    calls = sum(each.calls for each in spent)
    show.line(f"since {say_time(since)}: {calls} calls, {say_usd(_total_usd(spent))} USD at most")


def budget_facts(limits: Limits | None) -> Mapping[str, Any] | None:
    """A budget as it is printed in JSON; null where there is none."""
    return {"day_usd": limits.day_usd, "month_usd": limits.month_usd} if limits else None


def say_budget(limits: Limits | None) -> str:
    """A budget in words; "none" where there is none."""
    spans = [(limits.day_usd, "a day"), (limits.month_usd, "a month")] if limits else []
    return ", ".join(f"{usd} {span}" for usd, span in spans if usd is not None) or "none"


def _total_usd(spent: Sequence[Spending]) -> Decimal:
    return sum((each.usd for each in spent), Decimal(0))


def _load_facts(load: Load, limits: Limits | None) -> Mapping[str, Any]:
    return {
        **_cost_facts(load.day),
        "usd_a_day_with_discount": say_usd(load.tiered_usd),
        "usd_in_30_days": say_usd(load.month_usd),
        "peak_calls_per_s": round(load.peak_per_s, 3),
        "first_start": {"calls": int(load.first.calls), "usd": say_usd(load.first.usd)},
        "budget": budget_facts(limits),
    }


def _load_row(provider: Provider, load: Load, limits: Limits | None) -> Sequence[str]:
    money = map(say_usd, (load.day.usd, load.tiered_usd, load.month_usd))
    return provider, str(load.day.calls), f"{load.peak_per_s:.2f}", *money, say_budget(limits)


def _cost_facts(cost: Cost) -> Mapping[str, Any]:
    return {"calls_a_day": round(float(cost.calls), 2), "usd_a_day": say_usd(cost.usd)}


def _sides(planned: Forecast) -> Sequence[tuple[str, Mapping[str, Cost]]]:
    return (
        ("endpoint", planned.endpoints),
        ("rule", planned.rules),
        ("tag", planned.tags),
        ("account", planned.accounts),
    )


def _dearest(costs: Mapping[str, Cost]) -> Sequence[tuple[str, Cost]]:
    return sorted(costs.items(), key=lambda item: (-item[1].usd, -item[1].calls, item[0]))
