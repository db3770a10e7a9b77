"""Doubt at work on the windows: what is withheld from rules, who is looked at for it, and how it ends."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from daemon.config import Config, load
from daemon.doubt import Doubt
from daemon.guard import Guard
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Provider
from daemon.recent import Recent
from daemon.watchlist import Watchlist
from rules.values import NO_LABELS
from storage.records import POLLED, Planned, Polled
from storage.store import Store

AT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FANS, HEALTH, TIKHUB = "fetch_creator_info_and_milestones", "get_account_health_status", "provider/tikhub"
MANY = 8
NEEDS = {"follower_count": 86_400.0, "violation_score": 0.0}
FILE = 'providers: {tikhub: {token: "${KEY}"}}\naccounts:\n' + "".join(
    f"  - {{platform: tiktok, id: a{n}, uid: '{n}'}}\n" for n in range(MANY)
)


class Bench:
    """Eight accounts, their windows and the doubt about them, on a real database; lines are numbered from 0."""

    def __init__(self, config: Config, store: Store, guard: Guard | None) -> None:
        self.config, self.store, self.guard = config, store, guard
        self.watchlist = Watchlist(config, [Provider.TIKHUB])
        store.sync_targets(list(self.watchlist.targets().values()), AT)
        keys = [f"tiktok/account/a{n}" for n in range(MANY)]
        store.plan([Planned(key, name, HOUR, AT + 9 * HOUR, "hourly") for name in (FANS, HEALTH) for key in keys], AT)
        self.lines = {(line.target, line.endpoint): line.schedule_id for line in store.remembered()}
        self.begin()

    def begin(self) -> None:
        """A process of the daemon."""
        self.recent = Recent(NEEDS)
        for (target, endpoint), schedule_id in self.lines.items():
            self.recent.watch(schedule_id, target, endpoint, 3600.0)
        self.doubt = Doubt(self.guard, NEEDS, self.recent, self.watchlist, self.store)
        self.doubt.follow((), AT)

    def line(self, number: int, endpoint: str = FANS) -> int:
        return self.lines[f"tiktok/account/a{number}", endpoint]

    def look(self, number: int, at: datetime, endpoint: str = FANS, **numbers: float | None) -> set[str]:
        """An answer of one account, as the judge takes it in."""
        values = {(name, NO_LABELS): number for name, number in numbers.items()}
        return self._look(self.line(number, endpoint), at, values, None)

    def fail(self, number: int, at: datetime, reason: Reason, endpoint: str = FANS) -> set[str]:
        return self._look(self.line(number, endpoint), at, None, reason)

    def _look(self, schedule_id: int, at: datetime, values: dict | None, reason: Reason | None) -> set[str]:
        payload = None if values is None else orjson.dumps({name: value for (name, _), value in values.items()})
        outcome = POLLED if reason is None else reason.value
        polled = Polled(schedule_id, at, outcome, at + HOUR, values, payload, interval=HOUR)
        touched = self.doubt.look(self.recent.watches[schedule_id], polled, reason)
        if values is None:
            self.recent.miss(schedule_id)
        else:
            self.recent.see(schedule_id, at.timestamp(), values.keys(), values.values(), 3600.0)
        return touched

    def blind(self, metric: str = "follower_count") -> list[int]:
        """The accounts of which rules do not see a metric."""
        windows = {n: self.recent.view(f"tiktok/account/a{n}").get(metric, {}).get(NO_LABELS) for n in range(MANY)}
        return [n for n, window in windows.items() if window is not None and window.blind]

    def state(self, name: str) -> dict:
        return {labels: window.values[-1] for labels, window in self.recent.view(TIKHUB)[name].items()}

    def woken(self, at: datetime) -> set[str]:
        """Whose fans are due now."""
        return {claim.target for claim in self.store.claim(FANS, at, at + MINUTE, "me", 100)}


@pytest.fixture
def opened(tmp_path):
    """Make a bench: ``opened(guard)``."""
    path = tmp_path / "rules.yaml"
    path.write_text(FILE + 'channels: {console: {url: "console://"}}\n', encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    store = Store.open(tmp_path / "watch.db")
    yield lambda guard: Bench(config, store, guard)
    store.close()


@pytest.fixture
def bench(opened):
    bench = opened(Guard())
    for number in range(MANY):
        bench.look(number, AT + number * MINUTE, follower_count=1e6)
    return bench


def purge(bench: Bench, at: datetime, numbers=range(5)) -> set[str]:
    return {key for number in numbers for key in bench.look(number, at, follower_count=9e5)}


def test_that_nothing_is_odd_is_known_from_the_start(bench):
    assert (bench.state("population_odd"), bench.state("schema_odd")) == ({}, {})


def test_the_first_of_many_is_not_shown_to_rules_and_four_others_are_asked_at_once(bench):
    assert purge(bench, AT + HOUR, [0]) == set()
    assert bench.blind() == [0]
    assert bench.woken(AT + HOUR) == {f"tiktok/account/a{number}" for number in (1, 2, 3, 4)}


def test_what_one_does_alone_is_believed_when_four_others_do_otherwise(bench):
    purge(bench, AT + HOUR, [0])
    for number in (1, 2, 3):
        bench.look(number, AT + HOUR + MINUTE, follower_count=1e6)
        assert bench.doubt.end(AT + HOUR + MINUTE) == set()
    bench.look(4, AT + HOUR + MINUTE, follower_count=1e6)
    assert bench.doubt.end(AT + HOUR + MINUTE) == {"tiktok/account/a0"}
    assert bench.blind() == []


def test_where_nobody_else_can_be_looked_at_it_is_believed_after_an_hour(bench):
    purge(bench, AT + HOUR, [0])
    assert bench.doubt.end(AT + 2 * HOUR) == set()
    assert bench.doubt.end(AT + 2 * HOUR + MINUTE) == {"tiktok/account/a0"}
    assert bench.blind() == []


def test_a_failure_may_be_everybodys_until_others_answered(bench):
    bench.fail(0, AT + HOUR, Reason.BAD_PAYLOAD)
    assert bench.doubt.fails("tiktok/account/a0", FANS)
    assert not bench.doubt.fails("tiktok/account/a1", FANS)
    for number in (1, 2, 3, 4):
        bench.look(number, AT + HOUR, follower_count=1e6)
    bench.doubt.end(AT + HOUR)
    assert not bench.doubt.fails("tiktok/account/a0", FANS)
    assert bench.blind() == [0], "it was not seen"


def test_when_five_do_the_same_it_is_one_incident_and_the_metric_is_withheld_of_all(bench):
    assert purge(bench, AT + HOUR) == {TIKHUB}
    assert bench.blind() == list(range(MANY))
    assert bench.state("population_odd") == {(("endpoint", FANS), ("metric", "follower_count")): 1.0}
    [record] = bench.doubt.records(TIKHUB)
    assert record.words["text"].endswith("5 of the last 8 targets fell together; alerts on it hold")
    assert bench.doubt.records("provider/keyapi") == []


def test_an_incident_survives_a_restart_and_ends_when_its_time_is_over(bench):
    purge(bench, AT + HOUR)
    bench.begin()
    assert list(bench.state("population_odd").values()) == [1.0]
    assert (FANS, "follower_count") in bench.recent.withheld()
    assert bench.doubt.end(AT + 24 * HOUR) == set()
    assert bench.doubt.end(AT + 25 * HOUR + MINUTE) == {TIKHUB}
    assert list(bench.state("population_odd").values()) == [0.0]
    assert bench.recent.withheld() == frozenset()
    bench.begin()
    assert bench.state("population_odd") == {}


def test_what_is_doubted_and_who_waits_is_so_again_where_another_configuration_fails(bench):
    purge(bench, AT + HOUR)
    bench.fail(6, AT + 2 * HOUR, Reason.BAD_PAYLOAD)
    before = bench.state("population_odd"), bench.recent.withheld(), bench.blind("violation_score"), bench.blind()
    assert bench.doubt.fails("tiktok/account/a6", FANS)
    with ExitStack() as undo:
        bench.recent.keep(undo)
        bench.doubt.keep(undo)
        bench.doubt.adopt(None, (), bench.watchlist)
        bench.doubt.follow([bench.line(1)], AT + 2 * HOUR)
        bench.recent.unwatch(bench.line(1))
        assert bench.doubt.end(AT + 2 * HOUR) == {TIKHUB}
        assert not bench.doubt.fails("tiktok/account/a6", FANS)
        assert bench.blind() == [6]
    assert bench.doubt.fails("tiktok/account/a6", FANS)
    assert before == (
        bench.state("population_odd"),
        bench.recent.withheld(),
        bench.blind("violation_score"),
        bench.blind(),
    )
    assert purge(bench, AT + 3 * HOUR, [5, 7]) == set(), "it is part of the incident"
    assert bench.doubt.records(TIKHUB)


def test_without_a_guard_everybody_may_fall(opened):
    bench = opened(None)
    for fans in (1e6, 9e5):
        for number in range(MANY):
            assert bench.look(number, AT, follower_count=fans) == set()
    assert bench.blind() == []
    assert bench.doubt.end(AT) == set()


def test_a_line_that_left_the_plan_neither_counts_nor_waits(bench):
    purge(bench, AT + HOUR, [0])
    bench.doubt.follow([bench.line(0)], AT + HOUR)
    assert purge(bench, AT + HOUR, [1, 2, 3, 4]) == set()
    bench.recent.unwatch(bench.line(0))
    assert bench.doubt.end(AT + 3 * HOUR) == {f"tiktok/account/a{number}" for number in (1, 2, 3, 4)}


# --- a field that changed ------------------------------------------------------------------------------------------


def lose(bench: Bench) -> list[str]:
    """Points that were there come no more; whom that touches, look by look."""
    looks = [(hour, number) for hour in range(4) for number in range(MANY)]
    for hour, number in looks:
        bench.store.claim(HEALTH, AT + 9 * HOUR, AT + 10 * HOUR, "me", 100)
        bench.look(number, AT + hour * HOUR + number * MINUTE, HEALTH, violation_score=3.0, creator_status=0.0)
    touched = [
        bench.look(number, AT + 9 * HOUR + number * MINUTE, HEALTH, violation_score=None, creator_status=None)
        for number in range(MANY)
    ]
    return [key for keys in touched for key in keys]


def test_a_metric_that_is_gone_is_withheld_and_told_once_but_not_one_that_nobody_reads(bench):
    assert lose(bench) == [TIKHUB]
    assert bench.state("schema_odd") == {(("endpoint", HEALTH), ("metric", "violation_score")): 1.0}
    assert bench.recent.withheld() == {(HEALTH, "violation_score")}
    [record] = bench.doubt.records(TIKHUB)
    assert "creatorwatch trust violation_score" in record.words["text"]


def test_a_quarantine_survives_a_restart_and_ends_when_another_process_says_that_it_is_right(bench):
    lose(bench)
    bench.begin()
    assert list(bench.state("schema_odd").values()) == [1.0]
    assert bench.doubt.end(AT + 10 * HOUR) == set()
    bench.store.release(HEALTH, "violation_score")
    assert bench.doubt.end(AT + 10 * HOUR) == {TIKHUB}
    assert bench.recent.withheld() == frozenset()


def test_what_is_doubted_for_two_reasons_is_believed_only_when_both_are_over(bench):
    lose(bench)
    for number in range(5):
        bench.fail(number, AT + 10 * HOUR, Reason.BAD_PAYLOAD, HEALTH)
    assert (HEALTH, "violation_score") in bench.recent.withheld()
    bench.store.release(HEALTH, "violation_score")
    bench.doubt.end(AT + 11 * HOUR)
    assert (HEALTH, "violation_score") in bench.recent.withheld()
    bench.doubt.end(AT + 35 * HOUR)
    assert bench.recent.withheld() == frozenset()


# --- another configuration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("guard", "ends"), [(Guard(), False), (Guard(share=0.9, at_least=8), False), (None, True)])
def test_a_doubt_goes_on_by_another_guard_and_ends_where_there_is_none_any_more(guard, ends, bench):
    purge(bench, AT + HOUR)
    bench.doubt.adopt(guard, NEEDS, bench.watchlist)
    bench.doubt.end(AT + 2 * HOUR)
    assert (bench.blind() == []) is ends
    assert (bench.store.incidents() == []) is ends


@pytest.mark.parametrize("guard", [Guard(share=0.9, at_least=8), None])
def test_what_waited_for_witnesses_waits_for_no_other_guard(guard, bench):
    purge(bench, AT + HOUR, [0])
    bench.doubt.adopt(Guard(), NEEDS, bench.watchlist)
    assert bench.blind() == [0]
    bench.doubt.adopt(guard, NEEDS, bench.watchlist)
    assert bench.blind() == []
