"""Prove: what rules would do, before anybody is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemon.commands.arguments import DEFAULT_FILE, AsJson, File, instant, moment
from daemon.commands.exits import CANNOT_RUN, WRONG, complain, configured, reading

if TYPE_CHECKING:
    from daemon.config import Config
    from daemon.marked import Problem
    from daemon.rule_test_files import Suite

ACCOUNTS_A_PROCESS = 16


def test(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files with tests.", show_default=False)],
    as_json: AsJson = False,  # noqa: PT028 - a command, not a test of pytest
) -> None:
    """Run the tests of rules in each FILE: what is polled, and which alerts and messages must follow.

    Nothing is asked, sent or stored. Exit code 1 if a test fails, 2 if a file is wrong.
    """
    from daemon import show, show_tests
    from daemon.rule_tests import run_test

    ran = [(each, [(test, run_test(test, each.config)) for test in each.tests]) for each in _suites(files)]
    outcomes = [failures for _, tests in ran for _, failures in tests]
    failed = sum(map(bool, outcomes))
    if as_json:
        show.as_json([facts for suite, tests in ran for facts in show_tests.ran_facts(suite.path, tests)])
    else:
        for suite, tests in ran:
            show_tests.ran(suite.path, tests)
        show_tests.total(len(outcomes), failed)
    if failed:
        raise typer.Exit(CANNOT_RUN)


def backtest(
    file: File = DEFAULT_FILE,
    since: Annotated[str, typer.Option(help="How far back: 30d, or a time such as 2026-11-01.")] = "30d",
    against: Annotated[Path | None, typer.Option(help="Another configuration, to compare with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the rules of FILE would have done with what its daemon has stored: which alerts, and who is told.

    Nothing is asked, sent or stored.
    """
    from daemon import backtest as testing
    from daemon import logs, show, show_backtest
    from daemon.clock import SystemClock
    from daemon.outside import database_of
    from daemon.secrets import REDACTOR

    logs.configure("ERROR", sys.stderr.isatty(), REDACTOR.redact, sys.stderr)
    files, at = [file] if against is None else [file, against], SystemClock().now()
    configs, period = [configured(each) for each in files], testing.Period(moment(since, at, "--since"), at)
    with reading(configs[0]) as store:
        history = testing.History(configs, store, period)
        accounts = len(history.keys())
        running = testing.run(history, files, database_of(configs[0], os.environ), _processes(accounts))
        found = show_backtest.Report.of(files, configs, history, list(show_backtest.followed(running, accounts)))
    if not found.polls:
        complain(f"nothing that the rules of {file} read was stored since {since}")
        raise typer.Exit(CANNOT_RUN)
    if as_json:
        show.as_json(show_backtest.facts(found))
    else:
        show_backtest.report(found)


def route_test(
    alert: Annotated[str, typer.Argument(help="Such as 'rule=fake-views severity=high account=mei tag=tier-a'.")],
    file: File = DEFAULT_FILE,
    at: Annotated[str, typer.Option(help="When: 2026-02-01T23:00, by the clock of FILE's zone. Default: now.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say who would hear of ALERT by the rules and routes of FILE, when, and why others would not.

    ALERT says what is known of it: rule, severity, level, on, account, name, owner, platform, tag and labels. Nothing
    is asked, sent or stored.
    """
    from daemon import show, show_audience
    from daemon.clock import SystemClock
    from daemon.route_case import MisdescribedError, described
    from rules.audience import audience
    from rules.wording import Speech

    config = configured(file)
    when = instant(at, config.zone, "--at") if at else SystemClock().now()
    try:
        rule, case = described(alert, config)
    except MisdescribedError as error:
        raise typer.BadParameter(str(error), param_hint="ALERT") from None
    found = audience(rule, case, config.telling, when)
    if as_json:
        show.as_json(show_audience.facts(case, found, when))
    else:
        show_audience.audience(case, found, when, Speech(zone=config.zone))


def _processes(accounts: int) -> int:
    """One a core, where each has enough to do to be worth its start."""
    return min(os.cpu_count() or 1, accounts // ACCOUNTS_A_PROCESS)


def _suites(files: Iterable[Path]) -> list[Suite]:
    """The tests of all files; leaves with exit code 2 after saying all that is wrong with them."""
    from daemon import show

    configs: dict[Path, Config] = {}
    found = [(path, _suite(path, configs)) for path in files]
    for path, wrong in found:
        if isinstance(wrong, list):
            show.problems(path, wrong)
    suites = [suite for _, suite in found if not isinstance(suite, list)]
    if len(suites) < len(found):
        raise typer.Exit(WRONG)
    return suites


def _suite(path: Path, configs: dict[Path, Config]) -> Suite | list[Problem]:
    """The tests of a file; ``configs`` are those that were read already, and what this one tests is added."""
    from daemon.rule_test_files import open_suite, read_suite

    opened = open_suite(path)
    if isinstance(opened, list):
        return opened
    if opened.rules not in configs:
        configs[opened.rules] = configured(opened.rules)
    return read_suite(opened, configs[opened.rules])
