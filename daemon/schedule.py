"""When to ask next. Pure: a phase of its own for each target, retries for what deserves them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from daemon.providers.answer import RETRIED, Failure

FIRST_SPREAD = timedelta(seconds=10)
"""A new target is asked about at once, but not all of them in the same second."""

FIRST_RETRY = timedelta(seconds=10)
RETRIES = 5
SUSPICION = timedelta(minutes=5)
"""A failure that only time or a person can mend is looked at once more soon, to tell a slip from a fact."""


def first_due(target: str, endpoint: str, interval: timedelta, at: datetime) -> datetime:
    """When a target that was never asked about is due: within ``FIRST_SPREAD``, each target at its own moment."""
    return _whole_ms(at + min(interval, FIRST_SPREAD) * _fraction(target, endpoint))


def next_due(target: str, endpoint: str, interval: timedelta, at: datetime) -> datetime:
    """The target's next turn after a poll at ``at``: its own phase of the interval, at least half an interval away.

    The same for every process, so that a restart changes no turn; spread evenly over the interval by target.
    """
    period_s = interval.total_seconds()
    phase_s = period_s * _fraction(target, endpoint)
    turns = math.ceil((at.timestamp() + period_s / 2 - phase_s) / period_s)
    return _whole_ms(datetime.fromtimestamp(turns * period_s + phase_s, UTC))


def retry_due(
    target: str, endpoint: str, interval: timedelta, at: datetime, failure: Failure, failures: int
) -> datetime:
    """When to ask again after a failed poll, the ``failures``-th in a row; no later than the regular turn.

    Passing failures are retried five times, after 10, 20, 40, 80 and 160 seconds, less up to a half by target (so that
    they do not return as one herd). Others get one second look. Never before the provider wishes, however late that is.
    """
    regular = next_due(target, endpoint, interval, at)
    wished = timedelta(seconds=min(failure.retry_after_s or 0.0, 86_400.0))
    if failure.reason not in RETRIED:
        return max(at + wished, min(regular, at + SUSPICION) if failures <= 1 else regular)
    if failures > RETRIES:
        return max(at + wished, regular)
    backoff = FIRST_RETRY * 2 ** (failures - 1) * (1 - _fraction(target, endpoint, str(failures)) / 2)
    return _whole_ms(max(at + wished, min(at + backoff, regular)))


def _fraction(*parts: str) -> float:
    """A number in [0, 1) that belongs to these words."""
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
