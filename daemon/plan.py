"""Which endpoint is asked about which target, and how often. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from daemon.config import Config, Watched
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.schedule import first_due
from storage.records import Planned


def plan(config: Config, providers: Collection[Provider], at: datetime) -> Iterator[Planned]:
    """A line for each target and wanted endpoint that fit, of the ``providers`` that can be asked."""
    needed = config.book.needs().keys()
    for endpoint in ENDPOINTS.values():
        if endpoint.provider in providers and is_wanted(endpoint, config, needed):
            interval = interval_of(endpoint, config)
            for key in (watched.target.key for watched in config.targets if fits(endpoint, watched)):
                yield Planned(key, endpoint.name, interval, first_due(key, endpoint.name, interval, at))


def is_wanted(endpoint: Endpoint, config: Config, needed: Collection[str]) -> bool:
    """Whether a rule reads one of its numbers (``needed``), or the configuration names it."""
    return endpoint.name in config.overrides or any(metric.name in needed for metric in endpoint.metrics)


def interval_of(endpoint: Endpoint, config: Config) -> timedelta:
    """The time between two polls of one target: the configured, else the endpoint's own."""
    override = config.overrides.get(endpoint.name)
    return (override and override.interval) or timedelta(seconds=endpoint.interval_s)


def fits(endpoint: Endpoint, watched: Watched) -> bool:
    """Whether the endpoint can be asked about the target: its platform, its kind, and all that the call needs."""
    has = {Need.COOKIE: watched.cookie, Need.UID: watched.uid, Need.VIDEO_ID: watched.video_id}
    return (
        endpoint.platform == watched.target.platform
        and endpoint.subject is watched.target.subject
        and all(has[need] for need in endpoint.needs)
    )
