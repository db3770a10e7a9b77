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
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TextIO

from apprise import (
    Apprise,
    AppriseAsset,
    AppriseAttachment,
    AppriseResultStatus,
    NotificationManager,
    NotifyBase,
    NotifyFormat,
    NotifyType,
    OverflowMode,
    PersistentStoreMode,
)
from apprise.attachment.memory import AttachMemory
from apprise.plugins.base import _delivery_memo, _delivery_tracker
from apprise.plugins.slack import SlackMode

from daemon.alertmanager import SCHEMES as ALERTMANAGER
from daemon.alertmanager import Address, AlertmanagerChannel
from daemon.console import show
from daemon.courier import Courier, NotSent, Sent, since_ms
from daemon.markup import below
from daemon.replies import Failure, Undelivered, overheard
from daemon.scribe import as_body
from daemon.services import (
    MARKUPS,
    PICTURE_APART,
    calling_nobody,
    characters,
    cut,
    in_slacks_words,
    signed_once,
    uncalled,
)
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
ID_ROOM = "0" * 40
"""As long as an id may be."""
MOST_BEGUN = 64
"""Of so many messages that failed a channel remembers who got them."""
READ_TIMEOUT_S = 10.0
"""How long a service may take to answer: apprise's 4 s make a slow answer a failure, and so a message twice."""


class Channel(Protocol):
    """One way to one audience."""

    @property
    def name(self) -> str:
        """The name the configuration gives it."""

    @property
    def markup(self) -> Markup:
        """What its service takes best."""

    @property
    def service(self) -> str:
        """What its service is called, for people; "" where that says nothing."""

    @property
    def takes_pictures(self) -> bool:
        """Whether its service shows the picture of a message."""

    def texts(self, message: Message, id_text: str) -> tuple[str, str]:
        """The title and the body as its service is given them."""

    def fits(self, message: Message) -> bool:
        """Whether its service takes a message whole, and not in parts."""

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Try once to deliver; ``id_text`` ends the body, so that a reader can tell a repeat from news."""

    def close(self) -> None:
        """Let go of it; not while it sends."""


class ConsoleChannel:
    """Prints messages to ``out``, one block a message."""

    def __init__(self, name: str, out: TextIO) -> None:
        self.name, self.markup, self.service, self.takes_pictures = name, Markup.TEXT, "", False
        self._out = out
        self._lock = asyncio.Lock()

    def fits(self, message: Message) -> bool:  # noqa: ARG002 - the others look at it
        """Always."""
        return True

    def texts(self, message: Message, id_text: str) -> tuple[str, str]:
        """As they are printed, but for colours."""
        return message.title, below(message.body, f"id: {id_text}", message.markup)

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """Print in a thread (a full pipe blocks); a stream that does not take the text is FAILED."""
        async with self._lock:
            started_s = time.perf_counter()
            try:
                await asyncio.to_thread(show, message, id_text, self._out)
            except (OSError, UnicodeError):
                return NotSent(Undelivered.FAILED, since_ms(started_s))
            return Sent(since_ms(started_s))

    def close(self) -> None:
        """Nothing: the stream is another's."""


@dataclass(slots=True)
class _Begun:
    """A message that was tried. Once a part of it, or one of its readers, was ``reached``, its words stay as they are.

    ``notes`` are apprise's own, for the next attempt.
    """

    message: Message
    reached: set[Any] = field(default_factory=set)
    notes: dict[Any, Any] = field(default_factory=dict)

    def words(self, message: Message) -> Message:
        """What to say in this attempt, which would say ``message``."""
        if not self.reached:
            self.message = message
        return replace(self.message, picture=message.picture)


class AppriseChannel:
    """Sends through one apprise service, as ``courier`` does.

    A message that failed is tried again by its id. What a reader of several has got, or a part of several that has
    arrived, is not sent again.
    """

    def __init__(self, name: str, service: NotifyBase, courier: Courier) -> None:
        self.name, self.markup, self.service = name, _best(service), str(service.service_name)
        self.takes_pictures = _takes_pictures(service)
        self._service, self._apprise, self._courier = service, Apprise(service), courier
        self._begun: dict[str, _Begun] = {}

    def fits(self, message: Message) -> bool:
        """As far as is known of its service."""
        title, body = self.texts(message, ID_ROOM)
        return len(body) <= characters(_kind(self._service), title + body, type(self._service).body_maxlen)

    def texts(self, message: Message, id_text: str) -> tuple[str, str]:
        """Before apprise puts the markup into that of the service."""
        return _texts(self._service, message, id_text)

    async def send(self, message: Message, id_text: str) -> Sent | NotSent:
        """One apprise call. Never raises for what a service or its plugin does."""
        begun = self._begin(message, id_text)
        result = await self._courier.carry(partial(_notify, self._apprise, self._service, message, id_text, begun))
        if isinstance(result, Sent):
            self._begun.pop(id_text, None)
        return result

    def _begin(self, message: Message, id_text: str) -> _Begun:
        """What is known of a message, that of an earlier attempt if it tells the same."""
        begun = self._begun.pop(id_text, None)
        if begun is None or begun.message.stories != message.stories:
            begun = _Begun(message)
        self._begun[id_text] = begun
        if len(self._begun) > MOST_BEGUN:
            del self._begun[next(iter(self._begun))]
        return begun

    def close(self) -> None:
        """End its thread, at the latest when the call in it ends."""
        self._courier.close()


