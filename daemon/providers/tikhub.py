"""What all TikHub routes have in common.

Prices are list prices before the daily volume discount (provider's price list); only HTTP 200 is billed, whatever the
body then holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from daemon.cadence import Cadence
from daemon.providers.answer import Asked, Failure, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Parameter, Platform, Provider, Read, Request
from daemon.providers.payload import ident, sequence, table
from rules.values import Metric, Subject

BASE_USD = Decimal("0.001")
"""The price of one call of most routes."""

MOST_TOGETHER = 10
"""How many videos one call names, where a route takes several: no limit is documented (own choice)."""

COOKIE = Parameter("cookie", "the whole cookie header of a browser that is logged in to the account")

Body = Callable[[Sequence[Asked], Page], Mapping[str, object]]
"""(the targets of a call, the page) -> what is asked of a route, without the cookie."""


def nothing(_asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    """Return the body of a route that wants the cookie alone."""
    return {}


# --- answers ---------------------------------------------------------------------------------------------------------


def first(pages: Sequence[object]) -> Mapping[str, object]:
    """Return the object that the first page is, or an empty one."""
    return table(pages[0]) if pages else {}


def present(metric: Metric, listed: object, asked: Asked) -> dict[SeriesKey, float | None]:
    """Return a series of 1 for each name in a list; where that may lack some, the last ones beside them are unknown.

    The endpoint ``recalls`` the metric.
    """
    names = set(map(ident, sequence(listed)))
    is_whole = isinstance(listed, list) and "" not in names
    values = {} if is_whole else asked.unknown(metric.name)
    return values | {(metric.name, ((metric.labels[0], name),)): 1.0 for name in sorted(names - {""})}


def whole(pages: Sequence[object]) -> object:
    """Return what is kept of the pages of one answer: the page itself where there is one."""
    return pages[0] if len(pages) == 1 else list(pages)


def lacks(what: str) -> Failure:
    """Return the failure of an answer without what its document says it holds."""
    return Failure(Reason.BAD_PAYLOAD, f"the answer holds no {what}")


def another(what: str) -> Failure:
    """Return the failure of an answer about another account or video."""
    return Failure(Reason.WRONG_IDENTITY, f"the answer is about another {what} than the one asked for")


# --- routes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CookieApi:
    """An API whose routes lie below one root, and each of which wants the cookie of an account."""

    platform: Platform
    root: str

    def route(
        self,
        name: str,
        subject: Subject,
        parameters: tuple[Parameter, ...],
        body: Body,
        *,
        freshness: str,
        cadence: Cadence,
        metrics: tuple[Metric, ...],
        read: Read,
    ) -> Endpoint:
        """Return a route of it. ``parameters`` and ``body`` are without the cookie.

        The proxy parameter is left out: it would hand the account's session to a third party. An answer about a video
        proves nothing of whether it can be seen: its numbers lag, and some are about a product besides.
        """
        path = self.root + name

        def ask(asked: Sequence[Asked], cookie: str, page: Page) -> Request:
            return Request("POST", path, {}, {"cookie": cookie, **body(asked, page)})

        return Endpoint(
            name=name,
            provider=Provider.TIKHUB,
            platform=self.platform,
            subject=subject,
            method="POST",
            path=path,
            parameters=(COOKIE, *parameters),
            needs=frozenset({Need.COOKIE, Need.VIDEO_ID} if subject is Subject.VIDEO else {Need.COOKIE}),
            cost_usd=BASE_USD,
            freshness=freshness,
            cadence=cadence,
            metrics=metrics,
            ask=ask,
            read=read,
            tells_absence=subject is Subject.ACCOUNT,
        )
