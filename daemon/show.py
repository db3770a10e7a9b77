"""What the commands print: colour on a terminal, plain text in a pipe, JSON where it is asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rules.durations import say_duration

if TYPE_CHECKING:
    from daemon.marked import Problem
    from daemon.providers.endpoint import Endpoint
    from rules.book import RuleBook
    from storage.records import AlertRow, Counts, Remembered

_PIPE_WIDTH = 240
_COLOURS = {"info": "cyan", "warning": "yellow", "high": "red", "critical": "bold red"}


def as_json(value: object) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def problems(file: Path, found: Sequence[Problem]) -> None:
    """Print what is wrong with a file to standard error, a line each."""
    for problem in found:
        sys.stderr.write(problem.shown(str(file)) + "\n")


def endpoint_facts(endpoint: Endpoint) -> Mapping[str, Any]:
    """An endpoint as it is printed in JSON."""
    return {
        "name": endpoint.name,
        "provider": endpoint.provider,
        "platform": endpoint.platform,
        "subject": endpoint.subject,
        "method": endpoint.method,
        "path": endpoint.path,
        "parameters": {each.name: each.meaning for each in endpoint.parameters},
        "needs": sorted(endpoint.needs),
        "cost_usd": str(endpoint.cost_usd),
        "batch": endpoint.batch,
        "interval_s": endpoint.interval_s,
        "freshness": endpoint.freshness,
        "series": [
            {"metric": each.name, "labels": list(each.labels), "unit": each.unit, "meaning": each.meaning}
            for each in endpoint.metrics
        ],
    }


def endpoint(endpoint: Endpoint) -> None:
    """Print an endpoint: a line of what it is, and its series."""
    needs = ", ".join(sorted(endpoint.needs)) or "nothing"
    batch = f"up to {endpoint.batch} {endpoint.subject}s" if endpoint.batch > 1 else f"one {endpoint.subject}"
    console = _console()
    console.print(f"[bold]{endpoint.name}[/bold]  {endpoint.provider} {endpoint.method} {endpoint.path}")
    console.print(f"  asks about {batch} on {endpoint.platform}; needs {needs}")
    for each in endpoint.parameters:
        console.print(f"  {each.name}: {escape(each.meaning)}{'' if each.required else ' (optional)'}")
    console.print(f"  {endpoint.cost_usd} USD a call, every {say_duration(endpoint.interval_s)}; {endpoint.freshness}")
    _table(
        ("series", "unit", "meaning"),
        [(_series(each.name, each.labels), each.unit, each.meaning) for each in endpoint.metrics],
    )
    console.print()


def status_facts(lines: Sequence[Remembered], counts: Counts) -> Mapping[str, Any]:
    """The state of a daemon as it is printed in JSON. ``failing`` lists the polls whose newest attempt failed."""
    return {
        "polls": {endpoint: dict(outcomes) for endpoint, outcomes in _by_endpoint(lines).items()},
        "failing": [
            {"target": each.target, "endpoint": each.endpoint, "reason": each.outcome, "times": each.failures}
            for each in lines
            if each.failures
        ],
        "alerts": [{"rule": rule, "level": level, "count": n} for (rule, level), n in sorted(counts.alerts.items())],
        "outbox": {"waiting": counts.outbox_waiting, "oldest": counts.outbox_oldest, "dead": counts.outbox_dead},
        "database_bytes": counts.database_bytes,
    }


def status(lines: Sequence[Remembered], counts: Counts) -> None:
    """Print the state of a daemon."""
    rows = [
        (endpoint, str(outcomes.total()), ", ".join(f"{name} {n}" for name, n in sorted(outcomes.items())))
        for endpoint, outcomes in _by_endpoint(lines).items()
    ]
    _table(("endpoint", "targets", "newest polls"), rows)
    failing = [(each.target, each.endpoint, str(each.outcome), str(each.failures)) for each in lines if each.failures]
    if failing:
        _table(("cannot see", "by", "because", "times in a row"), failing)
    open_alerts = sum(number for (_, level), number in counts.alerts.items() if level)
    _console().print(
        f"alerts open: {open_alerts}; messages waiting: {counts.outbox_waiting}, given up: {counts.outbox_dead}; "
        f"database: {counts.database_bytes / 1e6:.1f} MB"
    )


def alert_facts(row: AlertRow, book: RuleBook) -> Mapping[str, Any]:
    """An alert as it is printed in JSON."""
    return {
        "id": row.id,
        "rule": row.rule,
        "target": row.target,
        "name": row.target_name,
        "labels": dict(row.labels),
        "level": _level(row, row.level, book),
        "severity": _severity(row, book),
        "peak": _level(row, row.peak, book),
        "opened": row.opened.isoformat(),
        "closed": row.closed.isoformat() if row.closed else None,
        "told": dict(row.told),
    }


def alerts(rows: Sequence[AlertRow], book: RuleBook, at: datetime) -> None:
    """Print alerts, a line each."""
    if not rows:
        _console().print("no alerts")
        return
    headings = ("id", "level", "severity", "rule", "about", "for")
    _table(headings, [_alert(row, book, at) for row in rows], marked=True)


def _alert(row: AlertRow, book: RuleBook, at: datetime) -> Sequence[str]:
    severity = _severity(row, book)
    age = say_duration(((row.closed or at) - row.opened).total_seconds())
    state = _level(row, row.level, book) or ("over" if row.closed else "pending")
    about = " ".join([row.target_name, *(value for _, value in row.labels)])
    colour = "dim" if row.closed else _COLOURS.get(severity, "")
    return str(row.id), _coloured(state, colour), severity, row.rule, escape(about), age


def _level(row: AlertRow, level: int, book: RuleBook) -> str:
    rule = next((rule for rule in book.rules if rule.name == row.rule), None)
    if not level:
        return ""
    return rule.levels[level - 1].name if rule and level <= len(rule.levels) else f"level {level}"


def _severity(row: AlertRow, book: RuleBook) -> str:
    level = row.level or row.peak
    rule = next((rule for rule in book.rules if rule.name == row.rule), None)
    return rule.severity(level).value if rule and 0 < level <= len(rule.levels) else ""


def _by_endpoint(lines: Sequence[Remembered]) -> Mapping[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for line in lines:
        found.setdefault(line.endpoint, Counter())[line.outcome or "not yet"] += 1
    return found


def _series(metric: str, labels: Iterable[str]) -> str:
    return metric + ("{" + ", ".join(labels) + "}" if labels else "")


def _coloured(text: str, colour: str) -> str:
    return f"[{colour}]{escape(text)}[/]" if colour else escape(text)


def _console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for whole lines in a pipe."""
    return Console(highlight=False, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], marked: bool = False) -> None:
    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=True)
    for row in rows:
        table.add_row(*(cell if marked else escape(cell) for cell in row))
    _console().print(table)
