"""A file in the place of another: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from stat import S_IMODE


def put(content: bytes, place: Path) -> Path:
    """Let the file at ``place`` hold ``content``, and keep its owner and rights; where that is which it was before.

    Where ``place`` is a link, the file that it leads to is replaced. Raises ``OSError``: then it is as it was.
    """
    place = place.resolve(strict=True)
    kept, about = place.with_name(f"{place.name}.old"), place.stat()
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, S_IMODE(about.st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        kept.unlink(missing_ok=True)
        kept.hardlink_to(place)
        _move(Path(name), place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return kept


def put_back(kept: Path, place: Path) -> None:
    """Undo ``put``, which gave ``kept``. Raises ``OSError``."""
    _move(kept, place.resolve(strict=True))


def _move(file: Path, place: Path) -> None:
    """Replace a file by another of its folder, also if the power fails right after."""
    file.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
