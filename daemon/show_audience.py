"""What is printed of who hears of an alert: by ``route-test``, and by ``explain``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from daemon import show
from rules.audience import Audience, Escalation, Hearer
from rules.posting import DIGEST, GROUP, QUIET
from rules.selectors import Case
from rules.wording import Speech

AT_ONCE = "at once"


def audience(case: Case, found: Audience, at: datetime, speech: Speech) -> None:
    """Print who hears of an alert, when, and what became of each route."""
    show.line(f"{_described(case)}, at {speech.time(at)}")
    if found.hearers:
        rows = [(each.channel, each.route or "-", when(each, speech)) for each in found.hearers]
        show.table(("channel", "route", "when"), rows)
    else:
        show.line("nobody hears of it")
    for text in (*later(found, speech), *found.notes):
        show.line(text)
    for each in found.tried:
        show.line(f"route {each.route}: {each.why_not or 'taken'}")


def facts(case: Case, found: Audience, at: datetime) -> Mapping[str, Any]:
    """The same as it is printed in JSON."""
    target = case.target
    return {
        "at": at.isoformat(),
        "alert": {
            "rule": case.rule,
            "severity": case.severity,
            "level": case.level,
            "on": target.subject,
            "account": target.account,
            "name": target.name,
            "owner": target.owner,
            "platform": target.platform,
            "tags": list(target.tags),
            "labels": dict(case.labels),
        },
        **heard(found),
    }


def heard(found: Audience) -> Mapping[str, Any]:
    """Who hears of an alert, in JSON; times in UTC, waits in seconds."""
    return {
        "hears": [
            {"channel": each.channel, "route": each.route, "due": each.slot.due.isoformat(), **_bundle(each)}
            for each in found.hearers
        ],
        "later": [
            {
                "route": each.route,
                "remind_s": [wait.total_seconds() for wait in each.remind],
                "escalate_after_s": each.after.total_seconds() if each.after else None,
                "escalate_to": list(each.to),
            }
            for each in found.later
        ],
        "routes": [{"route": each.route, "taken": not each.why_not, "why_not": each.why_not} for each in found.tried],
        "notes": list(found.notes),
    }


def briefly(found: Audience, speech: Speech) -> Iterator[str]:
    """Who hears of an alert in one line; then who does later, and instead."""
    yield ", ".join(_brief(each, speech) for each in found.hearers) or "nobody"
    yield from later(found, speech)
    yield from found.notes


def when(hearer: Hearer, speech: Speech) -> str:
    """When a channel hears of it, and in which company."""
    kind, _, name = hearer.slot.bundle.partition(" ")
    time, wait = speech.time(hearer.slot.due), speech.duration(hearer.slot.wait.total_seconds())
    said = {
        QUIET: f"held until {time}: {name}",
        DIGEST: f"in a digest, {time}",
        GROUP: f"with what else comes of {name} within {wait}",
    }
    return said.get(kind, AT_ONCE)


def later(found: Audience, speech: Speech) -> Iterator[str]:
    """What follows while an alert stays on and nobody says that they know."""
    for each in found.later:
        if each.remind:
            yield f"{_by(each)}told again after {_waits(each, speech)}"
        if each.after is not None:
            after = speech.duration(each.after.total_seconds())
            yield f"{_by(each)}told to {', '.join(each.to) or 'nobody'} after {after}"


def _by(each: Escalation) -> str:
    return f"while it is on, by {each.route}: " if each.route else "while it is on: "


def _waits(each: Escalation, speech: Speech) -> str:
    return ", ".join(speech.duration(wait.total_seconds()) for wait in each.remind)


def _brief(hearer: Hearer, speech: Speech) -> str:
    how = [f"by {hearer.route}"] if hearer.route else []
    how += [said] if (said := when(hearer, speech)) != AT_ONCE else []
    return f"{hearer.channel} ({', '.join(how)})" if how else hearer.channel


def _described(case: Case) -> str:
    """``fake-views, high, on the video Leo jumps (tiktok), owner lin, tags food and tier-a``."""
    target = case.target
    parts = [case.rule, case.level if case.level != case.severity else "", case.severity]
    parts += [f"on: {' '.join(filter(None, [target.subject, target.name]))}", target.platform]
    parts += [f"owner {target.owner}" if target.owner else "", f"tags {' '.join(target.tags)}" if target.tags else ""]
    return ", ".join(filter(None, [*parts, *(f'{name}="{value}"' for name, value in case.labels)]))


def _bundle(hearer: Hearer) -> Mapping[str, Any]:
    kind, _, name = hearer.slot.bundle.partition(" ")
    return {"kind": kind, "name": name, "wait_s": hearer.slot.wait.total_seconds()}
