"""The benchmark of backtests measures what it says."""

from __future__ import annotations

import re

from tests.benchmarks.backtest import main


def test_all_polls_that_rules_read_are_replayed(capsys):
    main(accounts=1, days=2)
    (polls,) = re.findall(r"\| polls +\| (\d+) ", capsys.readouterr().out)
    assert int(polls) == 3 * 2 * 8
