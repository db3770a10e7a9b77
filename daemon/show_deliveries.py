"""What the commands print about deliveries and about tests of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from daemon import show
from daemon.courier import Sent
from daemon.notify_test import Trial
from rules.durations import say_duration
from rules.wording import say_time
from storage.records import SENT, Delivered, Status

_STANDING = {Status.SENT: "arrived", Status.WAITING: "is tried again", Status.DEAD: "given up"}


def facts(row: Delivered) -> Mapping[str, Any]:
    """A letter that was tried, as it is printed in JSON. ``late_s`` is from when it was to go to the newest attempt."""
    return {
        "id": f"{row.alert_id}.{row.letter_id}",
        "channel": row.channel,
        "title": row.title,
        "meant": row.meant.isoformat(),
        "tried": row.at.isoformat(),
        "late_s": _late_s(row),
        "attempts": row.attempts,
        "standing": row.standing.value,
        "outcome": row.outcome,
        "status": row.status,
        "latency_ms": row.latency_ms,
    }


def deliveries(rows: Sequence[Delivered]) -> None:
    """Print letters that were tried, a line each."""
    if not rows:
        show.line("no deliveries")
        return
    headings = ("tried", "channel", "id", "message", "outcome", "", "attempts", "late", "took")
    show.table(headings, [_line(row) for row in rows])


def _line(row: Delivered) -> Sequence[str]:
    standing = "" if row.outcome == SENT else _STANDING[row.standing]
    late_s = _late_s(row)
    return (
        say_time(row.at),
        row.channel,
        f"{row.alert_id}.{row.letter_id}",
        row.title,
        _outcome(row.outcome, row.status),
        standing,
        str(row.attempts),
        say_duration(late_s) if late_s >= 1 else "",
        f"{row.latency_ms} ms",
    )


def _late_s(row: Delivered) -> float:
    return max(row.at - row.meant, timedelta(0)).total_seconds()


def _outcome(outcome: str, status: int | None) -> str:
    return outcome if status is None else f"{outcome} {status}"


def trial_facts(trial: Trial) -> Mapping[str, Any]:
    """The test of a channel as it is printed in JSON."""
    result = trial.result
    failed = None if isinstance(result, Sent) else result
    return {
        "channel": trial.channel,
        "service": trial.service,
        "outcome": SENT if failed is None else failed.reason.value,
        "status": None if failed is None else failed.status,
        "retry_after_s": None if failed is None else failed.retry_after_s,
        "latency_ms": result.latency_ms,
    }


def trials(found: Sequence[Trial]) -> None:
    """Print the tests of channels, a line each."""
    if not found:
        show.line("no channels")
        return
    rows = []
    for each in found:
        said = trial_facts(each)
        outcome = _outcome(said["outcome"], said["status"])
        rows.append((each.channel, each.service, outcome, f"{each.result.latency_ms} ms"))
    show.table(("channel", "service", "outcome", "took"), rows)
