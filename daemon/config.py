"""The configuration: from a YAML file to values, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from daemon.blame import Blame
from daemon.budget import Limits
from daemon.config_models import (
    AccountModel,
    Address,
    BudgetModel,
    ChannelModel,
    EndpointModel,
    FileModel,
    GuardModel,
    LinksModel,
    ProviderModel,
    TemplateModel,
    VideoModel,
)
from daemon.config_notes import hints
from daemon.config_routes import RouteReading
from daemon.config_sources import BASE_URLS, Access, Override
from daemon.config_targets import (
    EVERYBODY,
    Discover,
    Watched,
    Written,
    discover_of,
    watched_accounts,
    watched_videos,
    written_accounts,
    written_videos,
)
from daemon.config_terms import Terms, clients_of, keep_from_clients, staff, terms
from daemon.config_voices import TemplateReading, missing, url_faults, voice
from daemon.dashboards import read_dashboard
from daemon.envfile import environment
from daemon.guard import Guard
from daemon.links import key_fault
from daemon.marked import Problem, Tree, Where, parse, read
from daemon.providers import RECORDS
from daemon.providers.endpoint import Endpoint, Provider
from daemon.roster import Row, read_roster
from daemon.scribe import Letterhead, Voice
from daemon.secrets import Unresolved, resolve
from daemon.sources import Sources, Stamps
from daemon.workbook import Unreadable
from rules.book import OWNER, RuleBook
from rules.building import build_book
from rules.definitions import Definitions, Misdefined, define
from rules.models import RuleModel
from rules.posting import Telling
from rules.selectors import id_of
from rules.spelling import did_you_mean, quoted
from rules.values import Metric, Subject

__all__ = ["Access", "Config", "Discover", "Guard", "Override", "Watched", "load"]


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without faults. ``notes`` say what is off and why; files are relative to ``base``.

    ``channels`` maps names to URLs that may hold references; those resolved when the file was read. ``providers`` has
    the ones that are configured, whether or not their token is there. ``collect`` names the endpoints and metrics that
    are wanted, or shown by a dashboard, beside those that rules read. ``owners`` maps people to channels. ``guard`` is
    None where it is off. ``stamps`` are those of the files that it was read from, the one that names the others first;
    ``digest`` is a short name for what they held, but for the variables in ``env_file``. ``voices`` say how each
    channel is spoken to, ``letterheads`` are the templates, ``telling`` says who hears what, and when; ``zone`` is that
    of people, ``links`` how messages have links that act (None: they have none), ``terms`` what each channel bears.
    """

    stamps: Stamps
    digest: str
    base: Path
    database: Path
    env_file: str
    listen: Address
    zone: tzinfo
    providers: Mapping[Provider, Access]
    budgets: Mapping[Provider, Limits]
    overrides: Mapping[str, Override]
    collect: frozenset[str]
    targets: tuple[Watched, ...]
    channels: Mapping[str, str]
    owners: Mapping[str, tuple[str, ...]]
    links: LinksModel | None
    guard: Guard | None
    book: RuleBook
    voices: Mapping[str, Voice]
    letterheads: Mapping[str, Letterhead]
    telling: Telling
    terms: Mapping[str, Terms]
    notes: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """What it was read from, the file that names the others first."""
        return tuple(self.stamps)


def load(
    path: Path,
    env: Mapping[str, str],
    metrics: Mapping[str, Metric],
    endpoints: Mapping[str, Endpoint],
    sources: Sources | None = None,
) -> Config | list[Problem]:
    """The configuration in ``path`` and the rosters that it names, or all their problems in the order of the files.

    ``metrics`` and ``endpoints`` are what rules, overrides and ``collect`` may name. Takes a second more when a channel
    needs apprise's plugins. ``sources``, a new one, then knows what was read, whatever came of it.
    """
    sources = sources or Sources()
    text = read(path, sources.read)
    tree = text if isinstance(text, Problem) else parse(text)
    if isinstance(tree, Problem):
        return [tree]
    return _Reading(tree, path, env, sources).config(metrics, endpoints)


_Model = TypeVar("_Model", bound=BaseModel)
_Entry = TypeVar("_Entry", AccountModel, VideoModel)


