"""Prometheus on the same numbers: history by promtool, and the group of rules that it evaluates again and again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

PROGRAMS = ("prometheus", "promtool")
BLOCK_S = 54 * 3_600
"""The longest blocks that promtool makes of a month. It reads a file once a block, so each block has a file."""

OPTIONS = (
    "--storage.tsdb.retention.time=30d",
    "--query.lookback-delta=30m",
    "--query.timeout=10m",
    "--log.level=error",
)
"""With looks 15 minutes apart, the newest number may be older than the 5 minutes it looks back by itself."""

PATIENCE_S, GLANCE_S = 300.0, 0.05

Points = Sequence[tuple[int, float]]
"""A series: seconds since the epoch and numbers, oldest first."""


def missing() -> list[str]:
    """Which of its programs are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def backfill(folder: Path, metrics: Mapping[str, Sequence[Points]], targets: int) -> Path:
    """A database with each metric of so many targets; of n series given, a target has that of its number modulo n."""
    data, text = folder / "tsdb", folder / "block.om"
    times = [time_s for series in metrics.values() for time_s, _ in series[0]]
    for block in range(min(times) // BLOCK_S, max(times) // BLOCK_S + 1):
        with text.open("w") as file:
            for metric, series in metrics.items():
                lines = [[f" {n} {at}\n" for at, n in each if at // BLOCK_S == block] for each in series]
                file.writelines(_lines(f'{metric}{{target="{i}"}}', lines[i % len(lines)]) for i in range(targets))
            file.write("# EOF\n")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q"]
        subprocess.run([*command, "--max-block-duration=54h", text, data], check=True, stdout=subprocess.DEVNULL)
    text.unlink()
    return data


def _lines(series: str, points: Sequence[str]) -> str:
    return series + series.join(points) if points else ""


def evaluation_s(folder: Path, data: Path, rules: Mapping[str, str], times: int) -> float:
    """The CPU seconds of one evaluation of a group of these rules; of several the median, without the first."""
    group = folder / "rules.json"  # which is YAML too
    alerts = [{"alert": name, "expr": expression} for name, expression in rules.items()]
    group.write_text(json.dumps({"groups": [{"name": "watch", "interval": "1s", "rules": alerts}]}))
    (folder / "prometheus.json").write_text(json.dumps({"rule_files": [str(group)]}))
    for head in ("wal", "chunks_head"):
        shutil.rmtree(data / head, ignore_errors=True)
    with _running(folder / "prometheus.json", data) as (process, url):
        spent_s = [_cpu_s(process), *(_cpu_s(process) for _ in _evaluations(url, times))]
    each_s = [later - earlier for earlier, later in pairwise(spent_s)]
    return median(each_s[1:] or each_s)


@contextmanager
def _running(config: Path, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    places = (f"--config.file={config}", f"--storage.tsdb.path={data}", f"--web.listen-address={address}")
    with subprocess.Popen([PROGRAMS[0], *places, *OPTIONS]) as process:
        try:
            _wait_for(f"http://{address}/-/ready", process)
            yield process, f"http://{address}/api/v1/rules"
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until_s:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            time.sleep(GLANCE_S)
    raise RuntimeError("prometheus did not get ready")


def _evaluations(url: str, times: int) -> Iterator[None]:
    """Stop after each of the next evaluations of the group."""
    last, until_s = "", time.monotonic() + PATIENCE_S
    while times and time.monotonic() < until_s:
        time.sleep(GLANCE_S)
        group = _group(url)
        if group["lastEvaluation"] != last and group["evaluationTime"]:
            last, times = group["lastEvaluation"], times - 1
            yield
    if times:
        raise RuntimeError("prometheus did not evaluate its rules")


def _group(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url) as answer:
        group: dict[str, Any] = json.load(answer)["data"]["groups"][0]
    # It cannot write its own series where history reaches into the future; nothing else may fail.
    failed = [
        rule["lastError"] for rule in group["rules"] if "out of bounds" not in rule.get("lastError", "out of bounds")
    ]
    if any(failed):
        raise RuntimeError(f"prometheus: {failed[0]}")
    return group


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    """What a process has used until now (Linux)."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
