"""When to ask next. Pure: a phase of its own for each target, retries for what deserves them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from daemon.cadence import AtAges, Cadence, Standing
from daemon.policy import POLICY, Retry
from daemon.providers.answer import Failure

FIRST_SPREAD = timedelta(seconds=10)
"""A new target is asked about at once, but not all of them in the same second."""

FILL_AHEAD = 0.25
"""A call that names several targets is filled with those due within this part of their interval."""

FIRST_RETRY = timedelta(seconds=10)
RETRIES = 5
SUSPICION = timedelta(minutes=5)
"""A failure that only time or a person can mend is looked at once more soon, to tell a slip from a fact."""

GONE_LOOKS = 4
"""A video that is gone is looked at so many times more, a week apart."""

UNPLANNED = timedelta(days=30)
"""The interval of a line that has no turn any more: its numbers stay known for a while."""

_WEEK, _DAY = timedelta(days=7), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """When a line is due next (None: never by itself), and the time between its turns now."""

    due: datetime | None
    interval: timedelta


def phase_of(target: str, endpoint: str) -> float:
    """Where in each interval the target's turns lie: a number of [0, 1), the same for every process."""
    return _fraction(target, endpoint)


def first_due(target: str, endpoint: str, cadence: Cadence, standing: Standing) -> datetime | None:
    """When a target that was never asked about is due: within ``FIRST_SPREAD``, each target at its own moment.

    A video that is only asked about at certain ages waits for the first of them; None if all of them are past.
    """
    phase = phase_of(target, endpoint)
    begin = cadence.first(standing, phase) if isinstance(cadence, AtAges) else standing.at
    return None if begin is None else _whole_ms(begin + min(cadence.usual, FIRST_SPREAD) * phase)


def next_due(target: str, endpoint: str, cadence: Cadence, standing: Standing) -> datetime | None:
    """The target's next turn after a poll at ``standing.at``, later than that; None if there is none any more.

    It depends on nothing but the arguments, so a restart changes no turn.
    """
    due = cadence.turn(standing, phase_of(target, endpoint))
    return None if due is None else _whole_ms(due)


def next_turn(target: str, endpoint: str, cadence: Cadence, standing: Standing) -> Turn:
    """The target's next turn after a poll at ``standing.at``, and the time from that to the one after it."""
    due = next_due(target, endpoint, cadence, standing)
    if due is None:
        return Turn(None, UNPLANNED)
    afterwards = next_due(target, endpoint, cadence, replace(standing, at=due, repeated=False))
    return Turn(due, UNPLANNED if afterwards is None else afterwards - due)


def retry_due(
    target: str, endpoint: str, cadence: Cadence, standing: Standing, failure: Failure, failures: int
) -> datetime | None:
    """When to ask again after a failed poll, the ``failures``-th in a row; no later than the regular turn, if any.

    Passing failures are retried five times, after 10, 20, 40, 80 and 160 seconds, less up to a half by target (so that
    they do not return as one herd), and count as an answer that brought nothing new. Others get one second look, or
    wait for their regular turn, as ``POLICY`` says. Never before the provider wishes, however late that is (a day at
    most).
    """
    retry = POLICY[failure.reason].retry
    passing = retry is Retry.SOON
    regular = next_due(target, endpoint, cadence, replace(standing, repeated=standing.repeated or passing))
    soon = None
    if passing and failures <= RETRIES:
        soon = standing.at + FIRST_RETRY * 2 ** (failures - 1) * (1 - _fraction(target, endpoint, str(failures)) / 2)
    elif retry in (Retry.ONCE, Retry.STOPPED) and failures <= 1:
        soon = standing.at + SUSPICION
    due = min((each for each in (soon, regular) if each is not None), default=None)
    wished = standing.at + timedelta(seconds=min(failure.retry_after_s or 0.0, _DAY.total_seconds()))
    return None if due is None else _whole_ms(max(wished, due))


def gone_due(is_probe: bool, gone_since: datetime, at: datetime, phase: float) -> datetime | None:
    """When a video that is gone is asked about again: a look a week for four weeks by one line, then none.

    ``is_probe`` says whether this is that line, the cheapest one; the others have no turn. ``phase`` (``phase_of``)
    spreads the videos of an account that went at once over a day.
    """
    looks = (gone_since + _WEEK * number + _DAY * phase for number in range(1, GONE_LOOKS + 1))
    return next((_whole_ms(look) for look in looks if is_probe and _whole_ms(look) > at), None)


def _fraction(*parts: str) -> float:
    """A number in [0, 1) that belongs to these words."""
    digest = blake2b("\0".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _whole_ms(at: datetime) -> datetime:
    """The next whole millisecond, as the database keeps it: a turn that was rounded down would come twice."""
    return at + timedelta(microseconds=-at.microsecond % 1000)
