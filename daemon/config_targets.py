"""Accounts and videos: from what is written about them to what is watched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Generic, TypeVar

from daemon.complaints import understand
from daemon.config_models import AccountModel, ContentCategory, DiscoverModel, VideoModel
from daemon.marked import Problem
from daemon.providers.endpoint import Platform
from daemon.roster import Row
from rules.spelling import did_you_mean
from rules.values import Subject, Target

_HINTED = 100  # so many videos without their account; then none is sought that was meant: among 10,000 it takes 20 ms
_SEC_UID = "MS4wLjAB"
"""How the sec uids of both platforms begin."""


@dataclass(frozen=True, slots=True)
class Discover:
    """Which videos of an account are watched without being named: the newest ``at_most``, ``newer_than`` of age."""

    newer_than: timedelta = timedelta(days=30)
    at_most: int = 200


@dataclass(frozen=True, slots=True)
class Watched:
    """A target, and what its endpoints need to ask about it. "" is "not given".

    ``cookie`` is a reference for ``daemon.secrets.resolve``. A video has the ids, handle and cookie of its account, and
    that account's target key in ``account``. ``discover`` is None where only named videos are watched. ``options``
    always hold ``content_category`` and, for accounts, ``health_scheme``; ``product_id`` and ``verticals`` (separated
    by commas) where they are given.
    """

    target: Target
    uid: str
    handle: str
    video_id: str
    cookie: str
    options: Mapping[str, str]
    sec_uid: str = ""
    account: str = ""
    discover: Discover | None = None


EVERYBODY = ""
"""Whoever has no channels of his own, in a table of owners: all channels, so that nothing is told to nobody."""

_Model = TypeVar("_Model", AccountModel, VideoModel)
Accounts = dict[tuple[Platform, str], Watched]


@dataclass(frozen=True, slots=True)
class Written(Generic[_Model]):
    """An account or video as it stands at ``place``; ``blame`` says that something is wrong with one of its keys."""

    model: _Model
    place: str
    blame: Callable[[str, str], None]


def written_accounts(rows: Iterable[Row], note: Callable[[Problem], None]) -> Iterator[Written[AccountModel]]:
    """The accounts of a roster; ``note`` is told what is wrong with them. A cookie in plain hides all else of its row.

    For a cookie has the separators of a table in it, so any cell of the row may hold a part.
    """
    for row in rows:
        model, faults = understand(AccountModel, row.account, ())
        plain = [fault for fault in faults if fault.where[:1] == ("cookie",)]
        for fault in plain or faults:
            note(row.problem(str(fault.where[0]) if fault.where else "", fault.text))
        if model is not None and not plain:
            yield Written(model, row.place, partial(_blame, row, note))


def written_videos(rows: Iterable[Row], note: Callable[[Problem], None]) -> Iterator[Written[VideoModel]]:
    """The videos of a roster's accounts, likewise."""
    for row in rows:
        for video_id in row.videos:
            entry = {"platform": row.account.get("platform"), "id": video_id, "account": row.account.get("id")}
            model, faults = understand(VideoModel, entry, ())
            for fault in faults:
                if fault.where == ("id",):
                    note(row.problem("videos", fault.text))
            if model is not None:
                yield Written(model, row.place, partial(_blame_videos, row, note))


def _blame(row: Row, note: Callable[[Problem], None], key: str, text: str) -> None:
    note(row.problem(key, text))


def _blame_videos(row: Row, note: Callable[[Problem], None], _key: str, text: str) -> None:
    note(row.problem("videos", text))


def watched_accounts(
    written: Iterable[Written[AccountModel]], common: Discover | None, owners: Mapping[str, tuple[str, ...]]
) -> Accounts:
    """The accounts by platform and id; ``common`` is the file's own ``discover``, ``owners`` have their channels."""
    accounts: Accounts = {}
    places: dict[tuple[Platform, str], str] = {}
    for each in written:
        model, key = each.model, (each.model.platform, each.model.id)
        if key in places:
            each.blame("id", f"{model.platform} account `{model.id}` already stands at {places[key]}")
        else:
            accounts[key], places[key] = _account(model, common, owners), each.place
    return accounts


def watched_videos(
    written: Iterable[Written[VideoModel]],
    accounts: Accounts,
    owners: Mapping[str, tuple[str, ...]],
    is_unread: Callable[[str], bool],
) -> Iterator[Watched]:
    """The videos, with what they have of their accounts; one that is missing since it could not be read is no fault."""
    places: dict[tuple[Platform, str], str] = {}
    astray = 0
    for each in written:
        model = each.model
        account = accounts.get((model.platform, model.account))
        if model.account and account is None and not is_unread(model.account):
            astray += 1
            each.blame("account", _no_account(model, accounts, is_hinted=astray <= _HINTED))
        key = (model.platform, model.id)
        if key in places:
            each.blame("id", f"{model.platform} video `{model.id}` already stands at {places[key]}")
        places.setdefault(key, each.place)
        yield _video(model, account, owners)


