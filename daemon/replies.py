"""What a service answered, which apprise does not tell. The only user of requests (docs/decisions/0018).

Apprise keeps an HTTP status, a Retry-After and an error code inside a 200 to itself. While ``overheard`` is open, each
answer that its own thread gets, over HTTP or SMTP, is noted: three small facts, and never a body, a URL or a header.
"""

from __future__ import annotations

import json
import math
import smtplib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import requests

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_WAIT_S = 86_400.0
"""Nobody is waited for longer than a day, whatever a service asks."""

MAX_ANSWER = 65_536
"""The longest answer, in bytes, that is looked into: those of these services are a few hundred."""


class Undelivered(StrEnum):
    """Why a message did not leave. The value is also a label of the metrics.

    TIMEOUT: no answer in time; the message may still arrive. REFUSED: the service says no, and would again. BUSY: too
    many messages, later it would say yes. SERVER: something is wrong with the service itself. UNREACHABLE: there was
    no connection (name, network, certificate), so nothing was sent. FAILED: all else, as a connection that was lost
    before the answer, or a plugin that broke.
    """

    TIMEOUT = "timeout"
    REFUSED = "refused"
    BUSY = "busy"
    SERVER = "server"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why, the service's ``status`` (HTTP or SMTP, None without an answer), and how long it asks to be left alone."""

    reason: Undelivered
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(slots=True)
class Replies:
    """What came of one call of apprise, the newest last. ``denied`` says that a 200 was none."""

    failures: list[Failure] = field(default_factory=list)
    denied: bool = False

    def failure(self, succeeded: bool) -> Failure | None:
        """Why the message is not delivered, None if it is; ``succeeded`` is what apprise says."""
        if succeeded and not self.denied:
            return None
        busy = (each for each in self.failures if each.reason is Undelivered.BUSY)
        return next(busy, self.failures[-1] if self.failures else Failure(Undelivered.FAILED))


@contextmanager
def overheard() -> Iterator[Replies]:
    """Note what is answered in this thread until the end of the block.

    Once a service has said that it is too much, nothing more is sent in the block: apprise would try again at once.
    """
    replies = Replies()
    token = _REPLIES.set(replies)
    try:
        yield replies
    finally:
        _REPLIES.reset(token)


_REPLIES: ContextVar[Replies | None] = ContextVar("replies", default=None)


@dataclass(frozen=True, slots=True)
class _Codes:
    """Where a service puts its error code into a 200, and which codes do not mean that it says no for good."""

    name: str
    busy: frozenset[str] = frozenset()
    server: frozenset[str] = frozenset()

    def failure(self, answer: Mapping[str, object], status: int) -> Failure | None:
        code = answer.get(self.name)
        if code in (None, 0, "") or answer.get("ok") is True:
            return None
        text = str(code)
        if text in self.busy:
            return Failure(Undelivered.BUSY, status, _asked_wait_s(answer))
        return Failure(Undelivered.SERVER if text in self.server else Undelivered.REFUSED, status)


# github.com/openclaw/openclaw/issues/70879 (11232, 2200); the other is the platform's code for all its interfaces
_FEISHU = _Codes("code", busy=frozenset({"11232", "99991400"}), server=frozenset({"2200"}))
_IN_A_200 = {
    "open.feishu.cn": _FEISHU,
    "open.larksuite.com": _FEISHU,
    # 130101 as clients on GitHub know it (20 messages a minute); -1: mabiji.com/dingtalk/errcode.html
    "oapi.dingtalk.com": _Codes("errcode", busy=frozenset({"130101"}), server=frozenset({"-1"})),
    # 45009: github.com/WecomTeam/wecom-openclaw-plugin/issues/48; -1 as DingTalk's
    "qyapi.weixin.qq.com": _Codes("errcode", busy=frozenset({"45009"}), server=frozenset({"-1"})),
    # hex.pm/packages/slack_kit: the errors of each method
    "slack.com": _Codes(
        "error",
        busy=frozenset({"ratelimited", "rate_limited"}),
        server=frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"}),
    ),
    "api.telegram.org": _Codes("error_code", busy=frozenset({"429"}), server=frozenset({"500", "502", "504"})),
}


def failure_of(response: requests.Response) -> Failure | None:
    """What an answer says went wrong; None where it says nothing did."""
    status = response.status_code
    if status == 429:
        return Failure(Undelivered.BUSY, status, _wait_s(response))
    if status >= 500:
        return Failure(Undelivered.SERVER, status, _wait_s(response))
    if status >= 300:
        return Failure(Undelivered.REFUSED, status)
    codes = _IN_A_200.get(urlsplit(response.request.url or "").hostname or "")
    return codes.failure(_json(response), status) if codes else None


