"""What all TikHub routes have in common.

Prices are list prices before the daily volume discount (provider's price list); only HTTP 200 is billed, whatever the
body then holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from daemon.providers.answer import Asked
from daemon.providers.endpoint import Ask, Page, Parameter, Request

BASE_USD = Decimal("0.001")
"""The price of one call of most routes."""

COOKIE = Parameter("cookie", "the whole cookie header of a browser that is logged in to the account")


def whole(pages: Sequence[object]) -> object:
    """Return what is kept of the pages of one answer: the page itself where there is one."""
    return pages[0] if len(pages) == 1 else list(pages)


def ask_with_cookie(path: str) -> Ask:
    """Return the ask of a POST route that wants nothing but the cookie.

    The proxy parameter is left out: it would hand the account's session to a third party.
    """

    def ask(_asked: Sequence[Asked], cookie: str, _page: Page) -> Request:
        return Request("POST", path, {}, {"cookie": cookie})

    return ask
