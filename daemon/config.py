"""The configuration: from a YAML file to values, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from daemon import channels
from daemon.complaints import complaints, quoted
from daemon.config_models import (
    AccountModel,
    Address,
    ChannelModel,
    EndpointModel,
    FileModel,
    ProviderModel,
    VideoModel,
)
from daemon.marked import Problem, Tree, Where, parse, read
from daemon.providers.endpoint import Platform, Provider
from daemon.secrets import Unresolved, plain_password, plain_token, resolve
from rules.book import RuleBook, RuleModel, build_book
from rules.expression import did_you_mean
from rules.values import Metric, Subject, Target

_HINTED = 100  # so many problems; from then on no account is sought that was meant: among 10,000 it takes 20 ms
_BASE_URLS = {Provider.TIKHUB: "https://api.tikhub.io", Provider.KEYAPI: "https://api.keyapi.ai"}


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider is reached. ``token`` is a reference for ``daemon.secrets.resolve``."""

    base_url: str
    token: str
    rate_per_s: float
    timeout_s: float
    in_flight: int


@dataclass(frozen=True, slots=True)
class Override:
    """What replaces an endpoint's defaults; None leaves one as it is."""

    interval: timedelta | None
    rate_per_s: float | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A target, and what its endpoints need to ask about it. "" is "not given".

    ``cookie`` is a reference for ``daemon.secrets.resolve``. A video has the uid and handle of its account.
    """

    target: Target
    uid: str
    handle: str
    video_id: str
    cookie: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without faults. ``notes`` say what is off and why; files are relative to ``base``.

    ``channels`` maps names to URLs that may hold references; those resolved when the file was read. ``providers`` has
    the ones that are configured, whether or not their token is there.
    """

    base: Path
    database: Path
    listen: Address
    providers: Mapping[Provider, Access]
    overrides: Mapping[str, Override]
    targets: tuple[Watched, ...]
    channels: Mapping[str, str]
    book: RuleBook
    notes: tuple[str, ...]


def load(
    path: Path, env: Mapping[str, str], metrics: Mapping[str, Metric], endpoints: Collection[str]
) -> Config | list[Problem]:
    """The configuration in ``path``, or all its problems in the order of the file.

    ``metrics`` and ``endpoints`` are what rules and overrides may name. Takes a second more when a channel needs
    apprise's plugins.
    """
    text = read(path)
    tree = text if isinstance(text, Problem) else parse(text)
    if isinstance(tree, Problem):
        return [tree]
    return _Reading(tree, path.parent, env).config(metrics, endpoints)


_Model = TypeVar("_Model", bound=BaseModel)


