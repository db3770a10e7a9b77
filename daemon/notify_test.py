"""A message by which people see that a channel works: written and sent as every other, and marked as a test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from daemon.channels import open_channel
from daemon.config import Config
from daemon.courier import NotSent, Sent
from daemon.envfile import environment
from daemon.scribe import Scribe
from daemon.secrets import Unresolved, resolve
from rules.story import Story, Who
from rules.values import News, Severity


@dataclass(frozen=True, slots=True)
class Trial:
    """How a test of a channel ended; ``service`` is "" where that is not known."""

    channel: str
    service: str
    result: Sent | NotSent

    @property
    def arrived(self) -> bool:
        """Whether the service took it."""
        return isinstance(self.result, Sent)


async def send_tests(
    config: Config, names: Sequence[str], env: Mapping[str, str], out: TextIO, at: datetime
) -> list[Trial]:
    """Send a test by each of these channels, all at once; console channels write to ``out``."""
    scribe = Scribe(config.voices, config.letterheads)
    own = environment(env, config.base, config.env_file)
    return list(await asyncio.gather(*(_send_test(config, name, own, out, scribe, at) for name in names)))


async def _send_test(
    config: Config, name: str, env: Mapping[str, str], out: TextIO, scribe: Scribe, at: datetime
) -> Trial:
    url = resolve(config.channels[name], env, config.base)
    assert not isinstance(url, Unresolved)  # noqa: S101 - the configuration was refused otherwise
    channel = await asyncio.to_thread(open_channel, name, url.reveal(), out)
    try:
        message = scribe.write([_story(name, scribe, at)], name, channel.markup, at)
        return Trial(name, channel.service, await channel.send(message, "test"))
    finally:
        channel.close()


def _story(channel: str, scribe: Scribe, at: datetime) -> Story:
    """It stands at 0, so that no service believes that anything is on."""
    speech = scribe.speech(channel)
    return Story(
        news=News.FIRED,
        severity=Severity.INFO,
        at=at,
        rule="notify-test",
        who=Who("creatorwatch", ""),
        headline=(speech.say("test", channel=channel),),
        notes=(speech.say("test.note"), speech.time(at)),
    )
