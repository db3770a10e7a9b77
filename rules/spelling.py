"""What was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``, did you mean `x`?`` for the nearest known word, or ""."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean `{near[0]}`?" if near else ""


def quoted(key: str) -> str:
    """A blank and the key, or "" if it may be a secret on the wrong side of a colon: one has digits, or is longer."""
    return f" `{key}`" if re.fullmatch(r"[A-Za-z_-]{1,40}", key) else ""
