"""What follows from each class of "no answer": when to ask again, what it may have cost, whose it is, who is told.

Pure: one table, and the sum that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from daemon.providers.answer import Blames, Failure, Reason

STOPPED_PROBE = timedelta(minutes=15)
"""While only a person can mend it, the provider (or the route) is left alone for so long at a time (own choice)."""


class Retry(StrEnum):
    """When to ask again, earlier than the regular turn or later. ``daemon.schedule`` has the times."""

    SOON = "soon"
    """It passes by itself and costs nothing: several times, each after a longer wait."""
    ONCE = "once"
    """A second look soon tells a slip from a fact; then the regular turn."""
    REGULAR = "regular"
    """A second look soon would say the same, and may be billed."""
    STOPPED = "stopped"
    """Only a person can mend it: a second look too, and all else waits for ``STOPPED_PROBE`` (``daemon.poll``)."""


class Billed(StrEnum):
    """Whether such an answer is on the bill, where the answer itself does not tell (``Failure.billed``)."""

    NO = "no"
    YES = "yes"
    POSSIBLY = "possibly"


class Recipient(StrEnum):
    """Who can do something about it: who runs the daemon, or whose account or video it is."""

    OPERATOR = "operator"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows from one reason. ``blames`` says whose state it changes: the provider's, cookie's or target's."""

    retry: Retry
    billed: Billed
    blames: Blames
    tells: Recipient


POLICY: Mapping[Reason, Policy] = {
    # Sent, and perhaps answered after we had gone: may be billed, so not at once again.
    Reason.TIMEOUT: Policy(Retry.ONCE, Billed.POSSIBLY, Blames.PROVIDER, Recipient.OPERATOR),
    # Mostly no connection at all; one that broke while the answer came may be billed.
    Reason.NETWORK: Policy(Retry.SOON, Billed.POSSIBLY, Blames.PROVIDER, Recipient.OPERATOR),
    Reason.RATE_LIMITED: Policy(Retry.SOON, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    Reason.SERVER: Policy(Retry.SOON, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    Reason.AUTH: Policy(Retry.STOPPED, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    Reason.BALANCE: Policy(Retry.STOPPED, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    # A key may be refused on one route and accepted on the next, so it is the route that stops.
    Reason.SCOPE: Policy(Retry.STOPPED, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    Reason.BLOCKED: Policy(Retry.ONCE, Billed.NO, Blames.PROVIDER, Recipient.OPERATOR),
    # 401 and 428 are free, an answer without data is billed. ``daemon.cookies`` says when the cookie is tried again.
    Reason.COOKIE: Policy(Retry.REGULAR, Billed.POSSIBLY, Blames.COOKIE, Recipient.OWNER),
    # A 404 is free, the platform's own code inside an HTTP 200 is not.
    Reason.NOT_FOUND: Policy(Retry.ONCE, Billed.POSSIBLY, Blames.TARGET, Recipient.OWNER),
    Reason.CLIENT: Policy(Retry.ONCE, Billed.NO, Blames.TARGET, Recipient.OPERATOR),
    Reason.BAD_PAYLOAD: Policy(Retry.ONCE, Billed.YES, Blames.TARGET, Recipient.OPERATOR),
    # Not collected yet: in five minutes that is no different.
    Reason.EMPTY: Policy(Retry.REGULAR, Billed.YES, Blames.TARGET, Recipient.OPERATOR),
    Reason.WRONG_IDENTITY: Policy(Retry.ONCE, Billed.YES, Blames.TARGET, Recipient.OPERATOR),
}
"""Every reason, once. EMPTY and AUTH as answers to a cookie may come as COOKIE (``daemon.standings``)."""


def cost_of(failure: Failure | None, cost_usd: Decimal, calls: int) -> Decimal:
    """The most that a call may have cost, in USD: ``calls`` requests (pages) were sent, and the last ended so.

    ``failure`` is None for a success. The pages before a failure were answered, so they are billed in any case.
    """
    return cost_usd * max(0, calls - _is_free(failure))


def _is_free(failure: Failure | None) -> bool:
    if failure is None:
        return False
    if failure.billed is not None:
        return not failure.billed
    return POLICY[failure.reason].billed is Billed.NO
