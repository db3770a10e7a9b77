"""The most memory that a daemon needs: a process of its own, from the configuration file to polls of every target."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.bodies import ROOT, Answers
from tests.benchmarks.measure import Figure
from tests.benchmarks.world import START, Inside, build, read_config, times, write_config

AIM_MIB = 256.0
TURNS, GROUP = 3, 256


def figures(folder: Path, videos: int) -> list[Figure]:
    """The peak of a fresh process that watches ``videos`` videos, 27 series each."""
    config = write_config(folder, videos, 0)
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(config)]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    loaded, opened, polled = map(float, told.split())
    return [
        Figure(f"peak memory, {videos:,} videos polled {TURNS} times", polled, "MiB", AIM_MIB),
        Figure("  up to the configuration read", loaded, "MiB"),
        Figure("  up to the database opened", opened, "MiB"),
    ]


def watch(path: Path) -> list[float]:
    """Poll every target ``TURNS`` times; the peak in MiB after each stage of it."""
    config = read_config(path)
    peaks = [_peak_mib()]
    with asyncio.Runner() as runner:
        app = build(config)
        runner.run(app.open(START))
        peaks.append(_peak_mib())
        inside = Inside(app, Answers())
        for _, at in zip(range(TURNS), times(), strict=False):
            assert inside.turn(at, GROUP) == len(config.targets)
        peaks.append(_peak_mib())
        runner.run(app.close(5.0))
    return peaks


def _peak_mib() -> float:
    """Of this program alone: getrusage would also tell of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    sys.stdout.write(" ".join(map(str, watch(Path(sys.argv[1])))))
