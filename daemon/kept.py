"""What parts of the daemon hold in memory, kept until something is done whole, and put back if it is not."""

from __future__ import annotations

from contextlib import ExitStack
from copy import copy


def keep(undo: ExitStack, part: object, *names: str) -> None:
    """Let ``undo`` make these attributes of a part what they are now.

    Dicts, sets and lists may change meanwhile, but nothing that is in them may.
    """
    for name in names:
        value = getattr(part, name)
        undo.callback(setattr, part, name, copy(value) if isinstance(value, dict | set | list) else value)
