"""Who is watched now: the configured targets, and what was learned since: their ids, and their accounts' videos.

Besides those that the file names there is a target for each account's cookie, for each provider, and for the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from daemon.config import Config, Watched
from daemon.config_targets import discovered_video, identified
from daemon.providers.answer import Asked, SeriesKey, Videos
from daemon.providers.endpoint import Provider
from daemon.secrets import Secret, Unresolved
from daemon.snowflake import created_of
from rules.values import Subject, Target
from storage.records import Discovered, Identity

T = TypeVar("T")
Cookies = Callable[[Watched], Secret | Unresolved | None]
"""A target's cookie as it is now: None if it has none, Unresolved if its reference leads nowhere."""

OWN_CANARY = "own"
"""The canary of a provider whose probe has a subject of its own."""

PROVIDER_NAMES = {Provider.TIKHUB: "TikHub", Provider.KEYAPI: "KeyAPI"}

DAEMON = "daemon"
"""The key of the target that stands for the daemon itself."""


def provider_key(provider: Provider) -> str:
    """The key of the target that stands for a provider."""
    return f"provider/{provider}"


def cookie_key(account: str) -> str:
    """The key of the target that stands for the cookie of an account, by the account's key."""
    return account.replace(f"/{Subject.ACCOUNT}/", f"/{Subject.COOKIE}/", 1)


class Watchlist:
    """The targets by key. It changes on the writer's thread only; any thread may look."""

    def __init__(self, config: Config, providers: Iterable[Provider]) -> None:
        own = [_daemon(config), *(_provider(provider, config) for provider in providers)]
        targets = [*config.targets, *_cookies(config.targets), *own]
        self._configured = {watched.target.key: watched for watched in targets}
        self._watched: dict[str, Watched] = dict(self._configured)
        self._created: dict[str, datetime] = {}
        self._videos: dict[str, dict[str, str]] = {}
        self._named: Mapping[str, Collection[str]] = {}

    def __getitem__(self, key: str) -> Watched:
        return self._watched[key]

    def __contains__(self, key: str) -> bool:
        return key in self._watched

    def __iter__(self) -> Iterator[Watched]:
        return iter(list(self._watched.values()))

    def of(self, accounts: Collection[str] | None) -> list[Watched]:
        """These accounts with their cookies and videos; None: every target."""
        return [each for key, each in self._watched.items() if accounts is None or (each.account or key) in accounts]

    def targets(self) -> Mapping[str, Target]:
        """Every target by its key."""
        return {key: watched.target for key, watched in self._watched.items()}

    def videos(self, account: str) -> Mapping[str, str]:
        """The keys of an account's videos, by video id."""
        return self._videos.get(account, {})

    def named(self, account: str) -> Collection[str]:
        """The ids of all videos that lists ever named as the account's, watched or not."""
        return self._named.get(account, ())

    def created(self, key: str) -> datetime | None:
        """When a video was published, of an account when its newest known video was; None if unknown."""
        return self._created.get(key)

    def births(self, keys: Iterable[str]) -> Mapping[str, datetime]:
        """When videos among these targets were published, as far as that is known."""
        videos = [key for key in keys if key in self and self[key].target.subject is Subject.VIDEO]
        return {key: born for key in videos if (born := self.created(key)) is not None}

    def newest(self, key: str, named: Videos | None, at: datetime) -> datetime | None:
        """As ``created``, with the videos that an answer about the account has just named."""
        found = () if named is None else named.found
        times = (self.created(key), *(video.created or created_of(video.video_id, at) for video in found))
        return max((each for each in times if each is not None), default=None)

    def renew(
        self,
        identities: Mapping[str, Identity],
        discovered: Sequence[Discovered],
        at: datetime,
        accounts: Collection[str] | None = None,
    ) -> None:
        """Take in what was learned: ids for accounts that lack them, and videos that are young enough to be watched.

        ``accounts`` are those of which something was, and of which ``discovered`` tells; None: all.
        """
        stays = {} if accounts is None else {k: v for k, v in self._watched.items() if (v.account or k) not in accounts}
        known = {
            key: _identified(watched, identities.get(watched.account or key))
            for key, watched in self._configured.items()
            if key not in stays
        }
        times: dict[str, datetime] = {}
        by_account = _by_account(discovered)
        for account, videos in by_account.items():
            for video in _wanted(known.get(account), videos, at):
                new = discovered_video(known[account], video.video_id, video.title)
                if new.target.key not in stays:
                    known.setdefault(new.target.key, new)
                if video.created is not None:
                    times[new.target.key] = video.created
        named = {account: {video.video_id for video in videos} for account, videos in by_account.items()}
        created, keys = _index(known, times, at)
        self._watched = stays | known
        self._named = _only(self._named, stays) | named
        self._created, self._videos = _only(self._created, stays) | created, _only(self._videos, stays) | keys


