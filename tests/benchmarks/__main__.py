"""``python -m tests.benchmarks [--quick]``: every figure of one run, as a table. Nothing fails for being slow."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from daemon import logs
from daemon.config import Config
from tests.benchmarks import disk, inside, judging, memory, pipeline, telling
from tests.benchmarks.bodies import Answers
from tests.benchmarks.measure import Figure, render
from tests.benchmarks.world import START, TURNS_OF_HISTORY, Inside, build, read_config, times, write_config


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured: ``targets`` of each kind with 14 days of history, ``videos`` held in memory.

    ``judged`` are those that are judged alone: few, as many as Prometheus is given, and many. ``told`` is how many are
    watched while so many of them have news, one after the other.
    """

    targets: int
    rounds: int
    videos: int
    judged: tuple[int, int, int]
    told: tuple[int, int]


FULL = Size(128, 7, 20_000, (1_000, 10_000, 50_000), (20_000, 150))
QUICK = Size(64, 3, 5_000, (500, 1_000, 5_000), (5_000, 30))
GROUP = 64
"""Polls a commit: what as many lanes bring at once."""


def run(size: Size, folder: Path) -> Iterator[list[Figure]]:
    """The figures of each benchmark, as it ends."""
    config = read_config(write_config(folder, size.targets, size.targets))
    yield _inside(config, size)
    yield disk.figures(config.database)
    yield pipeline.figures(config, TURNS_OF_HISTORY + inside.turns(size.rounds), size.rounds)
    (folder / "memory").mkdir()
    yield memory.figures(folder / "memory", size.videos)
    (folder / "judging").mkdir()
    yield judging.figures(folder / "judging", *size.judged)
    (folder / "telling").mkdir()
    yield telling.figures(folder / "telling", *size.told)


def _inside(config: Config, size: Size) -> list[Figure]:
    """Tell 14 days of history, then measure; the database stays for the others."""
    with asyncio.Runner() as runner:
        app = build(config)
        runner.run(app.open(START))
        daemon, turns = Inside(app, Answers()), times()
        for _, at in zip(range(TURNS_OF_HISTORY), turns, strict=False):
            daemon.turn(at, GROUP)
        figures = inside.figures(daemon, turns, size.rounds, GROUP)
        runner.run(app.close(5.0))
    return figures


def main() -> None:
    """Measure and print."""
    logs.configure("WARNING", tty=False, redact=str, stream=sys.stderr)
    size = QUICK if "--quick" in sys.argv[1:] else FULL
    with tempfile.TemporaryDirectory() as folder:
        figures = [figure for each in run(size, Path(folder)) for figure in each]
    sys.stdout.write(render(figures) + "\n")


if __name__ == "__main__":
    main()
