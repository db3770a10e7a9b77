"""What is printed of silences, acknowledgements and their trail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from daemon.show import line, table
from rules.wording import say_time

if TYPE_CHECKING:
    from rules.selectors import Case
    from rules.silences import Silence
    from rules.values import Alert
    from storage.silences import Ack, Trace


@dataclass(frozen=True, slots=True)
class Held:
    """A silence, and the alerts that are on and that it holds; ``stale``: somebody may have forgotten it."""

    silence: Silence
    alerts: Sequence[tuple[Alert, Case]]
    stale: bool

    @classmethod
    def of(cls, silence: Silence, on: Iterable[tuple[Alert, Case]], at: datetime) -> Held:
        """A silence among all alerts that are on."""
        found = [(alert, case) for alert, case in on if silence.match.matches(case)]
        return cls(silence, found, silence.is_stale(at))


def held_facts(held: Held) -> Mapping[str, Any]:
    """A silence as it is printed in JSON."""
    silence = held.silence
    return {
        "id": silence.id,
        "match": silence.match.text,
        "begins": silence.begins.isoformat(),
        "ends": silence.ends.isoformat(),
        "until_resolved": bool(silence.awaits),
        "by": silence.by,
        "why": silence.why,
        "alerts": [alert.id for alert, _ in held.alerts],
        "stale": held.stale,
        "fault": silence.fault,
    }


def ack_facts(ack: Ack) -> Mapping[str, Any]:
    """An acknowledgement as it is printed in JSON."""
    return {"alert": ack.alert_id, "level": ack.level, "by": ack.who, "at": ack.at.isoformat()}


def trace_facts(trace: Trace) -> Mapping[str, Any]:
    """A row of the trail as it is printed in JSON."""
    return {
        "at": trace.at.isoformat(),
        "by": trace.who,
        "what": trace.what.value,
        "about": trace.about,
        "how": trace.how.value,
    }


def silences(found: Sequence[Held], acks: Sequence[tuple[Ack, str]]) -> None:
    """Print silences, and acknowledgements with what they are about, a line each."""
    if not (found or acks):
        line("nothing is silenced, and nothing acknowledged")
    if found:
        headings = ("silence", "until", "holds", "by", "why", "match")
        table(headings, [_silence(each) for each in found])
    if acks:
        rows = [(str(ack.alert_id), known, ack.who, say_time(ack.at)) for ack, known in acks]
        table(("alert", "known", "by", "since"), rows)
    for each in found:
        if each.silence.fault:
            line(f"silence {each.silence.id} holds nothing, as it cannot be read any more: {each.silence.fault}")
        if each.stale:
            line(f"silence {each.silence.id} may be forgotten: `creatorwatch silence --end {each.silence.id}` ends it")


def _silence(held: Held) -> Sequence[str]:
    silence, ends = held.silence, until(held.silence.ends, bool(held.silence.awaits))
    return str(silence.id), ends, str(len(held.alerts)), silence.by, silence.why, silence.match.text


def until(ends: datetime, is_resolved: bool) -> str:
    """When a silence ends."""
    return f"resolved, or {say_time(ends)}" if is_resolved else say_time(ends)


def muted(found: Sequence[tuple[Alert, Case]]) -> None:
    """Print the alerts that a silence holds from now on."""
    if not found:
        line("nothing that it matches is on now")
    for alert, case in found:
        line(f"  {alert.id}  {about(alert, case)}")


def about(alert: Alert, case: Case) -> str:
    """An alert at a level in words: ``points off (high): Mei``."""
    whose = " ".join([case.target.name, *(value for _, value in alert.labels)])
    return f"{case.rule} {case.level} ({case.severity.value}): {whose}"


def trail(found: Sequence[Trace]) -> None:
    """Print the trail, a line each."""
    if not found:
        line("nobody said anything")
        return
    rows = [(say_time(each.at), each.who, each.what.value, each.about, each.how.value) for each in found]
    table(("at", "by", "what", "about", "how"), rows)
