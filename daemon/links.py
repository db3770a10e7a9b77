"""Links in messages by which a reader says something with one tap. Each is good for one thing, and signed.

A token is a ticket and its HMAC-SHA256, in the letters of URLs; so whoever has the key can make one, and nobody else
can change one. It names no secret, but lets whoever holds it do what it says: it goes only to whom the message goes.
"""

from __future__ import annotations

import base64
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from urllib.parse import urlsplit

from daemon.secrets import Secret, Unresolved
from rules.story import Story

GOOD_FOR = timedelta(days=7)
SILENCED_FOR = timedelta(hours=4)
SHORTEST_KEY = 16
"""Characters of a key."""
LONGEST_URL = 80
"""Characters of the address before the token, so that a link fits into a text message."""
PATH = "/a/"

_HEAD = struct.Struct(">BQBI")
_PURPOSE = b"creatorwatch link 1\0"
_MAC_BYTES = 32
_NAME_BYTES = 40
"""Of a channel's name, as much as a ticket has room for."""


def url_fault(url: str) -> str | None:
    """What is wrong with the address before the tokens, in words; None if nothing is."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole or not url.isascii() or not url.isprintable() or any(each in url for each in " ?#\"'<>"):
        return "expected an address such as https://alerts.example.com, without a user name, query or fragment"
    if parts.scheme != "https":
        return "links are sent to people, so they are https://: what is behind them acts"
    if len(url.rstrip("/")) > LONGEST_URL:
        return f"links must fit into a text message: {LONGEST_URL} characters at most"
    return None


def key_fault(key: Secret | Unresolved) -> str | None:
    """What is wrong with a key that is there, in words; None if nothing is."""
    if isinstance(key, Unresolved) or len(key.reveal()) >= SHORTEST_KEY:
        return None
    return f"the key has less than {SHORTEST_KEY} characters: `openssl rand -hex 32` makes a good one"


class Action(IntEnum):
    """What a link does."""

    ACKNOWLEDGE = 1
    SILENCE = 2


class Invalid(Enum):
    """Why a token is refused."""

    WRONG = "wrong"
    OLD = "old"


@dataclass(frozen=True, slots=True)
class Ticket:
    """That readers of ``channel`` may do this, about an alert at a level (from 1 on), until ``expires``.

    Of that it holds whole minutes, and of the channel's name the first 40 bytes.
    """

    action: Action
    alert_id: int
    level: int
    channel: str
    expires: datetime


class Links:
    """Makes links and knows them again. ``silent`` are channels that get none: others than our own people read them."""

    def __init__(self, url: str, key: Secret, silent: frozenset[str] = frozenset()) -> None:
        self._url, self._key, self._silent = url.rstrip("/"), key.reveal().encode(), silent

    def of(self, story: Story, alert_id: int, channel: str, at: datetime) -> Iterator[tuple[str, str]]:
        """The links of a message about one alert, each as (what its words are called, URL); none if that is over."""
        if story.stand and channel not in self._silent:
            for action in Action:
                ticket = Ticket(action, alert_id, abs(story.stand), channel, at + GOOD_FOR)
                yield f"link.{action.name.lower()}", f"{self._url}{PATH}{self.token(ticket)}"

    def token(self, ticket: Ticket) -> str:
        """A ticket, signed."""
        minutes = int(ticket.expires.timestamp()) // 60
        name = ticket.channel.encode()[:_NAME_BYTES]
        body = _HEAD.pack(ticket.action, ticket.alert_id, min(ticket.level, 255), minutes) + name
        return _text(body + self._sign(body))

    def ticket(self, token: str, at: datetime) -> Ticket | Invalid:
        """What a token lets one do at ``at``."""
        raw = _bytes(token)
        body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._sign(body)):
            return Invalid.WRONG
        action, alert_id, level, minutes = _HEAD.unpack_from(body)
        expires = datetime.fromtimestamp(minutes * 60, UTC)
        if at >= expires:
            return Invalid.OLD
        return Ticket(Action(action), alert_id, level, body[_HEAD.size :].decode(errors="ignore"), expires)

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, _PURPOSE + body, "sha256")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(token: str) -> bytes:
    """The inverse of ``_text``; of what it would never have written, nothing."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        return b""
    return raw if _text(raw) == token else b""
