"""TikHub, TikTok-Creator API: who a shop creator's account is, and what it may do. Needs the account's cookie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Platform, Provider
from daemon.providers.payload import amount, flag, ident, sequence, state, table, text
from daemon.providers.tikhub import BASE_USD, COOKIE, ask_with_cookie
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_METRICS = (
    Metric("shop_account_official", Subject.ACCOUNT, Unit.STATE, "it is the official account of a shop"),
    Metric("shop_user_type", Subject.ACCOUNT, Unit.COUNT, "kind of account; its codes are undocumented"),
    Metric("shop_permissions", Subject.ACCOUNT, Unit.COUNT, "permissions that the account has"),
    Metric("shop_permission", Subject.ACCOUNT, Unit.STATE, "it has this permission", ("permission",)),
)
_WORDS = {"handle": "user_name", "nickname": "nick_name", "region": "register_region_id", "partner": "partner_name"}


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the account's kind and one series a permission: a permission that was taken away has no series."""
    data = table(pages[0]) if pages else {}
    uid = ident(data.get("tt_uid"))
    if not uid and not ident(data.get("user_id")):
        return Failure(Reason.BAD_PAYLOAD, "the answer names no account")
    if uid and asked.uid not in ("", uid):
        return Failure(Reason.WRONG_IDENTITY, "the answer is about another account than the one asked for")
    values: dict[SeriesKey, float | None] = {
        ("shop_account_official", NO_LABELS): state(flag(data.get("shop_account_official"))),
        ("shop_user_type", NO_LABELS): amount(data.get("user_type")),
    }
    words = {word: text(data.get(key)) for word, key in _WORDS.items()}
    return Reading(values | dict(_permissions(data)), (Record("shop_account", "account", words),), payload=data)


def _permissions(data: Mapping[str, object]) -> Iterator[tuple[SeriesKey, float | None]]:
    listed = data.get("permission_list")
    names = {ident(one) for one in sequence(listed)}
    known = isinstance(listed, list) and "" not in names
    yield ("shop_permissions", NO_LABELS), float(len(names)) if known else None
    for name in sorted(names - {""}):
        yield ("shop_permission", (("permission", name),)), 1.0


_PATH = "/api/v1/tiktok/creator/get_creator_account_info"

CREATOR_ACCOUNT = Endpoint(
    name="get_creator_account_info",
    provider=Provider.TIKHUB,
    platform=Platform.TIKTOK,
    subject=Subject.ACCOUNT,
    method="POST",
    path=_PATH,
    parameters=(COOKIE,),
    needs=frozenset({Need.COOKIE}),
    cost_usd=BASE_USD,
    freshness="current",
    cadence=Every(timedelta(hours=24)),
    metrics=_METRICS,
    ask=ask_with_cookie(_PATH),
    read=read,
)
