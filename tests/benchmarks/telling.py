"""From a number in the database to the message at a webhook: of a daemon at its work, and of Alertmanager."""

from __future__ import annotations

import asyncio
import io
import json
import math
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

import orjson
import yaml

from daemon.app import App
from daemon.config import Access, Config
from daemon.fetch import Fetcher, Service
from daemon.marked import parse
from daemon.outside import Outside
from daemon.providers.endpoint import Provider
from daemon.run import DELIVER_S
from daemon.secrets import Secret
from rules.outcomes import Outcome
from tests.benchmarks.bodies import FAKE_VIEWS, Answers
from tests.benchmarks.measure import Figure
from tests.benchmarks.world import START, UNPACED_PER_S, Inside, read_config, times, write_config
from tests.services import web
from tests.services.loopback import running

PROGRAM = "prometheus-alertmanager"
AIM_S = 1.0
GROUP, TURNS_BEFORE = 64, 2
GAP_S = (0.3, 1.0)
"""Between one group of polls, of which one is news, and the next."""

PATIENCE_S, GLANCE_S = 30.0, 0.1
RULE = {"name": "told", "on": "video", "when": "fake_score >= 90", "severity": "high", "summary": "told {name}"}
OURS = {"plain": "without a chart", "pictured": "with a chart"}
THEIRS = "alertmanager"

_NAMED = re.compile(rb"told Video (\d+)")


class Webhook(web.Service):
    """Knows when it was first told of each video, by the path that it was told at."""

    def __init__(self) -> None:
        super().__init__()
        self.heard_s: dict[tuple[str, int], float] = {}

    def answer(self, asked: web.Asked) -> web.Answer:
        """As any webhook."""
        for number in _NAMED.findall(asked.body):
            self.heard_s.setdefault((asked.path.strip("/"), int(number)), time.monotonic())
        return web.Answer()

    def has_heard(self, paths: Sequence[str], number: int) -> bool:
        """Whether it was told of a video at all of these paths."""
        return all((path, number) in self.heard_s for path in paths)


def figures(folder: Path, targets: int, events: int) -> list[Figure]:
    """How long ``events`` pieces of news take, one after another, at so many videos; and of both the ratios."""
    with ExitStack() as stack:
        hook = stack.enter_context(running(Webhook()))
        has_theirs = shutil.which(PROGRAM) is not None
        post = stack.enter_context(_alertmanager(folder, hook.server_port)) if has_theirs else _nobody
        runner = stack.enter_context(asyncio.Runner())
        committed_s = runner.run(_tell(_config(folder, targets, hook.server_port), events, hook, post))
    paths = (*OURS, *([THEIRS] if has_theirs else []))
    took_s = {path: sorted(hook.heard_s[path, each] - at_s for each, at_s in committed_s.items()) for path in paths}
    return list(_figures(took_s, targets, events))


def _figures(took_s: Mapping[str, Sequence[float]], targets: int, events: int) -> Iterator[Figure]:
    title = f"committed to told, {targets:,} targets, p99 of {events}"
    theirs_s = _p99(took_s[THEIRS]) if THEIRS in took_s else math.nan
    for path, name in OURS.items():
        yield Figure(f"{title}, {name}", _p99(took_s[path]), "s", AIM_S)
    for path, name in OURS.items():
        missing = "" if THEIRS in took_s else f": no {PROGRAM} to compare with"
        yield Figure(f"  {name} / Alertmanager, p99{missing}", _p99(took_s[path]) / theirs_s, "x")
        yield Figure(f"  {name}: median", median(took_s[path]), "s")
    if THEIRS in took_s:
        yield Figure("  Alertmanager, group_wait 0s: p99", theirs_s, "s")
        yield Figure("  Alertmanager, group_wait 0s: median", median(took_s[THEIRS]), "s")


def _p99(sorted_s: Sequence[float]) -> float:
    return sorted_s[math.ceil(0.99 * len(sorted_s)) - 1]


# --- ours ------------------------------------------------------------------------------------------------------------