class _Reading:
    """One pass over a file, collecting problems instead of stopping at the first."""

    def __init__(self, tree: Tree, path: Path, env: Mapping[str, str], sources: Sources) -> None:
        self._tree, self._name, self._base, self._env, self._sources = tree, path.name, path.parent, env, sources
        self._blame = Blame(tree)
        self._notes: list[str] = []
        self._voices: dict[str, Voice] = {}
        self._ways: dict[str, ChannelModel] = {}
        self._rules: list[tuple[Where, RuleModel]] = []
        self._lost: set[str] = set()  # sections that could not be read: nobody is told that their entries are missing

    def config(self, metrics: Mapping[str, Metric], endpoints: Mapping[str, Endpoint]) -> Config | list[Problem]:
        if self._tree.value is None:
            self._blame.add((), "the file is empty")
            return sorted(self._blame.problems)
        file = self._blame.model(FileModel, (), self._tree.value)
        if file is None or not isinstance(self._tree.value, dict):
            return sorted(self._blame.problems)
        self._lost = {name for name, raw in self._tree.value.items() if raw and not getattr(file, name, True)}
        if file.env_file:
            self._sources.note(self._base / file.env_file)
        self._env = environment(self._env, self._base, file.env_file)
        config = Config(
            stamps=self._sources.stamps,
            digest="",
            base=self._base,
            database=Path(file.database),
            env_file=file.env_file,
            listen=file.listen,
            zone=ZoneInfo(file.zone),
            providers=dict(self._providers(file)),
            budgets=dict(self._budgets(file)),
            overrides=dict(self._overrides(file, endpoints)),
            collect=self._collect(file, {*metrics, *endpoints}) | self._shown(file.dashboards, metrics),
            channels=dict(self._channels(file)),  # before the targets, which may be told of by all
            targets=self._checked(file, self._targets(file)),
            owners=_owners(file),
            links=self._links(file),
            guard=_guard(file.guard),
            book=self._book(file, metrics),
            voices=self._voices,
            letterheads=self._letterheads(file),
            telling=self._telling(file, metrics),
            terms=terms(self._ways, file.channels, self._blame),
            notes=(),
        )
        return sorted(self._blame.problems) or replace(
            config, notes=(*self._notes, *hints(config, endpoints)), digest=self._sources.digest
        )

    # --- reading one part -------------------------------------------------------------------------------------------

    def _entries(self, model: type[_Model], section: str, values: Mapping[str, Any]) -> Iterator[tuple[str, _Model]]:
        for name, value in values.items():
            entry = self._blame.model(model, (section, name), value)
            if entry is not None:
                yield name, entry

    # --- providers, endpoints, channels -----------------------------------------------------------------------------

    def _providers(self, file: FileModel) -> Iterator[tuple[Provider, Access]]:
        known = self._known(file.providers, "providers", "provider", list(Provider))
        for name, model in self._entries(ProviderModel, "providers", known):
            self._note(model.token, f"{name} is off")
            yield (
                Provider(name),
                Access(
                    base_url=model.base_url or BASE_URLS[Provider(name)],
                    token=model.token,
                    rate_per_s=model.rate_per_s,
                    timeout_s=model.timeout.total_seconds(),
                    in_flight=model.in_flight,
                    canary=self._canary(name, model.canary),
                ),
            )

    def _canary(self, provider: str, written: str | bool | None) -> str | None:
        if provider == Provider.TIKHUB:
            if isinstance(written, str):
                self._blame.add(("providers", provider, "canary"), "its free probe takes no video: write true or false")
            return None if written is False else ""
        if written is True:
            self._blame.add(
                ("providers", provider, "canary"), "its probe needs the id of a video that is known to stay"
            )
        return written if isinstance(written, str) else None

    def _budgets(self, file: FileModel) -> Iterator[tuple[Provider, Limits]]:
        known = self._known(file.budget, "budget", "provider", list(Provider))
        for name, model in self._entries(BudgetModel, "budget", known):
            yield Provider(name), Limits(model.day, model.month, model.soft)

    def _overrides(self, file: FileModel, endpoints: Collection[str]) -> Iterator[tuple[str, Override]]:
        known = self._known(file.endpoints, "endpoints", "endpoint", endpoints)
        for name, model in self._entries(EndpointModel, "endpoints", known):
            yield name, Override(model.interval, model.rate_per_s)

    def _collect(self, file: FileModel, known: Collection[str]) -> frozenset[str]:
        for position, name in enumerate(file.collect):
            if name not in known:
                near = did_you_mean(name, frozenset(known))
                self._blame.add(("collect", position), f"unknown endpoint or metric{quoted(name)}{near}")
        return frozenset(file.collect)

    def _shown(self, files: Iterable[str], metrics: Mapping[str, Metric]) -> frozenset[str]:
        found: set[str] = set()
        for position, name in enumerate(files):
            dashboard = read_dashboard(self._base / name, metrics.values(), self._sources.read)
            if isinstance(dashboard, Unreadable):
                self._blame.add(("dashboards", position), f"{name}: {dashboard.reason}")
                continue
            found |= dashboard.metrics
            self._notes += [f"{name} shows what is never exported: {each}" for each in dashboard.unknown]
        return frozenset(found)

    def _telling(self, file: FileModel, metrics: Mapping[str, Metric]) -> Telling:
        lost = "channels" in self._lost
        keep_from_clients(file.operators, self._rules, self._ways, self._blame)
        return RouteReading(file, None if lost else self._ways, metrics.values(), self._blame).telling()

    def _channels(self, file: FileModel) -> Iterator[tuple[str, str]]:
        if OWNER in file.channels:
            self._blame.add(
                ("channels", OWNER), f"`to: [{OWNER}]` means the channels of the target's owner", at_key=True
            )
        for name, model in self._entries(ChannelModel, "channels", file.channels):
            for fault in url_faults(model.url, self._env, self._base):
                self._blame.add(("channels", name, "url"), fault)
            self._check_template(("channels", name), model.template, file)
            self._voices[name] = voice(model, file.zone)
            self._ways[name] = model
            yield name, model.url

    def _letterheads(self, file: FileModel) -> Mapping[str, Letterhead]:
        reading = TemplateReading(self._base, self._sources.read)
        found = reading.letterheads(self._entries(TemplateModel, "templates", file.templates))
        self._notes += reading.notes
        for fault in reading.faults:
            if fault.elsewhere:
                self._blame.problems.add(fault.elsewhere)
            else:
                self._blame.add(fault.where, fault.text, offset=fault.offset)
        return found

    def _check_template(self, where: Where, name: str, file: FileModel) -> None:
        fault = missing(name, file.templates)
        if fault and "templates" not in self._lost:
            self._blame.add((*where, "template"), fault)

    def _links(self, file: FileModel) -> LinksModel | None:
        if file.links is not None:
            self._note(file.links.key, "messages have no links")
            for fault in filter(None, [key_fault(resolve(file.links.key, self._env, self._base))]):
                self._blame.add(("links", "key"), fault)
        return file.links

    def _known(self, section: Mapping[str, Any], path: str, what: str, known: Collection[str]) -> Mapping[str, Any]:
        for name in section.keys() - set(known):
            near = did_you_mean(name, frozenset(known)) or f"; known are {', '.join(sorted(known))}"
            self._blame.add((path, name), f"unknown {what}{quoted(name)}{near}", at_key=True)
        return {name: value for name, value in section.items() if name in known}

    def _note(self, ref: str, consequence: str) -> None:
        """Note a secret that is not there (yet): that is no fault of the file."""
        found = resolve(ref, self._env, self._base)
        if isinstance(found, Unresolved):
            self._notes.append(f"{consequence}: {found.text}")

    # --- targets ----------------------------------------------------------------------------------------------------

    def _targets(self, file: FileModel) -> tuple[Watched, ...]:
        owners = {**_owners(file), EVERYBODY: staff(file.channels, clients_of(self._ways))}
        rows = list(self._rows(file.roster))
        named = [
            *self._written(AccountModel, "accounts", file.accounts),
            *written_accounts(rows, self._blame.problems.add),
        ]
        accounts = watched_accounts(named, discover_of(file.discover, None), owners)
        for watched in accounts.values():
            if watched.cookie:
                self._note(watched.cookie, f"{watched.target.key} has no cookie")
        unread = {str(value.get("id")) for value in file.accounts if isinstance(value, dict)} - {
            id_ for _, id_ in accounts
        }
        is_lost = "accounts" in self._lost or any(problem.file for problem in self._blame.problems)
        videos = [*self._written(VideoModel, "videos", file.videos), *written_videos(rows, self._blame.problems.add)]
        return (
            *accounts.values(),
            *watched_videos(videos, accounts, owners, lambda id_: is_lost or id_ in unread),
        )

    def _written(self, model: type[_Entry], section: str, values: list[Any]) -> Iterator[Written[_Entry]]:
        for where, entry in self._blame.items(model, (section,), values):
            yield Written(entry, f"{self._name}:{self._tree.mark(where).line}", partial(self._blame_key, where))

    def _blame_key(self, where: Where, key: str, text: str) -> None:
        self._blame.add((*where, key), text)

    def _rows(self, files: Iterable[str]) -> Iterator[Row]:
        for position, name in enumerate(files):
            found = read_roster(self._base / name, self._sources.read)
            if isinstance(found, Unreadable):
                self._blame.add(("roster", position), f"{name}: {found.reason}")
                self._lost.add("accounts")
                continue
            self._blame.problems.update(found.problems)
            self._notes += found.notes
            yield from found.rows

    # --- rules ------------------------------------------------------------------------------------------------------

    def _definitions(self, file: FileModel, metrics: Mapping[str, Metric]) -> Definitions:
        written = self._tree.value.get("define") if isinstance(self._tree.value, dict) else None
        lost = [name for name in written if name not in file.define] if isinstance(written, dict) else []
        found, faults = define(file.define, file.overrides.tags, file.overrides.accounts, metrics, lost)
        for fault in faults:
            self._blame_definition(fault)
        return found

    def _blame_definition(self, fault: Misdefined) -> None:
        self._blame.add(fault.where, fault.text, offset=fault.offset, at_key=fault.offset is None)

    def _checked(self, file: FileModel, targets: tuple[Watched, ...]) -> tuple[Watched, ...]:
        """The targets, after a look for those that overrides are about: people come and go, so it is but a note."""
        accounts = frozenset(id_of(each.target.key) for each in targets if each.target.subject is Subject.ACCOUNT)
        tags = frozenset(tag for each in targets for tag in each.target.tags)
        for kind, named, known in (("account", file.overrides.accounts, accounts), ("tag", file.overrides.tags, tags)):
            strange = [name for name in named if name not in known]
            self._notes += [
                f"overrides for the {kind} {name}, which nobody has{did_you_mean(name, known)}" for name in strange
            ]
        return targets

    def _book(self, file: FileModel, metrics: Mapping[str, Metric]) -> RuleBook:
        definitions = self._definitions(file, metrics)
        self._rules += self._blame.items(RuleModel, ("rules",), file.rules)
        for where, model in self._rules:
            self._check_records(where, model.records)
            self._check_template(where, model.template, file)
        built = build_book([model for _, model in self._rules], metrics, list(file.channels), definitions)
        if isinstance(built, RuleBook):
            return built
        for fault in built:
            if isinstance(fault, Misdefined):
                self._blame_definition(fault)
            elif fault.where[1] != "to" or "channels" not in self._lost:
                where, _ = self._rules[int(fault.where[0])]
                self._blame.add((*where, *fault.where[1:]), fault.text, offset=fault.offset)
        return RuleBook(())

    def _check_records(self, where: Where, kind: str) -> None:
        if kind and kind not in RECORDS:
            self._blame.add((*where, "records"), f"unknown kind of record{quoted(kind)}{did_you_mean(kind, RECORDS)}")


def _owners(file: FileModel) -> Mapping[str, tuple[str, ...]]:
    return {owner: tuple(channels) for owner, channels in file.owners.items()}


def _guard(written: GuardModel | bool) -> Guard | None:
    if written is False:
        return None
    return Guard() if written is True else Guard(written.share, written.at_least, written.hold)
