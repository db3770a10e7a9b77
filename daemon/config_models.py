"""The shape of the configuration file, apart from its rules (``rules.book.RuleModel``)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from daemon import patience
from daemon.config_days import Dates, listed, no_zone
from daemon.fetch import check_base_url
from daemon.links import url_fault
from daemon.providers.endpoint import Platform
from daemon.secrets import is_reference, misspelt
from rules.durations import parse_duration
from rules.models import Duration, Share
from rules.wording import Markup
from rules.words import Language


class HealthScheme(StrEnum):
    """Which of the two numbers an account's health score is; AUTO tells them apart where that is possible."""

    AUTO = "auto"
    POINTS = "points"
    CHR = "chr"


class ContentCategory(StrEnum):
    """What the fake-view analysis compares a video with (provider document: ``content_category``)."""

    DEFAULT = "default"
    ENTERTAINMENT = "entertainment"
    EDUCATION = "education"
    PRODUCT = "product"
    VERIFIED_LARGE = "verified_large"


@dataclass(frozen=True, slots=True)
class Address:
    """Where the daemon's own pages are: a loopback host and a port (0: any free one)."""

    host: str
    port: int


_ADDRESS = re.compile(r"(?:\[(?P<ip6>[^\]]+)\]|(?P<host>[^:]+)):(?P<port>\d{1,5})")


def _address(value: object) -> Address:
    match = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match["port"]) > 65_535:
        raise ValueError("expected an address such as 127.0.0.1:9109")
    host = match["ip6"] or match["host"]
    if host != "localhost" and not _is_loopback(host):
        raise ValueError("only loopback addresses are listened on: 127.0.0.1, localhost or [::1]")
    return Address(host, int(match["port"]))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _between(low: timedelta, high: timedelta, said: str) -> Callable[[timedelta], timedelta]:
    def check(value: timedelta) -> timedelta:
        if not low <= value <= high:
            raise ValueError(f"expected {said}")
        return value

    return check


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("expected one line without control characters")
    return value


def _refused_by(find_fault: Callable[[str], str | None]) -> AfterValidator:
    def check(value: str) -> str:
        fault = find_fault(value)
        if fault is not None:
            raise PydanticCustomError("fault", "{fault}", {"fault": fault})
        return value

    return AfterValidator(check)


def _with_comma(value: str) -> str | None:
    return "expected one vertical an entry: a comma stands between two" if "," in value else None


def _no_rate(value: str) -> str | None:
    return None if value == "" or patience.Rate.read(value) else "expected a rate such as 20/min, 1/s or 100/h"


def _plain(what: str, value: str) -> str | None:
    if not value or is_reference(value):
        return None
    return misspelt(value) or f'a {what} must not stand here: write "${{NAME}}" or "${{file:path}}" and put it there'


def _usd(value: object) -> Decimal:
    text = "" if isinstance(value, bool) else str(value)
    amount = Decimal(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) else Decimal(0)
    if not amount:
        raise ValueError("expected an amount in USD such as 25 or 0.50, more than nothing")
    return amount


def _discovery(value: object) -> object:
    """``30d`` is short for ``{newer_than: 30d}``."""
    if not isinstance(value, str):
        return value
    if parse_duration(value) is None:
        raise ValueError("expected true, false, a duration such as 30d, or {newer_than: 30d, at_most: 200}")
    return {"newer_than": value}