def _config(folder: Path, targets: int, port: int) -> Config:
    """The example's rules on nobody's channels, and one that tells of a fake score."""
    path = write_config(folder, targets, 0)
    document = parse(path.read_text()).value
    for name in ("owners", "delegations", "operators", "routes", "maintenance", "links"):
        document.pop(name, None)
    kept = [{key: value for key, value in rule.items() if key != "to"} for rule in document["rules"]]
    document["rules"] = [*kept, RULE]
    address = f"json://127.0.0.1:{port}"
    document["channels"] = {
        "plain": {"url": f"{address}/plain", "charts": False},
        "pictured": {"url": f"{address}/pictured"},
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    config = read_config(path)
    return replace(config, providers={Provider.TIKHUB: Access("http://127.0.0.1:1", "", UNPACED_PER_S, 10.0, 8)})


async def _tell(config: Config, events: int, hook: Webhook, post: Callable[[int], None]) -> dict[int, float]:
    """When the number behind each event was committed, by the video; each was told by all when this ends."""
    fetcher = Fetcher({Provider.TIKHUB: Service("http://127.0.0.1:1", Secret("benchmark"))}, 8)
    app = App(config, Outside(fetcher, frozenset({Provider.TIKHUB}), lambda _: None, io.StringIO(), {}), "bench")
    await app.open(START)
    daemon, turns = Telling(Inside(app, Answers()), post), times()
    for _ in range(TURNS_BEFORE):
        at = next(turns)
        await app._writer.run(lambda at=at: daemon.inside.turn(at, GROUP))
    daemon.begin(next(turns))
    ticking = asyncio.create_task(_ticking(daemon))
    paths, chance = (*OURS, *([] if post is _nobody else [THEIRS])), Random(1)
    for _ in range(events):
        app.watch.count(await app._writer.run(daemon.news))
        await asyncio.sleep(chance.uniform(*GAP_S))
    for _ in range(int(PATIENCE_S / GLANCE_S)):
        if all(hook.has_heard(paths, each) for each in daemon.committed_s):
            break
        await asyncio.sleep(GLANCE_S)
    ticking.cancel()
    with suppress(asyncio.CancelledError):
        await ticking
    await app.close(5.0)
    return daemon.committed_s


async def _ticking(daemon: Telling) -> None:
    """As the process delivers: every second, and when somebody is owed a letter."""
    owing = daemon.inside.app.watch.owing
    while True:
        daemon.inside.app.watch.deliver(daemon.now())
        with suppress(TimeoutError):
            await asyncio.wait_for(owing.wait(), DELIVER_S)
        owing.clear()


class Telling:
    """A daemon that polls a group of videos at a time; of each group the first has news."""

    def __init__(self, inside: Inside, post: Callable[[int], None]) -> None:
        self.inside, self._post = inside, post
        self.committed_s: dict[int, float] = {}
        self._commit, self._video = inside.app._store.commit_polls, 0

    def begin(self, at: datetime) -> None:
        """It is ``at`` now, and time passes; from now on it is noted when numbers are committed."""
        self.inside.app._store.commit_polls = self._committed  # type: ignore[method-assign]
        self._at, self._began_s = at, time.monotonic()

    def now(self) -> datetime:
        """The time that it is to the daemon."""
        passed_ms = int(1000 * (time.monotonic() - self._began_s))
        return self._at + timedelta(milliseconds=passed_ms)

    def news(self) -> Sequence[Outcome]:
        """Poll the next group that is due. On the writer's thread."""
        at = self.now()
        calls = self.inside.claim(FAKE_VIEWS, at, GROUP)
        self._video = int(self.inside.subject(calls[0])) - 7 * 10**18
        ends = []
        for call in calls:
            subject = self.inside.subject(call)
            body = self.inside.answers.body(FAKE_VIEWS, subject)
            opened = self.inside.open(call, _alarming(body) if call is calls[0] else body, subject)
            ends.append(self.inside.end(call, self.inside.read(call, opened), at))
        return self.inside.settle(ends, at)

    def _committed(self, *arguments: object) -> object:
        committed = self._commit(*arguments)  # type: ignore[arg-type]
        self.committed_s[self._video] = time.monotonic()
        self._post(self._video)
        return committed


def _alarming(body: bytes) -> bytes:
    answer = orjson.loads(body)
    answer["data"]["fake_view_analysis"]["fake_score"] = 95.5
    return orjson.dumps(answer)


# --- theirs ----------------------------------------------------------------------------------------------------------


def _nobody(_video: int) -> None:
    """Nobody else to tell."""


@contextmanager
def _alertmanager(folder: Path, port: int) -> Iterator[Callable[[int], None]]:
    """One that tells a webhook at once; it is told of a video as soon as this is called, from another thread."""
    receiver = {"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{port}/{THEIRS}"}]}
    route = {"receiver": "hook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    places = [f"--config.file={config}", f"--storage.path={folder}/alertmanager", f"--web.listen-address={address}"]
    options = ["--cluster.listen-address=", "--log.level=error"]
    with subprocess.Popen([PROGRAM, *places, *options]) as process, ThreadPoolExecutor(1) as thread:
        try:
            _wait_for(f"http://{address}/-/ready", process)
            yield lambda video: thread.submit(_post, f"http://{address}/api/v2/alerts", video)  # type: ignore[func-returns-value]
        finally:
            process.terminate()


def _post(url: str, video: int) -> None:
    alert = {"labels": {"alertname": "told", "video": str(video)}, "annotations": {"summary": f"told Video {video}"}}
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, json.dumps([alert]).encode(), headers)).close()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until_s:
        with suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(GLANCE_S)
    raise RuntimeError(f"{PROGRAM} did not get ready")
