"""The process: ticks, pages, signals, systemd. It ends on SIGTERM or Ctrl-C, within fifteen seconds."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TextIO

import structlog

from daemon import systemd, web
from daemon.app import App
from daemon.clock import Clock, SystemClock
from daemon.config import Config
from daemon.link_pages import Page
from daemon.logs import report
from daemon.outside import Outside, has_keys, real_outside, simulated_outside, simulation
from daemon.providers.endpoint import Provider
from daemon.reload import Reloader
from daemon.simulator.server import Simulator
from daemon.timers import Clockwork
from rules.values import Subject

POLL_S, DELIVER_S, COUNT_S, LOOK_S, RELOAD_S = 0.5, 1.0, 5.0, 30.0, 2.0
DRAIN_S = 12.0
"""How long answers under way are waited for at the end: they are paid for. systemd's ``TimeoutStopSec`` is longer."""

LATE = timedelta(seconds=60)
"""A daemon whose ticks stand still for so long is not ready."""

Tick = Callable[[], Awaitable[None]]

log = structlog.get_logger("creatorwatch.run")


class Ticks:
    """When each verb last ran: the pulse that readiness and the watchdog are told by."""

    def __init__(self) -> None:
        self.at: dict[str, datetime] = {}

    def late(self, at: datetime) -> list[str]:
        """The verbs that have stood still, or ran at a time that has yet to come (a clock that was set back)."""
        return [verb for verb, last in self.at.items() if abs(at - last) > LATE]


async def run(config: Config, version: str, env: Mapping[str, str], out: TextIO) -> None:
    """Watch by ``config``, and by what its file says later, until a signal ends it.

    ``out`` is the console channel, and is told what is going on.

    Raises ``OSError`` in words where the address is taken or another daemon has the database, and
    ``StoreUnusableError`` where the database is unusable.
    """
    clock = SystemClock()
    stop = _on_signals()
    async with contextlib.AsyncExitStack() as stack:
        adapt: Callable[[Config], Config] = _as_it_is
        if not has_keys(config, env):
            adapt = await stack.enter_async_context(simulation(config, clock))
            config = adapt(config)
            outside = simulated_outside(config, out, env)
        else:
            outside = real_outside(config, out, env)
        app = App(config, outside, version)
        await stack.enter_async_context(_opened(app, clock))
        costly = frozenset[Provider]() if outside.simulated else outside.providers
        reloader = Reloader(app, config, env, costly, adapt, partial(print, file=out, flush=True), clock)
        _on_hangup(reloader, stop, out)
        reloader.sign(clock.now())
        ticks = Ticks()
        url = await stack.enter_async_context(_pages(app, config, clock, ticks))
        await stack.enter_async_context(_ticking(app, reloader, clock, ticks))
        systemd.ready()
        print(_greeting(config, outside, url), file=out, flush=True)
        await stop.wait()
        systemd.stopping()
        log.info("stopping")


def _as_it_is(config: Config) -> Config:
    return config


def _greeting(config: Config, outside: Outside, url: str) -> str:
    accounts = sum(watched.target.subject is Subject.ACCOUNT for watched in config.targets)
    lines = [
        f"watching {accounts} accounts and {len(config.targets) - accounts} videos by {len(config.book.rules)} rules",
        f"numbers for Prometheus: {url}/metrics    health: {url}/readyz    database: {config.database}",
    ]
    if outside.simulated:
        lines.insert(0, "no API key is set: everything you see is SIMULATED, at a few seconds for half a day")
    else:
        lines += [f"note: {note}" for note in config.notes]
    return "\n".join([*lines, "stop: Ctrl-C", ""])


@contextlib.asynccontextmanager
async def _opened(app: App, clock: Clock) -> AsyncIterator[None]:
    await app.open(clock.now())
    try:
        yield
    finally:
        await app.close(DRAIN_S)


@contextlib.asynccontextmanager
async def _pages(app: App, config: Config, clock: Clock, ticks: Ticks) -> AsyncIterator[str]:
    def ready() -> tuple[bool, Mapping[str, object]]:
        late = ticks.late(clock.now())
        return not late, {"late": late, "ticks": {verb: at.isoformat() for verb, at in ticks.at.items()}}

    def follow(token: str, acts: bool) -> Awaitable[Page | None]:
        return app.link_pages.answer(token, acts, clock.now())

    server = web.WebServer(web.build(app.metrics.render, ready, follow))
    url = await server.start(config.listen.host, config.listen.port)
    try:
        yield url
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def _ticking(app: App, reloader: Reloader, clock: Clock, ticks: Ticks) -> AsyncIterator[None]:
    """At the end the ticks under way finish: one that is cut short leaves what it claimed to nobody."""
    clockwork = Clockwork()
    turns: list[asyncio.Lock] = []

    def every(seconds: float, verb: str, work: Callable[[datetime], Coroutine[Any, Any, object]]) -> Tick:
        turn = asyncio.Lock()

        async def tick() -> None:
            async with turn:
                at = clock.now()
                await work(at)
                ticks.at[verb] = at

        turns.append(turn)
        ticks.at[verb] = clock.now()
        clockwork.every(seconds, verb, tick)
        return tick

    async def deliver(at: datetime) -> None:
        app.watch.deliver(at)

    async def beat() -> None:
        if not ticks.late(clock.now()):
            systemd.watchdog()

    every(POLL_S, "poll", app.watch.poll)
    at_once = asyncio.create_task(whenever(app.watch.owing, every(DELIVER_S, "deliver", deliver)))
    at_once.add_done_callback(report)
    every(LOOK_S, "look", app.watch.look)
    every(COUNT_S, "count", app.count)
    every(RELOAD_S, "reload", reloader.look)
    beat_s = systemd.watchdog_interval_s()
    if beat_s is not None:
        clockwork.every(beat_s, "watchdog", beat)
    clockwork.start()
    try:
        yield
    finally:
        at_once.cancel()
        clockwork.pause()
        await asyncio.sleep(0)  # what was already called begins
        for turn in turns:
            await turn.acquire()
        clockwork.stop()


async def whenever(told: asyncio.Event, tick: Tick) -> None:
    """A tick each time that ``told`` is set, without end."""
    while True:
        await told.wait()
        told.clear()
        await tick()


def _on_signals() -> asyncio.Event:
    """What the first signal to stop sets, from now on."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _on_hangup(reloader: Reloader, stop: asyncio.Event, out: TextIO) -> None:
    """From now on a SIGHUP reads the configuration again; that of a terminal which is gone ends the daemon."""
    on_terminal = out.isatty()

    def hear() -> None:
        if on_terminal and not out.isatty():
            stop.set()
        else:
            reloader.ask()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hear)


async def until_stopped(simulator: Simulator, out: TextIO) -> None:
    """Serve a simulator until a signal ends it. Raises ``OSError`` where the port is taken."""
    stop = _on_signals()
    url = await simulator.start()
    print(f"simulating TikHub and KeyAPI on {url}; any key will do\nstop: Ctrl-C", file=out, flush=True)
    await stop.wait()
    await simulator.stop()
