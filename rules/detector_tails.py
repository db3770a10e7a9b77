"""How improbable a count is: the tails of the negative binomial distribution, without a numerics library.

scipy has both, and takes tens of MiB to import; ``tests/benchmarks/detectors.py`` measures that, and compares.
"""

from __future__ import annotations

import math

TINY = 1e-300
STEPS = 500
CLOSE = 1e-12


def surprisal(seen: float, mean: float, dispersion: float) -> float:
    """``-log10 P(X >= seen)`` with mid-p for X of variance ``mean + dispersion * mean**2``; 0.3 is the middle.

    ``P(X >= x) = I_q(x, k)`` with ``k = 1 / dispersion`` and ``q = mean / (mean + k)``, I the regularised incomplete
    beta function (Johnson, Kemp & Kotz, Univariate Discrete Distributions, 5.6). Mid-p counts half of P(X = x), so a
    discrete count is as often above as below the middle (Lancaster 1961).
    """
    shape, share = 1 / dispersion, mean * dispersion / (1 + mean * dispersion)
    upper = _log_beta_share(share, seen, shape) if seen > 0 else 0.0
    return -_less_half(upper, _log_mass(seen, shape, share)) / math.log(10)


def scarcity(seen: float, mean: float, dispersion: float) -> float:
    """``-log10 P(X <= seen)`` with mid-p, of the same distribution: how improbable it is that there are so few."""
    shape, share = 1 / dispersion, mean * dispersion / (1 + mean * dispersion)
    lower = _log_beta_share(1 - share, shape, seen + 1)
    return -_less_half(lower, _log_mass(seen, shape, share)) / math.log(10)


def _less_half(log_tail: float, log_mass: float) -> float:
    """The logarithm of a tail without half of its first term."""
    return log_tail + math.log1p(-0.5 * min(1.0, math.exp(min(0.0, log_mass - log_tail))))


def _log_mass(seen: float, shape: float, share: float) -> float:
    """The logarithm of P(X = seen)."""
    ways = math.lgamma(seen + shape) - math.lgamma(seen + 1) - math.lgamma(shape)
    return ways + seen * math.log(share) + shape * math.log1p(-share)


def _log_beta_share(x: float, a: float, b: float) -> float:
    """The logarithm of I_x(a, b), by the continued fraction on the side where it converges quickly (DLMF 8.17.22)."""
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return front + math.log(_fraction(x, a, b) / a)
    return math.log(max(TINY, -math.expm1(front + math.log(_fraction(1 - x, b, a) / b))))


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (DLMF 3.10(iii))."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            found *= c * d
        if abs(c * d - 1) < CLOSE:
            break
    return found


def _not_zero(number: float) -> float:
    return number if abs(number) > TINY else TINY
