"""The quarantine: metrics that are not believed for now."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from storage import codec
from storage.database import Parameters, write
from storage.records import Quarantine
from storage.tables import quarantines


def begin(connection: Connection, rows: Sequence[Quarantine]) -> None:
    """Believe these no more; one that is there already is replaced."""
    write(connection, insert(quarantines).prefix_with("OR REPLACE"), [_row(each) for each in rows])


def _row(quarantine: Quarantine) -> Parameters:
    return {
        "endpoint": quarantine.endpoint,
        "metric": quarantine.metric,
        "since_ms": codec.to_ms(quarantine.since),
        "reason": quarantine.reason,
        "typical": quarantine.typical,
    }


def end(connection: Connection, endpoint: str, metric: str) -> None:
    """Believe it again."""
    connection.execute(delete(quarantines).where(quarantines.c.endpoint == endpoint, quarantines.c.metric == metric))


def read(connection: Connection) -> list[Quarantine]:
    """All that is not believed."""
    return [
        Quarantine(row.endpoint, row.metric, codec.from_ms(row.since_ms), row.reason, row.typical)
        for row in connection.execute(select(quarantines).order_by(quarantines.c.endpoint, quarantines.c.metric))
    ]
