"""The ways to a person: any Apprise URL, and the console. The only user of apprise.

A channel says whether one message left, and nothing else: when to try again is for the outbox to decide. So apprise's
own waits, retries, "optional" failures, redirects and files are all switched off here.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TextIO

from apprise import (
    Apprise,
    AppriseAsset,
    AppriseResultStatus,
    NotificationManager,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    OverflowMode,
    PersistentStoreMode,
)

from daemon.console import show
from daemon.markup import below
from daemon.replies import Failure, Undelivered, overheard
from daemon.scribe import as_body
from daemon.services import MARKUPS, calling_nobody, characters, cut, in_slacks_words, signed_once, uncalled
from rules.values import News, Severity
from rules.wording import Markup, Message

CONSOLE_URL = "console://"

_TYPE = {
    Severity.INFO: NotifyType.INFO,
    Severity.WARNING: NotifyType.WARNING,
    Severity.HIGH: NotifyType.FAILURE,
    Severity.CRITICAL: NotifyType.FAILURE,
}
_SCHEME = re.compile(r"([a-z][a-z0-9]{0,19})://", re.IGNORECASE)
READ_TIMEOUT_S = 10.0
"""How long a service may take to answer: apprise's 4 s make a slow answer a failure, and so a message twice."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The service took the message, ``latency_ms`` after it was handed over."""

    latency_ms: int


@dataclass(frozen=True, slots=True)
class NotSent:
    """The message did not leave, or not for certain.

    ``retry_after_s`` is how long the service asks to be left alone (at most a day), ``status`` its HTTP or SMTP
    status; None where it said nothing.
    """

    reason: Undelivered
    latency_ms: int
    retry_after_s: float | None = None
    status: int | None = None


class Channel(Protocol):
    """One way to one audience."""

    @property
    def name(self) -> str:
        """The name the configuration gives it."""

    @property
    def markup(self) -> Markup:
        """What its service takes best."""

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Try once to deliver; ``id_text`` ends the body, so that a reader can tell a repeat from news."""

    def close(self) -> None:
        """Let go of it; not while it sends."""


class ConsoleChannel:
    """Prints messages to ``out``, one block a message."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.name, self.markup = name, Markup.TEXT
        self._out = out
        self._lock = asyncio.Lock()

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Print in a thread (a full pipe blocks); a stream that does not take the text is FAILED."""
        async with self._lock:
            started_s = time.perf_counter()
            try:
                await asyncio.to_thread(show, message, id_text, self._out)
            except (OSError, UnicodeError):
                return NotSent(Undelivered.FAILED, _since_ms(started_s))
            return Sent(_since_ms(started_s))

    def close(self) -> None:
        """Nothing: the stream is another's."""


class AppriseChannel:
    """Sends through one apprise service, one message at a time, in a thread of its own.

    A service that hangs so holds up nobody else; messages behind it time out. ``gap_s`` is the least time between the
    end of one call and the start of the next, ``timeout_s`` the most one call may take (waiting for its turn excluded).
    """

    def __init__(self, name: str, service: NotifyBase, gap_s: float, timeout_s: float) -> None:
        self.name, self.markup = name, _best(service)
        self._service, self._apprise = service, Apprise(service)
        self._gap_s = gap_s
        self._timeout_s = timeout_s
        self._lock = asyncio.Lock()
        self._free_at_s = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"channel-{name}")

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """One apprise call. Never raises for what a service or its plugin does."""
        async with self._lock:
            await asyncio.sleep(self._free_at_s - time.monotonic())
            started_s = time.perf_counter()
            failure = await self._failure_of(partial(_notify, self._apprise, self._service, message, id_text))
            latency_ms = _since_ms(started_s)
            self._free_at_s = time.monotonic() + self._gap_s
        if failure is None:
            return Sent(latency_ms)
        return NotSent(failure.reason, latency_ms, failure.retry_after_s, failure.status)

    def close(self) -> None:
        """End its thread, at the latest when the call in it ends."""
        self._thread.shutdown(wait=False)

    async def _failure_of(self, call: Callable[[], Failure | None]) -> Failure | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except TimeoutError:
            return Failure(Undelivered.TIMEOUT)


def problem_with(url: str) -> str | None:
    """What is wrong with a channel's URL, in words that quote its scheme at most; None if it can be opened.

    The first call loads all of apprise's plugins: about a second and 40 MB.
    """
    if url == CONSOLE_URL or _load(url):
        return None
    found = _SCHEME.match(url)
    if found is None:
        return "not a URL: it must start with a scheme, as in mailto:// or console://"
    scheme = found[1].lower()
    if scheme == "console":
        return "console:// takes nothing after it"
    schemes = _schemes()
    if scheme in schemes:
        return f"{scheme}:// is known, but what follows it is incomplete or wrong"
    close = difflib.get_close_matches(scheme, schemes, n=1)
    return f"unknown scheme {scheme}://" + (f", did you mean {close[0]}://?" if close else "")


