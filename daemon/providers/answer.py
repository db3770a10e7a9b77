"""What a provider's answer comes to: a reading, or a failure with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rules.values import Labels, Record


class Reason(StrEnum):
    """Why there are no numbers. The value is also the label ``outcome`` of the metrics."""

    TIMEOUT = "timeout"
    NETWORK = "network"
    AUTH = "auth"
    COOKIE = "cookie"
    BALANCE = "balance"
    SCOPE = "scope"
    RATE_LIMITED = "rate_limited"
    NOT_FOUND = "not_found"
    CLIENT = "client"
    SERVER = "server"
    BAD_PAYLOAD = "bad_payload"
    EMPTY = "empty"
    WRONG_IDENTITY = "wrong_identity"
    BLOCKED = "blocked"


class Blames(StrEnum):
    """Who has to act on a failure, and so whose blindness it is."""

    PROVIDER = "provider"
    COOKIE = "cookie"
    TARGET = "target"


BLAME: Mapping[Reason, Blames] = {
    Reason.TIMEOUT: Blames.PROVIDER,
    Reason.NETWORK: Blames.PROVIDER,
    Reason.AUTH: Blames.PROVIDER,
    Reason.BALANCE: Blames.PROVIDER,
    Reason.SCOPE: Blames.PROVIDER,
    Reason.RATE_LIMITED: Blames.PROVIDER,
    Reason.SERVER: Blames.PROVIDER,
    Reason.BLOCKED: Blames.PROVIDER,
    Reason.COOKIE: Blames.COOKIE,
    Reason.NOT_FOUND: Blames.TARGET,
    Reason.CLIENT: Blames.TARGET,
    Reason.BAD_PAYLOAD: Blames.TARGET,
    Reason.EMPTY: Blames.TARGET,
    Reason.WRONG_IDENTITY: Blames.TARGET,
}
"""An EMPTY answer of an endpoint that needs a cookie is turned into COOKIE by ``daemon.fetch``: that is how an expired
cookie shows (providers' behaviour: HTTP 200, no data, billed)."""

RETRIED = frozenset({Reason.NETWORK, Reason.RATE_LIMITED, Reason.SERVER})
"""Failures worth asking again for before the regular interval is over. A timeout is not: it may have been billed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """There are no numbers, and why.

    ``detail`` is a sentence of our own making for the operator; it never quotes the provider, whose messages echo keys.
    ``retry_after_s`` is the provider's own wish, in seconds.
    """

    reason: Reason
    detail: str
    retry_after_s: float | None = None


SeriesKey = tuple[str, Labels]
"""A metric's name and the labels of one of its series."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one answer for one target.

    ``values`` maps series to number; None is *asked and not known* (absent field, sentinel, hidden). Its keys are the
    whole of what exists: a series of an earlier reading of the same endpoint that is not here has ended (a violation
    record that was struck). ``payload`` is what is kept as evidence: the answer without its envelope.
    """

    values: Mapping[SeriesKey, float | None]
    records: tuple[Record, ...] = ()
    payload: object = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call is about, as ``read`` needs it.

    ``last`` holds the newest known numbers that the endpoint ``recalls`` of this target (none at first sight);
    ``options`` are the target's own settings (``health_scheme``, ``content_category``). ``uid``, ``handle`` and
    ``video_id`` are "" where the configuration does not give them.
    """

    target_key: str
    at: datetime
    uid: str = ""
    handle: str = ""
    video_id: str = ""
    last: Mapping[SeriesKey, float] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
