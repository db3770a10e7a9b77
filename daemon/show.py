"""What the commands print: colour on a terminal, plain text in a pipe, JSON where it is asked for.

A secret that was looked up is printed by nothing here. ``daemon.show_answer``, ``daemon.show_money`` and
``daemon.show_status`` have the longer pages.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daemon.secrets import REDACTOR
from rules.durations import say_duration

if TYPE_CHECKING:
    from daemon.marked import Problem
    from daemon.providers.endpoint import Endpoint
    from rules.book import RuleBook
    from storage.records import AlertRow

_PIPE_WIDTH = 240
_COLOURS = {"info": "cyan", "warning": "yellow", "high": "red", "critical": "bold red"}


def as_json(value: object) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(REDACTOR.redact(json.dumps(value, indent=2, ensure_ascii=False, default=str)) + "\n")


def line(text: str = "") -> None:
    """Print one line of plain text, however long it is."""
    _console().print(REDACTOR.redact(text), markup=False, soft_wrap=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], marked: bool = False) -> None:
    """Print rows below their headings; ``marked`` cells carry rich's markup."""
    printed = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=True)
    for row in rows:
        printed.add_row(*(REDACTOR.redact(cell) if marked else escape(REDACTOR.redact(cell)) for cell in row))
    _console().print(printed)


def problems(file: Path, found: Sequence[Problem]) -> None:
    """Print what is wrong with a file to standard error, a line each."""
    for problem in found:
        sys.stderr.write(problem.shown(str(file)) + "\n")


def problem_facts(file: Path, problem: Problem) -> Mapping[str, Any]:
    """What is wrong as it is printed in JSON; ``file`` is the configuration, a problem may be in a file it names."""
    name = problem.file or str(file)
    return {"file": name, "line": problem.line, "column": problem.column, "text": problem.text}


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
        "any_of": sorted(endpoint.any_of),
        "cost_usd": str(endpoint.cost_usd),
        "batch": endpoint.batch,
        "interval_s": endpoint.interval.total_seconds(),
        "cadence": str(endpoint.cadence),
        "freshness": endpoint.freshness,
        "vital": endpoint.vital,
        "lists_videos": endpoint.lists_videos is not None,
        "series": [
            {"metric": each.name, "labels": list(each.labels), "unit": each.unit, "meaning": each.meaning}
            for each in endpoint.metrics
        ],
    }


def endpoint(endpoint: Endpoint) -> None:
    """Print an endpoint: a line of what it is, and its series."""
    needs = ", ".join(filter(None, [*sorted(endpoint.needs), " or ".join(sorted(endpoint.any_of))]))
    batch = f"up to {endpoint.batch} {endpoint.subject}s" if endpoint.batch > 1 else f"one {endpoint.subject}"
    platform = f" on {endpoint.platform}" if endpoint.platform else ""
    _console().print(f"[bold]{endpoint.name}[/bold]  {endpoint.provider} {endpoint.method} {endpoint.path}")
    line(f"  asks about {batch}{platform}; needs {needs or 'nothing'}")
    for each in endpoint.parameters:
        line(f"  {each.name}: {each.meaning}{'' if each.required else ' (optional)'}")
    line(f"  {endpoint.cost_usd} USD a call, {endpoint.cadence}; {endpoint.freshness}")
    if endpoint.metrics:
        rows = [(series(each.name, each.labels), each.unit, each.meaning) for each in endpoint.metrics]
        table(("series", "unit", "meaning"), rows)
    line()


def series(metric: str, labels: Iterable[str]) -> str:
    """A series as rules write it: its metric, and its labels if it has some."""
    shown = ", ".join(labels)
    return f"{metric}{{{shown}}}" if shown else metric


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
        line("no alerts")
        return
    headings = ("id", "level", "severity", "rule", "about", "for")
    table(headings, [_alert(row, book, at) for row in rows], marked=True)


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


def _coloured(text: str, colour: str) -> str:
    return f"[{colour}]{escape(text)}[/]" if colour else escape(text)


def _console() -> Console:
    """Standard output: as wide as the terminal, or wide enough for whole lines in a pipe."""
    return Console(highlight=False, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH)
