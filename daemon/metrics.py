"""What Prometheus is told: the last value of every series, and how the daemon itself is doing.

The only module that knows prometheus_client. Its counters live in a registry of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    exposition,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from rules.values import Change, Labels, Metric, Target, Unit

# They would double the series, for instants that nobody asks about. (The library's function carries no types.)
disable_created_metrics()  # type: ignore[no-untyped-call]

_UNIT_SUFFIX = {Unit.RATIO: "_ratio", Unit.SECONDS: "_seconds", Unit.TIMESTAMP: "_timestamp_seconds"}
_END = b"# EOF\n"
_POLL_BUCKETS_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 30, 45, 60)
_JUDGE_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)


@dataclass(frozen=True, slots=True)
class SeriesNow:
    """The last value of one series. NaN is unknown, and unknown is not exported.

    The time it was seen is not written as the sample's timestamp: Prometheus would drop whatever is older than five
    minutes, and a creator is polled every few hours.
    """

    target: Target
    metric: Metric
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is, read from the database at the time of the scrape.

    ``outbox_oldest_age_s`` is for how long the oldest waiting message was to go, 0 when none was. ``alerts`` maps
    (rule, severity) to the number of open alerts, ``rule_failures`` rules to how often they broke since the start, and
    ``template_failures`` templates to how often they could not be used.
    """

    outbox_waiting: int
    outbox_oldest_age_s: float
    outbox_dead: int
    alerts: Mapping[tuple[str, str], int]
    database_bytes: int
    rule_failures: Mapping[str, int] = field(default_factory=dict)
    template_failures: Mapping[str, int] = field(default_factory=dict)


def exported_name(metric: Metric) -> str:
    """The name Prometheus sees: ``follower_count`` of an account is ``creatorwatch_account_followers``.

    Prometheus keeps ``_count`` and ``_total`` for histograms and counters, and wants the base unit at the end.
    """
    stem = metric.name.removeprefix(f"{metric.subject}_").removesuffix("_total")
    if stem.endswith("_count"):
        stem = stem.removesuffix("_count") + "s"
    if metric.unit is Unit.SECONDS:
        stem = stem.removesuffix("_s")
    suffix = _UNIT_SUFFIX.get(metric.unit, "")
    return f"creatorwatch_{metric.subject}_{stem.removesuffix(suffix)}{suffix}"


