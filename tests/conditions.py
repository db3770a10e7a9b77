"""What conditions are tried on: a few metrics of accounts, and what was seen of them."""

from __future__ import annotations

from rules.values import Metric, Subject, Unit, View, Window

METRICS = {
    metric.name: metric
    for metric in (
        Metric("violation_score", Subject.ACCOUNT, Unit.POINTS, "points"),
        Metric("follower_count", Subject.ACCOUNT, Unit.COUNT, "fans"),
        Metric("views", Subject.ACCOUNT, Unit.COUNT, "views"),
        Metric("account_age", Subject.ACCOUNT, Unit.SECONDS, "age"),
        Metric("author_rank", Subject.ACCOUNT, Unit.RATIO, "rank", ("dimension",)),
        Metric("own_value", Subject.ACCOUNT, Unit.COUNT, "value", ("dimension",)),
        Metric("fake_component", Subject.ACCOUNT, Unit.SCORE, "score", ("component",)),
        Metric("appeal_deadline", Subject.ACCOUNT, Unit.TIMESTAMP, "deadline", ("record",)),
    )
}


def one(**values: float) -> View:
    """Metrics of which one number was seen, at the epoch."""
    return {name: {(): Window([(0.0, value)])} for name, value in values.items()}


def labelled(name: str, label: str, **values: float) -> View:
    """A metric with a series for each value of a label, of which one number was seen, at the epoch."""
    return {name: {((label, own),): Window([(0.0, value)]) for own, value in values.items()}}
