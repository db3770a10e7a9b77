"""Grafana dashboards: which metrics the queries of one read, so that they are asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import orjson

from daemon.marked import Problem, read
from daemon.metrics import exported_name
from daemon.workbook import Unreadable
from rules.values import Metric, Subject

_QUERIES = frozenset({"expr", "query", "definition"})
"""Where Grafana keeps queries: of panels and annotations, and of variables."""

_SERIES = re.compile(rf"\bcreatorwatch_(?:{'|'.join(Subject)})_\w+")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The ``metrics`` that its queries read, and what looks like one and is ``unknown``, as Prometheus would see it."""

    metrics: frozenset[str]
    unknown: tuple[str, ...]


def read_dashboard(
    path: Path, metrics: Collection[Metric], opened: Callable[[Path], bytes] = Path.read_bytes
) -> Dashboard | Unreadable:
    """A dashboard as Grafana exports it (JSON), whatever its panels lie in."""
    text = read(path, opened)
    if isinstance(text, Problem):
        return Unreadable(text.text)
    try:
        tree = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Unreadable(f"it is no JSON, so no dashboard that Grafana exported: line {error.lineno}")
    return _of(frozenset(_named(tree)), {exported_name(metric): metric.name for metric in metrics})


def _of(named: frozenset[str], known: Mapping[str, str]) -> Dashboard:
    return Dashboard(frozenset(known[name] for name in named & known.keys()), tuple(sorted(named - known.keys())))


def _named(tree: object) -> Iterator[str]:
    """Every series that a query anywhere in the tree names. It may be nested deeper than Python calls."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            queries = (value for key, value in node.items() if key in _QUERIES and isinstance(value, str))
            yield from chain.from_iterable(map(_SERIES.findall, queries))
            left.extend(node.values())
        elif isinstance(node, list):
            left.extend(node)
