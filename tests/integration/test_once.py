"""One call that is stopped in the middle: what was sent stands in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from daemon.clock import SystemClock
from daemon.config import Config, load
from daemon.once import Answered, Order, fetch_once
from daemon.providers import ENDPOINTS, METRICS
from daemon.simulator.server import Simulator
from daemon.simulator.world import World
from storage.store import Store

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
VIOLATIONS = "get_account_violation_list"
FILE = """
database: DATABASE
providers: {tikhub: {token: "${KEY}", base_url: "URL"}}
accounts: [{platform: tiktok, id: mei, uid: "1", cookie: "${COOKIE}"}]
channels: {console: {url: "console://"}}
"""
ENV = {"KEY": "some-key", "COOKIE": "sim-cookie:mei"}


@pytest.fixture
async def order(tmp_path):
    """The list of violations, three pages of it, of a provider whose answers can be counted."""
    clock = SystemClock()
    simulator = Simulator(World(started=clock.now(), scenarios={"*": "long-history"}), clock.now)
    path = tmp_path / "rules.yaml"
    path.write_text(FILE.replace("URL", await simulator.start()).replace("DATABASE", str(tmp_path / "watch.db")))
    config = load(path, ENV, METRICS, ENDPOINTS)
    assert isinstance(config, Config)

    def begin():
        return asyncio.ensure_future(fetch_once(config, Order(VIOLATIONS, "mei"), clock, ENV))

    def ledger() -> Decimal:
        with closing(Store.open(config.database, readonly=True)) as store:
            return store.spent("tikhub", BEGINNING)

    yield begin, ledger, simulator
    await simulator.stop()


async def test_the_ledger_has_every_page_of_a_list(order):
    begin, ledger, simulator = order
    answered = await begin()
    assert isinstance(answered, Answered)
    assert answered.calls == len(simulator.requests) == 3
    assert ledger() == simulator.spent_usd == Decimal("0.003")


@pytest.mark.parametrize("pages", [1, 2])
async def test_what_was_sent_before_it_was_stopped_stands_in_the_ledger(order, pages):
    begin, ledger, simulator = order
    task = begin()
    deadline = SystemClock().now() + timedelta(seconds=10)
    while len(simulator.requests) < pages:
        assert SystemClock().now() < deadline
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert ledger() >= simulator.spent_usd >= pages * Decimal("0.001")


@pytest.mark.parametrize(("full", "written"), [(True, False), (False, True)])
async def test_an_answer_that_is_paid_for_is_told_though_its_price_cannot_be_written(full, written, order, tmp_path):
    begin, ledger, simulator = order
    Store.open(tmp_path / "watch.db").close()
    if full:
        with closing(sqlite3.connect(tmp_path / "watch.db", isolation_level=None)) as other:
            other.execute("CREATE TRIGGER full BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END")
    answered = await begin()
    assert (answered.calls, answered.cost_usd, answered.written) == (3, simulator.spent_usd, written)
    assert ledger() == Decimal("0.003" if written else "0.001")
