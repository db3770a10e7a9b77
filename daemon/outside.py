"""What the daemon is given of the world: the real providers, or the simulated ones."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from daemon.clock import Clock
from daemon.config import Access, Config, Override, Watched
from daemon.envfile import environment
from daemon.fetch import Fetcher, Service
from daemon.lock import hold
from daemon.plan import cadence_of
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Provider
from daemon.secrets import Secret, Unresolved, resolve
from daemon.simulator.server import Simulator
from daemon.simulator.world import SCENARIOS, World
from daemon.watchlist import Cookies
from rules.values import Subject

PART = "simulate:"
SIMULATED_INTERVAL = timedelta(seconds=3)
SIMULATED_STEP = timedelta(seconds=8)
"""In a simulation half a day of a creator's life takes this long, so that a minute shows something."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where to ask, with what, where to write, and which environment. ``providers`` are those that can be asked."""

    fetcher: Fetcher
    providers: frozenset[Provider]
    cookies: Cookies
    out: TextIO
    env: Mapping[str, str]
    simulated: bool = False


def with_keys(config: Config, env: Mapping[str, str]) -> frozenset[Provider]:
    """The providers that have their key."""
    return frozenset(name for name, access in config.providers.items() if _token(access, config, env) is not None)


def has_keys(config: Config, env: Mapping[str, str]) -> bool:
    """Whether at least one provider has its key."""
    return bool(with_keys(config, env))


def real_outside(config: Config, out: TextIO, env: Mapping[str, str]) -> Outside:
    """The providers that have a key, and the cookies as they are at the time of each call."""
    env = environment(env, config.base, config.env_file)
    services = {
        provider: Service(access.base_url, token, access.timeout_s)
        for provider, access in config.providers.items()
        if (token := _token(access, config, env)) is not None
    }

    def cookies(watched: Watched) -> Secret | Unresolved | None:
        return resolve(watched.cookie, env, config.base) if watched.cookie else None

    return Outside(Fetcher(services, _lanes(config)), frozenset(services), cookies, out, env)


@contextlib.asynccontextmanager
async def simulation(config: Config, clock: Clock) -> AsyncIterator[Callable[[Config], Config]]:
    """A running simulator. What it yields makes of ``config``, and of what that becomes, how it is to be watched there.

    That is often, and in a database of its own. What an earlier simulation left in it is removed: its world is no more.
    Raises ``OSError`` in words where another daemon holds the database.
    """
    world = World(started=clock.now(), step=SIMULATED_STEP, scenarios=parts(config), handles=handles(config))
    simulator = Simulator(world, clock.now)
    base_url = await simulator.start()

    def watched(config: Config) -> Config:
        world.scenarios.update(parts(config))
        world.handles.update(handles(config))
        return _in_simulation(config, base_url)

    try:
        _forget(_simulated(config.database))
        yield watched
    finally:
        await simulator.stop()


def _in_simulation(config: Config, base_url: str) -> Config:
    return replace(
        config,
        database=_simulated(config.database),
        providers={provider: Access(base_url, "", 100.0, 10.0, 16) for provider in Provider},
        overrides={
            name: Override(min(cadence_of(endpoint, config).usual, SIMULATED_INTERVAL), 100.0)
            for name, endpoint in ENDPOINTS.items()
        },
        budgets={},
        guard=None,
    )


def _forget(database: Path) -> None:
    with hold(database):  # another daemon may be at work on it
        for suffix in ("", "-wal", "-shm"):
            Path(f"{database}{suffix}").unlink(missing_ok=True)


def parts(config: Config) -> dict[str, str]:
    """The part each target plays in a simulation: its tag ``simulate:SCENARIO``, under every name it is asked by."""
    return {
        name: tag.removeprefix(PART)
        for watched in config.targets
        for tag in watched.target.tags
        if tag.startswith(PART) and tag.removeprefix(PART) in SCENARIOS
        for name in _names(watched)
    }


def handles(config: Config) -> dict[str, str]:
    """The other names of each account -> its uid, or its handle: the handle first."""
    return {
        name: identity
        for watched in config.targets
        if watched.target.subject is Subject.ACCOUNT and (identity := watched.uid or watched.handle)
        for name in (watched.handle, watched.sec_uid, watched.target.key.rpartition("/")[2])
        if name and name != identity
    }


def _names(watched: Watched) -> list[str]:
    own = watched.video_id if watched.target.subject is Subject.VIDEO else watched.uid
    return [name for name in (watched.target.key.rpartition("/")[2], own) if name]


def simulated_outside(config: Config, out: TextIO, env: Mapping[str, str]) -> Outside:
    """The simulator in the place of each provider; the cookie of an account names the account."""
    services = {
        provider: Service(access.base_url, Secret("simulated", hidden=()), access.timeout_s)
        for provider, access in config.providers.items()
    }
    return Outside(
        fetcher=Fetcher(services, _lanes(config)),
        providers=frozenset(services),
        cookies=_simulated_cookie,
        out=out,
        env=environment(env, config.base, config.env_file),
        simulated=True,
    )


def _simulated_cookie(watched: Watched) -> Secret:
    name = (watched.account or watched.target.key).rpartition("/")[2]
    return Secret(f"sim-cookie:{name}", hidden=())  # what is made up need not be hidden


def database_of(config: Config, env: Mapping[str, str]) -> Path:
    """The database that a daemon with this configuration writes.

    Without keys in the environment it may be either: the daemon may have been given others. Then the one written last.
    """
    if has_keys(config, env):
        return config.database
    found = [path for path in (config.database, _simulated(config.database)) if path.exists()]
    return max(found, key=_written_s, default=config.database)


def _written_s(database: Path) -> float:
    """When it was last written: what is new stands in its write-ahead log for a while."""
    log = database.with_name(f"{database.name}-wal")
    return max(path.stat().st_mtime for path in (database, log) if path.exists())


def _simulated(database: Path) -> Path:
    return database.with_stem(f"{database.stem}-simulated")


def _lanes(config: Config) -> int:
    return sum(access.in_flight for access in config.providers.values())


def _token(access: Access, config: Config, env: Mapping[str, str]) -> Secret | None:
    variables = environment(env, config.base, config.env_file)
    token = resolve(access.token, variables, config.base) if access.token else None
    return token if isinstance(token, Secret) else None
