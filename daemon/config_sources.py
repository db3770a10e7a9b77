"""How providers and endpoints are reached, as the file says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from daemon.providers.endpoint import Provider

BASE_URLS = {Provider.TIKHUB: "https://api.tikhub.io", Provider.KEYAPI: "https://api.keyapi.ai"}


@dataclass(frozen=True, slots=True)
class Access:
    """How a provider is reached. ``token`` is a reference for ``daemon.secrets.resolve``.

    ``canary`` is what its probe is asked about: the id of a video, "" where the probe has a subject of its own, None
    where nothing is probed.
    """

    base_url: str
    token: str
    rate_per_s: float
    timeout_s: float
    in_flight: int
    canary: str | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """What replaces an endpoint's defaults; None leaves one as it is."""

    interval: timedelta | None
    rate_per_s: float | None
