"""How fast somebody is asked, and for how long not at all. Pure: times are arguments."""

from __future__ import annotations

import math
from fractions import Fraction


class Pace:
    """How many calls may start: ``rate_per_s`` on average, and at most one second's worth (or one call) at once.

    Exact: in any T seconds no more than ``rate_per_s * T`` start, and that one burst. Times are seconds of any clock
    that the caller keeps to. One that goes back earns nothing and stops nothing: what counts is the time from then on.
    """

    def __init__(self, rate_per_s: float) -> None:
        self._rate = _checked(rate_per_s)
        self._left = self._burst
        self._seen_s: Fraction | None = None
        self._paused_until_s = -math.inf
        self._probe_s: float | None = None

    def adopt(self, rate_per_s: float) -> None:
        """Go on at another rate. Pauses and stops stay, and what was not taken, as far as it fits the new burst."""
        self._rate = _checked(rate_per_s)
        self._left = min(self._left, self._burst)

    @property
    def _burst(self) -> Fraction:
        return max(Fraction(1), self._rate)

    def ready(self, now_s: float) -> int:
        """Return how many calls may start now."""
        self._follow(Fraction(now_s))
        if now_s < self._paused_until_s:
            return 0
        return int(self._left) if self._probe_s is None else min(1, int(self._left))

    def take(self, now_s: float, n: int) -> None:
        """Note that ``n`` calls start now; more than are ready is a mistake of the caller."""
        if n > self.ready(now_s):
            raise ValueError("more calls were taken than were ready")
        self._left -= n
        if n and self._probe_s is not None:
            self.pause(now_s + self._probe_s)

    def pause(self, until_s: float) -> None:
        """Let no call start before ``until_s``. A pause that is under way is not made shorter."""
        self._paused_until_s = max(self._paused_until_s, until_s)

    def stop(self, now_s: float, probe_s: float) -> None:
        """Until ``go_on``, let one call alone start each ``probe_s`` seconds, the first when they are over.

        A stop that is under way is not made longer.
        """
        if self._probe_s is None:
            self._probe_s = probe_s
            self.pause(now_s + probe_s)

    def go_on(self) -> None:
        """End what ``stop`` began, if it did."""
        if self._probe_s is not None:
            self._probe_s, self._paused_until_s = None, -math.inf

    def _follow(self, now: Fraction) -> None:
        passed = now - self._seen_s if self._seen_s is not None else Fraction(0)
        self._seen_s = now
        if passed >= 0:
            self._left = min(self._burst, self._left + self._rate * passed)
        else:
            self._paused_until_s += float(passed)


def _checked(rate_per_s: float) -> Fraction:
    if not 0 < rate_per_s < math.inf:
        raise ValueError("a pace is a positive number of calls per second")
    return Fraction(rate_per_s)