def _or_empty(empty: Callable[[], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: empty() if value is None else value)


Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Interval = Annotated[Duration, AfterValidator(_between(timedelta(seconds=1), timedelta(days=30), "1s to 30d"))]
# Paging stops after 180 s, and the last page may take this long: within the 5 minutes of a lease.
Timeout = Annotated[Duration, AfterValidator(_between(timedelta(seconds=1), timedelta(seconds=100), "1s to 100s"))]
Rate = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Token = Annotated[str, Field(min_length=1), _refused_by(partial(_plain, "token"))]
Cookie = Annotated[str, _refused_by(partial(_plain, "cookie"))]
RATE = r"^([1-9][0-9]{0,3}/(s|min|h))?$"
BaseUrl = Annotated[str, _refused_by(check_base_url)]
LinksUrl = Annotated[str, _refused_by(url_fault)]
LinksKey = Annotated[str, Field(min_length=1), _refused_by(partial(_plain, "key"))]
Section = Annotated[dict[str, Any], _or_empty(dict)]
Numbers = Annotated[dict[str, str | int | float], _or_empty(dict)]
Items = Annotated[list[Any], _or_empty(list)]
"""Entries are read one by one, so that a mistake in one hides none in another; a section may be empty."""
Files = Annotated[list[Line], BeforeValidator(lambda value: [value] if isinstance(value, str) else value or [])]
Zone = Annotated[str, _refused_by(no_zone)]
MessageRate = Annotated[str, _refused_by(_no_rate), Field(json_schema_extra={"pattern": RATE})]
Usd = Annotated[Decimal, BeforeValidator(_usd)]
Recency = Annotated[Duration, AfterValidator(_between(timedelta(hours=1), timedelta(days=365), "1h to 365d"))]
Hold = Annotated[Duration, AfterValidator(_between(timedelta(minutes=1), timedelta(days=30), "1m to 30d"))]
Wait = Annotated[Duration, AfterValidator(_between(timedelta(0), timedelta(days=1), "1d at most"))]
Vertical = Annotated[str, Field(min_length=1, max_length=40), _refused_by(_with_comma)]
Holidays = Annotated[list[Dates], BeforeValidator(listed)]
VIDEO_ID = r"^[0-9]{1,32}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DiscoverModel(_Model):
    """Which of an account's videos are watched without being named; what is left out comes from the file's own."""

    newer_than: Recency | None = Field(None, description="How old a video may be; 1h to 365d, 30d unless said.")
    at_most: int | None = Field(None, ge=1, le=10_000, description="How many videos of an account; 200 unless said.")


Discovery = Annotated[DiscoverModel | bool | None, BeforeValidator(_discovery)]


class GuardModel(_Model):
    """When so many targets do the same at once that the source is doubted."""

    share: Share = Field(0.3, description="The share of an endpoint's targets that rise, fall or fail together ...")
    at_least: int = Field(5, ge=2, le=10_000, description="... and how many targets these are at least.")
    hold: Hold = Field(timedelta(hours=24), description="How long after the last of them alerts hold; 1m to 30d.")


class OverridesModel(_Model):
    """Numbers of ``define`` that are other for targets with a tag, and for an account and its videos."""

    tags: Annotated[dict[str, Numbers], _or_empty(dict)] = Field({}, description="By tag; of two the later wins.")
    accounts: Annotated[dict[str, Numbers], _or_empty(dict)] = Field({}, description="By the account's id; over tags.")


class FileModel(_Model):
    """The whole file."""

    database: Line = Field(
        "creatorwatch.db", min_length=1, description="The SQLite file, made when missing; from the working directory."
    )
    env_file: Line = Field("", description="A file of variables that references name: NAME=value a line.")
    listen: Annotated[Address, BeforeValidator(_address)] = Field(
        Address("127.0.0.1", 9109), description="Where the daemon's pages are: loopback only; port 0 takes a free one."
    )
    providers: Section = Field(
        {}, description="The keys of the providers; without any the daemon watches a simulation."
    )
    budget: Section = Field({}, description="What the providers may cost.")
    endpoints: Section = Field({}, description="What is different from the endpoints' own cadence and rate.")
    collect: Annotated[list[str], _or_empty(list)] = Field(
        [], description="Endpoints and metrics that are wanted though no rule reads them."
    )
    dashboards: Files = Field([], description="Grafana dashboards (JSON): what their queries show is wanted too.")
    accounts: Items = Field([], description="The watched accounts.")
    videos: Items = Field([], description="The watched videos.")
    roster: Files = Field([], description="Tables of more accounts, .csv or .xlsx: one file, or a list of files.")
    discover: Discovery = Field(
        None, description="The newest videos of all accounts are watched: true, false, 30d, or a mapping."
    )
    channels: Section = Field({}, description="The ways to tell people, by name.")
    zone: Zone = Field("UTC", description="The time zone of people, unless said otherwise: Asia/Shanghai.")
    templates: Section = Field({}, description="Other words for messages, by name.")
    owners: Annotated[dict[Line, Annotated[list[str], Field(min_length=1)]], _or_empty(dict)] = Field(
        {}, description="The channels of each person who looks after accounts, for `to: [owner]`."
    )
    operators: Files = Field([], description="Channels that hear of cookies, providers and the daemon itself.")
    holidays: Annotated[dict[str, Holidays], _or_empty(dict)] = Field(
        {}, description="Days off, by name: lists of 2026-05-01 or 2026-02-17..2026-02-23."
    )
    times: Section = Field({}, description="Times that come again, by name: days, from, to, zone.")
    routes: Items = Field([], description="Who hears what, and how, for rules without `to`: the first that matches.")
    maintenance: Items = Field([], description="When news of some alerts waits: once, or again and again.")
    delegations: Items = Field([], description="Who stands in for whom, and from when to when.")
    links: LinksModel | None = Field(None, description="Links in messages that act with one tap; none unless said.")
    guard: GuardModel | bool = Field(True, description="When the source is doubted, not the creators; false: never.")
    define: Numbers = Field({}, description="Names for numbers and for parts of conditions.")
    overrides: Annotated[OverridesModel, _or_empty(dict)] = Field(
        OverridesModel(), description="Other numbers for tags and for accounts."
    )
    rules: Items = Field([], description="What is worth an alert.")


_CANARY = "True, false, or the digits of a video's id."


class ProviderModel(_Model):
    """One provider: the key, and how hard it may be asked (all its endpoints together)."""

    token: Token = Field(description="The API key, by reference: ${NAME} or ${file:path}.")
    base_url: BaseUrl | None = Field(None, description="A host of the provider over https, or this machine.")
    rate_per_s: Rate = Field(2.0, description="Calls a second, all endpoints together.")
    timeout: Timeout = Field(timedelta(seconds=45), description="The longest one call may take; 1s to 100s.")
    in_flight: int = Field(64, ge=1, le=1000, description="Calls at the same time.")
    canary: Annotated[str, Field(pattern=VIDEO_ID)] | bool | None = Field(None, description=_CANARY)


class BudgetModel(_Model):
    """What a provider may cost, in USD by UTC day and month; from the share ``soft`` on it is spared."""

    day: Usd | None = Field(None, description="The most that a UTC day may cost, in USD.")
    month: Usd | None = Field(None, description="The most that a UTC month may cost, in USD.")
    soft: Share = Field(0.8, description="The share of a limit from which on calls are spared.")

    @model_validator(mode="after")
    def _some_limit(self) -> BudgetModel:
        if self.day is None and self.month is None:
            raise ValueError("a budget has `day`, `month` or both")
        return self


class EndpointModel(_Model):
    """What is different from an endpoint's defaults."""

    interval: Interval | None = Field(None, description="How often it is asked about a target; 1s to 30d.")
    rate_per_s: Rate | None = Field(None, description="Calls a second, of this endpoint alone.")


class AccountModel(_Model):
    """A watched account."""

    platform: Platform = Field(strict=False, description="Where the account is.")
    id: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="Your own name for the account: letters, digits, dots, hyphens and underscores.",
    )
    name: Line = Field("", description="How messages name it; the handle, else the id, unless said.")
    uid: str = Field("", pattern=r"^[0-9]{0,32}$", description='The digits of the user id, as in "107955".')
    sec_uid: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]{0,128}$", description="The long id that begins with MS4wLjABAAAA."
    )
    handle: str = Field("", pattern=r"^[A-Za-z0-9._]{0,64}$", description="The handle without @ and without a link.")
    owner: Line = Field("", description="Who looks after it.")
    tags: list[Line] = Field(
        [], description="Words for `only` and `overrides`; simulate:NAME is its part in a simulation."
    )
    cookie: Cookie = Field("", description="The cookie header of a logged-in browser, by reference.")
    health_scheme: HealthScheme = Field(
        HealthScheme.AUTO, strict=False, description="Whether its health score is points, or the rating (chr)."
    )
    content_category: ContentCategory = Field(
        ContentCategory.DEFAULT, strict=False, description="What its videos are compared with."
    )
    verticals: list[Vertical] = Field(
        [], description="Douyin: the verticals whose numbers are wanted, as Douyin has them."
    )
    discover: Discovery = Field(None, description="Which of its videos are watched; what the file says unless said.")