def _json(response: requests.Response) -> Mapping[str, object]:
    if len(response.content) > MAX_ANSWER:
        return {}
    try:
        found: object = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _wait_s(response: requests.Response) -> float | None:
    """How long the service asks to wait: by its header, in seconds or until a date, or else by its JSON."""
    told = response.headers.get("Retry-After", "")
    asked = _number(told)
    if asked is None:
        asked = _until(told, response.headers.get("Date", ""))
    return _asked_wait_s(_json(response)) if asked is None else asked


def _asked_wait_s(answer: Mapping[str, object]) -> float | None:
    """Discord: at the top. Telegram: among the parameters."""
    inner = answer.get("parameters")
    return _number(answer.get("retry_after", inner.get("retry_after") if isinstance(inner, dict) else None))


def _number(told: object) -> float | None:
    try:
        seconds = float(told) if isinstance(told, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT_S)


def _until(told: str, now: str) -> float | None:
    """From the service's own clock, which need not be ours, to a date."""
    try:
        until, at = _date(told), _date(now)
    except ValueError:
        return None
    return _number((until - at).total_seconds())


def _date(text: str) -> datetime:
    at = parsedate_to_datetime(text)
    if at.tzinfo is None:
        raise ValueError("a date without a zone")
    return at


def _fault(error: Exception) -> Failure:
    """What it means that there is no answer."""
    inner = error.args[0] if error.args else None
    if isinstance(error, requests.ReadTimeout):
        return Failure(Undelivered.TIMEOUT)
    # urllib3 gives a reason for what it gave up: as nothing is tried twice, that is only a connection.
    closed = isinstance(error, requests.exceptions.SSLError | requests.ConnectTimeout) or hasattr(inner, "reason")
    return Failure(Undelivered.UNREACHABLE if closed else Undelivered.FAILED)


def _overhear(send: Callable[P, requests.Response]) -> Callable[P, requests.Response]:
    @wraps(send)
    def overheard_send(*args: P.args, **kwargs: P.kwargs) -> requests.Response:
        replies = _REPLIES.get()
        if replies is None:
            return send(*args, **kwargs)
        if any(each.reason is Undelivered.BUSY for each in replies.failures):
            raise requests.RequestException("the service said that it is too much")
        try:
            response = send(*args, **kwargs)
        except (requests.RequestException, OSError) as error:
            replies.failures.append(_fault(error))
            raise
        _note(replies, failure_of(response))
        return response

    return overheard_send


def _note(replies: Replies, failure: Failure | None) -> None:
    if failure is not None:
        replies.failures.append(failure)
        replies.denied = replies.denied or failure.status == 200


def _overhear_mail(work: Callable[P, R], broken: Undelivered) -> Callable[P, R]:
    """Note an error code that ``work`` brings, and, as ``broken``, that there is no connection."""

    @wraps(work)
    def overheard_work(*args: P.args, **kwargs: P.kwargs) -> R:
        replies = _REPLIES.get()
        if replies is None:
            return work(*args, **kwargs)
        try:
            answer = work(*args, **kwargs)
        except OSError as error:
            late = broken is Undelivered.FAILED and isinstance(error.__context__, TimeoutError)
            replies.failures.append(Failure(Undelivered.TIMEOUT if late else broken))
            raise
        code = answer[0] if isinstance(answer, tuple) else 0
        if code >= 400:
            replies.failures.append(Failure(Undelivered.REFUSED if code >= 500 else Undelivered.SERVER, code))
        return answer

    return overheard_work


def post(url: str, body: bytes, login: tuple[str, str] | None = None, timeout_s: float = 10.0) -> Failure | None:
    """Post JSON; why it was not taken, None if it was. A redirect is no answer."""
    headers = {"Content-Type": "application/json"}
    with overheard() as replies:
        try:
            requests.post(url, data=body, headers=headers, auth=login, timeout=timeout_s, allow_redirects=False)
        except requests.RequestException:
            return replies.failure(succeeded=False)
    return replies.failures[-1] if replies.failures else None


# Each plugin opens its own session and connection, so there is no smaller place at which all of them pass.
requests.Session.send = _overhear(requests.Session.send)  # type: ignore[method-assign]
smtplib.SMTP.connect = _overhear_mail(smtplib.SMTP.connect, Undelivered.UNREACHABLE)  # type: ignore[method-assign]
smtplib.SMTP.starttls = _overhear_mail(smtplib.SMTP.starttls, Undelivered.UNREACHABLE)  # type: ignore[method-assign, assignment]
smtplib.SMTP.getreply = _overhear_mail(smtplib.SMTP.getreply, Undelivered.FAILED)  # type: ignore[method-assign]
