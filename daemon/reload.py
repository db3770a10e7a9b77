"""A changed configuration, taken up by the daemon that runs: whole, or not at all.

The files are looked at every few seconds; a change counts once they stay as they are for one more look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from daemon import forecast
from daemon.app import App
from daemon.config import Config, load
from daemon.lock import sign
from daemon.preview import Preview, count, digest, only_by_restart, with_money, within_reach
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider

RETRIED = timedelta(minutes=1)
"""So often what was refused is read again: what was missing may be elsewhere, in a variable or in another file."""

Stamps = Mapping[Path, tuple[int, int] | None]

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
    ) -> None:
        """``adapt`` makes of what a file says what is to be in force; ``providers`` are those that cost something."""
        self._app, self._config, self._env, self._providers = app, config, env, providers
        self._adapt, self._say = adapt, say
        self._known = self._seen = _stamps(config.files)
        self._asked = False
        self._again: datetime | None = None
        self._problems: list[str] = []

    def ask(self) -> None:
        """Let the next look read the files, changed or not."""
        self._asked = True

    def sign(self, at: datetime) -> None:
        """Say in the lock what is in force since ``at``."""
        sign(self._app.lock, self._config.files[0], digest(self._config.files), at)

    async def look(self, at: datetime) -> None:
        """Take up the files if they have changed and are at rest, if that was asked for, or if they were refused."""
        stamps = await asyncio.to_thread(_stamps, self._config.files)
        changed = stamps == self._seen != self._known
        self._seen = stamps
        if changed or self._asked or (self._again is not None and at >= self._again):
            told = self._problems if not (changed or self._asked) else []
            self._asked, self._again, self._known = False, None, stamps
            await self._read(told, at)

    async def _read(self, told: list[str], at: datetime) -> None:
        path = self._config.files[0]
        found = await asyncio.to_thread(load, path, self._env, METRICS, ENDPOINTS)
        if isinstance(found, list):
            await self._refuse([problem.shown(path.name) for problem in found], told, at)
            return
        config = within_reach(self._config, self._adapt(found))
        money = await self._money(config, at)
        too_dear = None if money is None else forecast.refuse(config, money[1])
        if too_dear:
            await self._refuse([too_dear], told, at)
        else:
            await self._take_up(config, only_by_restart(self._config, self._adapt(found)), money, at)

    async def _refuse(self, problems: list[str], told: list[str], at: datetime) -> None:
        """Leave everything as it is. What was said already is not said again."""
        self._again, self._problems = at + RETRIED, problems
        if problems != told:
            for problem in problems:
                log.error("the configuration is refused, and what was in force still is", problem=problem)
            self._app.metrics.reloaded(Result.REFUSED, at)
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
            outcomes = await self._app.adopt(config, at)
        except Exception:
            log.exception("the configuration could not be taken up; it is tried again", again_s=RETRIED.total_seconds())
            self._again = at + RETRIED
            self._app.metrics.reloaded(Result.FAILED, at)
            return
        self._known = self._seen = {**_stamps(config.files), **_only(self._known, config.files)}
        self._config, self._problems = config, []
        await self._app.say_config("")
        self._app.metrics.reloaded(Result.APPLIED, at)
        self._app.metrics.configured(digest(config.files))
        self.sign(at)
        did = count(outcomes, config.book)
        self._tell(did if money is None else with_money(did, *money), left)

    def _tell(self, did: Preview, left: list[str]) -> None:
        name = self._config.files[0].name
        log.info("the configuration is in force", file=name, did=str(did), only_by_restart=left)
        self._say(f"{name} is in force: {did}")
        if left:
            self._say(f"note: only a restart takes up what changed in {', '.join(left)}")


def _stamps(files: Iterable[Path]) -> Stamps:
    """When each file was written last and how large it is; None where it is not there."""
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _only(stamps: Stamps, files: Iterable[Path]) -> Stamps:
    return {path: stamps[path] for path in files if path in stamps}
