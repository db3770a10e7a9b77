"""The ledger: every call that was attempted, what it may have cost, and what became of it.

A call is written down before it is sent, with all that it may cost. What nobody settles stays as it is: possible spend
counts as spend.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import Connection, bindparam, func, insert, select, update

from storage import codec
from storage.database import Hot
from storage.records import Attempt, Settled, Spending
from storage.tables import ledger, schedules


def open_calls(connection: Connection, attempts: Sequence[Attempt], at_ms: int) -> list[int]:
    """Write calls down, and mark their lines of the plan. The row ids, one an attempt."""
    first = connection.execute(_NEXT_ID).scalar_one()
    ids = list(range(first, first + len(attempts)))
    opened = list(zip(ids, attempts, strict=True))
    _INSERT.write(connection, [_row(row_id, attempt, at_ms) for row_id, attempt in opened])
    _MARK.write(connection, [(row_id, line) for row_id, attempt in opened for line in attempt.schedule_ids])
    return ids


_NEXT_ID = select(func.coalesce(func.max(ledger.c.id), 0) + 1)
_COLUMNS = ("id", "at_ms", "provider", "endpoint", "targets", "calls", "cost_microusd")
_INSERT = Hot(insert(ledger), *_COLUMNS)
_MARK = Hot(
    update(schedules).where(schedules.c.id == bindparam("row_id")).values(call_id=bindparam("call_id")),
    *("call_id", "row_id"),
)


def _row(row_id: int, attempt: Attempt, at_ms: int) -> tuple[object, ...]:
    cost_microusd = codec.to_microusd(attempt.cost_usd)
    return row_id, at_ms, attempt.provider, attempt.endpoint, attempt.targets, 1, cost_microusd


def settle(connection: Connection, settled: Sequence[Settled]) -> None:
    """Write down what calls came to."""
    rows = [(each.calls, codec.to_microusd(each.cost_usd), each.outcome, each.ledger_id) for each in settled]
    _SETTLE.write(connection, rows)


_SETTLE = Hot(
    update(ledger)
    .where(ledger.c.id == bindparam("row_id"))
    .values(calls=bindparam("calls"), cost_microusd=bindparam("cost_microusd"), outcome=bindparam("outcome")),
    *("calls", "cost_microusd", "outcome", "row_id"),
)


def spent(connection: Connection, provider: str, since_ms: int, until_ms: int) -> Decimal:
    """What a provider's calls since a time and before another have cost, or may have, in US dollars."""
    total = select(func.coalesce(func.sum(ledger.c.cost_microusd), 0))
    of_provider = total.where(ledger.c.provider == provider, ledger.c.at_ms >= since_ms, ledger.c.at_ms < until_ms)
    return codec.from_microusd(connection.execute(of_provider).scalar_one())


def spending(connection: Connection, since_ms: int) -> list[Spending]:
    """What each endpoint took since a time, the dearest first."""
    cost, calls = func.sum(ledger.c.cost_microusd), func.sum(ledger.c.calls)
    groups = (
        select(
            ledger.c.provider,
            ledger.c.endpoint,
            calls.label("calls"),
            cost.label("microusd"),
            func.count().label("answers"),
        )
        .where(ledger.c.at_ms >= since_ms)
        .group_by(ledger.c.provider, ledger.c.endpoint)
        .order_by(cost.desc(), ledger.c.provider, ledger.c.endpoint)
    )
    return [
        Spending(row.provider, row.endpoint, row.calls, codec.from_microusd(row.microusd), row.answers)
        for row in connection.execute(groups)
    ]
