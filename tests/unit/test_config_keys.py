"""What each key of the configuration comes to."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from daemon.budget import Limits
from daemon.config import Config, Discover, Guard, Watched, load
from daemon.config_targets import discovered_video
from daemon.providers import ENDPOINTS, METRICS
from daemon.providers.endpoint import Provider

ACCOUNT = "accounts: [{platform: tiktok, id: a%s}]\n"
CONSOLES = 'channels: {console: {url: "console://"}, team: {url: "console://"}}\n'
RULE = "rules: [{name: few-fans, on: account, when: follower_count < 10, to: [%s]}]\n"


@pytest.fixture
def loaded(tmp_path):
    def load_text(text: str) -> Config:
        path = Path(tmp_path) / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        found = load(path, {}, METRICS, ENDPOINTS)
        assert isinstance(found, Config), [problem.shown(path.name) for problem in found]
        return found

    return load_text


def target_of(config: Config, key: str) -> Watched:
    return next(watched for watched in config.targets if watched.target.key == key)


# --- rules ------------------------------------------------------------------------------------------------------------

TAGGED = """accounts:
- {platform: tiktok, id: a, owner: lin, tags: [tier-a, food], cookie: "${file:a}"}
videos: [{platform: tiktok, id: '7', account: a, name: Dance, tags: [campaign]}]
"""


@pytest.mark.parametrize(
    ("on", "only", "meant"),
    [
        ("account", 'tag == "teir-a"', ", did you mean `tier-a`?"),
        ("account", 'tag == "food" and not (owner == "lim" or owner == "lin")', ", did you mean `lin`?"),
        ("account", 'account == "b" and owner == "lim"', ", did you mean `lin`?"),
        ("account", 'name == "Dance"', ""),
        ("video", 'tag == "campain"', ", did you mean `campaign`?"),
        ("video", 'tag == "food"', ""),
        ("cookie", 'tag == "campaign"', ""),
    ],
)
def test_a_rule_on_some_that_nobody_is_is_a_note(loaded, on, only, meant):
    when = {"account": "follower_count < 10", "video": "fake_score > 60", "cookie": "cookie_ok == 0"}[on]
    notes = loaded(f"{TAGGED}rules: [{{name: some, on: {on}, only: '{only}', when: {when}}}]").notes
    assert f"no {on} is meant by `only` of the rule some{meant}" in notes


@pytest.mark.parametrize(
    ("text", "on", "only"),
    [
        (TAGGED, "account", 'tag == "food"'),
        (TAGGED, "video", 'tag == "campaign" and owner == "lin"'),
        (TAGGED, "cookie", 'tag != "campaign"'),
        (TAGGED, "account", ""),
        ("", "account", 'tag == "food"'),
        (TAGGED.partition("videos")[0], "video", 'tag == "food"'),
        ("discover: true\n" + TAGGED, "video", 'tag == "food"'),
        ("discover: true\n" + TAGGED, "video", 'name == "Song"'),
    ],
)
def test_nothing_is_noted_where_somebody_is_meant_or_may_be(loaded, text, on, only):
    when = {"account": "follower_count < 10", "video": "fake_score > 60", "cookie": "cookie_ok == 0"}[on]
    notes = loaded(f"{text}rules: [{{name: some, on: {on}, only: '{only}', when: {when}}}]").notes
    assert not any("`only`" in note for note in notes)


# --- discovery --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("common", "own", "discover"),
    [
        ("", "", None),
        ("", "true", Discover(timedelta(days=30), 200)),
        ("", "false", None),
        ("", "12h", Discover(timedelta(hours=12), 200)),
        ("", "{at_most: 7}", Discover(timedelta(days=30), 7)),
        ("{newer_than: 5d, at_most: 9}", "", Discover(timedelta(days=5), 9)),
        ("{newer_than: 5d, at_most: 9}", "true", Discover(timedelta(days=5), 9)),
        ("{newer_than: 5d, at_most: 9}", "{newer_than: 6d}", Discover(timedelta(days=6), 9)),
        ("true", "false", None),
        ("false", "true", Discover(timedelta(days=30), 200)),
        ("7d", "", Discover(timedelta(days=7), 200)),
    ],
)
def test_an_account_discovers_as_it_says_or_as_the_file_says(loaded, common, own, discover):
    config = loaded(f"discover: {common}\n" * bool(common) + ACCOUNT % (f", discover: {own}" if own else ""))
    assert config.targets[0].discover == discover


def test_discovery_that_looks_further_back_than_any_list_is_noted(loaded):
    note = "no list goes back further than 30 days, so older videos are watched only if they were found before: "
    note += "tiktok/account/a"
    assert loaded("discover: 31d\n" + ACCOUNT % "").notes == (note,)
    assert loaded(ACCOUNT % ", discover: 365d").notes == (note,)
    assert loaded("discover: 31d\n" + ACCOUNT % ", discover: false").notes == ()
    assert loaded(ACCOUNT % ", discover: 30d").notes == ()


def test_a_named_video_discovers_nothing(loaded):
    config = loaded("discover: true\n" + ACCOUNT % "" + 'videos: [{platform: tiktok, id: "1", account: a}]\n')
    assert target_of(config, "tiktok/video/1").discover is None


def test_a_discovered_video_is_as_one_named_below_its_account(loaded):
    extra = (
        ", owner: lin, tags: [x], uid: '5', sec_uid: MS4wLjABx, handle: al, cookie: '${C}', content_category: product"
    )
    text = 'videos: [{platform: tiktok, id: "1", account: a, name: Dance now}]\nowners: {lin: [console]}\n' + CONSOLES
    config = loaded(ACCOUNT % (extra + ", discover: true") + text)
    account, named = config.targets
    assert discovered_video(account, "1", " Dance\n now ") == named
    assert named.options == {"content_category": "product"}
    assert (named.account, named.cookie, named.sec_uid, named.uid) == (account.target.key, "${C}", "MS4wLjABx", "5")


# --- accounts and videos ----------------------------------------------------------------------------------------------


def test_a_sec_uid_is_what_is_given_or_an_id_that_is_one(loaded):
    config = loaded("accounts:\n- {platform: douyin, id: a, sec_uid: MS4wLjABb}\n- {platform: douyin, id: MS4wLjABc}\n")
    assert [watched.sec_uid for watched in config.targets] == ["MS4wLjABb", "MS4wLjABc"]
    assert config.targets[0].target.link == "https://www.douyin.com/user/MS4wLjABb"


def test_verticals_and_a_product_are_options_only_where_they_are_given(loaded):
    config = loaded(
        "accounts:\n- {platform: douyin, id: a, verticals: [美食, 旅游]}\n- {platform: douyin, id: b}\n"
        'videos:\n- {platform: tiktok, id: "1", product: "172"}\n- {platform: tiktok, id: "2"}\n'
    )
    verticals = [watched.options.get("verticals") for watched in config.targets[:2]]
    assert verticals == ["美食,旅游", None]
    assert [watched.options.get("product_id") for watched in config.targets[2:]] == ["172", None]


def test_a_video_has_a_category_of_its_own_or_its_accounts(loaded):
    config = loaded(
        ACCOUNT % ", content_category: education"
        + 'videos:\n- {platform: tiktok, id: "1", account: a}\n'
        + '- {platform: tiktok, id: "2", account: a, content_category: default}\n- {platform: tiktok, id: "3"}\n'
    )
    assert [each.options["content_category"] for each in config.targets] == ["education"] * 2 + ["default"] * 2


def test_an_account_with_only_a_handle_is_noted_as_one_to_look_up(loaded):
    assert loaded(ACCOUNT % ", handle: al").notes == ("ids that are looked up once, by handle: al",)
    assert loaded(ACCOUNT % ", handle: al, uid: '5'").notes == ()
    assert loaded(ACCOUNT % ", handle: al, sec_uid: MS4wLjABx").notes == ()


def test_a_note_names_five_and_counts_the_rest(loaded):
    accounts = "".join(f"- {{platform: tiktok, id: a{number}, handle: h{number}}}\n" for number in range(7))
    assert loaded(f"accounts:\n{accounts}").notes == (
        "ids that are looked up once, by handle: h0, h1, h2, h3, h4 and 2 more",
    )


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("{day: 25, month: 500, soft: 80%}", Limits(Decimal(25), Decimal(500), 0.8)),
        ("{day: 0.1}", Limits(Decimal("0.1"), None, 0.8)),
        ('{month: "19.990", soft: 0.5}', Limits(None, Decimal("19.99"), 0.5)),
        ("{month: 1234567.89, soft: 1}", Limits(None, Decimal("1234567.89"), 1.0)),
    ],
)
def test_a_budget_is_the_amount_that_is_written(loaded, text, limits):
    assert loaded(f"budget: {{keyapi: {text}}}").budgets == {Provider.KEYAPI: limits}


def test_without_a_budget_there_is_no_limit(loaded):
    assert loaded("rules:\n").budgets == {}


# --- collecting, guarding, probing ------------------------------------------------------------------------------------


def test_collect_names_endpoints_and_metrics(loaded):
    config = loaded("collect: [detect_fake_views, follower_count]")
    assert config.collect == {"detect_fake_views", "follower_count"}


def test_settings_for_what_nothing_asks_for_are_noted(loaded):
    settings = "endpoints: {detect_fake_views: {interval: 6h}}\n"
    note = "settings for what no rule reads and `collect` does not name: detect_fake_views"
    assert loaded(settings).notes == (note,)
    assert loaded(settings + "collect: [detect_fake_views]").notes == ()
    assert loaded(settings + "collect: [fake_score]").notes == ()
    assert loaded(settings + "rules: [{name: fake, on: video, when: fake_score > 60}]").notes == ()


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("", Guard(0.3, 5, timedelta(hours=24))),
        ("guard: true", Guard()),
        ("guard: false", None),
        ("guard: {share: 0.5}", Guard(share=0.5)),
        ("guard: {share: 12.5%, at_least: 8, hold: 6h}", Guard(0.125, 8, timedelta(hours=6))),
    ],
)
def test_the_guard_is_as_it_is_set_and_on_by_itself(loaded, text, guard):
    assert loaded(f"rules:\n{text}").guard == guard


@pytest.mark.parametrize(
    ("provider", "written", "canary"),
    [
        ("tikhub", "", ""),
        ("tikhub", ", canary: true", ""),
        ("tikhub", ", canary: false", None),
        ("keyapi", "", None),
        ("keyapi", ", canary: false", None),
        ("keyapi", ', canary: "7460937265411370"', "7460937265411370"),
    ],
)
def test_the_free_probe_is_on_and_a_paid_one_needs_a_video(loaded, provider, written, canary):
    config = loaded(f"providers: {{{provider}: {{token: '${{T}}'{written}}}}}")
    assert config.providers[Provider(provider)].canary == canary


# --- links ------------------------------------------------------------------------------------------------------------


def test_without_links_there_are_none_and_without_their_key_a_note_says_so(loaded):
    assert loaded("rules: []").links is None
    config = loaded('links: {url: "https://alerts.example.com/watch", key: "${LINK_KEY}"}')
    assert (config.links.url, config.links.key) == ("https://alerts.example.com/watch", "${LINK_KEY}")
    assert config.notes == ("messages have no links: the environment variable LINK_KEY is not set",)


# --- owners -----------------------------------------------------------------------------------------------------------


def test_a_target_has_the_channels_of_its_owner(loaded):
    videos = (
        'videos:\n- {platform: tiktok, id: "1", account: a}\n- {platform: tiktok, id: "2", account: a, owner: wu}\n'
    )
    config = loaded(CONSOLES + "owners: {lin: [team, console], wu: [team]}\n" + ACCOUNT % ", owner: lin" + videos)
    assert config.owners == {"lin": ("team", "console"), "wu": ("team",)}
    assert [watched.target.channels for watched in config.targets] == [("team", "console")] * 2 + [("team",)]


@pytest.mark.parametrize("owner", ["", ", owner: wu"])
def test_a_target_whose_owner_has_no_channels_has_all_so_that_nothing_is_told_to_nobody(loaded, owner):
    config = loaded(CONSOLES + "owners: {lin: [team]}\n" + ACCOUNT % owner)
    assert set(config.targets[0].target.channels) == set(config.channels) > {"team"}


def test_an_owner_without_channels_is_noted_only_where_a_rule_tells_owners(loaded):
    text = CONSOLES + "owners: {lin: [team]}\n" + ACCOUNT % ", owner: wu"
    assert loaded(text + RULE % "team").notes == ()
    assert loaded(text + RULE % "owner").notes == (
        "the owner is to be told, but `owners` has no channels, so all are told, of: wu",
    )
    assert loaded(text.replace("wu", "lin") + RULE % "owner").notes == ()


CLIENTS = CONSOLES.replace("}}", '}, brand: {url: "console://", audience: clients}}')


def test_whose_owner_has_no_channels_is_no_business_of_clients_unless_there_is_nobody_else(loaded):
    config = loaded(CLIENTS + ACCOUNT % ", owner: wu")
    assert config.targets[0].target.channels == ("console", "team")
    only = 'channels: {brand: {url: "console://", audience: clients}}\n'
    assert loaded(only + ACCOUNT % "").targets[0].target.channels == ("brand",)


@pytest.mark.parametrize("routes", ["routes: [{to: owner}]\n", "routes: [{escalate_after: 1h, escalate_to: owner}]\n"])
def test_an_owner_without_channels_is_noted_also_where_a_route_tells_owners(loaded, routes):
    text = CLIENTS + "owners: {lin: [team]}\n" + ACCOUNT % ", owner: wu"
    assert loaded(text + routes).notes == (
        "the owner is to be told, but `owners` has no channels, so all but clients are told, of: wu",
    )


@pytest.mark.parametrize(
    ("match", "note"),
    [
        ('rule == "few-fns"', "asks for the rule `few-fns`, which there is not, did you mean `few-fans`?"),
        ('level == "hihg"', "asks for the level `hihg`, which there is not"),
        ('tag == "tier-b"', "asks for the tag `tier-b`, which there is not, did you mean `tier-a`?"),
        ('owner != "linn"', "asks for the owner `linn`, which there is not, did you mean `lin`?"),
        ('platform == "tictok"', "asks for the platform `tictok`, which there is not, did you mean `tiktok`?"),
        ('account == "b" or account == "b"', "asks for the account `b`, which there is not"),
        ('rule == "few-fans" and tag == "tier-a" and owner == "wu" and account == "a"', ""),
        ('level == "warning" and platform == "douyin" and owner != "" and name == "who"', ""),
    ],
)
def test_what_a_route_or_maintenance_asks_for_and_there_is_not_is_noted_with_what_was_meant(loaded, match, note):
    text = CONSOLES + "owners: {wu: [team]}\n" + ACCOUNT % ", owner: lin, tags: [tier-a]" + RULE % "team"
    routes = f"routes: [{{name: some, match: '{match}'}}]\n"
    maintenance = f"maintenance: [{{why: we move, match: '{match}', from: 2026-02-01, until: 2026-02-02}}]\n"
    assert loaded(text + routes).notes == ((f"the route some {note}",) if note else ())
    assert loaded(text + maintenance).notes == ((f"maintenance (we move) {note}",) if note else ())


@pytest.mark.parametrize(
    ("first", "is_left_nothing"),
    [
        ("{name: all}", True),
        ("{name: all, continue: true}", False),
        ("{name: all, times: nights}", False),
        ("{name: all, match: 'severity == \"high\"'}", False),
    ],
)
def test_routes_for_which_nothing_is_left_are_noted(loaded, first, is_left_nothing):
    times = 'times: {nights: {from: "22:00", to: "08:00"}}\n'
    others = "{name: cookies, match: 'on == \"cookie\"'}, {name: rest, to: [team]}"
    notes = loaded(f"{CONSOLES}{times}routes: [{first}, {others}]\n").notes
    assert notes == (("the route all takes all that comes to it, so nothing is left for: rest",) * is_left_nothing)
