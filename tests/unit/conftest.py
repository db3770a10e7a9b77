"""What unit tests share: how long an example may take, and a running simulator with a clock that a test sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from hypothesis import settings

from daemon.simulator.catalogue import ROUTES
from daemon.simulator.server import Simulator
from daemon.simulator.world import World

# Hypothesis would fail an example that takes 0.2 s: on a busy machine, which says nothing about ours.
settings.register_profile("at any pace", deadline=None)
settings.load_profile("at any pace")

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
KEY = "sk-of-a-test"
DATES = {r"\d{8}": "%Y%m%d", r"\d{4}-\d\d-\d\d": "%Y-%m-%d", r"\d\d-\d\d-\d{4}": "%m-%d-%Y"}


class Site:
    """A running simulator, a client with a key, and a clock that a test sets."""

    def __init__(self) -> None:
        self.at = STARTED
        self.world = World(started=STARTED, slow_s=0.2)
        self.simulator = Simulator(self.world, lambda: self.at, tokens=frozenset({KEY}))

    def fill(self, path: str, who: str) -> dict[str, object]:
        """The parameters of a well-formed call about ``who``: an account, or a video of the account "ann"."""
        route = ROUTES[path]
        start, end = self.at - timedelta(days=30), self.at - timedelta(days=1)
        times = {"start_time": start, "min_cursor": start, "end_time": self.at, "max_cursor": self.at}
        params: dict[str, object] = {name: int(at.timestamp() * 1000) for name, at in times.items()}
        params |= {"product_id": "1731050202505515549", "primary_verticals": ["food"]}
        for name, at in (("start_date", start), ("end_date", end)):
            params[name] = at.strftime(DATES.get(route.shapes.get(name, ""), "%Y"))
        params = {name: value for name, value in params.items() if name in route.shapes}
        params |= {route.named[0]: who} if route.named else {}
        return params | ({"cookie": f"sim-cookie:{'ann' if route.named else who}"} if route.cookie else {})

    async def ask(self, path: str, who: str, **more: object) -> httpx.Response:
        params = self.fill(path, who) | more
        if ROUTES[path].method == "GET":
            return await self.client.get(path, params=params)
        return await self.client.post(path, json=params)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running():
    site = Site()
    base_url = await site.simulator.start()
    key = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=base_url, headers=key, trust_env=False, verify=False) as site.client:
        yield site
    await site.simulator.stop()


@pytest.fixture
def site(running):
    running.at = STARTED
    running.world.clear()
    running.simulator.calls.clear()
    running.simulator.answered.clear()
    return running
