"""A file in the place of another: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path
from stat import S_IMODE


def put(content: bytes, place: Path) -> Path:
    """Let the file at ``place`` hold ``content``, and keep its owner and rights; where that is which it was before.

    Where ``place`` is a link, the file that it leads to is replaced, and no other. Raises ``OSError``: then it is as it
    was. Then comes ``put_back`` or ``settle``.
    """
    place = place.resolve(strict=True)
    about, kept = place.stat(), _free(place)
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, S_IMODE(about.st_mode))
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        kept.hardlink_to(place)
        _move(Path(name), place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return kept


def _free(place: Path) -> Path:
    """The first name for what was at a place that no file has."""
    names = (place.with_name(f"{place.name}.before{number or ''}") for number in count())
    return next(name for name in names if not os.path.lexists(name))


def settle(kept: Path, place: Path) -> Path:
    """Let what ``put`` kept be the one file before, `.old`; where it is: as it was, if there is no place for it."""
    old = place.resolve().with_name(f"{place.resolve().name}.old")
    try:
        _move(kept, old)
    except OSError:
        return kept
    return old


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
