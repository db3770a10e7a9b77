"""TikHub: the public profiles of TikTok and Douyin accounts: who an account is, and its followers. Needs no cookie.

A private account shows 0 followers and a banned one nothing to rely on, so neither has numbers. The web routes of
TikTok round their counters and are not used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Ids, Reading, Reason
from daemon.providers.endpoint import Ask, Endpoint, Need, Page, Parameter, Platform, Provider, Read, Request
from daemon.providers.payload import amount, flag, ident, number, table
from daemon.providers.tikhub import BASE_USD, another, first
from rules.values import NO_LABELS, Metric, Subject, Unit

_Fields = Mapping[str, Metric]
_PARAMETERS: Mapping[Need, tuple[str, str]] = {
    Need.UID: ("user_id", "the account's numeric id"),
    Need.SEC_UID: ("sec_user_id", 'the account\'s long id ("MS4w...")'),
    Need.HANDLE: ("unique_id", "the account's handle, without @"),
}
"""The ways to name an account, the surest first: a handle can change hands."""


def _count(name: str, meaning: str, *, total: bool = False) -> Metric:
    return Metric(name, Subject.ACCOUNT, Unit.COUNT, meaning, total=total)


_TIKTOK: _Fields = {
    "follower_count": _count("tiktok_follower_count", "followers, exact, as the app shows them", total=True),
    "following_count": _count("tiktok_following_count", "accounts that it follows"),
    "aweme_count": _count("tiktok_video_count", "public videos"),
    "total_favorited": _count("tiktok_like_count", "likes of all videos together", total=True),
}
_DOUYIN: _Fields = {
    "follower_count": _count("douyin_follower_count", "followers, exact", total=True),
    "max_follower_count": _count("douyin_follower_max", "followers, the platform's max_follower_count", total=True),
    "mplatform_followers_count": _count("douyin_follower_count_all_apps", "followers on all apps together", total=True),
    "following_count": _count("douyin_following_count", "accounts it follows"),
    "aweme_count": _count("douyin_work_count", "works it shows"),
    "total_favorited": _count("douyin_like_count", "likes of all works together", total=True),
}


# --- reading ---------------------------------------------------------------------------------------------------------


def _user(pages: Sequence[object], asked: Asked) -> Mapping[str, object] | Failure:
    """Return the account of the answer, if it is the one asked for."""
    user = table(first(pages).get("user"))
    ids = _ids(user)
    if not ids.uid:
        return Failure(Reason.BAD_PAYLOAD, "the answer names no account")
    if _is_another(ids, asked):
        return another("account")
    return user


def _ids(user: Mapping[str, object]) -> Ids:
    return Ids(ident(user.get("uid")), ident(user.get("sec_uid")), ident(user.get("unique_id")))


def _is_another(ids: Ids, asked: Asked) -> bool:
    """Compare by the surest id that both know; by the handle, whatever its case, only before an id is known."""
    for wanted, own in ((asked.uid, ids.uid), (asked.sec_uid, ids.sec_uid)):
        if wanted and own:
            return wanted != own
    return not ids.handle or ids.handle.lower() != asked.handle.lower()


def _reader(fields: _Fields) -> Read:
    def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
        user = _user(pages, asked)
        if isinstance(user, Failure):
            return user
        doubt = _doubt(user, fields, asked)
        if doubt is not None:
            return doubt
        values = {(metric.name, NO_LABELS): amount(user.get(field)) for field, metric in fields.items()}
        return Reading(values, payload=user, ids=_ids(user))

    return read


def _doubt(user: Mapping[str, object], fields: _Fields, asked: Asked) -> Failure | None:
    followers = number(user.get("follower_count"))
    if followers is None:
        return Failure(Reason.BAD_PAYLOAD, "the answer lacks the follower count")
    if any(flag(user.get(mark)) for mark in ("secret", "is_ban")):
        return Failure(Reason.EMPTY, "the account is private or banned: its counters are hidden")
    hints = [asked.last.get((fields["follower_count"].name, NO_LABELS))]
    hints += [amount(user.get(field)) for field in ("max_follower_count", "total_favorited")]
    if followers == 0 and any(hints):
        return Failure(Reason.EMPTY, "0 followers cannot be true: the platform held the number back")
    return None


def _read_ids(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return who has the handle asked for; the counters beside that belong to the series of the other profile."""
    user = _user(pages, asked)
    return user if isinstance(user, Failure) else Reading({}, payload=user, ids=_ids(user))


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask(path: str, ways: Sequence[Need]) -> Ask:
    """Return the ask of a route that takes one way to name the account: the first of ``ways`` that is known."""

    def ask(asked: Sequence[Asked], _cookie: str, _page: Page) -> Request:
        one = asked[0]
        known = {Need.UID: one.uid, Need.SEC_UID: one.sec_uid, Need.HANDLE: one.handle}
        way = next((way for way in ways if known[way]), ways[-1])
        return Request("GET", path, {_PARAMETERS[way][0]: known[way]})

    return ask


def _profile(name: str, platform: Platform, route: str, ways: Sequence[Need], read: Read, fields: _Fields) -> Endpoint:
    path = f"/api/v1/{route}"
    return Endpoint(
        name=name,
        provider=Provider.TIKHUB,
        platform=platform,
        subject=Subject.ACCOUNT,
        method="GET",
        path=path,
        parameters=tuple(Parameter(*_PARAMETERS[way], required=len(ways) == 1) for way in ways),
        needs=frozenset(ways if len(ways) == 1 else ()),
        any_of=frozenset(ways if len(ways) > 1 else ()),
        cost_usd=BASE_USD,
        freshness="current" if fields else "current; tells the ids, no numbers",
        cadence=Every(timedelta(hours=3), alerted=timedelta(hours=1)),
        metrics=tuple(fields.values()),
        ask=_ask(path, ways),
        read=read,
        tells_ids=True,
        recalls=frozenset({fields["follower_count"].name} if fields else ()),
    )


TIKTOK_PROFILE = _profile(
    "tiktok_handler_user_profile",
    Platform.TIKTOK,
    "tiktok/app/v3/handler_user_profile",
    (Need.UID, Need.SEC_UID, Need.HANDLE),
    _reader(_TIKTOK),
    _TIKTOK,
)
DOUYIN_PROFILE = _profile(
    "douyin_handler_user_profile",
    Platform.DOUYIN,
    "douyin/web/handler_user_profile",
    (Need.SEC_UID,),
    _reader(_DOUYIN),
    _DOUYIN,
)
DOUYIN_IDS = _profile(
    "douyin_handler_user_profile_v2",
    Platform.DOUYIN,
    "douyin/web/handler_user_profile_v2",
    (Need.HANDLE,),
    _read_ids,
    {},
)
"""Asked, turn by turn, until an answer tells the ids of a handle; then nothing more is wanted of it."""
