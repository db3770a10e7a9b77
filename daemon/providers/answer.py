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


@dataclass(frozen=True, slots=True)
class Failure:
    """There are no numbers, and why.

    ``detail`` is a sentence of our own making for the operator; it never quotes the provider, whose messages echo keys.
    ``retry_after_s`` is the provider's own wish, in seconds. ``billed`` says whether the request that ended so is on
    the bill; None where that cannot be told from here (then ``daemon.policy`` says what to count).
    """

    reason: Reason
    detail: str
    retry_after_s: float | None = None
    billed: bool | None = None


SeriesKey = tuple[str, Labels]
"""A metric's name and the labels of one of its series."""


@dataclass(frozen=True, slots=True)
class Found:
    """A video that an answer names as one of the account's. ``created`` is when it was published, None if unknown.

    ``private``: the answer says that only some can see it.
    """

    video_id: str
    created: datetime | None = None
    title: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Videos:
    """Which videos an answer says there are: those ``found`` and, if ``since`` is a time, no other since then."""

    found: tuple[Found, ...]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """Who an account says it is: its stable ids, and the handle it has now. "" where the answer does not tell."""

    uid: str = ""
    sec_uid: str = ""
    handle: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one answer for one target.

    ``values`` maps series to number; None is *asked and not known* (absent field, sentinel, hidden). Its keys are the
    whole of what exists: a series of an earlier reading of the same endpoint that is not here has ended (a violation
    record that was struck). ``payload`` is what is kept as evidence: the answer without its envelope. ``videos`` and
    ``ids`` are what a list or a profile says besides, None where it says nothing of it.
    """

    values: Mapping[SeriesKey, float | None]
    records: tuple[Record, ...] = ()
    payload: object = None
    videos: Videos | None = None
    ids: Ids | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call is about, as ``read`` needs it.

    ``last`` holds the numbers of the newest answer that the endpoint ``recalls`` of this target, None where that did
    not know them (none at first sight); ``options`` are the target's own settings (``health_scheme``,
    ``content_category``, ``product_id``, and ``verticals``, separated by commas). ``uid``, ``sec_uid``, ``handle`` and
    ``video_id`` are "" where unknown.
    """

    target_key: str
    at: datetime
    uid: str = ""
    handle: str = ""
    video_id: str = ""
    sec_uid: str = ""
    last: Mapping[SeriesKey, float | None] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)

    def unknown(self, *metrics: str, **labels: str) -> dict[SeriesKey, float | None]:
        """Return the last series of these metrics with these labels, as unknown: so says an answer without their list.

        A series that is left out has ended, and what is not said has not.
        """
        return {
            (metric, own): None
            for metric, own in self.last
            if metric in metrics and labels.items() <= dict(own).items()
        }