class Metrics:
    """Counts what happens, and renders it together with what is known now.

    ``latest`` and ``totals`` are called by ``render``, in the thread that renders.
    """

    def __init__(
        self,
        latest: Callable[[], Iterable[SeriesNow]],
        totals: Callable[[], Totals],
        version: str,
        config_hash: str,
    ) -> None:
        registry = CollectorRegistry()
        counter = partial(Counter, namespace="creatorwatch", registry=registry)
        histogram = partial(Histogram, namespace="creatorwatch", registry=registry)
        info = partial(Info, namespace="creatorwatch", registry=registry)
        self._polls = counter("polls", "Polls by outcome.", ["endpoint", "outcome"])
        self._poll_duration = histogram(
            "poll_duration_seconds", "How long a poll took.", ["endpoint"], buckets=_POLL_BUCKETS_S
        )
        self._deliveries = counter("deliveries", "Deliveries by outcome.", ["channel", "outcome"])
        self._delivery_duration = histogram("delivery_duration_seconds", "How long a delivery took.", ["channel"])
        self._judged_targets = counter("judged_targets", "Targets judged.")
        self._judge_duration = histogram(
            "judge_duration_seconds", "How long a round of judging took.", buckets=_JUDGE_BUCKETS_S
        )
        self._transitions = counter("transitions", "Steps in the life of alerts.", ["rule", "change"])
        self._links = counter("links", "Links of messages that were followed, by outcome.", ["outcome"])
        info("build", "The running version.").info({"version": version})
        self._config = info("config", "The configuration in force.")
        self._reloads = counter("config_reloads", "Readings of a changed configuration by outcome.", ["outcome"])
        self._reloaded = Gauge(
            "creatorwatch_config_last_reload_timestamp_seconds",
            "When one was last read with this outcome.",
            ["outcome"],
            registry=registry,
        )
        self.configured(config_hash)
        registry.register(_TotalsCollector(totals))
        self._registry = registry
        self._last_values = _LastValues(latest)

    def counted(self, endpoint: str, outcome: str, seconds: float) -> None:
        """A poll ended; ``outcome`` is "ok" or a failure's reason."""
        self._polls.labels(endpoint, outcome).inc()
        self._poll_duration.labels(endpoint).observe(seconds)

    def delivered(self, channel: str, outcome: str, seconds: float) -> None:
        """An attempt to deliver one message ended."""
        self._deliveries.labels(channel, outcome).inc()
        self._delivery_duration.labels(channel).observe(seconds)

    def judged(self, seconds: float, targets: int) -> None:
        """A round of judging ended."""
        self._judged_targets.inc(targets)
        self._judge_duration.observe(seconds)

    def followed(self, outcome: str) -> None:
        """A link of a message was followed; ``outcome`` says what came of it."""
        self._links.labels(outcome).inc()

    def configured(self, config_hash: str) -> None:
        """This configuration is in force."""
        self._config.info({"hash": config_hash})

    def reloaded(self, outcome: str, at: datetime) -> None:
        """A changed configuration was read; ``outcome`` says what came of it."""
        self._reloads.labels(outcome).inc()
        self._reloaded.labels(outcome).set(at.timestamp())

    def transitioned(self, rule: str, change: Change) -> None:
        """An alert of ``rule`` took one step."""
        self._transitions.labels(rule, change.name.partition("_")[2].lower()).inc()

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics 1.0 for a scraper that accepts it, else Prometheus' text 0.0.4.

        May be called in any thread, several at once. Takes a while with many series: keep it off the event loop.
        """
        # A gauge is written alike in both formats, so the many series need to be written once only.
        series = self._last_values.text().encode(errors="replace")
        if "application/openmetrics-text" in accept.lower():
            own: bytes = openmetrics.generate_latest(self._registry)  # type: ignore[no-untyped-call]
            return own.removesuffix(_END) + series + _END, openmetrics.CONTENT_TYPE_LATEST
        return exposition.generate_latest(self._registry) + series, exposition.CONTENT_TYPE_PLAIN_0_0_4


class _TotalsCollector(Collector):
    """Asks for the totals once a scrape."""

    def __init__(self, totals: Callable[[], Totals]) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Family]:
        totals = self._totals()
        alerts = GaugeMetricFamily("creatorwatch_alerts", "Open alerts.", labels=["rule", "severity"])
        for rule_and_severity, number in totals.alerts.items():
            alerts.add_metric(rule_and_severity, number)
        yield alerts
        outbox = GaugeMetricFamily(
            "creatorwatch_outbox_messages", "Messages not delivered: waiting, or given up (dead).", labels=["state"]
        )
        outbox.add_metric(["waiting"], totals.outbox_waiting)
        outbox.add_metric(["dead"], totals.outbox_dead)
        yield outbox
        yield GaugeMetricFamily(
            "creatorwatch_outbox_oldest_age_seconds",
            "For how long the oldest waiting message was to go.",
            totals.outbox_oldest_age_s,
        )
        yield GaugeMetricFamily("creatorwatch_database_bytes", "Size of the database.", totals.database_bytes)
        failures = CounterMetricFamily("creatorwatch_rule_failures", "Looks by which a rule broke.", labels=["rule"])
        for rule, number in totals.rule_failures.items():
            failures.add_metric([rule], number)
        yield failures
        said = "Messages that a template could not make, sent in the usual words."
        unused = CounterMetricFamily("creatorwatch_template_failures", said, labels=["template"])
        for template, number in totals.template_failures.items():
            unused.add_metric([template], number)
        yield unused


class _LastValues:
    """Writes one line a series. Their labels hardly ever change, so a line's beginning is kept for the next scrape."""

    def __init__(self, latest: Callable[[], Iterable[SeriesNow]]) -> None:
        self._latest = latest
        self._beginnings: dict[tuple[Target, str, Labels], str] = {}

    def text(self) -> str:
        beginnings: dict[tuple[Target, str, Labels], str] = {}
        families: dict[str, list[str]] = {}
        for series in self._latest():
            if math.isnan(series.value):
                continue
            key = (series.target, series.metric.name, series.labels)
            beginnings[key] = beginning = self._beginnings.get(key) or _beginning(series)
            lines = families.get(series.metric.name)
            if lines is None:
                lines = families[series.metric.name] = [_head(series.metric)]
            lines.append(f"{beginning}{series.value!r}\n")
        self._beginnings = beginnings
        return "".join(chain.from_iterable(families.values()))


def _head(metric: Metric) -> str:
    name = exported_name(metric)
    meaning = metric.meaning.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"


def _beginning(series: SeriesNow) -> str:
    target = series.target
    own = {"platform": target.platform, "target": target.key, "name": target.name, "owner": target.owner}
    pairs = (f'{label}="{_escaped(value)}"' for label, value in (*own.items(), *series.labels))
    return f"{exported_name(series.metric)}{{{','.join(pairs)}}} "


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