def _only(table: Mapping[str, T], keys: Container[str]) -> dict[str, T]:
    return {key: each for key, each in table.items() if key in keys}


def _index(
    watched: Mapping[str, Watched], times: Mapping[str, datetime], at: datetime
) -> tuple[dict[str, datetime], dict[str, dict[str, str]]]:
    """When videos were published, and the newest of each account; the keys of an account's videos by their ids."""
    created: dict[str, datetime] = {}
    videos: dict[str, dict[str, str]] = {}
    for key, each in watched.items():
        if each.target.subject is not Subject.VIDEO:
            continue
        published = times.get(key) or created_of(each.video_id, at)
        if published is not None:
            created[key] = published
        if each.account:
            videos.setdefault(each.account, {})[each.video_id] = key
        if each.account and published is not None:
            created[each.account] = max(published, created.get(each.account, published))
    return created, videos


def asked_about(watched: Watched, at: datetime, last: Mapping[SeriesKey, float | None]) -> Asked:
    """What a call about a target is told; ``last`` are the newest numbers that its endpoint recalls."""
    return Asked(
        target_key=watched.target.key,
        at=at,
        uid=watched.uid,
        sec_uid=watched.sec_uid,
        handle=watched.handle,
        video_id=watched.video_id,
        last=last,
        options=watched.options,
    )


def _provider(provider: Provider, config: Config) -> Watched:
    key, name = provider_key(provider), PROVIDER_NAMES[provider]
    target = Target(key, Subject.PROVIDER, name, "", channels=tuple(config.channels))
    canary = config.providers[provider].canary
    options = {} if canary is None else {"canary": canary or OWN_CANARY}
    return Watched(target, uid="", handle="", video_id="", cookie="", options=options)


def _daemon(config: Config) -> Watched:
    target = Target(DAEMON, Subject.DAEMON, "creatorwatch", "", channels=tuple(config.channels))
    return Watched(target, uid="", handle="", video_id="", cookie="", options={})


def _cookies(targets: Iterable[Watched]) -> Iterator[Watched]:
    """What stands for the cookies of accounts: named, looked after and told of as their accounts are."""
    for account in targets:
        if account.cookie and not account.account:
            target = replace(account.target, key=cookie_key(account.target.key), subject=Subject.COOKIE)
            yield replace(account, target=target, account=account.target.key, discover=None)


def _identified(watched: Watched, identity: Identity | None) -> Watched:
    return watched if identity is None else identified(watched, identity.uid, identity.sec_uid, identity.handle)


def _by_account(discovered: Iterable[Discovered]) -> Mapping[str, list[Discovered]]:
    found: dict[str, list[Discovered]] = {}
    for video in discovered:
        found.setdefault(video.account, []).append(video)
    return found


def _wanted(account: Watched | None, videos: Iterable[Discovered], at: datetime) -> Sequence[Discovered]:
    """The account's newest videos, as many and as young as its ``discover`` says."""
    if account is None or account.discover is None:
        return ()
    published = {video: video.created or created_of(video.video_id, at) or video.found for video in videos}
    young = [video for video, created in published.items() if at - created <= account.discover.newer_than]
    return sorted(young, key=published.__getitem__, reverse=True)[: account.discover.at_most]
