"""Which metrics a Grafana dashboard shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.dashboards import Dashboard, read_dashboard
from daemon.metrics import exported_name
from daemon.providers import METRICS
from daemon.workbook import Unreadable

OWN = Path(__file__).parents[2] / "deploy" / "grafana" / "creatorwatch.json"
FANS = "creatorwatch_account_followers"


@pytest.fixture
def shown(tmp_path):
    def read(tree):
        path = tmp_path / "board.json"
        path.write_bytes(tree if isinstance(tree, bytes) else json.dumps(tree).encode())
        return read_dashboard(path, METRICS.values())

    return read


def test_our_own_dashboard_shows_four_metrics_of_creators():
    metrics = {"violation_score", "follower_count", "fake_score", "author_rank"}
    assert read_dashboard(OWN, METRICS.values()) == Dashboard(frozenset(metrics), ())


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_is_found_by_the_name_that_prometheus_sees(shown, name):
    query = f'max_over_time({exported_name(METRICS[name])}{{name=~"$name"}}[1h])'
    assert shown({"panels": [{"targets": [{"expr": query}]}]}).metrics == {name}


@pytest.mark.parametrize(
    "tree",
    [
        {"panels": [{"type": "row", "panels": [{"targets": [{"expr": FANS}]}]}]},
        {"dashboard": {"panels": [{"targets": [{"expr": f"sum({FANS}) / 2"}]}]}},
        {"templating": {"list": [{"query": {"query": f"label_values({FANS}, name)"}}]}},
        {"templating": {"list": [{"definition": f"label_values({FANS}, name)"}]}},
        {"annotations": {"list": [{"expr": f"changes({FANS}[1h]) > 0"}]}},
        [{"expr": FANS}],
    ],
    ids=["in a row", "as the API gives it", "variable", "definition", "annotation", "list"],
)
def test_a_query_is_found_wherever_grafana_keeps_it(shown, tree):
    assert shown(tree) == Dashboard(frozenset({"follower_count"}), ())


@pytest.mark.parametrize("text", [FANS, f"shows {FANS}"])
def test_a_metric_that_is_only_spoken_of_is_not_shown(shown, text):
    assert shown({"title": text, "panels": [{"description": text, "options": {"content": text}}]}).metrics == set()


def test_what_looks_like_a_metric_of_a_creator_and_is_none_is_unknown(shown):
    found = shown({"expr": f"{FANS} + creatorwatch_account_fans + creatorwatch_polls_total + up"})
    assert found == Dashboard(frozenset({"follower_count"}), ("creatorwatch_account_fans",))


def test_a_family_by_pattern_names_no_metric(shown):
    assert shown({"query": 'label_values({__name__=~"creatorwatch_(account|video)_.+"}, name)'}).metrics == set()


def test_deep_nesting_is_read_or_refused_and_breaks_nothing(shown):
    deep = b'[{"a":' * 500 + b'{"expr": "creatorwatch_account_followers"}' + b"}]" * 500
    assert shown(deep).metrics == {"follower_count"}
    assert isinstance(shown(b"[" * 100_000), Unreadable)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"panels: []"])
def test_what_is_no_json_is_unreadable_with_a_reason(shown, content):
    assert isinstance(shown(content), Unreadable)


@pytest.mark.parametrize("tree", [None, 3, "creatorwatch_account_followers", [], {"expr": 3}])
def test_json_without_queries_shows_nothing(shown, tree):
    assert shown(tree) == Dashboard(frozenset(), ())
