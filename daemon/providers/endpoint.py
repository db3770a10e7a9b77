"""The shape in which a provider's file declares an endpoint. All of it is pure: values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from daemon.cadence import Cadence
from daemon.providers.answer import Asked, Failure, Reading
from rules.values import Metric, Subject


class Provider(StrEnum):
    """A company whose API is asked, with a key and a balance of its own."""

    TIKHUB = "tikhub"
    KEYAPI = "keyapi"


class Platform(StrEnum):
    """Where the account or video lives."""

    TIKTOK = "tiktok"
    DOUYIN = "douyin"


class Need(StrEnum):
    """What a target must have for an endpoint to be asked about it."""

    COOKIE = "cookie"
    UID = "uid"
    SEC_UID = "sec_uid"
    HANDLE = "handle"
    VIDEO_ID = "video_id"
    PRODUCT = "product"
    VERTICALS = "verticals"
    CANARY = "canary"


class Form(StrEnum):
    """How an answer is written."""

    JSON = "json"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One documented parameter of an endpoint."""

    name: str
    meaning: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP call, without host and key: those belong to ``daemon.fetch``.

    ``json`` may hold a cookie, so neither this value nor its parts are ever logged; ``repr`` hides it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    json: Mapping[str, object] | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Page(NamedTuple):
    """Which page of a list is asked for, counted from 1, and the opened payload of the page before it (None: none).

    ``part`` says of which list, counted from 1, where an answer is made of several, one after the other.
    """

    number: int
    before: object = None
    part: int = 1


Ask = Callable[[Sequence[Asked], str, Page], Request]
"""(the targets of this call, the cookie or "", the page) -> the request."""

Read = Callable[[Sequence[object], Asked], Reading | Failure]
"""(the opened payloads of all pages, whom they are about) -> numbers or a failure. Never raises on any JSON value."""

More = Callable[[object], bool]
"""(the payload of one page) -> whether another page of the same list follows."""

Parts = Callable[[datetime], int]
"""(when it is asked) -> of how many lists the answer is made."""


def one_list(_at: datetime) -> int:
    """Return 1: of most lists there is one."""
    return 1


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of a provider: what to ask, what it costs, what it yields.

    ``platform`` is None where the targets are on none. A target must have all that the call ``needs``, and at least one
    of ``any_of``, where that is not empty.
    ``cost_usd`` is the list price of one call (of one page, where there are several); ``cadence`` says when it is
    asked again; ``batch`` how many targets one call may name; ``freshness`` says in words how old its numbers can be,
    and ``measured`` which instant the numbers polled at a time describe, where that is known not to be the poll.
    ``recalls`` names the metrics whose last numbers ``read`` wants to know. A metric about videos, of an endpoint about
    accounts, has one series a video: its label ``video`` holds the video's id, and is no label for rules on videos.
    ``vital``: the last to be spared when money runs short. ``lists_videos``: its readings say which videos there are,
    of the past so long; ``tells_ids``: they say who an account is.
    ``tells_absence``: an answer without data means that the target cannot be seen, not that it was not collected yet.
    """

    name: str
    provider: Provider
    platform: Platform | None
    subject: Subject
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    needs: frozenset[Need]
    cost_usd: Decimal
    freshness: str
    cadence: Cadence
    metrics: tuple[Metric, ...]
    ask: Ask
    read: Read
    more: More | None = None
    parts: Parts = one_list
    measured: Callable[[datetime], datetime] | None = None
    recalls: frozenset[str] = frozenset()
    any_of: frozenset[Need] = frozenset()
    batch: int = 1
    tells_absence: bool = True
    vital: bool = False
    lists_videos: timedelta | None = None
    tells_ids: bool = False
    form: Form = Form.JSON

    @property
    def interval(self) -> timedelta:
        """The usual time between two polls of one target."""
        return self.cadence.usual

    def after(self, page: Page, payload: object, at: datetime) -> Page | None:
        """Return the page that follows one that was asked for at ``at`` and held ``payload``; None at the end."""
        if self.more is not None and self.more(payload):
            return Page(page.number + 1, payload, page.part)
        return Page(1, None, page.part + 1) if page.part < self.parts(at) else None
