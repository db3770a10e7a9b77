"""Letters that wait for each other, to be sent as one message."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, func, select, update

from storage.records import Status
from storage.tables import outbox

AT_MOST = 10
"""A bundle is sent at the latest when its first letter has waited for so many times its wait."""


def gather(connection: Connection, posted: Mapping[tuple[str, str], int], at_ms: int) -> None:
    """Say anew when the letters of bundles are due: when nothing was added for so many milliseconds.

    To be called when letters were added, with their (channel, bundle) and wait. A letter that was tried already goes by
    itself: it does not wait again.
    """
    for (channel, bundle), wait_ms in posted.items():
        waiting = (
            outbox.c.status == Status.WAITING.value,
            outbox.c.channel == channel,
            outbox.c.bundle == bundle,
            outbox.c.attempts == 0,
            outbox.c.owner.is_(None),
        )
        first_ms = connection.scalar(select(func.min(outbox.c.created_ms)).where(*waiting)) or at_ms
        due_ms = min(at_ms + wait_ms, first_ms + AT_MOST * wait_ms)
        connection.execute(update(outbox).where(*waiting).values(due_ms=due_ms, meant_ms=due_ms))
