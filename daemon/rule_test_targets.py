"""Whom a test of rules is about: who stands in the configuration or in the test, or somebody plain."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from daemon.blame import Blame
from daemon.config import Access, Config
from daemon.config_models import AccountModel, VideoModel
from daemon.config_targets import EVERYBODY, Watched, Written, watched_accounts, watched_videos
from daemon.config_terms import staff
from daemon.marked import Where
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Endpoint, Platform, Provider
from daemon.rule_test_models import CaseModel
from daemon.rule_test_notation import Named
from daemon.watchlist import DAEMON, Watchlist, cookie_key, provider_key
from rules.values import Subject, Target

PLAIN_ACCOUNT, PLAIN_VIDEO = "test", "1"
"""The ids of those that a series is about which does not say whose it is."""

ENDPOINT_OF: Mapping[str, Endpoint] = {
    metric.name: endpoint for endpoint in ENDPOINTS.values() for metric in endpoint.metrics
}
"""The endpoint that yields a metric; what the daemon says itself is not among them."""

_UNREACHABLE = Access("", "", rate_per_s=1.0, timeout_s=1.0, in_flight=1)
"""How a provider is reached that the configuration does not name: nobody asks it."""

_Entry = TypeVar("_Entry", AccountModel, VideoModel)


class Targets:
    """All targets that a test, which stands at ``where``, can speak of."""

    def __init__(self, blame: Blame, where: Where, model: CaseModel, config: Config) -> None:
        self._blame, self._where, self._config = blame, where, config
        self._staff = staff(config.channels, config.telling.routes.clients)
        self._own = self._described(model)
        self._plain: dict[str, Watched] = {}
        self._known = self._all()

    def of(self, where: Where, series: Named) -> str | None:
        """The key of the target that a series is about; None where there is none such, which is blamed."""
        subject, endpoint = series.metric.subject, ENDPOINT_OF.get(series.metric.name)
        if not series.whose:
            return self._default(subject, endpoint)
        named = self.matched(where, series.whose, subject)
        on = [key for key in named if endpoint is not None and self._known[key].platform == endpoint.platform] or named
        if len(on) > 1:
            self._blame.add(where, f"`{series.whose}` may be {' or '.join(on)}: name it by that")
        return on[0] if len(on) == 1 else None

    def matched(self, where: Where, name: str, subject: Subject | None = None) -> list[str]:
        """The keys of the targets (of a kind) that are meant by a name; that there are none is blamed."""
        known = [key for key, each in self._known.items() if subject in (None, each.subject)]
        found = [key for key in known if is_named(key, name)]
        if not found:
            self._blame.unknown(where, subject or "target", name, {_id(key) for key in known})
        return found

    def involved(self, keys: Collection[str]) -> Mapping[str, Target]:
        """These targets, with their accounts, and all that belongs to those."""
        accounts = {self._known[key].account for key in keys} - {""}
        return {key: each for key, each in self._known.items() if key in keys or each.account in accounts}

    def _described(self, model: CaseModel) -> list[Watched]:
        """The accounts and videos that only this test knows; its videos may be of accounts of the configuration."""
        owners = {**self._config.owners, EVERYBODY: self._staff}
        accounts = watched_accounts(self._written(AccountModel, "accounts", model.accounts), None, owners)
        known = {
            (Platform(each.target.platform), _id(each.target.key)): each
            for each in self._config.targets
            if each.target.subject is Subject.ACCOUNT
        }
        videos = self._written(VideoModel, "videos", model.videos)
        return [*accounts.values(), *watched_videos(videos, {**known, **accounts}, owners, lambda _id: False)]

    def _written(self, shape: type[_Entry], section: str, values: list[Any]) -> Iterator[Written[_Entry]]:
        for where, model in self._blame.items(shape, (*self._where, section), values):
            yield Written(model, f"line {self._blame.mark(where).line}", partial(self._blame_key, where))

    def _blame_key(self, where: Where, key: str, text: str) -> None:
        self._blame.add((*where, key), text)

    def _all(self) -> Mapping[str, Target]:
        watched = {each.target.key: each for each in (*self._config.targets, *self._own)} | self._plain
        providers = {**dict.fromkeys(Provider, _UNREACHABLE), **self._config.providers}
        config = replace(self._config, targets=tuple(watched.values()), providers=providers)
        return Watchlist(config, providers).targets()

    def _default(self, subject: Subject, endpoint: Endpoint | None) -> str:
        """The only one that the test describes, else a plain one."""
        if subject is Subject.DAEMON:
            return DAEMON
        if subject is Subject.PROVIDER:
            return provider_key(endpoint.provider if endpoint else Provider.TIKHUB)
        wanted = Subject.VIDEO if subject is Subject.VIDEO else Subject.ACCOUNT
        own = [each.target.key for each in self._own if each.target.subject is wanted]
        platform = endpoint.platform if endpoint else None
        key = own[0] if len(own) == 1 else self._add_plain(wanted, platform or Platform.TIKTOK)
        return cookie_key(key) if subject is Subject.COOKIE else key

    def _add_plain(self, subject: Subject, platform: Platform) -> str:
        plain = _plain(platform, self._staff)
        if any(each.target.key not in self._known for each in plain):
            self._plain |= {each.target.key: each for each in plain}
            self._known = self._all()
        return next(each.target.key for each in plain if each.target.subject is subject)


def is_named(key: str, name: str) -> bool:
    """Whether a target (its key) is meant by ``name``: its key, or the id at its end; "" means any."""
    return not name or name == key or key.endswith(f"/{name}")


def _id(key: str) -> str:
    return key.rpartition("/")[2]


def _plain(platform: Platform, channels: tuple[str, ...]) -> tuple[Watched, ...]:
    """An account with a cookie, and its video, of which nothing else is known."""
    account = AccountModel(platform=platform, id=PLAIN_ACCOUNT, cookie="${COOKIE}")
    video = VideoModel(platform=platform, id=PLAIN_VIDEO, account=PLAIN_ACCOUNT)
    owners = {EVERYBODY: channels}
    accounts = watched_accounts([Written(account, "", lambda _key, _text: None)], None, owners)
    videos = watched_videos([Written(video, "", lambda _key, _text: None)], accounts, owners, lambda _id: False)
    return (*accounts.values(), *videos)
