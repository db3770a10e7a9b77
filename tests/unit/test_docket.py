"""A round of looks: who mutes whom, when many videos become one alert, and what a rule that breaks does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.providers import METRICS
from daemon.providers.endpoint import Provider
from daemon.replay import Replay
from daemon.watchlist import DAEMON, cookie_key, provider_key
from rules.book import RuleBook
from rules.building import build_book
from rules.models import RuleModel
from rules.outcomes import Outcome
from rules.values import Alert, Firing, FirstSight, News, Ok, Subject, Target, Window
from tests.told import read

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIKHUB = Target(provider_key(Provider.TIKHUB), Subject.PROVIDER, "TikHub", "")
ITSELF = Target(DAEMON, Subject.DAEMON, "creatorwatch", "")
HEALTH, FAKE = "get_account_health_status", "detect_fake_views"


def account(number):
    key = f"tiktok/account/{number}"
    return Target(key, Subject.ACCOUNT, f"Account {number}", "tiktok", account=key)


MEI, LEO = account(1), account(2)
COOKIE = replace(MEI, key=cookie_key(MEI.key), subject=Subject.COOKIE)
CLIPS = [Target(f"tiktok/video/{n}", Subject.VIDEO, f"Clip {n}", "tiktok", account=MEI.key) for n in range(5)]
OTHER = Target("tiktok/video/9", Subject.VIDEO, "Other", "tiktok", account=LEO.key)
TARGETS = {each.key: each for each in (TIKHUB, ITSELF, MEI, LEO, COOKIE, *CLIPS, OTHER)}


def rule(name, on, when, **more):
    return RuleModel(**{"name": name, "on": on, "when": when, "on_first_sight": "tell", "flapping": False, **more})


def fake(**more):
    return rule("fake", "video", "fake_score > 60", **more)


def points(**more):
    return rule("points", "account", "violation_score >= 9", **more)


def unseen(**more):
    return rule("unseen", "account", "visible == 0", **more)


class Tale:
    """Minutes under a rule book; what is said in one is judged in one round."""

    def __init__(self, *rules, book=None, targets=TARGETS):
        self.replay = Replay(book or build_book(rules, METRICS, ["ops"]), targets, ["ops"])
        for each in (MEI, LEO):
            self.replay.watch(each.key, HEALTH, 3600)
        for each in (*CLIPS, OTHER):
            self.replay.watch(each.key, FAKE, 3600)
        self.at = NOW

    def minute(self, fakes=(), points=(), **states):
        """News as (rule, target's name, news). ``states`` as metric=(target, value)."""
        self.at += MINUTE
        for target, value in dict(fakes).items():
            self.replay.see(target.key, FAKE, self.at, {("fake_score", ()): value})
        for target, value in dict(points).items():
            self.replay.see(target.key, HEALTH, self.at, {("violation_score", ()): value})
        for metric, (target, value) in states.items():
            labels = (("rule", "fake"),) if metric == "rule_healthy" else ()
            self.replay.state(target.key, metric, self.at, value, labels)
        return told(self.replay.look(self.at) + self.replay.tick(self.at))

    def held(self, target):
        return [alert.past.held for alert in self.replay.docket.alerts(target.key) if alert.past.held]


def told(outcomes):
    return [
        (outcome.alert.rule, TARGETS[outcome.alert.target].name, letter.story.news)
        for outcome in outcomes
        for letter in outcome.owed
    ]


# --- who mutes whom -------------------------------------------------------------------------------------------------


def test_an_alert_of_an_account_mutes_those_of_its_videos_in_the_same_round_and_says_so():
    tale = Tale(fake(), unseen(inhibits=["fake"]))
    begun = tale.minute({CLIPS[0]: 90, OTHER: 90}, visible=(MEI, 0.0))
    assert sorted(begun) == [("fake", "Other", News.FIRED), ("unseen", "Account 1", News.FIRED)]
    assert tale.held(CLIPS[0]) == ["muted by unseen of Account 1"]
    assert tale.held(OTHER) == []


def test_what_is_still_wrong_is_told_when_the_mute_ends_and_what_is_over_by_then_is_told_to_nobody():
    tale = Tale(fake(), unseen(inhibits=["*"]))
    tale.minute({CLIPS[0]: 90, CLIPS[1]: 90}, visible=(MEI, 0.0))
    assert tale.minute({CLIPS[1]: 10}) == []
    ended = tale.minute(visible=(MEI, 1.0))
    assert ended == [("unseen", "Account 1", News.RESOLVED), ("fake", "Clip 0", News.FIRED)]
    assert tale.held(CLIPS[0]) == []
    assert tale.minute() == []


def test_whoever_was_told_before_the_mute_is_told_during_it_that_it_is_over():
    tale = Tale(fake(), unseen(inhibits=["*"]))
    assert tale.minute({CLIPS[0]: 90}) == [("fake", "Clip 0", News.FIRED)]
    tale.minute(visible=(MEI, 0.0))
    assert tale.minute({CLIPS[0]: 10}) == [("fake", "Clip 0", News.RESOLVED)]


def test_only_the_rules_that_are_named_are_muted():
    tale = Tale(fake(), points(), unseen(inhibits=["points"]))
    begun = tale.minute({CLIPS[0]: 90}, {MEI: 12, LEO: 12}, visible=(MEI, 0.0))
    fired = {(name, target) for name, target, _ in begun}
    assert fired == {("unseen", "Account 1"), ("points", "Account 2"), ("fake", "Clip 0")}


@pytest.mark.parametrize("mark", [{"shadow": True}, {"for": "1h"}])
def test_a_rule_in_shadow_or_one_that_only_rises_mutes_nobody(mark):
    tale = Tale(fake(), unseen(inhibits=["*"], **mark))
    assert tale.minute({CLIPS[0]: 90}, visible=(MEI, 0.0)) == [("fake", "Clip 0", News.FIRED)]


def test_a_cookie_mutes_its_account_and_the_videos_of_that():
    tale = Tale(fake(), points(), rule("expired", "cookie", "cookie_ok == 0", inhibits=["*"]))
    begun = tale.minute({CLIPS[0]: 90, OTHER: 90}, {MEI: 12, LEO: 12}, cookie_ok=(COOKIE, 0.0))
    fired = {(name, target) for name, target, _ in begun}
    assert fired == {("expired", "Account 1"), ("points", "Account 2"), ("fake", "Other")}
    assert tale.held(CLIPS[0]) == ["muted by expired of Account 1"]


def test_an_account_does_not_mute_its_cookie():
    tale = Tale(rule("expired", "cookie", "cookie_ok == 0"), unseen(inhibits=["*"]))
    begun = tale.minute(cookie_ok=(COOKIE, 0.0), visible=(MEI, 0.0))
    assert {name for name, _, _ in begun} == {"expired", "unseen"}


def test_a_provider_mutes_what_is_judged_by_its_numbers_and_nothing_that_is_not():
    tale = Tale(fake(), points(), unseen(), rule("down", "provider", "provider_up == 0", inhibits=["*"]))
    begun = tale.minute({OTHER: 90}, {MEI: 12}, provider_up=(TIKHUB, 0.0), visible=(LEO, 0.0))
    assert {(name, target) for name, target, _ in begun} == {("down", "TikHub"), ("unseen", "Account 2")}
    assert tale.held(OTHER) == tale.held(MEI) == ["muted by down of TikHub"]


def test_a_provider_mutes_its_own_other_alerts():
    refused = rule("refused", "provider", "key_accepted == 0")
    tale = Tale(refused, rule("down", "provider", "provider_up == 0", inhibits=["*"]))
    assert tale.minute(provider_up=(TIKHUB, 0.0), key_accepted=(TIKHUB, 0.0)) == [("down", "TikHub", News.FIRED)]


def test_the_daemon_mutes_everything():
    broken = rule("broken", "daemon", "rule_healthy == 0", inhibits=["*"])
    tale = Tale(broken, unseen(), points(), rule("down", "provider", "provider_up == 0"))
    begun = tale.minute((), {MEI: 12}, rule_healthy=(ITSELF, 0.0), provider_up=(TIKHUB, 0.0), visible=(LEO, 0.0))
    assert begun == [("broken", "creatorwatch", News.FIRED)]


def test_of_two_rules_that_mute_each_other_on_one_target_the_first_in_the_file_is_told():
    tale = Tale(unseen(inhibits=["*"]), points(inhibits=["*"]))
    assert tale.minute((), {MEI: 12}, visible=(MEI, 0.0)) == [("unseen", "Account 1", News.FIRED)]
    assert tale.held(MEI) == ["muted by unseen of Account 1"]


def ring(*names):
    """Rules on the points of an account, each of which mutes the next, and the last the first."""
    return [
        rule(name, "account", "violation_score >= 9", inhibits=[names[n - len(names) + 1]])
        for n, name in enumerate(names)
    ]


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_of_rules_that_mute_each_other_in_a_ring_on_one_target_the_first_in_the_file_is_told(names):
    assert Tale(*ring(*names)).minute((), {MEI: 12}) == [("a", "Account 1", News.FIRED)]


def test_a_rule_that_mutes_one_before_it_is_no_ring():
    graver = rule("graver", "account", "violation_score >= 12", inhibits=["points"])
    tale = Tale(points(inhibits=["fake"]), fake(inhibits=["*"]), graver)
    assert tale.minute((), {MEI: 12}) == [("graver", "Account 1", News.FIRED)]


def test_what_is_taken_as_usual_mutes_nobody_until_it_is_more_than_usual():
    usual = rule("large", "account", None, levels={"info": "violation_score >= 1", "high": "violation_score >= 24"})
    usual = usual.model_copy(update={"on_first_sight": FirstSight.BASELINE, "inhibits": ["*"]})
    tale = Tale(usual, points(severity="critical"))
    assert tale.minute((), {MEI: 3}) == []
    assert tale.minute((), {MEI: 12}) == [("points", "Account 1", News.FIRED)]
    assert tale.minute((), {MEI: 6}) == [("points", "Account 1", News.RESOLVED)]
    assert tale.minute((), {MEI: 24}) == [("large", "Account 1", News.FIRED)]


def test_no_alert_mutes_another_of_its_own_rule():
    broken = rule("broken", "provider", "endpoint_up == 0", inhibits=["*"])
    tale = Tale(broken)
    for name in ("a", "b"):
        tale.replay.state(TIKHUB.key, "endpoint_up", NOW, 0.0, (("endpoint", name),))
    assert len(tale.minute()) == 2


# --- many videos are one alert --------------------------------------------------------------------------------------

MANY = {"at_least": 3, "share": 0.5}


def test_many_videos_of_an_account_are_told_as_one_and_none_of_them_by_itself():
    tale = Tale(fake(promote=MANY))
    assert tale.minute(dict.fromkeys(CLIPS[:3], 90)) == [("fake-of-account", "Account 1", News.FIRED)]
    assert tale.held(CLIPS[0]) == ["muted by fake-of-account of Account 1"]


def test_the_message_counts_the_videos_that_the_rule_judges():
    tale = Tale(fake(promote=MANY))
    for clip in CLIPS[:3]:
        tale.replay.see(clip.key, FAKE, NOW, {("fake_score", ()): 90.0})
    titles = [read(letter).title for outcome in tale.replay.look(NOW) for letter in outcome.owed]
    assert titles == ["▲ WARNING: 3 of 5 videos of Account 1: fake"]


@pytest.mark.parametrize("firing", [1, 2])
def test_fewer_than_that_are_told_one_by_one(firing):
    tale = Tale(fake(promote=MANY))
    begun = tale.minute(dict.fromkeys(CLIPS[:firing], 90))
    assert begun == [("fake", clip.name, News.FIRED) for clip in CLIPS[:firing]]


def test_a_smaller_share_than_that_is_told_one_by_one():
    tale = Tale(fake(promote={"at_least": 2, "share": 0.8}))
    assert {name for name, _, _ in tale.minute(dict.fromkeys(CLIPS[:3], 90))} == {"fake"}


def test_when_few_are_left_the_one_alert_ends_and_those_are_told():
    tale = Tale(fake(promote=MANY))
    tale.minute(dict.fromkeys(CLIPS[:3], 90))
    ended = tale.minute({CLIPS[0]: 10})
    assert sorted(ended) == [
        ("fake", "Clip 1", News.FIRED),
        ("fake", "Clip 2", News.FIRED),
        ("fake-of-account", "Account 1", News.RESOLVED),
    ]
    assert sorted(tale.minute(dict.fromkeys(CLIPS, 10))) == [
        ("fake", "Clip 1", News.RESOLVED),
        ("fake", "Clip 2", News.RESOLVED),
    ]


@pytest.mark.parametrize("only", ['name == "Clip 0" or name == "Clip 1"', 'tag == "campaign"'])
def test_videos_that_are_chosen_by_what_their_account_has_not_make_one_alert_of_it_too(only):
    chosen = {each.key: replace(each, tags=("campaign",)) for each in CLIPS[:2]}
    tale = Tale(fake(only=only, promote={"at_least": 2, "share": 1.0}), targets=TARGETS | chosen)
    assert tale.minute(dict.fromkeys(CLIPS, 90)) == [("fake-of-account", "Account 1", News.FIRED)]


def test_a_share_may_be_as_small_as_one_likes():
    tale = Tale(fake(promote={"at_least": 2, "share": 0.00001}))
    assert tale.minute(dict.fromkeys(CLIPS[:2], 90)) == [("fake-of-account", "Account 1", News.FIRED)]


def test_videos_whose_alerts_are_usual_make_no_alert_of_the_account():
    tale = Tale(fake(promote=MANY, on_first_sight="baseline"))
    assert tale.minute(dict.fromkeys(CLIPS, 90)) == []
    assert tale.held(CLIPS[0]) == []
    tale.minute(dict.fromkeys(CLIPS, 10))
    assert tale.minute(dict.fromkeys(CLIPS, 90)) == [("fake-of-account", "Account 1", News.FIRED)]


def test_what_many_videos_have_at_first_sight_is_summed_up_like_each_of_them():
    tale = Tale(fake(promote=MANY, on_first_sight="summary"))
    for clip in CLIPS:
        tale.replay.see(clip.key, FAKE, NOW, {("fake_score", ()): 90.0})
    assert [letter.bundle for outcome in tale.replay.look(NOW) for letter in outcome.owed] == ["first-sight"]


def test_the_one_alert_is_as_grave_as_enough_of_those_that_it_stands_for():
    levels = {"info": "fake_score > 10", "worst": {"when": "fake_score > 80", "severity": "critical"}}
    tale, titles = Tale(rule("fake", "video", None, levels=levels, promote=MANY)), []
    for scores in ((20, 20, 90), (20, 90, 90), (90, 90, 90), (20, 90, 90)):
        tale.at += MINUTE
        for clip, score in zip(CLIPS, scores, strict=False):
            tale.replay.see(clip.key, FAKE, tale.at, {("fake_score", ()): score})
        titles += [read(letter).title for outcome in tale.replay.look(tale.at) for letter in outcome.owed]
    assert [title.split(":")[0] for title in titles] == ["▲ INFO", "▲ CRITICAL", "▼ INFO"]


def test_who_mutes_the_alerts_of_videos_mutes_the_one_that_stands_for_them():
    tale = Tale(fake(promote=MANY), unseen(inhibits=["fake"]))
    begun = tale.minute(dict.fromkeys(CLIPS, 90), visible=(MEI, 0.0))
    assert begun == [("unseen", "Account 1", News.FIRED)]


def test_a_provider_that_mutes_everything_mutes_the_one_that_stands_for_videos_seen_through_it():
    down = rule("down", "provider", "provider_up == 0", inhibits=["*"])
    tale = Tale(fake(promote=MANY), down)
    assert tale.minute(dict.fromkeys(CLIPS, 90), provider_up=(TIKHUB, 0.0)) == [("down", "TikHub", News.FIRED)]
    assert tale.held(MEI) == ["muted by down of TikHub"]


def test_the_owner_of_the_account_is_told_of_its_videos_whoever_owns_those():
    owned = {key: replace(each, channels=("wu",) if each == MEI else ("mei",)) for key, each in TARGETS.items()}
    replay = Replay(build_book([fake(promote=MANY, to=["owner"])], METRICS, ["wu", "mei"]), owned, ["wu", "mei"])
    for clip in CLIPS:
        replay.watch(clip.key, FAKE, 3600)
    for clip in CLIPS:
        replay.see(clip.key, FAKE, NOW, {("fake_score", ()): 90.0})
    assert [letter.channel for outcome in replay.look(NOW) for letter in outcome.owed] == ["wu"]


@pytest.mark.parametrize(("share", "firing", "watched"), [("7%", 7, 100), ("55%", 55, 100), ("55%", 99, 180)])
def test_a_share_is_reached_by_exactly_so_many(share, firing, watched):
    _, promoted = build_book([fake(promote={"at_least": 2, "share": share})], METRICS, ["ops"]).rules
    labels = (("rule", "fake"),)
    for more, true in ((0, True), (-1, False)):
        counts = {"videos_firing": firing + more, "videos_watched": watched}
        view = {metric: {labels: Window([(0.0, float(count))])} for metric, count in counts.items()}
        assert set(promoted.levels[0].when.truths(view, 0.0).values()) == {true}


def test_a_round_that_could_not_be_stored_is_counted_again():
    tale = Tale(fake(promote=MANY))
    tale.minute({})
    docket, rules = tale.replay.docket, {clip.key: tale.replay.docket.rules(clip.key) for clip in CLIPS}
    for clip in CLIPS[:3]:
        tale.replay.see(clip.key, FAKE, NOW, {("fake_score", ()): 90.0})
    lost, again = docket.hear(rules, NOW), docket.hear(rules, NOW + MINUTE)
    assert told(lost) == told(again) == [("fake-of-account", "Account 1", News.FIRED)]
    for clip in CLIPS[:3]:
        tale.replay.see(clip.key, FAKE, NOW + MINUTE, {("fake_score", ()): 10.0})
    assert docket.hear(rules, NOW + MINUTE) == []


def test_videos_that_are_watched_no_more_are_counted_no_more():
    tale = Tale(fake(promote=MANY))
    tale.minute(dict.fromkeys(CLIPS[:3], 90))
    docket, polled = tale.replay.docket, [(clip.key, FAKE) for clip in CLIPS[1:]]
    fewer = {key: target for key, target in TARGETS.items() if key != CLIPS[0].key}
    docket.follow(fewer, {}, [*polled, (MEI.key, HEALTH)])
    docket.enter(docket.retire(NOW), [])
    ended = docket.hear({}, tale.at + MINUTE)
    assert told(ended) == [("fake-of-account", "Account 1", News.RESOLVED)]


# --- what time alone changes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unknown", "due"), [("hold", set()), ("fire", {"points"}), ("clear", {"points"})])
def test_what_becomes_too_old_to_be_known_is_looked_at_where_the_rule_says_what_that_means(unknown, due):
    tale = Tale(fake(), points(unknown=unknown))
    tale.minute({CLIPS[0]: 10}, {MEI: 3, LEO: 3})
    docket = tale.replay.docket
    assert {rule.name for _, rules in docket.due_by_time(()) for rule in rules} == due
    assert docket.minds_time == bool(due)


def test_a_docket_minds_time_while_there_is_an_alert():
    tale = Tale(points())
    assert not tale.replay.docket.minds_time
    tale.minute((), {MEI: 12})
    assert tale.replay.docket.minds_time


# --- what counts only when it is stored ---------------------------------------------------------------------------


def test_a_first_look_that_could_not_be_stored_is_the_first_again():
    tale = Tale(points(on_first_sight="baseline"))
    docket = tale.replay.docket
    tale.minute()
    tale.replay.recent.see(tale.replay.recent.line(MEI.key, HEALTH), NOW.timestamp(), [("violation_score", ())], [12.0])
    due = {MEI.key: docket.rules(MEI.key)}
    assert told(docket.hear(due, NOW)) == []
    docket.enter(docket.retire(NOW), [])
    assert told(docket.hear(due, NOW + MINUTE)) == []
    assert docket.begun() == {"points": NOW}
    docket.enter([], [])
    assert docket.begun() == {}
    assert told(docket.hear(due, NOW + 2 * MINUTE)) == [("points", "Account 1", News.FIRED)]


def test_an_end_that_could_not_be_stored_is_told_by_the_next():
    tale = Tale(points())
    tale.minute((), {MEI: 12})
    docket = tale.replay.docket
    docket.follow({LEO.key: LEO}, {}, [(LEO.key, HEALTH)])
    assert told(docket.retire(NOW)) == told(docket.retire(NOW)) == [("points", "Account 1", News.RESOLVED)]
    docket.enter(docket.retire(NOW), [])
    assert docket.retire(NOW) == []


def test_an_alert_that_is_over_for_all_who_are_left_is_closed():
    tale = Tale(points())
    tale.minute()
    alert = Alert("points", MEI.key, (), Ok(), {"gone": 1}, id=7)
    tale.replay.docket.remember([alert, replace(alert, target=LEO.key, told={"ops": 1}, id=8)])
    assert tale.replay.docket.retire(NOW) == [Outcome(replace(alert, told={}), (), ())]


@pytest.mark.parametrize("held", [True, False])
def test_an_alert_on_numbers_that_cannot_be_asked_now_and_on_our_own_states_is_held(held):
    tale = Tale(rule("mix", "video", "fake_score > 60 and video_visible == 1"))
    assert tale.minute({CLIPS[0]: 90}, video_visible=(CLIPS[0], 1.0)) == [("mix", "Clip 0", News.FIRED)]
    docket = tale.replay.docket
    docket.follow(TARGETS, {CLIPS[0].key: {FAKE}} if held else {}, [(MEI.key, HEALTH)])
    assert (docket.retire(NOW) == []) is held


def test_an_alert_of_a_rule_that_is_not_meant_for_its_target_any_more_is_not_held():
    tale = Tale(fake(only='tag == "campaign"'))
    tale.minute()
    alert = Alert("fake", CLIPS[0].key, (), Firing(1, NOW, NOW, 1), {"ops": 1})
    docket = tale.replay.docket
    docket.remember([alert])
    docket.follow(TARGETS, {CLIPS[0].key: {FAKE}}, [(clip.key, FAKE) for clip in CLIPS])
    assert told(docket.retire(NOW)) == [("fake", "Clip 0", News.RESOLVED)]


# --- a rule that breaks ---------------------------------------------------------------------------------------------


class Breaks:
    """A condition that cannot be judged of some targets: a mistake of ours."""

    def __init__(self, honest):
        self.honest, self.for_scores = honest, {90.0}

    def __call__(self, view, at_s):
        if {window.values[-1] for window in view["fake_score"].values()} & self.for_scores:
            raise ZeroDivisionError
        return self.honest(view, at_s)


def broken_book():
    good, bad = build_book([fake(), rule("bad", "video", "fake_score > 70")], METRICS, ["ops"]).rules
    when = bad.levels[0].when
    breaks = Breaks(when.run)
    return breaks, RuleBook([replace(bad, levels=(replace(bad.levels[0], when=replace(when, run=breaks)),)), good])


def test_a_rule_that_breaks_leaves_its_neighbours_alone_and_is_named_until_it_worked_again_where_it_broke():
    breaks, book = broken_book()
    tale = Tale(book=book)
    begun = tale.minute({CLIPS[0]: 90, CLIPS[1]: 80})
    assert [(name, target) for name, target, _ in begun] == [("fake", "Clip 0"), ("bad", "Clip 1"), ("fake", "Clip 1")]
    docket = tale.replay.docket
    assert docket.broken == {"bad": {CLIPS[0].key}}
    tale.minute({CLIPS[1]: 10})
    assert docket.broken == {"bad": {CLIPS[0].key}}
    breaks.for_scores = set()
    tale.minute({CLIPS[0]: 90})
    assert docket.broken == {}
    assert docket.failures["bad"] > 0
