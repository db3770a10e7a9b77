"""TikHub: what it says of itself and of the key: balance, expiry, scopes, and a free answer to be judged by.

The answer about the key holds an e-mail address and the key's name; neither is kept (provider's answer, not in its
documents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Page, Provider, Read, Request
from daemon.providers.payload import amount, inner, state, table, text
from daemon.providers.tikhub import first, present
from rules.values import NO_LABELS, Metric, Subject, Unit

_PRIVATE = frozenset({"api_key_name", "email"})
_SCOPE = Metric(
    "key_scope", Subject.PROVIDER, Unit.STATE, "the API key may be used for routes that begin so", ("scope",)
)
_KEY = (
    Metric("balance_usd", Subject.PROVIDER, Unit.COUNT, "US dollars left to spend, free credit included"),
    Metric("key_active", Subject.PROVIDER, Unit.STATE, "the API key is active"),
    Metric("key_expires_at", Subject.PROVIDER, Unit.TIMESTAMP, "when the API key expires; none if it does not"),
    _SCOPE,
)
_CANARY = (
    Metric(
        "canary_ok", Subject.PROVIDER, Unit.STATE, "the free demo answer has the form and the numbers that it should"
    ),
    Metric("canary_follower_count", Subject.PROVIDER, Unit.COUNT, "followers of the demo's account", total=True),
)
_ROUNDING = 0.1
"""The exact count and the rounded one beside it differ by at most this share of the exact one."""


# --- the key ---------------------------------------------------------------------------------------------------------


def read_user(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return what is left to spend, how long the key is good for, and for what: unknown where no list says it."""
    data = first(pages)
    key, user = table(data.get("api_key_data")), table(data.get("user_data"))
    if not key or not user:
        return Failure(Reason.BAD_PAYLOAD, "the answer holds nothing of the key or of the account")
    balance, credit = amount(user.get("balance")), amount(user.get("free_credit"))
    status = amount(key.get("api_key_status"))
    values: dict[SeriesKey, float | None] = {
        ("balance_usd", NO_LABELS): None if balance is None or credit is None else balance + credit,
        ("key_active", NO_LABELS): state(None if status is None else status == 1),
    }
    if key.get("expires_at", "") is not None:  # null is never, and a field that is missing says nothing
        values["key_expires_at", NO_LABELS] = _moment_s(key.get("expires_at"))
    values |= present(_SCOPE, key.get("api_key_scopes"), asked)
    return Reading(values, payload={"api_key_data": _public(key), "user_data": _public(user)})


def _public(fields: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in fields.items() if name not in _PRIVATE}


def _moment_s(value: object) -> float | None:
    """Return the seconds since 1970 of an ISO time. Its zone is not documented: UTC is the earliest that it can be."""
    try:
        time = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


# --- the canary ------------------------------------------------------------------------------------------------------


def read_canary(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return whether the answer about the demo's account can be read: its exact count agrees with the rounded one."""
    user = table(first(pages).get("userInfo"))
    exact, rounded = (amount(inner(user, path)) for path in ("statsV2.followerCount", "stats.followerCount"))
    agree = exact and rounded is not None and abs(exact - rounded) <= _ROUNDING * exact
    values = {("canary_ok", NO_LABELS): float(bool(agree)), ("canary_follower_count", NO_LABELS): exact}
    return Reading(values, payload=user)


# --- the endpoints ---------------------------------------------------------------------------------------------------


def _service(
    name: str,
    path: str,
    cost: str,
    every: timedelta,
    freshness: str,
    metrics: tuple[Metric, ...],
    read: Read,
    needs: frozenset[Need] = frozenset(),
) -> Endpoint:
    def ask(_asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
        return Request("GET", path, {})

    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=None,
        subject=Subject.PROVIDER,
        method="GET",
        path=path,
        parameters=(),
        needs=needs,
        cost_usd=Decimal(cost),
        freshness=freshness,
        cadence=Every(every),
        metrics=metrics,
        ask=ask,
        read=read,
        vital=True,
    )


USER_INFO = replace(
    _service(
        "get_user_info",
        "/api/v1/tikhub/user/get_user_info",
        "0.001",
        timedelta(hours=1),
        "current",
        _KEY,
        read_user,
    ),
    recalls=frozenset({_SCOPE.name}),
)
CANARY = _service(
    "canary",
    "/api/v1/demo/tiktok/web/fetch_user_profile",
    "0",
    timedelta(minutes=15),
    "up to an hour old; free",
    _CANARY,
    read_canary,
    frozenset({Need.CANARY}),
)
