"""What is behind the links of messages: real HTTP on loopback, a real database, and a daemon that runs."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon import logs
from daemon.clock import ManualClock, SystemClock
from daemon.link_pages import PACE_PER_S, Clerk, LinkPages
from daemon.links import GOOD_FOR, Action, Links, Ticket
from daemon.providers import METRICS
from daemon.replay import Replay
from daemon.scribe import Scribe, Voice
from daemon.secrets import Secret
from daemon.statements import LANGUAGE
from daemon.web import WebServer, build
from rules.building import build_book
from rules.models import RuleModel
from rules.outcomes import Outcome
from rules.selectors import compile_selector
from rules.values import Alert, Firing, Ok, Subject, Target
from rules.words import Language
from storage.silences import How, Speaker, What
from storage.store import Store
from tests.running import configure, creatorwatch, edit, until

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "a-key-of-sixteen-characters-or-more"
LINKS = Links("https://alerts.example.com", Secret(KEY, hidden=()))
LEVELS = {
    "watch": {"when": "fake_score >= 12"},
    "act": {"when": "fake_score >= 15", "severity": "critical"},
}
RULE = RuleModel.model_validate({"name": "points", "on": "video", "levels": LEVELS})
CLIP = Target("tiktok/video/7", Subject.VIDEO, "<b>Clip</b>", "tiktok", account="tiktok/account/mei")


def ticket(action=Action.ACKNOWLEDGE, channel="managers", level=1, alert_id=1, expires=NOON + GOOD_FOR):
    return Ticket(action, alert_id, level, channel, expires)


class Office:
    """The pages of a daemon whose alert 1 is on; ``client`` asks for them."""

    def __init__(self, path, labels=(), links=LINKS, rule=RULE):
        self.clock, self.counted, self.path, self.store = ManualClock(NOON), [], path, Store.open(path)
        self.labels = labels
        replay = Replay(build_book([rule], METRICS, ["managers"]), {CLIP.key: CLIP}, ["managers"])
        replay.watch(CLIP.key, "detect_fake_views", 3600)
        replay.tick(NOON)
        scribe = Scribe({"china": Voice(Language.ZH)}, {}, links=links)
        clerk = Clerk(self.store, lambda: replay.docket)
        self.pages = LinkPages(lambda: scribe, clerk, self.on_writer, self.counted.append)
        self.store.sync_targets([CLIP], NOON)
        self.stand(1)

    async def on_writer(self, work):
        return work()

    def stand(self, level, alert_id=None):
        state = Firing(level, NOON, NOON, level) if level else Ok()
        alert = Alert("points", CLIP.key, self.labels, state, {}, alert_id)
        self.store.commit_judgement([Outcome(alert, (), ())], NOON)

    async def follow(self, token, acts):
        return await self.pages.answer(token, acts, self.clock.now())

    async def get(self, ticket, method="GET"):
        self.clock.advance(timedelta(seconds=1))
        return await self.client.request(method, f"/a/{LINKS.token(ticket)}")

    async def post(self, ticket):
        return await self.get(ticket, "POST")

    def trail(self):
        return [(each.who, each.what, each.how) for each in self.store.spoken.trail(NOON)]


@pytest.fixture
async def office(tmp_path):
    async with AsyncExitStack() as opened:

        async def start(**more):
            office = Office(tmp_path / "watch.db", **more)
            opened.callback(office.store.close)
            server = WebServer(build(lambda accept: (b"", "text/plain"), lambda: (True, {}), office.follow))
            url = await server.start("127.0.0.1", 0)
            opened.push_async_callback(server.stop)
            office.client = await opened.enter_async_context(
                httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)
            )
            return office

        yield start


async def test_a_link_shows_what_it_is_about_and_does_nothing_however_often_it_is_fetched(office):
    office = await office()
    pages = [await office.get(ticket(), method) for method in ("GET", "HEAD", "GET")]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert "<p>points: &lt;b&gt;Clip&lt;/b&gt; (watch)</p>" in pages[0].text
    assert '<form method="post"><button>Acknowledge</button></form>' in pages[0].text
    assert (office.trail(), office.store.spoken.acks()) == ([], [])


async def test_no_page_is_kept_framed_or_tells_where_it_was_or_holds_anything_secret(office):
    office = await office()
    for page in (await office.get(ticket()), await office.post(ticket()), await office.client.get("/a/wrong")):
        told = page.headers
        assert (told["cache-control"], told["referrer-policy"]) == ("no-store", "no-referrer")
        assert told["content-security-policy"].startswith("default-src 'none'; form-action 'self'; ")
        assert "frame-ancestors 'none'" in told["content-security-policy"]
        assert "set-cookie" not in told
        assert "<script" not in page.text
        assert LINKS.token(ticket()) not in page.text
        assert KEY not in page.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_links_are_fetched_and_posted_to_and_nothing_else(office, method):
    office = await office()
    assert (await office.get(ticket(), method)).status_code == 405
    assert office.trail() == []


async def test_a_post_acknowledges_at_the_level_of_the_message_and_a_second_says_the_same(office):
    office = await office()
    pages = [(await office.post(ticket())).text for _ in range(2)]
    assert "Acknowledged by managers, 2026-11-21 12:00 UTC" in pages[0]
    assert pages[1] == pages[0]
    assert "<button>" not in pages[0]
    assert [(ack.alert_id, ack.level, ack.who) for ack in office.store.spoken.acks()] == [(1, 1, "managers")]
    assert office.trail() == [("managers", What.ACKNOWLEDGED, How.LINK)]


async def test_a_post_silences_this_alert_for_four_hours_as_far_as_the_message_told_and_only_once(office):
    office = await office(labels=(("keyword", 'say "scam"'),))
    pages = [(await office.post(ticket(Action.SILENCE))).text for _ in range(2)]
    assert "Silenced by managers until 2026-11-21 16:00 UTC" in pages[0]
    assert pages[1] == pages[0]
    (made,) = office.store.spoken.silences(NOON)
    assert made.condition == (
        'rule == "points" and on == "video" and platform == "tiktok" and id == "7" and '
        'keyword == \'say "scam"\' and (level == "watch")'
    )
    assert office.trail() == [("managers", What.SILENCED, How.LINK)]


@pytest.mark.parametrize(
    ("told", "held"), [(1, [True, False, False]), (2, [True, True, False]), (3, [True, True, True])]
)
async def test_a_silence_of_a_link_holds_the_levels_up_to_that_of_the_message_though_all_are_as_grave(
    office, told, held
):
    levels = {name: {"when": f"fake_score >= {score}"} for name, score in (("watch", 12), ("act", 15), ("stop", 18))}
    model = RuleModel.model_validate({"name": "points", "on": "video", "levels": levels})
    office = await office(rule=model)
    office.stand(told, 1)
    await office.post(ticket(Action.SILENCE, level=told))
    selector = compile_selector(office.store.spoken.silences(NOON)[0].condition, LANGUAGE)
    rule = build_book([model], METRICS, ["managers"]).rules[0]
    assert [selector.matches(rule.case(CLIP, (), level)) for level in (1, 2, 3)] == held
    assert selector.matches(rule.case(CLIP, (), -told)), "also while it comes and goes"


async def test_an_alert_that_no_text_can_name_is_not_silenced_more_than_it_should_be(office):
    office = await office(labels=(("keyword", '"it\'s"'),))
    assert "no link can silence" in (await office.post(ticket(Action.SILENCE))).text
    assert office.store.spoken.silences(NOON) == []


async def test_what_has_an_empty_name_is_silenced_and_not_all_that_is_beside_it(office):
    office = await office(labels=(("keyword", ""),))
    await office.post(ticket(Action.SILENCE))
    selector = compile_selector(office.store.spoken.silences(NOON)[0].condition, LANGUAGE)
    rule = build_book([RULE], METRICS, ["managers"]).rules[0]
    assert [selector.matches(rule.case(CLIP, (("keyword", word),), 1)) for word in ("", "scam")] == [True, False]


async def test_an_alert_whose_name_is_too_long_to_be_read_again_is_not_said_to_be_silenced(office):
    office = await office(labels=(("keyword", "scam " * 500),))
    assert "no link can silence" in (await office.post(ticket(Action.SILENCE))).text
    assert office.trail() == []


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_link_whose_silence_is_over_does_not_say_that_it_holds(office, by_hand):
    office = await office()
    await office.post(ticket(Action.SILENCE))
    if by_hand:
        office.clock.advance(timedelta(minutes=9))
        assert office.store.spoken.end_silence(1, Speaker("wu", office.clock.now(), How.CLI))
    else:
        office.clock.advance(timedelta(hours=5))
    page = (await office.post(ticket(Action.SILENCE))).text
    ended = "2026-11-21 12:09 UTC" if by_hand else "2026-11-21 16:00 UTC"
    assert f"Silenced by managers with this link before, until {ended}. Nothing was done" in page
    assert (office.store.spoken.silences(office.clock.now()), office.counted[-1]) == ([], "used")


@pytest.mark.parametrize("action", Action)
async def test_what_has_risen_since_or_is_over_is_left_alone(office, action):
    office = await office()
    office.stand(2, 1)
    assert "It has risen" in (await office.post(ticket(action))).text
    office.stand(0, 1)
    assert "It is over" in (await office.post(ticket(action, level=2))).text
    assert "It is over" in (await office.get(ticket(action, alert_id=99))).text
    assert office.trail() == []
    assert office.counted == ["risen", "over", "over"]


async def test_what_is_wrong_or_old_is_refused_in_plain_words_of_every_language_and_counted(office):
    office = await office()
    old = await office.post(ticket(expires=NOON))
    wrong = [await office.client.post(f"/a/{token}") for token in ("x", "%00", LINKS.token(ticket())[:-1])]
    assert [page.status_code for page in (old, *wrong)] == [403] * 4
    assert "This link is too old" in old.text
    assert "链接已过期" in old.text
    assert all("This link is not valid" in page.text for page in wrong)
    assert office.counted == ["refused"] * 4
    assert office.trail() == []


async def test_who_tries_many_links_is_told_to_wait_and_holds_up_nobody_who_has_a_good_one(office):
    office = await office()
    codes = [(await office.client.get(f"/a/guess{number}")).status_code for number in range(20)]
    assert codes == [403] * int(PACE_PER_S) + [429] * (20 - int(PACE_PER_S))
    assert (await office.client.get(f"/a/{LINKS.token(ticket())}")).status_code == 200
    office.clock.advance(timedelta(seconds=1))
    assert (await office.client.get("/a/guess")).status_code == 403


async def test_a_good_link_that_is_followed_too_often_waits_too(office):
    office = await office()
    codes = [(await office.client.post(f"/a/{LINKS.token(ticket())}")).status_code for _ in range(10)]
    assert codes == [200] * int(PACE_PER_S) + [429] * (10 - int(PACE_PER_S))


async def test_who_taps_while_another_process_writes_for_long_is_asked_to_try_again_and_nothing_is_done(office):
    office = await office()
    held = sqlite3.connect(office.path)
    held.execute("BEGIN IMMEDIATE")
    page = await office.post(ticket())
    held.rollback()
    held.close()
    assert (page.status_code, office.counted, office.trail()) == (429, ["busy"], [])
    assert "Please try again" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "Acknowledged by managers" in (await office.post(ticket())).text


async def test_a_page_speaks_the_language_of_its_channel(office):
    office = await office()
    page = (await office.post(ticket(channel="china"))).text
    assert '<html lang="zh">' in page
    assert "china 已于 UTC 2026-11-21 12:00 确认" in page


async def test_without_links_there_are_no_pages_of_links(office):
    office = await office(links=None)
    assert (await office.get(ticket())).status_code == 404
    assert (await office.client.post("/a/any")).status_code == 404


async def test_the_log_says_what_was_done_and_not_by_which_link(office):
    office, out = await office(), io.StringIO()
    logs.configure("DEBUG", False, str, out)
    await office.post(ticket())
    await office.client.get("/a/not-a-token")
    assert '"action": "acknowledge"' in out.getvalue()
    assert LINKS.token(ticket()) not in out.getvalue()
    assert "not-a-token" not in out.getvalue()


async def test_what_links_write_down_is_in_the_language_of_silences(office):
    office = await office(labels=(("keyword", "scam"),))
    await office.post(ticket(Action.SILENCE))
    selector = compile_selector(office.store.spoken.silences(NOON)[0].condition, LANGUAGE)
    rule = build_book([RULE], METRICS, ["managers"]).rules[0]
    cases = [rule.case(CLIP, (("keyword", word),), level) for word, level in (("scam", 1), ("scam", 2), ("fake", 1))]
    assert [selector.matches(case) for case in cases] == [True, False, False]


def test_a_running_daemon_does_what_a_link_says_and_a_command_beside_it_sees_and_ends_it(tmp_path, start):
    configure(tmp_path)
    edit(tmp_path / "rules.yaml", "violation_score >= 9", "violation_score >= 6")
    daemon = start(LINK_KEY=KEY).greeted()
    (alert, *_) = until(lambda: json.loads(creatorwatch(tmp_path, "alerts", "--json").stdout))
    soon = SystemClock().now() + GOOD_FOR
    token = LINKS.token(Ticket(Action.ACKNOWLEDGE, alert["id"], 9, "managers", soon))
    url = daemon.get("/").request.url.copy_with(path=f"/a/{token}")
    assert httpx.get(url, trust_env=False).status_code == 200
    assert "Acknowledged by managers" in httpx.post(url, trust_env=False).text
    (known,) = json.loads(creatorwatch(tmp_path, "silences", "--json").stdout)["acks"]
    assert (known["alert"], known["by"]) == (alert["id"], "managers")
    followed = {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(daemon.get("/metrics").text)
        for sample in family.samples
        if sample.name == "creatorwatch_links_total"
    }
    assert followed == {"shown": 1, "done": 1}
    assert (
        creatorwatch(tmp_path, "silence", 'rule != ""', "--until-resolved", "--why", "x", "--by", "lin").returncode == 0
    )
    assert creatorwatch(tmp_path, "silence", "--end", "1", "--by", "wu").returncode == 0
    with closing(Store.open(tmp_path / "creatorwatch-simulated.db", readonly=True)) as store:
        trail = [(each.who, each.what) for each in store.spoken.trail(NOON - timedelta(days=400))]
    by_people = [each for each in reversed(trail) if each[0] != "creatorwatch"]
    assert by_people == [("managers", What.ACKNOWLEDGED), ("lin", What.SILENCED), ("wu", What.ENDED)]
    daemon.stop()
    assert KEY not in daemon.out + daemon.err
    assert token not in daemon.out + daemon.err