def open_channel(
    name: str, url: str, out: TextIO | None = None, *, gap_s: float = 0.0, timeout_s: float = 30.0
) -> Channel:
    """Open the channel of a URL that ``problem_with`` has nothing against; ``console://`` writes to ``out`` (stdout).

    Blocks while apprise loads its plugins: call it at start-up or in a thread. Opening sends nothing. Raises
    ValueError, without the URL, where there is a problem with it.
    """
    if url == CONSOLE_URL:
        return ConsoleChannel(name, out or sys.stdout)
    service = _load(url)
    if service is None:
        raise ValueError(f"channel {name} has a URL that cannot be opened")
    return AppriseChannel(name, _tame(service), gap_s, timeout_s)


def _hush() -> None:
    """Apprise's log lines quote URLs, and so tokens."""
    apprise = logging.getLogger("apprise")
    apprise.setLevel(logging.CRITICAL)
    apprise.addFilter(lambda _record: False)
    apprise.propagate = False
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)


_hush()


def _load(url: str) -> NotifyBase | None:
    asset = AppriseAsset(
        app_id="creatorwatch",
        app_desc="creatorwatch",
        async_mode=False,  # with no deadline of its own: apprise then calls in our thread, not in its pool of six
        service_timeout=0,
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,  # a redirected POST becomes a GET, and the 200 of a login page would pass for delivery
    )
    return Apprise.instantiate(url, asset=asset)


def _tame(service: NotifyBase) -> NotifyBase:
    """Take away what apprise does behind the outbox's back: waits, retries, failures reported as success.

    What is too long goes in parts.
    """
    own = (
        ("request_rate_per_sec", 0),
        ("throttle", lambda *_, **__: None),  # Discord waits there whatever the rate
        ("retry", 0),
        ("optional", False),
        ("overflow_mode", OverflowMode.SPLIT),
        ("socket_read_timeout", _read_timeout_s(service)),
    )
    for attribute, value in own:
        if not hasattr(service, attribute):
            raise RuntimeError(f"this version of apprise has no {attribute}: daemon/channels.py must be revised")
        setattr(service, attribute, value)
    plugin: Any = service
    match _kind(service):
        case "dingtalk":
            plugin.get_signature = signed_once(plugin.get_signature)
        case "discord" if not plugin.ping:
            plugin._send = calling_nobody(plugin._send)  # noqa: SLF001 - the one place that all its messages pass
        case "tgram":
            plugin.markdown_ver = "MarkdownV2"  # the first has no escapes inside bold, as a title may need
        case "slack":
            plugin.dialect_convert = in_slacks_words(plugin.dialect_convert)
        case "slack blocks":
            plugin.dialect_convert = in_slacks_words(plugin.dialect_convert)
            plugin.title_maxlen = 150  # docs.slack.dev: header block
    return service


def _read_timeout_s(service: NotifyBase) -> float:
    """The URL's own, if it names one."""
    own: float = service.socket_read_timeout
    return READ_TIMEOUT_S if own == NotifyBase.socket_read_timeout else own


def _best(service: NotifyBase) -> Markup:
    """The format that a service names first; of some it is the only one."""
    if _kind(service) in MARKUPS:
        return MARKUPS[_kind(service)]
    formats: Any = service.notify_format  # typed as one, though of many it is several
    return Markup(formats if isinstance(formats, NotifyFormat) else next(iter(formats)))


def _kind(service: NotifyBase) -> str:
    """The scheme of its URLs, as daemon/services.py knows it."""
    plugin: Any = service  # typed as if it had no scheme
    if plugin.secure_protocol == "slack" and plugin.use_blocks:
        return "slack blocks"
    return plugin.secure_protocol if isinstance(plugin.secure_protocol, str) else ""


def _notify(apprise: Apprise, service: NotifyBase, message: Message, id_text: str) -> Failure | None:
    has_titles, kind = service.title_maxlen > 0, _kind(service)
    title = cut(uncalled(kind, message.title), service.title_maxlen) if has_titles else ""
    body = below(message.body if has_titles else as_body(message), f"id: {id_text}", message.markup)
    service.body_maxlen = characters(kind, title + body, type(service).body_maxlen)
    with overheard() as replies:
        result = apprise.notify(
            title=title,
            body=uncalled(kind, body),
            notify_type=NotifyType.SUCCESS if message.news is News.RESOLVED else _TYPE[message.severity],
            body_format=NotifyFormat(message.markup.value),
        )
    return replies.failure(result.status == AppriseResultStatus.SUCCESS)


def _schemes() -> list[str]:
    plugins: Any = NotificationManager  # apprise types it only in part
    return ["console", *plugins().schemas()]


def _since_ms(started_s: float) -> int:
    return round((time.perf_counter() - started_s) * 1000)
