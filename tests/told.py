"""Stories and messages for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from daemon.scribe import plain
from rules.story import Story, Who
from rules.values import News, Severity

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_story(headline="title", *notes, news=News.FIRED, severity=Severity.HIGH, **more):
    """A story whose first line ends in this headline, and that says these lines."""
    return Story(news, severity, NOON, "r", Who("", ""), (headline,), notes=notes, **more)


def read(letter):
    """What a letter, or what is owed, says in plain English."""
    return plain(letter.story)
