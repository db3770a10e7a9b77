"""What can be asked of the providers, and which numbers that yields. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.providers.endpoint import Endpoint
from daemon.providers.keyapi import VIDEO_ANALYTICS
from daemon.providers.tikhub_creator import CREATOR_INFO
from daemon.providers.tikhub_diagnosis import AUTHOR_DIAGNOSIS
from daemon.providers.tikhub_fakeviews import FAKE_VIEWS
from daemon.providers.tikhub_health import ACCOUNT_HEALTH
from daemon.providers.tikhub_violations import VIOLATION_LIST
from rules.values import Metric, Subject, Unit

__all__ = ["ENDPOINTS", "HEALTH", "METRICS"]

_ALL = (ACCOUNT_HEALTH, VIOLATION_LIST, AUTHOR_DIAGNOSIS, CREATOR_INFO, FAKE_VIEWS, VIDEO_ANALYTICS)

ENDPOINTS: Mapping[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ALL}
"""Every endpoint by its name."""

HEALTH = (
    Metric(
        "provider_up",
        Subject.PROVIDER,
        Unit.STATE,
        "the newest call of this provider was not its failure",
        history=False,
    ),
    Metric(
        "endpoint_up", Subject.PROVIDER, Unit.STATE, "as provider_up, of one endpoint", ("endpoint",), history=False
    ),
    Metric(
        "cookie_ok", Subject.ACCOUNT, Unit.STATE, "the account's cookie was accepted at the newest poll", history=False
    ),
    Metric("visible", Subject.ACCOUNT, Unit.STATE, "the platform shows the account", history=False),
    Metric("video_visible", Subject.VIDEO, Unit.STATE, "the platform shows the video", history=False),
)
"""What the daemon itself writes about its polls; no endpoint yields these."""

METRICS: Mapping[str, Metric] = {
    metric.name: metric for metrics in (HEALTH, *(endpoint.metrics for endpoint in _ALL)) for metric in metrics
}
"""Every metric by its name; a name belongs to exactly one endpoint, or to ``HEALTH``."""
