"""What is on, told again to a channel that forgets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable
from weakref import WeakKeyDictionary

from daemon.courier import NotSent, Sent
from daemon.scribe import Scribe
from rules.story import Story
from rules.wording import Markup, Message


@runtime_checkable
class Forgetful(Protocol):
    """A channel that has to be told every so often what is on."""

    @property
    def name(self) -> str:
        """The name the configuration gives it."""

    @property
    def markup(self) -> Markup:
        """What its service takes best."""

    @property
    def repeats_every(self) -> timedelta:
        """How often it wants to be told."""

    async def repeat(self, messages: Iterable[Message], at: datetime) -> Sent | NotSent:
        """Try once to tell it all that is on at this time."""


class Repeating:
    """When each forgetful channel is to be told again: at first, too, so that it knows how what ends was told."""

    def __init__(self) -> None:
        self._due: WeakKeyDictionary[object, datetime] = WeakKeyDictionary()

    async def tell(
        self, channel: object, standing: Callable[[str], Awaitable[Sequence[Story]]], scribe: Scribe, at: datetime
    ) -> None:
        """Tell a channel that is due what is ``standing`` for its name; if it is not taken, again in its own time."""
        if not isinstance(channel, Forgetful) or at < self._due.get(channel, at):
            return
        self._due[channel] = at + channel.repeats_every
        stories = await standing(channel.name)
        await channel.repeat(await asyncio.to_thread(_written, scribe, stories, channel, at), at)


def _written(scribe: Scribe, stories: Sequence[Story], channel: Forgetful, at: datetime) -> Sequence[Message]:
    return [scribe.write([each], channel.name, channel.markup, at) for each in stories]