def discovered_video(account: Watched, video_id: str, title: str) -> Watched:
    """A video that an answer named as one of the account's, watched as if the file named it below that account."""
    name = " ".join("".join(filter(str.isprintable, word)) for word in title.split())[:200]
    model = VideoModel.model_construct(platform=Platform(account.target.platform), id=video_id, name=name)
    return _video(model, account, {account.target.owner: account.target.channels, EVERYBODY: account.target.channels})


def identified(watched: Watched, uid: str, sec_uid: str, handle: str) -> Watched:
    """An account or its video with the ids that an answer told, where the file gives none, and the handle of now."""
    uid, sec_uid, handle = watched.uid or uid, watched.sec_uid or sec_uid, handle or watched.handle
    return _linked(replace(watched, uid=uid, sec_uid=sec_uid, handle=handle))


def discover_of(own: DiscoverModel | bool | None, common: Discover | None) -> Discover | None:
    """What an entry's ``discover`` comes to: nothing said is ``common``; what it leaves out is common's, or usual."""
    if own is None or own is False:
        return common if own is None else None
    base = common or Discover()
    return base if own is True else Discover(own.newer_than or base.newer_than, own.at_most or base.at_most)


def _no_account(video: VideoModel, accounts: Accounts, *, is_hinted: bool) -> str:
    text = f"there is no {video.platform} account `{video.account[:40]}`"
    for platform in Platform:
        if (platform, video.account) in accounts:
            return f"{text}, but a {platform} one"
    if not is_hinted:
        return text
    return text + did_you_mean(video.account, frozenset(id_ for on, id_ in accounts if on is video.platform))


def _account(model: AccountModel, common: Discover | None, owners: Mapping[str, tuple[str, ...]]) -> Watched:
    target = Target(
        key=f"{model.platform}/account/{model.id}",
        subject=Subject.ACCOUNT,
        name=model.name or model.handle or model.id,
        platform=model.platform.value,
        owner=model.owner,
        tags=tuple(model.tags),
        channels=owners.get(model.owner, owners.get(EVERYBODY, ())),
        account=f"{model.platform}/account/{model.id}",
    )
    account = Watched(
        target=target,
        uid=model.uid,
        handle=model.handle,
        video_id="",
        cookie=model.cookie,
        options=_options(model),
        sec_uid=model.sec_uid or (model.id if model.id.startswith(_SEC_UID) else ""),
        discover=discover_of(model.discover, common),
    )
    return _linked(account)


def _options(model: AccountModel) -> Mapping[str, str]:
    options = {"health_scheme": model.health_scheme.value, "content_category": model.content_category.value}
    return options | ({"verticals": ",".join(model.verticals)} if model.verticals else {})


def _linked(watched: Watched) -> Watched:
    return replace(watched, target=replace(watched.target, link=_link(watched)))


def _link(watched: Watched) -> str:
    if watched.target.platform == Platform.TIKTOK:
        video = f"/video/{watched.video_id}" if watched.video_id else ""
        return f"https://www.tiktok.com/@{watched.handle}{video}" if watched.handle else ""
    return f"https://www.douyin.com/user/{watched.sec_uid}" if watched.sec_uid and not watched.video_id else ""


def _video(model: VideoModel, account: Watched | None, owners: Mapping[str, tuple[str, ...]]) -> Watched:
    base = account or _NOBODY
    owner = base.target.owner if model.owner is None else model.owner
    target = Target(
        key=f"{model.platform}/video/{model.id}",
        subject=Subject.VIDEO,
        name=model.name or model.id,
        platform=model.platform.value,
        owner=owner,
        tags=base.target.tags if model.tags is None else tuple(model.tags),
        channels=owners.get(owner, owners.get(EVERYBODY, ())),
        account=base.target.key,
    )
    category = model.content_category or base.options["content_category"]
    options = {"content_category": str(category)} | ({"product_id": model.product} if model.product else {})
    video = replace(base, target=target, video_id=model.id, options=options, account=base.target.key, discover=None)
    return _linked(video)


_NOBODY = Watched(
    Target("", Subject.ACCOUNT, "", ""), "", "", "", "", {"content_category": ContentCategory.DEFAULT.value}
)
"""The account of a video that stands alone."""
