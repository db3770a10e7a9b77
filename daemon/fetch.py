"""The one door to the providers: one call of an endpoint, every page of it, and what it came to.

httpx's connection pool takes quadratic time in its connections, and a request cancelled while it waits for one blocks
its slot for ever. So each lane here is a transport of its own with one connection, and the waiting is done outside,
before the lanes. No client stands between: nothing follows redirects, keeps cookies or reads the environment. Keys and
cookies appear in no log, no exception and no repr.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import cast

import httpx

from daemon.envelope import Opened, is_billed, open_answer, open_workbook
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Endpoint, Form, Need, Page, Provider, Request
from daemon.providers.payload import amount
from daemon.secrets import Secret

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # at INFO they print whole URLs

HOSTS = frozenset({"api.tikhub.io", "api.tikhub.dev", "api.keyapi.ai"})
"""Where keys may be sent, besides this machine."""

PAGES = 50
"""No list is followed further than this."""

PAGING_S = 180.0
"""No further page is asked for once the pages so far took this long.

With the longest timeout that a configuration may name (100 s), a call ends before its lease does.
"""

WORKBOOK_S = 90.0
"""The least time that a spreadsheet is waited for: the provider writes it when asked, and says 60 s or more."""

CONNECT_S = 10.0
"""The longest wait for a connection; half a call's time where that is less.

So a call that never got a connection is told apart from one that was sent: it is not billed.
"""

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL, UnicodeError)
Before = Callable[[int], Awaitable[None]]

_WITH_COOKIE = {
    Reason.EMPTY: "HTTP 200 without data: there is none, or the cookie has expired",
    Reason.AUTH: "401: the provider does not accept the API key, or the cookie has expired",
}
_ARCHIVE = b"PK"  # so begins a spreadsheet; a failure comes as JSON
_EPOCH_S = 1e9  # a reset above this is a time, one below it a number of seconds


@dataclass(frozen=True, slots=True)
class Service:
    """The access to one provider; without a token, calls fail as AUTH and are not sent.

    ``timeout_s`` bounds one request from connecting to its last byte.
    """

    base_url: str
    token: Secret | None
    timeout_s: float = 45.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one call came to for each target it named.

    ``calls`` counts the requests sent, a page each; each may have been billed, also where it failed. ``seconds`` is how
    long they took, without the wait for a free lane.
    """

    answers: Mapping[str, Reading | Failure]
    calls: int
    seconds: float