class _Reading:
    """One pass over a file, collecting problems instead of stopping at the first."""

    def __init__(self, tree: Tree, base: Path, env: Mapping[str, str]) -> None:
        self._tree, self._base, self._env = tree, base, env
        self._problems = set(tree.problems)
        self._notes: list[str] = []
        self._lost: set[str] = set()  # sections that could not be read: nobody is told that their entries are missing

    def config(self, metrics: Mapping[str, Metric], endpoints: Collection[str]) -> Config | list[Problem]:
        if self._tree.value is None:
            self._blame((), "the file is empty")
            return sorted(self._problems)
        file = self._model(FileModel, (), self._tree.value)
        if file is None or not isinstance(self._tree.value, dict):
            return sorted(self._problems)
        self._lost = {name for name, raw in self._tree.value.items() if raw and not getattr(file, name, True)}
        providers = dict(self._providers(file))
        accounts = self._accounts(file)
        config = Config(
            base=self._base,
            database=Path(file.database),
            listen=file.listen,
            providers=providers,
            overrides=dict(self._overrides(file, endpoints)),
            targets=(*accounts.values(), *self._videos(file, accounts)),
            channels=dict(self._channels(file)),
            book=self._book(file, metrics),
            notes=tuple(self._notes),
        )
        return sorted(self._problems) or config

    # --- reading one part -------------------------------------------------------------------------------------------

    def _blame(self, where: Where, text: str, *, offset: int | None = None, at_key: bool = False) -> None:
        mark = self._tree.key_mark(where) if at_key else self._tree.mark(where, offset)
        printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
        self._problems.add(Problem(mark.line, mark.column, printable))

    def _model(self, model: type[_Model], where: Where, value: object) -> _Model | None:
        """``value`` as a ``model``; with faults, what is left without the faulty parts, so that more faults show."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            faults = list(complaints(error, model, value, where))
        for fault in faults:
            self._blame(fault.where, fault.text, at_key=fault.at_key)
        try:
            return model.model_validate(_without(value, [fault.where[len(where) :] for fault in faults]))
        except ValidationError:
            return None

    def _items(self, model: type[_Model], section: str, values: list[Any]) -> Iterator[tuple[Where, _Model]]:
        for position, value in enumerate(values):
            entry = self._model(model, (section, position), value)
            if entry is not None:
                yield (section, position), entry

    def _entries(self, model: type[_Model], section: str, values: Mapping[str, Any]) -> Iterator[tuple[str, _Model]]:
        for name, value in values.items():
            entry = self._model(model, (section, name), value)
            if entry is not None:
                yield name, entry

    # --- providers, endpoints, channels -----------------------------------------------------------------------------

    def _providers(self, file: FileModel) -> Iterator[tuple[Provider, Access]]:
        known = self._known(file.providers, "providers", "provider", list(Provider))
        for name, model in self._entries(ProviderModel, "providers", known):
            base_url = model.base_url or _BASE_URLS[Provider(name)]
            self._note(model.token, f"{name} is off")
            yield (
                Provider(name),
                Access(base_url, model.token, model.rate_per_s, model.timeout.total_seconds(), model.in_flight),
            )

    def _overrides(self, file: FileModel, endpoints: Collection[str]) -> Iterator[tuple[str, Override]]:
        known = self._known(file.endpoints, "endpoints", "endpoint", endpoints)
        for name, model in self._entries(EndpointModel, "endpoints", known):
            yield name, Override(model.interval, model.rate_per_s)

    def _channels(self, file: FileModel) -> Iterator[tuple[str, str]]:
        for name, model in self._entries(ChannelModel, "channels", file.channels):
            for fault in self._channel_faults(model.url):
                self._blame(("channels", name, "url"), fault)
            yield name, model.url

    def _channel_faults(self, url: str) -> Iterator[str]:
        found = resolve(url, self._env, self._base)
        if isinstance(found, Unresolved):
            yield found.text
        else:
            yield from filter(None, [channels.problem_with(found.reveal()) or plain_token(url)])
        yield from filter(None, [plain_password(url)])

    def _known(self, section: Mapping[str, Any], path: str, what: str, known: Collection[str]) -> Mapping[str, Any]:
        for name in section.keys() - set(known):
            near = did_you_mean(name, frozenset(known)) or f"; known are {', '.join(sorted(known))}"
            self._blame((path, name), f"unknown {what}{quoted(name)}{near}", at_key=True)
        return {name: value for name, value in section.items() if name in known}

    def _note(self, ref: str, consequence: str) -> None:
        """Note a secret that is not there (yet): that is no fault of the file."""
        found = resolve(ref, self._env, self._base)
        if isinstance(found, Unresolved):
            self._notes.append(f"{consequence}: {found.text}")

    # --- targets ----------------------------------------------------------------------------------------------------

    def _accounts(self, file: FileModel) -> Mapping[tuple[Platform, str], Watched]:
        accounts: dict[tuple[Platform, str], Watched] = {}
        for where, model in self._items(AccountModel, "accounts", file.accounts):
            if (model.platform, model.id) in accounts:
                self._blame((*where, "id"), f"{model.platform} account `{model.id}` stands above already")
            watched = _account(model)
            if model.cookie:
                self._note(model.cookie, f"{watched.target.key} has no cookie")
            accounts.setdefault((model.platform, model.id), watched)
        return accounts

    def _videos(self, file: FileModel, accounts: Mapping[tuple[Platform, str], Watched]) -> Iterator[Watched]:
        ids = {id_ for _, id_ in accounts}
        unread = {str(value.get("id")) for value in file.accounts if isinstance(value, dict)} - ids
        seen = set()
        for where, model in self._items(VideoModel, "videos", file.videos):
            if (model.platform, model.id) in seen:
                self._blame((*where, "id"), f"{model.platform} video `{model.id}` stands above already")
            seen.add((model.platform, model.id))
            account = accounts.get((model.platform, model.account))
            if model.account and account is None and model.account not in unread and "accounts" not in self._lost:
                self._blame((*where, "account"), self._no_account(model, accounts))
            yield _video(model, account)

    def _no_account(self, video: VideoModel, accounts: Collection[tuple[Platform, str]]) -> str:
        text = f"there is no {video.platform} account `{video.account[:40]}`"
        for platform in Platform:
            if (platform, video.account) in accounts:
                return f"{text}, but a {platform} one"
        if len(self._problems) >= _HINTED:
            return text
        return text + did_you_mean(video.account, frozenset(id_ for on, id_ in accounts if on is video.platform))

    # --- rules ------------------------------------------------------------------------------------------------------

    def _book(self, file: FileModel, metrics: Mapping[str, Metric]) -> RuleBook:
        written = list(self._items(RuleModel, "rules", file.rules))
        built = build_book([model for _, model in written], metrics, list(file.channels))
        if isinstance(built, RuleBook):
            return built
        for fault in built:
            if fault.where[1] == "to" and "channels" in self._lost:
                continue
            where, _ = written[int(fault.where[0])]
            self._blame((*where, *fault.where[1:]), fault.text, offset=fault.offset)
        return RuleBook(())


def _account(model: AccountModel) -> Watched:
    target = Target(
        key=f"{model.platform}/account/{model.id}",
        subject=Subject.ACCOUNT,
        name=model.name or model.handle or model.id,
        platform=model.platform.value,
        owner=model.owner,
        tags=tuple(model.tags),
        link=_account_link(model),
    )
    return Watched(target, model.uid, model.handle, "", model.cookie, {"health_scheme": model.health_scheme.value})


def _account_link(model: AccountModel) -> str:
    if model.platform is Platform.TIKTOK:
        return f"https://www.tiktok.com/@{model.handle}" if model.handle else ""
    return f"https://www.douyin.com/user/{model.id}" if model.id.startswith("MS4wLjAB") else ""  # a Douyin sec id


def _video(model: VideoModel, account: Watched | None) -> Watched:
    owner, tags = (account.target.owner, account.target.tags) if account else ("", ())
    uid, handle = (account.uid, account.handle) if account else ("", "")
    linked = model.platform is Platform.TIKTOK and handle
    target = Target(
        key=f"{model.platform}/video/{model.id}",
        subject=Subject.VIDEO,
        name=model.name or model.id,
        platform=model.platform.value,
        owner=owner if model.owner is None else model.owner,
        tags=tags if model.tags is None else tuple(model.tags),
        link=f"https://www.tiktok.com/@{handle}/video/{model.id}" if linked else "",
    )
    return Watched(target, uid, handle, model.id, "", {"content_category": model.content_category.value})


def _without(value: Any, places: Collection[Where]) -> Any:  # noqa: ANN401 - what the YAML held
    """A copy of ``value`` without the parts at ``places``; a list loses no single item, so that positions stay true."""
    below: dict[str | int, list[Where]] = {}
    for place in filter(None, places):
        below.setdefault(place[0], []).append(place[1:])
    if not isinstance(value, dict) or not below:
        return value
    return {
        key: _without(part, below.get(key, ()))
        for key, part in value.items()
        if key not in below or (isinstance(part, dict) and all(below[key]))
    }
