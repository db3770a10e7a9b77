"""Files that something was read from: as they were when they were read, and how one sees that they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""What is another if a file is: its device and inode (a link may lead elsewhere), when it was written, its size."""

Stamps = Mapping[Path, Stamp | None]
"""None where there is no file."""


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of a file by what the system says of it."""
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def stamps_of(files: Iterable[Path]) -> Stamps:
    """The files as they are now."""
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp_of(path.stat())
    except OSError:
        return None


class Sources:
    """Reads files. ``stamps`` are of what was read, in that order: taken before, so what is written later is seen."""

    def __init__(self) -> None:
        self.stamps: dict[Path, Stamp | None] = {}
        self._hash = sha256()

    def read(self, path: Path) -> bytes:
        """What a file holds. Raises ``OSError``."""
        with path.open("rb") as file:
            self.stamps.setdefault(path, stamp_of(os.fstat(file.fileno())))
            content = file.read()
        self._hash.update(sha256(content).digest())
        return content

    def note(self, path: Path) -> None:
        """Somebody else is about to read this file, over and over; what is in it is no part of the digest."""
        self.stamps.setdefault(path, _stamp(path))

    @property
    def digest(self) -> str:
        """A short name for what the files held."""
        return self._hash.hexdigest()[:12]
