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
from enum import StrEnum
from functools import partial
from typing import Any, Protocol, TextIO

from apprise import (
    Apprise,
    AppriseAsset,
    AppriseResult,
    AppriseResultStatus,
    NotificationManager,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    PersistentStoreMode,
)

from daemon.console import show
from rules.values import Message, News, Severity

CONSOLE_URL = "console://"

_TYPE = {
    Severity.INFO: NotifyType.INFO,
    Severity.WARNING: NotifyType.WARNING,
    Severity.HIGH: NotifyType.FAILURE,
    Severity.CRITICAL: NotifyType.FAILURE,
}
_SCHEME = re.compile(r"([a-z][a-z0-9]{0,19})://", re.IGNORECASE)
_HTTP_ERROR = re.compile(r"\berror=[1-9]\d\d\b")


class Undelivered(StrEnum):
    """Why a message did not leave, as far as apprise lets it be told. The value is also a label of the metrics.

    TIMEOUT: no answer in the channel's own time; the message may still arrive. REFUSED: an HTTP service answered with
    an error status. FAILED: everything else (no connection, SMTP said no, a plugin broke): apprise does not say which.
    """

    TIMEOUT = "timeout"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sent:
    """The service took the message, ``latency_ms`` after it was handed over."""

    latency_ms: int


@dataclass(frozen=True, slots=True)
class NotSent:
    """The message did not leave, or not for certain."""

    reason: Undelivered
    latency_ms: int


class Channel(Protocol):
    """One way to one audience."""

    @property
    def name(self) -> str:
        """The name the configuration gives it."""

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Try once to deliver; ``id_text`` ends the body, so that a reader can tell a repeat from news."""

    def close(self) -> None:
        """Let go of it; not while it sends."""


class ConsoleChannel:
    """Prints messages to ``out``, one block a message."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.name = name
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
        self.name = name
        self._apprise = Apprise(service)
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
            reason = await self._reason_against(partial(_notify, self._apprise, message, id_text))
            latency_ms = _since_ms(started_s)
            self._free_at_s = time.monotonic() + self._gap_s
        return NotSent(reason, latency_ms) if reason else Sent(latency_ms)

    def close(self) -> None:
        """End its thread, at the latest when the call in it ends."""
        self._thread.shutdown(wait=False)

    async def _reason_against(self, call: Callable[[], Undelivered | None]) -> Undelivered | None:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except TimeoutError:
            return Undelivered.TIMEOUT


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


def _only_http_error(record: logging.LogRecord) -> bool:
    """Let only "error=404" pass, which ``_reason`` reads: apprise's log lines quote URLs, and so tokens."""
    found = _HTTP_ERROR.search(record.getMessage())
    if found:
        record.msg, record.args = found[0], None
    return found is not None


def _hush() -> None:
    apprise = logging.getLogger("apprise")
    apprise.setLevel(logging.WARNING)
    apprise.addFilter(_only_http_error)
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
    """Take away what apprise does behind the outbox's back: throttling, retries, failures reported as success."""
    for attribute, value in (("request_rate_per_sec", 0), ("retry", 0), ("optional", False)):
        if not hasattr(service, attribute):
            raise RuntimeError(f"this version of apprise has no {attribute}: daemon/channels.py must be revised")
        setattr(service, attribute, value)
    return service


def _notify(apprise: Apprise, message: Message, id_text: str) -> Undelivered | None:
    result = apprise.notify(
        title=message.title,
        body=f"{message.body}\n\nid: {id_text}",
        notify_type=NotifyType.SUCCESS if message.news is News.RESOLVED else _TYPE[message.severity],
        body_format=NotifyFormat.TEXT,
    )
    return None if result.status == AppriseResultStatus.SUCCESS else _reason(result)


def _reason(result: AppriseResult) -> Undelivered:
    # Apprise gives no status code, but its plugins share the wording of this one warning.
    refused = any(_HTTP_ERROR.search(entry.message) for entry in result.logs())
    return Undelivered.REFUSED if refused else Undelivered.FAILED


def _schemes() -> list[str]:
    plugins: Any = NotificationManager  # apprise types it only in part
    return ["console", *plugins().schemas()]


def _since_ms(started_s: float) -> int:
    return round((time.perf_counter() - started_s) * 1000)
