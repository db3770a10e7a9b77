"""TikHub, TikTok-Creator API: who a shop creator's account is, and what it may do. Needs the account's cookie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.payload import amount, ident, tally, text, truth
from daemon.providers.tikhub import another, first, nothing, present
from daemon.providers.tikhub_shop import shop_route
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_PERMISSION = Metric("shop_permission", Subject.ACCOUNT, Unit.STATE, "it has this permission", ("permission",))
_METRICS = (
    Metric("shop_account_official", Subject.ACCOUNT, Unit.STATE, "it is the official account of a shop"),
    Metric("shop_user_type", Subject.ACCOUNT, Unit.COUNT, "kind of account; its codes are undocumented"),
    Metric("shop_permissions", Subject.ACCOUNT, Unit.COUNT, "permissions that the account has"),
    _PERMISSION,
)
_WORDS = {"handle": "user_name", "nickname": "nick_name", "region": "register_region_id", "partner": "partner_name"}


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the account's kind and one series a permission: a permission that was taken away has no series.

    Where the answer does not list all, those that it had are unknown.
    """
    data = first(pages)
    uid = ident(data.get("tt_uid"))
    if not uid and not ident(data.get("user_id")):
        return Failure(Reason.BAD_PAYLOAD, "the answer names no account")
    if uid and asked.uid not in ("", uid):
        return another("account")
    listed = data.get("permission_list")
    values = {
        ("shop_account_official", NO_LABELS): truth(data.get("shop_account_official")),
        ("shop_user_type", NO_LABELS): amount(data.get("user_type")),
        ("shop_permissions", NO_LABELS): tally({*map(ident, listed)}) if isinstance(listed, list) else None,
        **present(_PERMISSION, listed, asked),
    }
    words = {word: text(data.get(key)) for word, key in _WORDS.items()}
    return Reading(values, (Record("shop_account", "account", words),), payload=data)


CREATOR_ACCOUNT = replace(
    shop_route(
        "get_creator_account_info",
        Subject.ACCOUNT,
        (),
        nothing,
        freshness="current",
        cadence=Every(timedelta(hours=24)),
        metrics=_METRICS,
        read=read,
    ),
    recalls=frozenset({_PERMISSION.name}),
)
