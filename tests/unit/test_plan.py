"""Which endpoint is asked about which target."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.config import load
from daemon.plan import plan
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider

AT = datetime(2026, 11, 21, tzinfo=UTC)
BOTH = frozenset(Provider)
HEALTH, FAKE, STATS = "get_account_health_status", "detect_fake_views", "video_detail_analytics"


@pytest.fixture
def planned(tmp_path):
    """The lines of the plan, as (target, endpoint), for the rules' conditions and further sections."""

    def lines(*conditions: str, endpoints: str = "{}", providers: frozenset[Provider] = BOTH):
        rules = "".join(
            f"\n  - {{name: r{n}, on: {'video' if 'views' in when or 'fake' in when else 'account'}, when: {when}}}"
            for n, when in enumerate(conditions)
        )
        path = tmp_path / "rules.yaml"
        path.write_text(
            f"""
endpoints: {endpoints}
accounts:
  - {{platform: tiktok, id: mei, uid: "1", cookie: "${{COOKIE}}"}}
  - {{platform: tiktok, id: leo}}
  - {{platform: douyin, id: xiao, cookie: "${{COOKIE}}"}}
videos: [{{platform: tiktok, id: "7", account: mei}}]
channels: {{console: {{url: "console://"}}}}
rules: [{"]" if not rules else "]"[1:]}{rules}
""".replace("rules: [\n", "rules:\n"),
            encoding="utf-8",
        )
        config = load(path, {}, METRICS, ENDPOINTS)
        assert not isinstance(config, list), config
        return {(line.target, line.endpoint): line for line in plan(config, providers, AT)}

    return lines


def test_what_no_rule_reads_is_not_paid_for(planned):
    assert set(planned("violation_score > 9")) == {("tiktok/account/mei", HEALTH)}


def test_an_endpoint_that_the_configuration_names_is_asked_without_a_rule(planned):
    assert ("tiktok/video/7", FAKE) in planned("violation_score > 9", endpoints=f"{{{FAKE}: {{interval: 12h}}}}")


def test_an_account_is_asked_about_only_what_it_has_the_means_for(planned):
    lines = planned("violation_score > 9", "follower_count > 1", "count(author_rank < 0.1) > 1")
    assert {target for target, _ in lines} == {"tiktok/account/mei", "douyin/account/xiao"}
    assert ("douyin/account/xiao", HEALTH) not in lines


def test_a_provider_without_a_key_is_not_asked(planned):
    assert set(planned("views > 1", "fake_score > 60", providers=frozenset({Provider.TIKHUB}))) == {
        ("tiktok/video/7", FAKE)
    }


def test_the_configured_interval_replaces_the_endpoints_own(planned):
    own = planned("violation_score > 9")["tiktok/account/mei", HEALTH]
    set_ = planned("violation_score > 9", endpoints=f"{{{HEALTH}: {{interval: 1s}}}}")["tiktok/account/mei", HEALTH]
    assert (own.interval, set_.interval) == (timedelta(hours=2), timedelta(seconds=1))


def test_every_target_has_a_first_turn_soon(planned):
    due = [line.first_due for line in planned("violation_score > 9", "views > 1").values()]
    assert all(AT <= each <= AT + timedelta(seconds=10) for each in due)
