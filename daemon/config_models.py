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

from daemon.fetch import check_base_url
from daemon.providers.endpoint import Platform
from daemon.secrets import is_reference, misspelt
from rules.durations import parse_duration
from rules.models import Duration, Share


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
BaseUrl = Annotated[str, _refused_by(check_base_url)]
Section = Annotated[dict[str, Any], _or_empty(dict)]
Numbers = Annotated[dict[str, str | int | float], _or_empty(dict)]
Items = Annotated[list[Any], _or_empty(list)]
"""Entries are read one by one, so that a mistake in one hides none in another; a section may be empty."""
Files = Annotated[list[Line], BeforeValidator(lambda value: [value] if isinstance(value, str) else value or [])]
Usd = Annotated[Decimal, BeforeValidator(_usd)]
Recency = Annotated[Duration, AfterValidator(_between(timedelta(hours=1), timedelta(days=365), "1h to 365d"))]
Hold = Annotated[Duration, AfterValidator(_between(timedelta(minutes=1), timedelta(days=30), "1m to 30d"))]
Vertical = Annotated[str, Field(min_length=1, max_length=40), _refused_by(_with_comma)]
VIDEO_ID = r"^[0-9]{1,32}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DiscoverModel(_Model):
    """Which of an account's videos are watched without being named; what is left out comes from the file's own."""

    newer_than: Recency | None = None
    at_most: int | None = Field(None, ge=1, le=10_000)


Discovery = Annotated[DiscoverModel | bool | None, BeforeValidator(_discovery)]


class GuardModel(_Model):
    """When so many targets do the same at once that the source is doubted."""

    share: Share = 0.3
    at_least: int = Field(5, ge=2, le=10_000)
    hold: Hold = timedelta(hours=24)


class OverridesModel(_Model):
    """Numbers of ``define`` that are other for targets with a tag, and for an account and its videos."""

    tags: Annotated[dict[str, Numbers], _or_empty(dict)] = {}
    accounts: Annotated[dict[str, Numbers], _or_empty(dict)] = {}


class FileModel(_Model):
    """The whole file."""

    database: Line = Field("creatorwatch.db", min_length=1)
    env_file: Line = ""
    listen: Annotated[Address, BeforeValidator(_address)] = Address("127.0.0.1", 9109)
    providers: Section = {}
    budget: Section = {}
    endpoints: Section = {}
    collect: Annotated[list[str], _or_empty(list)] = []
    dashboards: Files = []
    accounts: Items = []
    videos: Items = []
    roster: Files = []
    discover: Discovery = None
    channels: Section = {}
    owners: Annotated[dict[Line, Annotated[list[str], Field(min_length=1)]], _or_empty(dict)] = {}
    guard: GuardModel | bool = True
    define: Numbers = {}
    overrides: Annotated[OverridesModel, _or_empty(dict)] = OverridesModel()
    rules: Items = []


_CANARY = "true, false, or the digits of a video's id"


class ProviderModel(_Model):
    """One provider: the key, and how hard it may be asked (all its endpoints together)."""

    token: Token
    base_url: BaseUrl | None = None
    rate_per_s: Rate = 2.0
    timeout: Timeout = timedelta(seconds=45)
    in_flight: int = Field(64, ge=1, le=1000)
    canary: Annotated[str, Field(pattern=VIDEO_ID)] | bool | None = Field(None, description=_CANARY)


class BudgetModel(_Model):
    """What a provider may cost, in USD by UTC day and month; from the share ``soft`` on it is spared."""

    day: Usd | None = None
    month: Usd | None = None
    soft: Share = 0.8

    @model_validator(mode="after")
    def _some_limit(self) -> BudgetModel:
        if self.day is None and self.month is None:
            raise ValueError("a budget has `day`, `month` or both")
        return self


class EndpointModel(_Model):
    """What is different from an endpoint's defaults."""

    interval: Interval | None = None
    rate_per_s: Rate | None = None


class AccountModel(_Model):
    """A watched account."""

    platform: Platform = Field(strict=False)
    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,128}$", description="letters, digits, dots, hyphens and underscores")
    name: Line = ""
    uid: str = Field("", pattern=r"^[0-9]{0,32}$", description='the digits of the user id, as in "107955"')
    sec_uid: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,128}$", description="the long id that begins with MS4wLjABAAAA")
    handle: str = Field("", pattern=r"^[A-Za-z0-9._]{0,64}$", description="the handle without @ and without a link")
    owner: Line = ""
    tags: list[Line] = []
    cookie: Cookie = ""
    health_scheme: HealthScheme = Field(HealthScheme.AUTO, strict=False)
    content_category: ContentCategory = Field(ContentCategory.DEFAULT, strict=False)
    verticals: list[Vertical] = []
    discover: Discovery = None


class VideoModel(_Model):
    """A watched video. What it does not say of ``owner``, ``tags`` and ``content_category`` its account does."""

    platform: Platform = Field(strict=False)
    id: str = Field(pattern=VIDEO_ID, description="the digits at the end of the video's link")
    account: Line = ""
    name: Line = ""
    owner: Line | None = None
    tags: list[Line] | None = None
    content_category: ContentCategory | None = Field(None, strict=False)
    product: str = Field("", pattern=r"^[0-9]{0,32}$", description="the digits of the product's id")


class ChannelModel(_Model):
    """A way to tell people: an Apprise URL or ``console://``."""

    url: str
