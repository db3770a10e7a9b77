"""What is printed of a message before it is sent: by ``preview``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from daemon import show
from daemon.rehearsal import Rehearsal, Shown
from daemon.scribe import Scribe
from daemon.show_audience import briefly, heard
from rules.wording import Speech


def preview(found: Rehearsal, messages: Sequence[Shown], zone: tzinfo) -> None:
    """Print which alert it is, who hears of it, and what each channel is sent."""
    show.line(_which(found))
    hearers, *more = briefly(found.audience, Speech(zone=zone))
    held = [f"held: {found.held}"] if found.held else []
    for text in (f"tells: {hearers}", *held, *more):
        show.line(text)
    for each in messages:
        show.line()
        show.line(f"--- {each.channel}, {each.message.markup}")
        show.line("\n".join(filter(None, (each.title, each.body))))


def facts(found: Rehearsal, messages: Sequence[Shown], scribe: Scribe) -> Mapping[str, Any]:
    """The same as it is printed in JSON."""
    alert, story = found.alert, found.story
    return {
        "alert": alert.id,
        "rule": alert.rule,
        "target": alert.target,
        "labels": dict(alert.labels),
        "level": story.level,
        "severity": story.severity,
        **heard(found.audience),
        "held": found.held,
        "messages": [
            {
                "channel": each.channel,
                "language": scribe.speech(each.channel).language,
                "format": each.message.markup,
                "title": each.title,
                "body": each.body,
            }
            for each in messages
        ],
    }


def _which(found: Rehearsal) -> str:
    alert = found.alert
    labels = "".join(f", {name} {value}" for name, value in alert.labels)
    stands = f"alert {alert.id} is on" if alert.id is not None else "no such alert is on: as if it fired now"
    return f"{alert.rule} on {alert.target}{labels}, {found.story.level}: {stands}"
