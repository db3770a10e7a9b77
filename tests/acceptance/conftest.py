"""Stories: weeks of a daemon in seconds. Real SQLite, real HTTP to the simulator, real HTTP to the channels."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from daemon import logs
from daemon.app import App
from daemon.clock import ManualClock
from daemon.config import Config, load
from daemon.outside import simulated_outside
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.simulator.server import Simulator
from daemon.simulator.world import World
from storage.records import AlertRow
from storage.store import Store

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[2] / "rules.example.yaml"
DEFINED, _, _RULES = EXAMPLE.read_text(encoding="utf-8").partition("\ndefine:")[2].partition("\nrules:\n")
RULES = _RULES.partition("\n  # --- to try:")[0]
"""The rules that tell somebody, and the names that they use."""

PEOPLE = ("lin", "wu", "duty", "boss", "brand")
"""Those of a house who have a channel of their own, besides the managers and the operators."""


@pytest.fixture(autouse=True)
def _quiet():
    """What the daemon says of its own work is tested elsewhere."""
    logs.configure("CRITICAL", False, str, io.StringIO())


class Inbox:
    """A web hook on 127.0.0.1 that keeps what it is sent, and can be told to refuse, or to answer later."""

    def __init__(self) -> None:
        self.got: list[dict] = []
        self.status = 200
        self.answering = threading.Event()
        self.answering.set()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if inbox.status == 200:
                    inbox.got.append(body)
                inbox.answering.wait(20)
                self.send_response(inbox.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"json://127.0.0.1:{self._server.server_port}/"

    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]

    def news(self) -> list[str]:
        """The titles without what they say of a delay: a step of the time is longer than a wait."""
        return [title.partition(" (")[0] for title in self.titles()]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def managers() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def operators() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture
def inboxes() -> Iterator[dict[str, Inbox]]:
    """Those of everybody in the house who has a channel of their own."""
    found = {name: Inbox() for name in PEOPLE}
    yield found
    for each in found.values():
        each.close()


class Story:
    """A daemon, the world it watches, and the time, which only the story moves."""

    def __init__(self, config: Config, world: World, clock: ManualClock) -> None:
        self.config, self.world, self.clock = config, world, clock
        self.out = io.StringIO()
        self.simulator: Simulator | None = None

    @contextlib.asynccontextmanager
    async def daemon(self) -> AsyncIterator[App]:
        """One process of the daemon; the next one finds what it stored."""
        app = App(self.config, simulated_outside(self.config, self.out, {}), "test")
        await app.open(self.clock.now())
        self.app = app
        try:
            yield app
        finally:
            await app.close(5.0)

    def alerts(self) -> list[AlertRow]:
        """The alerts that are open now, as another process reads them."""
        store = Store.open(self.config.database, readonly=True)
        rows = store.alerts(1000, open_only=True)
        store.close()
        return rows

    def check_bill(self, given_up: bool = False) -> None:
        """Check that the ledger has the calls that came to TikHub, and what each cost.

        ``given_up``: some answers were not waited for. Of such a call nobody knows whether it came, whole, and whether
        it is billed: the ledger has it all the same, with its price at most.
        """
        with contextlib.closing(Store.open(self.config.database, readonly=True)) as store:
            rows = [row for row in store.spending(START) if row.provider == Provider.TIKHUB]
        paths = {ENDPOINTS[row.endpoint].path for row in rows}
        assert {path for path in self.simulator.calls if path.startswith("/api/")} <= paths
        for row in rows:
            endpoint = ENDPOINTS[row.endpoint]
            bill = [call.cost_usd for call in self.simulator.answered if call.path == endpoint.path]
            if given_up:
                assert row.calls >= len(bill), row
                assert sum(bill) <= row.usd <= row.calls * endpoint.cost_usd, row
            else:
                assert (row.calls, row.usd) == (len(bill), sum(bill)), row

    async def live(self, span: timedelta, every: timedelta = timedelta(hours=1)) -> None:
        """Let time pass."""
        end = self.clock.now() + span
        while self.clock.now() < end:
            self.clock.advance(every)
            await self.app.watch.step(self.clock.now())


@pytest.fixture
async def tell(tmp_path, managers, operators):
    """Begin a story: ``tell(accounts=..., videos=..., scenarios=..., step=...)``."""
    simulators: list[Simulator] = []

    async def begin(
        accounts: str = "",
        videos: str = "",
        scenarios: dict[str, str] | None = None,
        rules: str = RULES,
        more: str = "",
        charts: bool = False,
        **world: object,
    ) -> Story:
        clock = ManualClock(START)
        simulator = Simulator(World(started=START, scenarios=scenarios or {}, **world), clock.now)
        simulators.append(simulator)
        base_url = await simulator.start()
        path = tmp_path / "rules.yaml"
        path.write_text(
            f"""
database: {tmp_path / "watch.db"}
providers:
  tikhub: {{token: "${{NONE}}", base_url: "{base_url}", rate_per_s: 1000}}
  keyapi: {{token: "${{NONE}}", base_url: "{base_url}", rate_per_s: 1000}}
endpoints:
{"".join(f"  {name}: {{rate_per_s: 1000}}{chr(10)}" for name in ENDPOINTS)}
collect: [video_detail_analytics]
owners: {{lin: [operators], wu: [managers]}}
define:{DEFINED}
{more}
accounts: [{accounts}]
videos: [{videos}]
channels:
  console: {{url: "console://"}}
  managers: {{url: "{managers.url}", charts: {charts}}}
  operators: {{url: "{operators.url}", charts: {charts}}}
rules:
{rules}
""",
            encoding="utf-8",
        )
        config = load(path, {}, METRICS, ENDPOINTS)
        assert isinstance(config, Config), config
        story = Story(config, simulator.world, clock)
        story.simulator = simulator
        return story

    yield begin
    for simulator in simulators:
        await simulator.stop()