def problem_with(url: str) -> str | None:
    """What is wrong with a channel's URL, in words that quote its scheme at most; None if it can be opened.

    The first call loads all of apprise's plugins: about a second and 40 MB.
    """
    found = _SCHEME.match(url)
    scheme = found[1].lower() if found else ""
    if scheme in ALERTMANAGER:
        read = Address.read(url)
        return read if isinstance(read, str) else None
    if url == CONSOLE_URL or _load(url):
        return None
    if not scheme:
        return "not a URL: it must start with a scheme, as in mailto:// or console://"
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
    found = _SCHEME.match(url)
    address = Address.read(url) if found and found[1].lower() in ALERTMANAGER else None
    if isinstance(address, Address):
        return AlertmanagerChannel(name, address, Courier(name, gap_s, timeout_s))
    service = None if address else _load(url)
    if service is None:
        raise ValueError(f"channel {name} has a URL that cannot be opened")
    return AppriseChannel(name, _tame(service), Courier(name, gap_s, timeout_s))


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


def _texts(service: NotifyBase, message: Message, id_text: str) -> tuple[str, str]:
    """The title, "" where the service has none, and the body."""
    has_titles, kind = service.title_maxlen > 0, _kind(service)
    title = cut(uncalled(kind, message.title), service.title_maxlen) if has_titles else ""
    return title, below(message.body if has_titles else as_body(message), f"id: {id_text}", message.markup)


def _notify(apprise: Apprise, service: NotifyBase, now: Message, id_text: str, begun: _Begun) -> Failure | None:
    """Send the text, with its picture where the service takes one; no picture fails a text."""
    message = begun.words(now)
    kind, (title, body) = _kind(service), _texts(service, message, id_text)
    service.body_maxlen = characters(kind, title + body, type(service).body_maxlen)
    send = partial(_call, apprise, message, title, uncalled(kind, body))
    picture = message.picture if _takes_pictures(service) else None
    if picture and kind in PICTURE_APART:
        failure = send(begun)
        if failure is None:
            _call(apprise, message, "", "", _Begun(message), picture)
        return failure
    failure = send(begun, picture)
    if picture and failure is not None and _may_be_the_picture(failure, begun):
        return send(begun)
    return failure


def _may_be_the_picture(failure: Failure, begun: _Begun) -> bool:
    """Whether the text may go, or have gone, without the picture; who is busy is not asked again at once."""
    if begun.reached:
        return failure.reason is not Undelivered.BUSY
    return failure.reason in {Undelivered.REFUSED, Undelivered.FAILED}


def _call(
    apprise: Apprise, message: Message, title: str, body: str, begun: _Begun, picture: bytes | None = None
) -> Failure | None:
    attached: Any = AttachMemory  # not typed
    # Where apprise itself notes, while it tries again, whom it need not send a message any more: we try again, not it.
    _delivery_tracker.set(begun.reached)
    _delivery_memo.set(begun.notes)
    before = set(begun.reached)
    with overheard() as replies:
        result = apprise.notify(
            title=title,
            body=body,
            notify_type=NotifyType.SUCCESS if message.news is News.RESOLVED else _TYPE[message.severity],
            body_format=NotifyFormat(message.markup.value),
            attach=AppriseAttachment(attached(picture, "chart.png", "image/png")) if picture else None,
        )
    succeeded = result.status == AppriseResultStatus.SUCCESS
    if replies.denied and (succeeded or not picture):  # apprise may have taken a no in a 200 for a yes
        begun.reached &= before
    return replies.failure(succeeded)


def _takes_pictures(service: NotifyBase) -> bool:
    plugin: Any = service
    is_slack_hook = plugin.secure_protocol == "slack" and plugin.mode != SlackMode.BOT
    return bool(plugin.attachment_support) and not is_slack_hook


def _schemes() -> list[str]:
    plugins: Any = NotificationManager  # apprise types it only in part
    return ["console", *ALERTMANAGER, *plugins().schemas()]
