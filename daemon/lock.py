"""One daemon a database: two would pay for every call twice, and tell everything twice.

The lock is a file beside the database, in which the daemon says who it is: so a command finds it.
"""

from __future__ import annotations

import fcntl
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import orjson


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a database, the configuration in force there, and what came of its newest reading.

    ``file`` is absolute; ``digest`` is that of what this, and what it names, held (``Config.digest``). They were read
    last ``at`` this time, and had the digest ``read`` then: ``problems`` say why that is not in force, "" where it is;
    ``did`` says what that did.
    """

    pid: int
    file: Path
    digest: str
    read: str
    at: datetime
    did: str = ""
    problems: str = ""


def hold(database: Path) -> IO[str]:
    """Hold the database until the returned file is closed, or the process ends in whatever way.

    Raises ``OSError``, in words, where another process holds it.
    """
    lock = _path(database).open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise OSError(f"another creatorwatch is at work on {database}") from None
    lock.truncate(0)
    return lock


def sign(lock: IO[str], holder: Holder) -> None:
    """Say in a lock that is held by this process who it is."""
    words = {**asdict(holder), "file": str(holder.file), "at": holder.at.isoformat()}
    lock.truncate(0)
    lock.write(orjson.dumps(words).decode())
    lock.flush()


def holder(database: Path) -> Holder | None:
    """Who holds a database; None if nobody does, or has not said yet who it is."""
    path = _path(database)
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read()
        else:
            return None
    try:
        words = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None  # it is being written
    return Holder(**{**words, "file": Path(words["file"]), "at": datetime.fromisoformat(words["at"])})


def _path(database: Path) -> Path:
    return Path(f"{database}.lock")
