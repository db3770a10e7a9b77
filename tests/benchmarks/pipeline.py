"""Whole polls over HTTP on 127.0.0.1: against a bare httpx loop, and with many calls in flight against few."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx

from daemon.app import App
from daemon.config import Config, Watched
from daemon.ended import Ended
from daemon.judge import Judge
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked, Reading
from rules.outcomes import Outcome
from storage.records import POLLED, Settled
from tests.benchmarks import provider
from tests.benchmarks.bodies import CREATOR_INFO, FAKE_VIEWS
from tests.benchmarks.measure import Case, Figure, cpu_s, medians
from tests.benchmarks.world import START, build, times

LANES, FEW, MANY = 64, 8, 128
BARE_AIM, MANY_AIM = 0.95, 1.3
TURNS_A_ROUND = 2
Round = Callable[[], Coroutine[Any, Any, None]]


class Bare:
    """httpx as fast as it comes: clients of one connection each, ``client.get``, ``json.loads``, nothing kept."""

    def __init__(self, base_url: str, paths: Sequence[str]) -> None:
        self._urls = [base_url + path for path in paths]
        context = httpx.create_ssl_context(trust_env=False)
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        headers = {"Authorization": "Bearer benchmark"}
        self._clients = [
            httpx.AsyncClient(verify=context, limits=limits, headers=headers, trust_env=False) for _ in range(LANES)
        ]

    async def round(self) -> None:
        """Fetch every URL once a turn."""
        for _ in range(TURNS_A_ROUND):
            urls = iter(self._urls)
            await asyncio.gather(*(self._lane(client, urls) for client in self._clients))

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.aclose()

    async def _lane(self, client: httpx.AsyncClient, urls: Iterator[str]) -> None:
        for url in urls:
            answer = await client.get(url)
            assert json.loads(answer.content)["code"] == 200, url


class Full:
    """The daemon's own turn, as its ticks make it: claim what the lanes bear, ask, commit, judge, until none is due."""

    def __init__(self, app: App, first: int) -> None:
        self.app, self._times = app, times(first)
        self.groups: list[int] = []
        app._judge.settle = self._settle

    async def round(self) -> None:
        """Poll every target once a turn."""
        for at in islice(self._times, TURNS_A_ROUND):
            while self.app._store.next_due(at) == at:
                await self.app.watch.poll(at)
                await self.app.watch.settle()

    def _settle(
        self, ended: Sequence[Ended], settled: Sequence[Settled], owner: str, at: datetime
    ) -> Sequence[Outcome]:
        self.groups.append(len(ended))
        return Judge.settle(self.app._judge, ended, settled, owner, at)

    async def close(self) -> None:
        """End the daemon, and make sure that what was measured was not failing."""
        failed = [line for line in self.app._store.remembered() if line.outcome != POLLED]
        await self.app.close(5.0)
        assert not failed, failed[:3]


class Fetching:
    """The daemon's fetcher and readers alone, over the same lanes: nothing kept, nothing judged."""

    def __init__(self, app: App, targets: Sequence[Watched]) -> None:
        self._fetcher, self._targets = app._outside.fetcher, targets

    async def round(self) -> None:
        """Ask about every target once."""
        for _ in range(TURNS_A_ROUND):
            targets = iter(self._targets)
            await asyncio.gather(*(self._lane(targets) for _ in range(LANES)))

    async def _lane(self, targets: Iterator[Watched]) -> None:
        for watched in targets:
            endpoint = ENDPOINTS[FAKE_VIEWS if watched.video_id else CREATOR_INFO]
            asked = Asked(watched.target.key, START, watched.uid, watched.handle, watched.video_id)
            fetched = await self._fetcher.fetch(endpoint, [asked], "", START)
            assert isinstance(fetched.answers[asked.target_key], Reading), fetched


def figures(config: Config, first: int, rounds: int) -> list[Figure]:
    """Both ratios, for the daemon whose history of ``first`` turns lies in the configured database."""
    with ExitStack() as stack:
        urls = stack.enter_context(provider.running(first, (0, 0, 0, 0, 300)))
        runner = stack.enter_context(asyncio.Runner())
        opened = partial(_opened, runner, config, first)
        bare = Bare(urls[0], _paths(config))
        stack.callback(lambda: runner.run(bare.close()))
        full = stack.enter_context(opened(urls[1], LANES))
        many = stack.enter_context(opened(urls[4], MANY))
        apart = build(config, urls[2], LANES)
        stack.callback(lambda: runner.run(apart._outside.fetcher.close()))
        rounds_of: dict[str, Round] = {
            "bare": bare.round,
            "full": full.round,
            "fetch": Fetching(apart, config.targets).round,
            "few": stack.enter_context(opened(urls[3], FEW)).round,
            "many": many.round,
        }
        polls = len(config.targets) * TURNS_A_ROUND
        found = medians({name: _case(runner, each, polls) for name, each in rounds_of.items()}, rounds)
        return _figures(found, full, many)


def _case(runner: asyncio.Runner, one_round: Round, polls: int) -> Case:
    return lambda: cpu_s(lambda: runner.run(one_round())) / polls


@contextmanager
def _opened(runner: asyncio.Runner, config: Config, first: int, base_url: str, lanes: int) -> Iterator[Full]:
    database = Path(f"{config.database}-{lanes}")
    shutil.copy(config.database, database)
    app = build(replace(config, database=database), base_url, lanes)
    runner.run(app.open(_before(first)))
    full = Full(app, first)
    try:
        yield full
    finally:
        runner.run(full.close())


def _before(first: int) -> datetime:
    return next(times(first - 1))


def _paths(config: Config) -> list[str]:
    video = "/api/v1/tiktok/analytics/detect_fake_views?item_id={}&content_category=default"
    account = "/api/v1/tiktok/analytics/fetch_creator_info_and_milestones?user_id={}"
    return [
        video.format(watched.video_id) if watched.video_id else account.format(watched.uid)
        for watched in config.targets
    ]


def _figures(each_s: Mapping[str, float], full: Full, many: Full) -> list[Figure]:
    bare, whole, crowded = each_s["bare"] / each_s["full"], each_s["full"], each_s["many"] / each_s["few"]
    return [
        Figure("whole daemon / bare httpx, polls/s/core", bare, "x", BARE_AIM, at_least=True),
        Figure(f"  bare: {LANES} httpx clients of 1 connection, get + json.loads", 1 / each_s["bare"], "polls/s/core"),
        Figure(f"  fetcher and readers alone, {LANES} lanes", 1 / each_s["fetch"], "polls/s/core"),
        Figure(f"  whole daemon, {LANES} lanes", 1 / whole, "polls/s/core"),
        Figure("  whole daemon: mean polls a commit", fmean(full.groups), "polls"),
        Figure(f"CPU a poll, {MANY} in flight at 300 ms / {FEW} at 0 ms", crowded, "x", MANY_AIM),
        Figure(f"  {FEW} in flight at 0 ms", each_s["few"] * 1e6, "us"),
        Figure(f"  {MANY} in flight at 300 ms", each_s["many"] * 1e6, "us"),
        Figure(f"  {MANY} in flight: mean polls a commit", fmean(many.groups), "polls"),
    ]
