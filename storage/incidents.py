"""The incidents that go on: what is in doubt because many targets did the same at once."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from storage import codec
from storage.records import Incident
from storage.tables import incidents


def write_down(connection: Connection, incident: Incident) -> None:
    """Write one down; what was written of the same place before is replaced."""
    row = {
        "endpoint": incident.endpoint,
        "metric": incident.metric,
        "kind": incident.kind,
        "targets": incident.targets,
        "looks": incident.looks,
        "since_ms": codec.to_ms(incident.since),
        "last_ms": codec.to_ms(incident.last),
    }
    connection.execute(insert(incidents).prefix_with("OR REPLACE"), row)


def end(connection: Connection, endpoint: str, metric: str) -> None:
    """It is over."""
    connection.execute(delete(incidents).where(incidents.c.endpoint == endpoint, incidents.c.metric == metric))


def read(connection: Connection) -> list[Incident]:
    """Those that go on, the oldest first."""
    return [
        Incident(
            endpoint=row.endpoint,
            metric=row.metric,
            kind=row.kind,
            targets=row.targets,
            looks=row.looks,
            since=codec.from_ms(row.since_ms),
            last=codec.from_ms(max(row.since_ms, row.last_ms)),
        )
        for row in connection.execute(select(incidents).order_by(incidents.c.since_ms))
    ]
