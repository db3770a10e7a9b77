"""Letters that wait for each other, to be sent as one message."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, func, select, update

from storage.records import Status
from storage.tables import outbox

QUIET_MS = 60_000
"""A bundle is sent when nothing was added to it for so long,"""
AT_MOST_MS = 600_000
"""and when its first letter has waited for so long."""


def gather(connection: Connection, posted: Collection[tuple[str, str]], at_ms: int) -> None:
    """Say anew when the letters of these bundles, as (channel, bundle), are due; to be called when some were added.

    A letter that was tried already goes by itself: it does not wait again.
    """
    for channel, bundle in posted:
        waiting = (
            outbox.c.status == Status.WAITING.value,
            outbox.c.channel == channel,
            outbox.c.bundle == bundle,
            outbox.c.attempts == 0,
            outbox.c.owner.is_(None),
        )
        first_ms = connection.scalar(select(func.min(outbox.c.created_ms)).where(*waiting)) or at_ms
        due_ms = min(at_ms + QUIET_MS, first_ms + AT_MOST_MS)
        connection.execute(update(outbox).where(*waiting).values(due_ms=due_ms))
