"""What `creatorwatch test` prints: a line a test, and below one that failed what was expected and what came instead."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from daemon.rule_test_files import RuleTest
from daemon.rule_tests import Failure
from daemon.secrets import REDACTOR
from rules.durations import say_duration
from rules.wording import say_time

Ran = tuple[RuleTest, Sequence[Failure]]


def ran_facts(path: Path, ran: Iterable[Ran]) -> list[Mapping[str, Any]]:
    """The tests of a file as they are printed in JSON; times are seconds since the beginning of the test."""
    return [
        {
            "file": str(path),
            "name": test.name,
            "line": test.mark.line,
            "column": test.mark.column,
            "ok": not failures,
            "failures": [
                {
                    "line": each.mark.line,
                    "column": each.mark.column,
                    "at_s": each.at.total_seconds(),
                    "what": each.what,
                    "expected": list(each.expected),
                    "got": list(each.got),
                }
                for each in failures
            ],
        }
        for test, failures in ran
    ]


def ran(path: Path, ran: Iterable[Ran]) -> None:
    """Print how the tests of a file went; colours only on a terminal."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(Text(str(path), "bold"))
    for test, failures in ran:
        word, style = ("FAILED", "bold red") if failures else ("OK", "green")
        console.print(Text.assemble("  ", (f"{word:<6}", style), "  ", test.name))
        for failure in failures:
            for line in _failure(path, test, failure):
                console.print(Text(REDACTOR.redact(line)))


def total(tests: int, failed: int) -> None:
    """Print how many there were."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print(Text(f"tests: {tests}, failed: {failed}", "bold red" if failed else "bold green"))


def _failure(path: Path, test: RuleTest, failure: Failure) -> Iterable[str]:
    when = f"{_since(failure.at)} ({say_time(test.start + failure.at)})"
    yield f"    {path}:{failure.mark.line}:{failure.mark.column}: other {failure.what} at {when}"
    for title, texts in (("expected", failure.expected), ("got", failure.got)):
        lines = [line for text in texts or ("none",) for line in text.splitlines()]
        yield f"      {title + ':':<9} {lines[0]}"
        yield from (f"      {'':<9} {line}" for line in lines[1:])


def _since(at: timedelta) -> str:
    return say_duration(at.total_seconds())
