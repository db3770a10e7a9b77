from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from daemon.metrics import Metrics, SeriesNow, Totals
from daemon.providers import METRICS
from rules.values import Target

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "creatorwatch.service"
DASHBOARD = DEPLOY / "grafana" / "creatorwatch.json"
VARIABLES = {"$__rate_interval": "5m", "$name": ".*"}


def run(*command):
    """Run a tool that must be there: a missing one fails the test."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path):
    """The unit file as systemd can verify it here: it refuses a program that is not installed, so another stands in."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text()))
    return copy


def test_systemd_has_no_complaint_about_the_unit(unit):
    assert run("systemd-analyze", "verify", str(unit)) == (0, "")


def test_systemd_finds_the_service_little_exposed(unit):
    status, report = run("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))
    assert status == 0, report


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "ExecStart=/opt/creatorwatch/.venv/bin/creatorwatch run /etc/creatorwatch/rules.yaml",
        "Environment=PYTHONSAFEPATH=1",
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        "TimeoutStopSec=30",
        "KillSignal=SIGTERM",
    ],
)
def test_the_unit_keeps_what_the_daemon_relies_on(line):
    assert line in UNIT.read_text().splitlines()


def test_prometheus_accepts_the_scrape_configuration():
    status, report = run("promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    assert status == 0, report


def test_grafana_is_given_the_folder_and_the_source_in_valid_yaml():
    folder = DEPLOY / "grafana" / "provisioning"
    read = {path.stem: yaml.safe_load(path.read_text()) for path in folder.rglob("*.yaml")}
    assert read["prometheus"]["datasources"][0]["type"] == "prometheus"
    assert read["creatorwatch"]["providers"][0]["options"]["path"] == "/var/lib/grafana/dashboards"


def dashboard():
    return json.loads(DASHBOARD.read_text())


def expressions():
    """Every query of the dashboard, with its variables filled in."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield panel["title"], expression


def exportable():
    """Every sample name that a page can hold."""
    target = Target("key", next(iter(METRICS.values())).subject, "name", "tiktok")
    series = [SeriesNow(target, metric, (), 1.0) for metric in METRICS.values()]
    metrics = Metrics(lambda: series, lambda: Totals(0, 0, 0, {}, 0), "1", "a")
    for name, kind in re.findall(r"(?m)^# TYPE (\S+) (\S+)", metrics.render("")[0].decode()):
        yield from [name] if kind != "histogram" else [f"{name}_bucket", f"{name}_sum", f"{name}_count"]


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path):
    rules = [{"record": f"dashboard:{n}", "expr": query} for n, (_, query) in enumerate(expressions())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    status, report = run("promtool", "check", "rules", str(file))
    assert status == 0, report
    assert f"SUCCESS: {len(rules)} rules found" in report


def test_every_metric_of_the_dashboard_is_one_that_is_exported():
    named = {name for _, query in expressions() for name in re.findall(r"creatorwatch_\w+", query)}
    assert named
    assert named <= set(exportable())


def test_the_dashboard_works_with_any_data_source_and_leaves_no_variable_undefined():
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard()["panels"])))
    assert used - {"__rate_interval"} == variables
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in dashboard()["panels"])


def test_no_two_panels_of_the_dashboard_lie_on_each_other():
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard()["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
