"""A cookie is watched like everything else: it is valid, suspect or expired. Pure, but for the key of a digest.

A refused call may be billed (HTTP 200 without data), so from the first refusal on only one line of the account asks,
the cheapest, and ever less often; the first acceptance lets all others resume. An answer without data may also mean
that there is none, so a line that was contradicted once is believed again only when it brought numbers.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from daemon.kept import keep
from daemon.providers.endpoint import Endpoint
from rules.values import Subject

Line = tuple[str, str]
"""The key of a target, and the name of an endpoint that is asked about it."""

SECOND_LOOK = timedelta(minutes=2)
"""After the first refusal: long enough for a slip of the provider to pass (own choice)."""

PROBES = (timedelta(hours=1), timedelta(hours=2), timedelta(hours=4), timedelta(hours=6))
"""The waits between the probes of an expired cookie; the last is repeated (own choice: four calls a day at most)."""


class Validity(StrEnum):
    """What is thought of a cookie: it works, it was refused once, or it was refused twice and its owner is to act."""

    VALID = "valid"
    SUSPECT = "suspect"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class CookieState:
    """Where a cookie stands. ``since`` is when that began (None: from the start).

    ``failures`` counts the refusals that were believed. ``next_probe`` is when it may be tried again; None while it is
    valid.
    """

    state: Validity
    since: datetime | None = None
    failures: int = 0
    next_probe: datetime | None = None


FRESH = CookieState(Validity.VALID)
"""A cookie of which nothing bad is known."""


def after(cookie: CookieState, accepted: bool, at: datetime) -> CookieState:
    """What is thought of the cookie after a call that was made at ``at``; the same object where nothing changed.

    Refusals before the next probe is due say nothing new: those calls were under way at the first refusal.
    """
    if accepted:
        return cookie if cookie.next_probe is None else CookieState(Validity.VALID, at)
    if cookie.next_probe is None:
        return CookieState(Validity.SUSPECT, at, 1, at + SECOND_LOOK)
    if at < cookie.next_probe:
        return cookie
    since = cookie.since if cookie.state is Validity.EXPIRED else at
    wait = PROBES[min(cookie.failures, len(PROBES)) - 1]
    return CookieState(Validity.EXPIRED, since, cookie.failures + 1, at + wait)


def changed(cookie: CookieState, at: datetime) -> CookieState:
    """Another cookie came in its place: try it at once, and if it is refused as well, begin with short waits again."""
    return cookie if cookie.next_probe is None else replace(cookie, failures=1, next_probe=at)


def may_ask(cookie: CookieState, is_probe: bool, at: datetime) -> bool:
    """Whether a line may use the cookie now; ``is_probe`` says that the line alone tries it while it is refused."""
    return cookie.next_probe is None or (is_probe and at >= cookie.next_probe)


def probing_order(endpoint: Endpoint) -> tuple[bool, Decimal, bool, bool, timedelta, str]:
    """Sorts the endpoints that need a cookie, the one by which it is best probed first.

    One about the account, for videos come and go; of these the cheapest call, that names nobody else, of one page, that
    is asked most often anyway. With TikHub that comes to ``get_account_health_status`` and ``fetch_author_diagnosis``.
    """
    about_video, about_others = endpoint.subject is not Subject.ACCOUNT, len(endpoint.needs) > 1
    return about_video, endpoint.cost_usd, about_others, endpoint.more is not None, endpoint.interval, endpoint.name


class Fingerprints:
    """Tells whether a cookie is another than before, and keeps nothing of it.

    Only digests are kept, in memory, under a key that ends with the process: they fit no stored or copied cookie.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._digests: dict[str, bytes] = {}

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make the cookies that are compared with those of now."""
        keep(undo, self, "_digests")

    def changed(self, target: str, secret_text: str) -> bool:
        """Whether the target's cookie is another than at the last call; at the first one it is not."""
        digest = hmac.digest(self._key, secret_text.encode("utf-8", "surrogatepass"), "sha256")
        before, self._digests[target] = self._digests.get(target, digest), digest
        return not hmac.compare_digest(before, digest)
