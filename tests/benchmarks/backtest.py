"""A year of polls of many accounts, replayed: ``python -m tests.benchmarks.backtest [ACCOUNTS] [DAYS]``."""

from __future__ import annotations

import contextlib
import math
import os
import random
import resource
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from daemon.backtest import History, Period, run
from daemon.config import Config, load
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import SeriesKey
from daemon.tally import added
from storage.layouts import Layouts
from storage.records import Planned
from storage.store import Store
from tests.benchmarks.measure import Figure, render
from tests.benchmarks.world import write_config

BEGUN = datetime(2025, 1, 1, tzinfo=UTC)
TURN = timedelta(hours=3)
NUMBERS: dict[str, tuple[SeriesKey, ...]] = {
    "get_account_health_status": (("creator_status", ()), ("health_scheme", ()), ("violation_score", ())),
    "get_account_violation_list": (("violations_active", ()), ("violations_total", ())),
    "fetch_creator_info_and_milestones": (("follower_count", ()), ("like_count", ())),
    "tiktok_handler_user_profile": tuple((f"tiktok_{name}_count", ()) for name in ("follower", "like", "video")),
}
"""What is polled of an account, by endpoint: the series in their stored order."""


def fill(config: Config, days: int) -> int:
    """Write a poll of every endpoint and account every three hours; how many polls that is."""
    store = Store.open(config.base / config.database)
    targets = [watched.target for watched in config.targets]
    store.sync_targets(targets, BEGUN)
    store.plan([Planned(each.key, name, TURN, BEGUN) for each in targets for name in NUMBERS], BEGUN)
    layouts, written = Layouts(), 0
    for number, line in enumerate(store.every_line()):
        with store._transactions.engine.begin() as connection:
            rows = list(_rows(connection, layouts, line.schedule_id, line.endpoint, number, days))
            connection.exec_driver_sql("INSERT INTO sample VALUES (?, ?, ?, ?)", rows)
        written += len(rows)
    store.close()
    return written


def _rows(
    connection: Connection, layouts: Layouts, schedule_id: int, endpoint: str, seed: int, days: int
) -> Iterator[tuple[int, int, int, bytes]]:
    chance, keys = random.Random(seed), NUMBERS[endpoint]
    series_id = layouts.find(connection, endpoint, keys).series_id
    levels = [chance.uniform(1_000, 100_000) if "count" in metric else 0.0 for metric, _ in keys]
    phase_ms = chance.randrange(int(TURN.total_seconds() * 1000))
    for turn in range(days * 8):
        for position, level in enumerate(levels):
            levels[position] = _next(level, turn, chance)
        at_ms = int((BEGUN + turn * TURN).timestamp() * 1000) + phase_ms
        yield schedule_id, at_ms, series_id, array("d", map(math.floor, levels)).tobytes()


def _next(level: float, turn: int, chance: random.Random) -> float:
    """A total grows, more by day and at times at once; points come by threes and are forgotten."""
    if level >= 100:
        return level * (1 + 0.0005 * chance.random() * (1 + (turn % 8 in (3, 4, 5))) + 0.1 * (chance.random() < 0.001))
    return level + 3 * (chance.random() < 0.002) if chance.random() > 0.001 else 0.0


def main(accounts: int, days: int) -> None:
    """Write it, replay it under the rules of the example, and print how long that took."""
    processes = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="creatorwatch-bench-") as folder:
        path = write_config(Path(folder), 0, accounts)
        config = load(path, {}, METRICS, ENDPOINTS)
        assert isinstance(config, Config), config
        fill(config, days)
        period = Period(BEGUN, BEGUN + timedelta(days=days))
        begun_s, begun_cpu_s = time.perf_counter(), _cpu_s()
        with contextlib.closing(Store.open(config.database, readonly=True)) as store:
            history = History([config], store, period)
            found = list(run(history, [path], config.database, processes))
        taken_s, taken_cpu_s = time.perf_counter() - begun_s, _cpu_s() - begun_cpu_s
        polls = sum(each.polls for each in found)
        figures = [
            Figure("polls", polls),
            Figure("database", config.database.stat().st_size / 1e6, "MB"),
            Figure("alerts", len(added((each.journals[0] for each in found), period.since).incidents)),
            Figure(f"replayed on {processes} processes", taken_s / 60, "min"),
            Figure("CPU, all processes", taken_cpu_s / 60, "min"),
            Figure("CPU a poll", taken_cpu_s / polls * 1e6, "us"),
            Figure("most memory of a process", _peak_mb(), "MB"),
        ]
        print(render(figures))  # noqa: T201 - a benchmark's table


def _used() -> list[resource.struct_rusage]:
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]


def _cpu_s() -> float:
    return sum(each.ru_utime + each.ru_stime for each in _used())


def _peak_mb() -> float:
    return max(each.ru_maxrss for each in _used()) / 1024


if __name__ == "__main__":
    main(*(int(each) for each in [*sys.argv[1:], *("500", "365")[len(sys.argv) - 1 :]]))