class VideoModel(_Model):
    """A watched video. What it does not say of ``owner``, ``tags`` and ``content_category`` its account does."""

    platform: Platform = Field(strict=False, description="Where the video is.")
    id: str = Field(pattern=VIDEO_ID, description="The digits at the end of the video's link.")
    account: Line = Field("", description="The `id` of a watched account of the same platform.")
    name: Line = Field("", description="How messages name it; the id unless said.")
    owner: Line | None = Field(None, description="Who looks after it; its account's unless said.")
    tags: list[Line] | None = Field(None, description="Words for `only` and `overrides`; its account's unless said.")
    content_category: ContentCategory | None = Field(
        None, strict=False, description="What it is compared with; as its account's videos unless said."
    )
    product: str = Field("", pattern=r"^[0-9]{0,32}$", description="The digits of the product's id.")


class Readers(StrEnum):
    """Who reads a channel: people of the house, or clients, who hear nothing of cookies, providers and the daemon."""

    STAFF = "staff"
    CLIENTS = "clients"


class ChannelModel(_Model):
    """A way to tell people: an Apprise URL or ``console://``."""

    url: str = Field(description="console://, or any Apprise URL; a token or password in it by reference.")
    language: Language = Field(Language.EN, strict=False, description="What its messages are written in: en or zh.")
    format: Markup | None = Field(
        None, strict=False, description="text, markdown or html; what the service takes best unless said."
    )
    zone: Zone | None = Field(None, description="The time zone of its readers; that of the file unless said.")
    template: str = Field("", description="How its messages are put, a name of `templates`; a rule's own comes first.")
    charts: bool = Field(True, description="Whether messages bring a chart, where its service takes pictures.")
    audience: Readers = Field(
        Readers.STAFF,
        strict=False,
        description="staff, or clients: they hear nothing of cookies, keys and the daemon.",
    )
    rate: MessageRate = Field("", description="The most that it is sent: 20/min; s, min or h. No limit unless said.")
    fallback: Line = Field("", description="The channel that is told what could not be told here for a day.")


class LinksModel(_Model):
    """Links in messages by which a reader acknowledges or silences with one tap."""

    url: LinksUrl = Field(description="Where a proxy of yours shows the daemon's /a/ to your people, over https.")
    key: LinksKey = Field(description="What they are signed with, by reference: 16 characters or more.")


class TemplateModel(_Model):
    """Other words for messages: a Jinja template (docs/messages.md)."""

    title: str = Field("", description="The first line, without markup; the usual one unless said.")
    body: str | None = Field(None, description="All that follows; either this or `file`.")
    file: Line | None = Field(None, description="The file that holds the body, from the folder of this one.")
    format: Markup | None = Field(
        None, strict=False, description="What the body is written in; what each channel takes unless said."
    )

    @model_validator(mode="after")
    def _one_body(self) -> TemplateModel:
        if (self.body is None) == (self.file is None):
            raise ValueError("a template has either `body` or `file`")
        return self
