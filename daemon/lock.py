"""One daemon a database: two would pay for every call twice, and tell everything twice."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO


def hold(database: Path) -> IO[str]:
    """Hold the database until the returned file is closed, or the process ends in whatever way.

    Raises ``OSError``, in words, where another process holds it.
    """
    lock = Path(f"{database}.lock").open("w", encoding="ascii")  # noqa: SIM115 - held for as long as the daemon lives
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OSError(f"another creatorwatch is at work on {database}") from None
    return lock