def check_base_url(url: str) -> str | None:
    """Return what is wrong with a provider's base URL, in words; None if keys may be sent there."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return "it is not a URL"
    if parts.userinfo or "?" in url or "#" in url or parts.path not in ("", "/"):
        return "it must be a scheme and a host alone: no user name, path, query or fragment"
    if parts.scheme in ("http", "https") and _is_loopback(parts.host):
        return None
    if parts.scheme != "https" or parts.host not in HOSTS or parts.port is not None:
        return f"keys are sent only to https:// and {', '.join(sorted(HOSTS))}, or to this machine"
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Fetcher:
    """Asks the providers, at most ``lanes`` calls at once; each request is sent once, never again by itself."""

    def __init__(
        self,
        services: Mapping[Provider, Service],
        lanes: int = 64,
        body_cap: int = 4 * 1024 * 1024,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """``body_cap`` is the size of the largest body that is read, in bytes."""
        self._services = dict(services)
        self._problems = {provider: check_base_url(service.base_url) for provider, service in services.items()}
        self._body_cap = body_cap
        self._transport = transport
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._agent = f"creatorwatch/{_version()}"
        self._free = asyncio.Semaphore(lanes)
        self._idle: dict[Provider, list[_Lane]] = {provider: [] for provider in services}

    async def fetch(
        self, endpoint: Endpoint, asked: Sequence[Asked], cookie: str, at: datetime, before: Before | None = None
    ) -> Fetched:
        """Ask ``endpoint`` about ``asked`` (at most ``endpoint.batch``), with the cookie they share or "".

        A failure of any page is the failure of the whole, for every target. ``before`` is awaited with the number of
        each page but the first, before that is asked for.
        """
        refused = self._refuse(endpoint, cookie)
        if refused is not None:
            return Fetched({one.target_key: refused for one in asked}, calls=0, seconds=0.0)
        async with self._lane(endpoint.provider) as lane:
            started_s = time.perf_counter()
            pages, calls = await self._pages(lane, endpoint, asked, cookie, at, before)
            seconds = time.perf_counter() - started_s
        answers = {one.target_key: _read(endpoint, pages, one) for one in asked}
        return Fetched(answers, calls, seconds)

    async def close(self) -> None:
        """Close every connection. To be called when no fetch is under way."""
        for idle in self._idle.values():
            while idle:
                await idle.pop().close()

    def _refuse(self, endpoint: Endpoint, cookie: str) -> Failure | None:
        service = self._services.get(endpoint.provider)
        if service is None or service.token is None:
            return Failure(Reason.AUTH, f"no API key is configured for {endpoint.provider}")
        problem = self._problems[endpoint.provider]
        if problem is not None:
            return Failure(Reason.BLOCKED, f"the base URL of {endpoint.provider} is not allowed: {problem}")
        if Need.COOKIE in endpoint.needs and not cookie:
            return Failure(Reason.COOKIE, "no cookie is configured for this account")
        return None

    @asynccontextmanager
    async def _lane(self, provider: Provider) -> AsyncIterator[_Lane]:
        """Lend the lane used last. One whose request was cut off is closed, and is not lent again."""
        async with self._free:
            idle = self._idle[provider]
            lane = idle.pop() if idle else self._open()
            try:
                yield lane
            except BaseException:
                await lane.close()
                raise
            if not lane.closed:
                idle.append(lane)

    def _open(self) -> _Lane:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        return _Lane(self._transport or httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=limits))

    async def _pages(
        self,
        lane: _Lane,
        endpoint: Endpoint,
        asked: Sequence[Asked],
        cookie: str,
        at: datetime,
        before: Before | None,
    ) -> tuple[list[object] | Failure, int]:
        """Return the data of every page, or the first failure; and how many requests that took."""
        pages: list[object] = []
        page = Page(1)
        ends_s = time.monotonic() + PAGING_S
        for calls in range(1, PAGES + 1):
            if pages and before is not None:
                await before(calls)
            opened = await self._call(lane, endpoint, endpoint.ask(asked, cookie, page), at)
            if isinstance(opened, Failure):
                return opened, calls
            if page.number > 1 and opened.data == page.before:
                return Failure(Reason.BAD_PAYLOAD, "the list repeats a page, so its end is not known"), calls
            pages.append(opened.data)
            following = endpoint.after(page, opened.data, at)
            if following is None:
                return pages, calls
            page = following
            if time.monotonic() > ends_s:
                return Failure(Reason.TIMEOUT, f"the list did not end within {PAGING_S:.0f} s"), calls
        return Failure(Reason.BAD_PAYLOAD, f"the list did not end within {PAGES} pages"), PAGES

    async def _call(self, lane: _Lane, endpoint: Endpoint, request: Request, at: datetime) -> Opened | Failure:
        timeout_s = self._timeout_s(endpoint)
        try:
            # httpx limits the wait for each piece; this limits the whole, for an answer may come drop by drop.
            async with asyncio.timeout(timeout_s):
                answer, body = await self._exchange(lane, endpoint.provider, request, timeout_s)
        except TimeoutError:
            await lane.close()
            return Failure(Reason.TIMEOUT, f"no whole answer came within {timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return _broken_off(error)
        if body is None:
            billed = is_billed(endpoint.provider, answer.status_code)
            return Failure(Reason.BAD_PAYLOAD, f"the answer is larger than {self._body_cap} bytes", billed=billed)
        if endpoint.form is Form.XLSX and answer.is_success and body.startswith(_ARCHIVE):
            return await asyncio.to_thread(open_workbook, body)
        return open_answer(
            endpoint.provider,
            answer.status_code,
            body,
            content_type=answer.headers.get("content-type", ""),
            retry_after=_wish(answer.headers, at),
            expected={**request.query, **(request.json or {})},
        )

    def _timeout_s(self, endpoint: Endpoint) -> float:
        configured_s = self._services[endpoint.provider].timeout_s
        return max(configured_s, WORKBOOK_S) if endpoint.form is Form.XLSX else configured_s

    async def _exchange(
        self, lane: _Lane, provider: Provider, request: Request, timeout_s: float
    ) -> tuple[httpx.Response, bytes | None]:
        """Send one request; the body is None if it is larger than the cap."""
        service = self._services[provider]
        sent = httpx.Request(
            request.method,
            service.base_url.rstrip("/") + request.path,
            params=request.query or None,
            json=request.json,
            headers=self._headers(service),
            extensions={"timeout": httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s / 2)).as_dict()},
        )
        answer = await lane.transport.handle_async_request(sent)
        try:
            return answer, await _within(answer, self._body_cap)
        finally:
            await answer.aclose()

    def _headers(self, service: Service) -> dict[str, str]:
        key = service.token.reveal() if service.token else ""
        return {
            "Authorization": f"Bearer {key}",
            "User-Agent": self._agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }


@dataclass(slots=True)
class _Lane:
    """A way to a provider with one connection."""

    transport: httpx.AsyncBaseTransport
    closed: bool = False

    async def close(self) -> None:
        self.closed = True
        await self.transport.aclose()


def _broken_off(error: Exception) -> Failure:
    """What an error of httpx comes to. Once a request was sent, only the provider knows whether it is billed."""
    reason = Reason.TIMEOUT if isinstance(error, httpx.TimeoutException) else Reason.NETWORK
    billed = False if isinstance(error, _NEVER_SENT) else None
    return Failure(reason, f"the call broke off: {type(error).__name__}", billed=billed)


async def _within(answer: httpx.Response, cap: int) -> bytes | None:
    body = bytearray()
    # httpx declares an iterator; it is a generator, and left half read it must be closed.
    async with aclosing(cast("AsyncGenerator[bytes, None]", answer.aiter_bytes())) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > cap:
                return None
    return bytes(body)


def _wish(headers: httpx.Headers, at: datetime) -> str | None:
    """Return in how many seconds the provider wants to be asked again: ``Retry-After``, else its limit's reset."""
    retry_after: str | None = headers.get("retry-after")
    reset_s = amount(headers.get("x-ratelimit-reset"))
    if retry_after is not None:
        return _until_date(retry_after, at)
    if reset_s is None:
        return None
    return str(round(max(0.0, reset_s - at.timestamp() if reset_s > _EPOCH_S else reset_s)))


def _until_date(retry_after: str, at: datetime) -> str:
    """Return the seconds until an HTTP date, 0 if it is past; any other text as it is."""
    try:
        then = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return retry_after
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return str(max(0.0, (then - at).total_seconds()))


def _read(endpoint: Endpoint, pages: list[object] | Failure, asked: Asked) -> Reading | Failure:
    answer = pages if isinstance(pages, Failure) else endpoint.read(pages, asked)
    if isinstance(answer, Failure) and not isinstance(pages, Failure):
        answer = replace(answer, billed=True)
    if isinstance(answer, Failure) and Need.COOKIE in endpoint.needs:
        return replace(answer, detail=_WITH_COOKIE.get(answer.reason, answer.detail))
    return answer


def _version() -> str:
    try:
        return metadata.version("creatorwatch")
    except metadata.PackageNotFoundError:
        return "source"
