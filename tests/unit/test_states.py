"""What the daemon says of its targets: which cookies work, what is told of them, and what is asked by that."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from daemon.config import Config, load
from daemon.cookies import SECOND_LOOK, Validity
from daemon.doubt import Doubt
from daemon.guard import Guard
from daemon.health import Look
from daemon.learning import End
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Provider
from daemon.purse import Purse
from daemon.recent import Recent
from daemon.secrets import Secret
from daemon.standings import Standings
from daemon.states import States
from daemon.watchlist import Watchlist
from rules.values import NO_LABELS
from rules.wording import Speech
from rules.words import Language
from storage.records import Planned, Polled
from storage.store import Store

AT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HEALTH, RECORDS, FANS = "get_account_health_status", "get_account_violation_list", "fetch_creator_info_and_milestones"
MANY, FAR = 6, AT + timedelta(days=9)
KEYS = [f"tiktok/account/a{number}" for number in range(MANY)]
COOKIES = [f"tiktok/cookie/a{number}" for number in range(MANY)]
FILE = 'providers: {tikhub: {token: "${KEY}"}}\nchannels: {console: {url: "console://"}}\naccounts:\n' + "".join(
    f"  - {{platform: tiktok, id: a{n}, name: A{n}, uid: '{n}', cookie: '${{file:a{n}.cookie}}'}}\n"
    for n in range(MANY)
)


class Bench:
    """Six accounts with cookies, each asked by three lines, on a real database."""

    def __init__(self, config: Config, store: Store) -> None:
        self.store, self.recent = store, Recent({"violation_score": 0.0})
        self.cookies = dict.fromkeys(KEYS, "old")
        watchlist = Watchlist(config, [Provider.TIKHUB])
        store.sync_targets(list(watchlist.targets().values()), AT)
        store.plan([Planned(key, name, HOUR, FAR, "hourly") for name in (HEALTH, RECORDS, FANS) for key in KEYS], AT)
        planned = store.remembered()
        for line in planned:
            self.recent.watch(line.schedule_id, line.target, line.endpoint, 3600.0)
        doubt = Doubt(Guard(), {"violation_score"}, self.recent, watchlist, store)
        standings = Standings(config, watchlist, Purse(config.budgets))
        self.states = States(
            store, self.recent, standings, doubt, lambda watched: Secret(self.cookies[watched.target.key])
        )
        self.states.follow(planned, (), planned, AT)
        self.states.tick(AT, {})

    def end(self, number: int, at: datetime, reason: Reason | None, endpoint: str = HEALTH) -> set[str]:
        """The end of a poll, as the judge takes it in."""
        key = KEYS[number]
        schedule_id = self.recent.line(key, endpoint)
        watch = self.recent.watches[schedule_id]
        values = {("violation_score", NO_LABELS): 0.0} if reason is None else None
        lesson = self.states.learn([End(key, endpoint, at, reason, None)])
        polled = Polled(schedule_id, at, reason or "ok", at + HOUR, values, interval=HOUR)
        touched = self.states.doubt.look(watch, polled, reason)
        if values is None:
            self.recent.miss(schedule_id)
        else:
            self.recent.see(schedule_id, at.timestamp(), values.keys(), values.values())
        return touched | self.states.take_in([Look(schedule_id, at.timestamp(), reason)], lesson, at)

    def expire(self, number: int) -> None:
        self.end(number, AT + HOUR, Reason.COOKIE)
        self.end(number, AT + HOUR + SECOND_LOOK, Reason.COOKIE)

    def said(self, number: int, state: str = "cookie_ok") -> float | None:
        window = self.recent.view(COOKIES[number]).get(state, {}).get(NO_LABELS)
        return None if window is None else window.values[-1]

    def due(self, at: datetime, endpoint: str = HEALTH) -> set[str]:
        """Whose line is due, which was far from it."""
        return {claim.target for claim in self.store.claim(endpoint, at, at + HOUR, "me", 99)}


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(FILE, encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(config, Config), config
    store = Store.open(tmp_path / "watch.db")
    yield Bench(config, store)
    store.close()


def test_nothing_is_said_of_a_cookie_that_was_never_used_and_the_first_answer_says_that_it_works(bench):
    assert bench.said(0) is None
    assert COOKIES[0] in bench.end(0, AT, None)
    assert (bench.said(0), bench.said(0, "cookie_suspect")) == (1.0, 0.0)
    assert bench.end(0, AT + HOUR, None) == set()


def test_one_refusal_is_unknown_and_the_second_is_a_no(bench):
    bench.end(0, AT, None)
    assert COOKIES[0] in bench.end(0, AT + HOUR, Reason.COOKIE)
    assert math.isnan(bench.said(0))
    assert bench.said(0, "cookie_suspect") == 1.0
    assert bench.due(AT + HOUR + SECOND_LOOK) == {KEYS[0]}
    assert COOKIES[0] in bench.end(0, AT + HOUR + SECOND_LOOK, Reason.COOKIE)
    assert (bench.said(0), bench.said(0, "cookie_suspect")) == (0.0, 0.0)


def test_a_cookie_that_was_changed_is_tried_at_once_and_one_that_works_is_not(bench):
    bench.expire(0)
    bench.cookies |= {KEYS[0]: "new", KEYS[1]: "new"}
    bench.states.tick(AT + 2 * HOUR, {})
    assert bench.due(AT + 2 * HOUR) == {KEYS[0]}
    assert bench.said(0) == 0.0, "it is not known yet whether it works"


def test_what_waited_for_a_cookie_is_asked_as_soon_as_it_is_accepted_and_only_what_was_not_seen(bench):
    bench.end(0, AT, None, FANS)
    bench.expire(0)
    bench.recent.miss(bench.recent.line(KEYS[0], RECORDS))
    bench.end(0, AT + 3 * HOUR, None)
    assert bench.said(0) == 1.0
    assert bench.due(AT + 3 * HOUR, RECORDS) == {KEYS[0]}
    assert bench.due(AT + 3 * HOUR, FANS) == set()


def test_cookies_that_are_refused_all_together_are_spared_and_not_told(bench):
    for number in range(MANY):
        bench.end(number, AT, None)
    for at in (AT + HOUR, AT + HOUR + SECOND_LOOK):
        for number in range(MANY):
            bench.end(number, at, Reason.COOKIE)
    assert [bench.states.standings.cookie(key).state for key in KEYS] == [Validity.EXPIRED] * MANY
    assert all(math.isnan(bench.said(number)) for number in range(MANY))


def test_the_first_of_them_that_works_again_lets_all_others_be_tried(bench):
    test_cookies_that_are_refused_all_together_are_spared_and_not_told(bench)
    bench.due(AT + 2 * HOUR)
    bench.end(0, AT + 5 * HOUR, None)
    assert bench.due(AT + 5 * HOUR) >= set(KEYS[1:])


def test_what_is_true_of_them_when_the_doubt_is_over_is_told_then(bench):
    test_cookies_that_are_refused_all_together_are_spared_and_not_told(bench)
    for number in range(1, MANY):
        bench.end(number, AT + 5 * HOUR, None)
    bench.states.tick(AT + 6 * HOUR, {})
    assert math.isnan(bench.said(0))
    assert COOKIES[0] in bench.states.tick(AT + timedelta(days=2), {})
    assert bench.said(0) == 0.0


def test_a_failure_that_may_be_everybodys_proves_nothing_of_a_target_but_a_cookie_counts(bench):
    for number in range(MANY):
        bench.end(number, AT, None)
    bench.end(0, AT + HOUR, Reason.COOKIE)
    ends = [End(KEYS[0], HEALTH, AT + 2 * HOUR, reason, None) for reason in (Reason.COOKIE, Reason.NOT_FOUND)]
    assert [bool(bench.states.learn([end]).cookies) for end in ends] == [True, False]


def test_the_first_recall_tries_every_refused_cookie_at_once_and_later_ones_say_nothing(bench):
    at = AT + timedelta(days=2)
    refused = [End(KEYS[0], HEALTH, AT, Reason.COOKIE, None), End(KEYS[1], HEALTH, AT, None, None)]
    bench.states.recall((), refused, at)
    assert bench.due(at) == {KEYS[0]}
    bench.states.recall((), [End(KEYS[2], HEALTH, AT, Reason.COOKIE, None)], at)
    assert [bench.states.standings.cookie(key).state for key in KEYS[:3]] == [
        Validity.SUSPECT,
        Validity.VALID,
        Validity.VALID,
    ]


def test_a_refused_cookie_is_tried_in_time_by_another_line_when_the_one_that_did_leaves_the_plan(bench):
    bench.end(0, AT, Reason.COOKIE)
    gone = bench.recent.line(KEYS[0], HEALTH)
    bench.states.follow((), [gone], [line for line in bench.store.remembered() if line.schedule_id != gone], AT)
    bench.states.wake_probes()
    assert bench.due(AT + SECOND_LOOK, RECORDS) == {KEYS[0]}


def test_of_accounts_that_left_the_watchlist_nothing_is_left_and_of_others_all(bench, tmp_path):
    for number in (0, 1):
        bench.expire(number)
    path, fewer = tmp_path / "rules.yaml", FILE.replace(FILE.splitlines(keepends=True)[3], "")
    path.write_text(fewer, encoding="utf-8")
    config = load(path, {}, METRICS, ENDPOINTS)
    standings = bench.states.standings
    standings.adopt(config, Watchlist(config, [Provider.TIKHUB]))
    bench.states.forget_others()
    assert (standings.cookies.keys(), standings.accusers.keys() & {KEYS[0]}) == ({KEYS[1]}, set())
    assert (bench.said(0), bench.said(1)) == (None, 0.0)
    assert [bool(bench.states.records(key, "failure")) for key in KEYS[:2]] == [False, True]
    assert "provider/tikhub" in {target for target, _, _ in bench.recent.latest()}


def test_how_to_renew_a_cookie_names_its_place_and_never_its_value(bench):
    bench.cookies[KEYS[0]] = "the-secret-itself"
    [record] = bench.states.records(COOKIES[0], "cookie")
    assert record.words["where"] == "${file:a0.cookie}"
    assert "A0" in record.words["text"]
    assert "the-secret-itself" not in repr(record)


def test_how_to_renew_a_cookie_is_said_in_chinese_too(bench):
    [record] = bench.states.records(COOKIES[0], "cookie")
    speech = Speech(Language.ZH)
    assert speech.phrase(record.words["text"]) == "请在浏览器中登录 A0 的账号，并复制完整的 Cookie 请求头"  # noqa: RUF001
    assert speech.phrase(record.words["then"]) == "无需其他操作：一分钟内自动重试，此前等待的采集随即补上"  # noqa: RUF001


def test_records_of_the_platforms_are_not_the_daemons_own(bench):
    assert bench.states.records(KEYS[0], "violation") is None
    assert bench.states.records(KEYS[0], "failure") == []
    assert bench.states.records("provider/tikhub", "incident") == []
