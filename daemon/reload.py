"""A changed configuration, taken up by the daemon that runs: whole, or not at all.

The files are looked at every few seconds; a change counts once they stay as they are for one more look.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from daemon import forecast
from daemon.app import App
from daemon.clock import Clock
from daemon.config import Config, load
from daemon.lock import Holder, sign
from daemon.preview import Preview, count, only_by_restart, with_money, within_reach
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider
from daemon.sources import Sources, stamps_of

RETRIED = timedelta(minutes=1)
"""So often what was refused is read again: what was missing may be elsewhere, in a variable or in another file."""

BROKEN = "nothing is wrong with it, but it could not be taken up: the log says why"

log = structlog.get_logger("creatorwatch.reload")


class Result(StrEnum):
    """What came of a changed configuration: it is in force; it has mistakes; it is right and could not be taken up."""

    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"


class Reloader:
    """Keeps a daemon at what its file says. ``say`` tells whoever started it."""

    def __init__(
        self,
        app: App,
        config: Config,
        env: Mapping[str, str],
        providers: frozenset[Provider],
        adapt: Callable[[Config], Config],
        say: Callable[[str], None],
        clock: Clock,
    ) -> None:
        """``adapt`` makes of what a file says what is to be in force; ``providers`` are those that cost something."""
        self._app, self._config, self._env, self._providers = app, config, env, providers
        self._adapt, self._say, self._clock = adapt, say, clock
        self._known = self._seen = config.stamps
        self._read_last = config.digest
        self._asked = False
        self._again: datetime | None = None
        self._problems: list[str] = []

    def ask(self) -> None:
        """Let the next look read the files, changed or not."""
        self._asked = True

    def sign(self, at: datetime, did: str = "", problems: str = "") -> None:
        """Say in the lock what is in force, and what came of the reading that ended ``at`` this time."""
        path = self._config.files[0].absolute()
        sign(self._app.lock, Holder(os.getpid(), path, self._config.digest, self._read_last, at, did, problems))

    async def look(self, at: datetime) -> None:
        """Take up the files if they have changed and are at rest, if that was asked for, or if they were refused."""
        stamps = await asyncio.to_thread(stamps_of, self._config.files)
        changed = stamps == self._seen != self._known
        self._seen = stamps
        if changed or self._asked:
            self._problems = []
        if changed or self._asked or (self._again is not None and at >= self._again):
            self._asked, self._again, self._known = False, None, stamps
            await self._read(at)

    async def _read(self, at: datetime) -> None:
        path, sources = self._config.files[0], Sources()
        found = await asyncio.to_thread(load, path, self._env, METRICS, ENDPOINTS, sources)
        self._read_last = sources.digest
        if isinstance(found, list):
            await self._leave(Result.REFUSED, [problem.shown(path.name) for problem in found], at)
            return
        config = within_reach(self._config, self._adapt(found))
        money = await self._money(config, at)
        too_dear = None if money is None else forecast.refuse(config, money[1])
        if too_dear:
            await self._leave(Result.REFUSED, [too_dear], at)
        else:
            await self._take_up(config, only_by_restart(self._config, self._adapt(found)), money, at)

    async def _leave(self, result: Result, problems: list[str], at: datetime) -> None:
        """Leave everything as it is, and read it again later. What was said already is not said again."""
        said, self._again, self._problems = self._problems, at + RETRIED, problems
        self.sign(self._clock.now(), problems="\n".join(problems))
        if problems != said:
            for problem in problems:
                log.error("the configuration is not taken up, what was in force still is", why=result, problem=problem)
            self._app.metrics.reloaded(result, at)
            await self._app.say_config("\n".join(problems))

    async def _money(self, config: Config, at: datetime) -> tuple[forecast.Forecast, forecast.Forecast] | None:
        """What a day costs now, and by ``config``; None if all is simulated."""
        if not self._providers:
            return None
        known = await self._app.known(at)
        now, then = [await asyncio.to_thread(self._forecast, each, known, at) for each in (self._config, config)]
        return now, then

    def _forecast(self, config: Config, known: forecast.Known, at: datetime) -> forecast.Forecast:
        lines = forecast.lines_of(config, self._providers, at, known)
        return forecast.forecast(lines, config.book.rules, at, known.pages)

    async def _take_up(
        self, config: Config, left: list[str], money: tuple[forecast.Forecast, forecast.Forecast] | None, at: datetime
    ) -> None:
        try:
            outcomes = await self._app.adopt(config, self._clock)
        except OSError as error:
            await self._leave(Result.FAILED, [str(error)], at)
            return
        except Exception:
            log.exception("the configuration could not be taken up; it is tried again", again_s=RETRIED.total_seconds())
            await self._leave(Result.FAILED, [BROKEN], at)
            return
        self._known = self._seen = config.stamps
        self._config, self._problems = config, []
        self._app.metrics.reloaded(Result.APPLIED, at)
        self._app.metrics.configured(config.digest)
        did = count(outcomes, config.book)
        self._tell(did if money is None else with_money(did, *money), left)

    def _tell(self, did: Preview, left: list[str]) -> None:
        name = self._config.files[0].name
        log.info("the configuration is in force", file=name, did=str(did), only_by_restart=left)
        note = [f"note: only a restart takes up what changed in {', '.join(left)}"] if left else []
        lines = [f"{name} is in force: {did}", *note]
        self.sign(self._clock.now(), "\n".join(lines))
        for line in lines:
            self._say(line)
