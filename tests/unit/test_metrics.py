from __future__ import annotations

import math
import subprocess

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from daemon.metrics import Metrics, SeriesNow, Totals, exported_name
from daemon.providers import METRICS
from rules.values import Change, Metric, Subject, Target, Unit

FOLLOWERS = Metric("follower_count", Subject.ACCOUNT, Unit.COUNT, "How many follow.")
RANK = Metric("author_rank", Subject.ACCOUNT, Unit.RATIO, "Rank.", ("dimension",))
ALICE = Target("tiktok/account/alice", Subject.ACCOUNT, "Alice", "tiktok", owner="mei")
TOTALS = Totals(3, 12.5, 1, {("violation-points", "high"): 2}, 4096, {"fan-spike": 5}, {"short": 2})
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"


def page(series=(), accept="", count=lambda metrics: None):
    metrics = Metrics(lambda: series, lambda: TOTALS, "1.2.3", "abc")
    count(metrics)
    return metrics.render(accept)[0].decode()


def samples(text, parse=parse_text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def now(metric, value, labels=(), target=ALICE):
    return SeriesNow(target, metric, labels, value)


def do_everything(metrics):
    metrics.counted("get_account_health_status", "ok", 12.0)
    metrics.delivered("team", "sent", 0.3)
    metrics.judged(0.02, targets=40)
    metrics.transitioned("violation-points", Change.B_FIRED)
    metrics.followed("done")


@pytest.mark.parametrize(
    ("name", "subject", "unit", "exported"),
    [
        ("follower_count", Subject.ACCOUNT, Unit.COUNT, "creatorwatch_account_followers"),
        ("violations_total", Subject.ACCOUNT, Unit.COUNT, "creatorwatch_account_violations"),
        ("author_rank", Subject.ACCOUNT, Unit.RATIO, "creatorwatch_account_author_rank_ratio"),
        ("fake_view_ratio", Subject.VIDEO, Unit.RATIO, "creatorwatch_video_fake_view_ratio"),
        ("creator_age_s", Subject.VIDEO, Unit.SECONDS, "creatorwatch_video_creator_age_seconds"),
        (
            "appeal_deadline",
            Subject.ACCOUNT,
            Unit.TIMESTAMP,
            "creatorwatch_account_appeal_deadline_timestamp_seconds",
        ),
        ("provider_up", Subject.PROVIDER, Unit.STATE, "creatorwatch_provider_up"),
    ],
)
def test_a_metric_is_named_as_prometheus_likes_it(name, subject, unit, exported):
    assert exported_name(Metric(name, subject, unit, "")) == exported


def test_no_two_metrics_are_exported_under_one_name():
    assert len({exported_name(metric) for metric in METRICS.values()}) == len(METRICS)


def test_no_metric_has_a_label_that_names_the_target():
    own = {label for metric in METRICS.values() for label in metric.labels}
    assert own.isdisjoint({"platform", "target", "name", "owner"})


def test_a_series_is_found_under_its_target_and_its_own_labels():
    text = page([now(RANK, 0.25, (("dimension", "interaction"),))])
    key = (
        "creatorwatch_account_author_rank_ratio",
        ("dimension", "interaction"),
        ("name", "Alice"),
        ("owner", "mei"),
        ("platform", "tiktok"),
        ("target", "tiktok/account/alice"),
    )
    assert samples(text)[key] == 0.25


def test_an_unknown_value_is_not_exported_and_zero_is():
    text = page([now(FOLLOWERS, math.nan), now(RANK, 0.0, (("dimension", "sales"),))])
    assert "creatorwatch_account_followers" not in text
    assert [value for (name, *_), value in samples(text).items() if "author_rank" in name] == [0.0]


@pytest.mark.parametrize(("accept", "parse"), [("", parse_text), (OPENMETRICS, parse_openmetrics)])
def test_words_with_quotes_and_line_breaks_come_back_as_they_were(accept, parse):
    name = 'a"b\\c\nd\u5c0f'
    target = Target("tiktok/account/x", Subject.ACCOUNT, name, "tiktok")
    metric = Metric("odd", Subject.ACCOUNT, Unit.COUNT, "Back\\slash\nand line.")
    keys = samples(page([now(metric, 1e300, target=target)], accept), parse)
    assert ("name", name) in next(key for key in keys if key[0] == "creatorwatch_account_odd")


def test_a_lone_surrogate_in_a_name_does_not_cost_the_whole_page():
    target = Target("tiktok/account/x", Subject.ACCOUNT, "\ud800", "tiktok")
    assert 'name="?"' in page([now(FOLLOWERS, 1.0, target=target)])


def test_a_family_is_written_in_one_piece_however_its_series_arrive():
    bob = Target("tiktok/account/bob", Subject.ACCOUNT, "Bob", "tiktok")
    rank = (("dimension", "sales"),)
    text = page([now(FOLLOWERS, 1.0), now(RANK, 0.5, rank), now(FOLLOWERS, 2.0, target=bob)])
    assert text.count("# TYPE creatorwatch_account_followers gauge") == 1
    assert len([key for key in samples(text) if key[0] == "creatorwatch_account_followers"]) == 2


def test_the_next_scrape_has_the_new_value_the_new_name_and_not_the_series_that_ended():
    series = [now(FOLLOWERS, 1.0), now(RANK, 0.5, (("dimension", "sales"),))]
    metrics = Metrics(lambda: series, lambda: TOTALS, "1", "a")
    metrics.render("")
    renamed = Target(ALICE.key, ALICE.subject, "Alice 2", ALICE.platform, ALICE.owner)
    series[:] = [now(FOLLOWERS, 2.0, target=renamed)]
    text = metrics.render("")[0].decode()
    assert 'name="Alice 2",owner="mei"} 2.0' in text
    assert 'name="Alice"' not in text
    assert "author_rank" not in text


def test_both_formats_say_the_same():
    series = [now(FOLLOWERS, 1e6)]
    text = samples(page(series, count=do_everything))
    openmetrics = samples(page(series, OPENMETRICS, do_everything), parse_openmetrics)
    assert text == openmetrics


def test_the_content_type_is_the_one_asked_for():
    metrics = Metrics(list, lambda: TOTALS, "1", "a")
    assert metrics.render(OPENMETRICS)[1].startswith("application/openmetrics-text; version=1.0.0")
    assert metrics.render("text/html")[1].startswith("text/plain; version=0.0.4")


def test_what_happened_is_counted():
    seen = samples(page(count=do_everything))
    assert seen["creatorwatch_polls_total", ("endpoint", "get_account_health_status"), ("outcome", "ok")] == 1
    assert seen["creatorwatch_poll_duration_seconds_sum", ("endpoint", "get_account_health_status")] == 12
    assert seen["creatorwatch_deliveries_total", ("channel", "team"), ("outcome", "sent")] == 1
    assert seen["creatorwatch_judged_targets_total",] == 40
    assert seen["creatorwatch_transitions_total", ("change", "fired"), ("rule", "violation-points")] == 1
    assert seen["creatorwatch_links_total", ("outcome", "done")] == 1


def test_the_totals_of_the_moment_are_on_the_page():
    seen = samples(page())
    assert seen["creatorwatch_alerts", ("rule", "violation-points"), ("severity", "high")] == 2
    assert seen["creatorwatch_outbox_messages", ("state", "waiting")] == 3
    assert seen["creatorwatch_outbox_messages", ("state", "dead")] == 1
    assert seen["creatorwatch_outbox_oldest_age_seconds",] == 12.5
    assert seen["creatorwatch_database_bytes",] == 4096
    assert seen["creatorwatch_rule_failures_total", ("rule", "fan-spike")] == 5
    assert seen["creatorwatch_template_failures_total", ("template", "short")] == 2
    assert seen["creatorwatch_build_info", ("version", "1.2.3")] == 1
    assert seen["creatorwatch_config_info", ("hash", "abc")] == 1


def test_nothing_of_it_is_in_the_global_registry_and_no_creation_times_are_written():
    assert "_created" not in page(count=do_everything)
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("creatorwatch")]


def test_promtool_has_no_complaint_about_any_name_we_can_export():
    every = [now(metric, 1.0, tuple((label, "x") for label in metric.labels)) for metric in METRICS.values()]
    text = page(every, count=do_everything)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
