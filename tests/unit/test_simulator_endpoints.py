"""The simulator against the readers: every endpoint of the catalogue is served, and its answers are understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio

from daemon.fetch import Fetcher, Service
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Need, Provider
from daemon.secrets import Secret
from daemon.simulator.catalogue import ROUTES
from daemon.simulator.server import Simulator
from daemon.simulator.world import World
from rules.values import Subject

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
AT = STARTED + timedelta(days=16, hours=5)
ACCOUNTS = [f"ann{number}" for number in range(8)]
LISTS = [name for name, endpoint in ENDPOINTS.items() if endpoint.lists_videos]

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Asking:
    """A running simulator and the daemon's own way to ask it."""

    def __init__(self) -> None:
        self.world = World(started=STARTED)
        self.simulator = Simulator(self.world, lambda: AT)

    async def ask(self, name: str, account: str, **asked: object) -> Reading | Failure:
        """One turn of an endpoint about an account, or about one of its videos."""
        [answer] = await self._send(name, account, [self._about(account, **asked)])
        return answer

    async def ask_together(self, name: str, account: str, videos: Sequence[str]) -> list[Reading | Failure]:
        """One call about several videos of an account."""
        about = [self._about(account, target_key=video, video_id=video) for video in videos]
        return await self._send(name, account, about)

    def _about(self, account: str, **asked: object) -> Asked:
        person = self.world.person(account)
        clips = self.world.library(account, AT - timedelta(days=30), AT - timedelta(days=3))
        options = {"product_id": "1731050202505515549", "verticals": "food,travel", "canary": clips[0].video_id}
        ids = {"uid": person.uid, "sec_uid": person.sec_uid, "handle": person.handle, "video_id": clips[0].video_id}
        return Asked(**{"target_key": account, "at": AT, **ids, "options": options, **asked})

    async def _send(self, name: str, account: str, about: Sequence[Asked]) -> list[Reading | Failure]:
        cookie = f"sim-cookie:{account}" if Need.COOKIE in ENDPOINTS[name].needs else ""
        fetched = await self.fetcher.fetch(ENDPOINTS[name], about, cookie, AT)
        return [fetched.answers[one.target_key] for one in about]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running():
    asking = Asking()
    url = await asking.simulator.start()
    services = {provider: Service(url, Secret("any")) for provider in Provider}
    asking.fetcher = Fetcher(services)
    yield asking
    await asking.fetcher.close()
    await asking.simulator.stop()


@pytest.fixture
def asking(running):
    running.world.clear()
    running.simulator.answered.clear()
    return running


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_every_endpoint_is_served_with_answers_that_its_reader_accepts(asking, name):
    readings = {account: await asking.ask(name, account) for account in ACCOUNTS}

    assert not [reading for reading in readings.values() if not isinstance(reading, Reading)]
    if ENDPOINTS[name].metrics:
        known = [any(value is not None for value in reading.values.values()) for reading in readings.values()]
        assert known.count(True) >= len(ACCOUNTS) / 2  # one in five never was LIVE


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_most_metrics_of_an_endpoint_are_known_of_somebody(asking, name):
    readings = [await asking.ask(name, account) for account in ACCOUNTS]

    known = {metric for reading in readings for (metric, _), value in reading.values.items() if value is not None}
    declared = {metric.name for metric in ENDPOINTS[name].metrics}
    rare = {"health_rating", "health_scheme_unclear"}  # of another story
    assert len(declared - known - rare) <= len(declared) / 4


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_a_call_costs_what_the_endpoint_says(name):
    assert ROUTES[ENDPOINTS[name].path].cost_usd == ENDPOINTS[name].cost_usd


async def test_no_route_is_without_an_endpoint():
    assert {endpoint.path for endpoint in ENDPOINTS.values()} == ROUTES.keys()


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_a_fault_can_be_given_to_an_endpoint_by_its_name(asking, name):
    # Two endpoints may ask the same route; a fault is that of the route.
    route = next(first for first, endpoint in ENDPOINTS.items() if endpoint.path == ENDPOINTS[name].path)
    asking.world.faults[route] = "http-500"

    answer = await asking.ask(name, "ann1")

    assert isinstance(answer, Failure)
    assert answer.reason is Reason.SERVER


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_names_every_video_of_its_time_once_whatever_the_pages(asking, name):
    found = (await asking.ask(name, "ann1")).videos

    ids = [one.video_id for one in found.found]
    since = found.since or AT - timedelta(days=30)
    assert set(ids) >= {clip.video_id for clip in asking.world.library("ann1", since, AT)}
    assert set(Counter(ids).values()) == {1}


@pytest.mark.parametrize("name", LISTS)
async def test_a_removed_video_is_in_no_list_until_it_is_restored(asking, name):
    before = {one.video_id for one in (await asking.ask(name, "ann1")).videos.found}
    video = max(before)
    asking.world.scenarios[video] = "removed"

    during = {one.video_id for one in (await asking.ask(name, "ann1")).videos.found}
    del asking.world.scenarios[video]
    after = {one.video_id for one in (await asking.ask(name, "ann1")).videos.found}

    assert (before - during, during - before, after) == ({video}, set(), before)


@pytest.mark.parametrize(
    "name",
    [name for name, each in ENDPOINTS.items() if each.subject is Subject.VIDEO and each.provider is Provider.TIKHUB],
)
async def test_a_removed_video_is_not_found_by_any_route_and_a_private_one_by_its_owner_only(asking, name):
    video, found = asking.world.library("ann1", STARTED, AT)[-1].video_id, {}
    for story in ("removed", "private"):
        asking.world.scenarios[video] = story
        found[story] = await asking.ask(name, "ann1", video_id=video)

    owner = Need.COOKIE in ENDPOINTS[name].needs
    assert found["removed"].reason is Reason.NOT_FOUND
    assert isinstance(found["private"], Reading) if owner else found["private"].reason is Reason.NOT_FOUND


async def test_a_removed_or_private_video_has_no_row_in_a_batch(asking):
    for story in ("removed", "private"):
        video = asking.world.library("ann1", STARTED, AT)[0].video_id
        asking.world.scenarios[video] = story
        answer = await asking.ask("video_detail_analytics", "ann1", video_id=video)
        assert answer.reason is Reason.EMPTY


@pytest.mark.parametrize("name", [name for name, each in ENDPOINTS.items() if each.batch > 1])
async def test_a_removed_video_has_no_row_in_a_call_about_several_and_the_others_have_their_own(asking, name):
    videos = [clip.video_id for clip in asking.world.library("ann1", STARTED, AT)[:4]]
    asking.world.scenarios[videos[1]] = "removed"

    together = await asking.ask_together(name, "ann1", videos)

    assert [call.identities for call in asking.simulator.answered] == [",".join(videos)]
    alone = [await asking.ask(name, "ann1", video_id=video) for video in videos]
    gone, _ = together.pop(1), alone.pop(1)
    assert [each.values for each in together] == [each.values for each in alone]
    assert isinstance(gone, Failure) or gone.values == {("video_products", ()): None}


async def test_a_private_video_is_not_public_in_the_list_of_its_owner(asking):
    video = asking.world.library("ann1", STARTED, AT)[0].video_id
    asking.world.scenarios[video] = "private"

    values = (await asking.ask("fetch_item_list", "ann1")).values
    public = {dict(labels)["video"]: value for (metric, labels), value in values.items() if metric == "douyin_public"}

    assert public[video] == 0
    assert set(public.values()) == {0, 1}


async def test_an_account_is_the_same_by_uid_by_sec_uid_and_by_handle(asking):
    person = asking.world.person("meiskitchen")
    ways = ({"uid": person.uid}, {"uid": "", "sec_uid": person.sec_uid}, {"uid": "", "sec_uid": ""})

    answers = [await asking.ask("tiktok_handler_user_profile", "meiskitchen", **way) for way in ways]

    assert {answer.ids for answer in answers} == {answers[0].ids}
    assert (answers[0].ids.uid, answers[0].ids.handle) == (person.uid, "meiskitchen")
    assert len({str(answer.values) for answer in answers}) == 1


async def test_a_removed_account_is_not_found_and_a_private_one_has_no_numbers(asking):
    for story, reason in (("removed", Reason.NOT_FOUND), ("private", Reason.EMPTY)):
        asking.world.scenarios["ann1"] = story
        for name in ("tiktok_handler_user_profile", "douyin_handler_user_profile"):
            assert (await asking.ask(name, "ann1")).reason is reason


async def test_the_balance_falls_by_what_tikhub_billed_and_by_nothing_else(asking):
    async def balance():
        values = (await asking.ask("get_user_info", "tikhub")).values
        return Decimal(str(values["balance_usd", ()]))

    before = await balance()
    await asking.ask("detect_fake_views", "ann1")
    await asking.ask("get_account_health_status", "ann1")
    await asking.ask("video_detail_analytics", "ann1")
    asking.world.faults["ann1"] = "http-400-retry"
    await asking.ask("get_account_health_status", "ann1")
    asking.world.faults["ann1"] = "empty-200"
    await asking.ask("get_account_health_status", "ann1")

    own = Decimal("0.001")
    assert before - await balance() == Decimal("0.012") + own
    assert asking.simulator.spent_usd - own == 50 - await balance() - own
    by_status = {(call.path.startswith("/v1/"), call.status): call.cost_usd for call in asking.simulator.answered}
    assert by_status == {(False, 200): own, (False, 400): 0, (True, 200): own}


# --- faults as the daemon sees them ----------------------------------------------------------------------------------

REASONS = {
    "http-500": Reason.SERVER,
    "http-400-retry": Reason.SERVER,
    "rate-limited": Reason.RATE_LIMITED,
    "balance-402": Reason.BALANCE,
    "balance-403": Reason.BALANCE,
    "scope-403": Reason.SCOPE,
    "cloudflare-1010": Reason.BLOCKED,
    "html": Reason.BLOCKED,
    "truncated": Reason.BAD_PAYLOAD,
    "bad-json": Reason.BAD_PAYLOAD,
    "huge-body": Reason.BAD_PAYLOAD,
}


@pytest.mark.parametrize(("fault", "reason"), REASONS.items())
async def test_each_error_class_is_told_apart_by_the_daemon(asking, fault, reason):
    asking.world.faults["ann1"] = fault

    assert (await asking.ask("get_account_health_status", "ann1")).reason is reason


@pytest.mark.parametrize("name", [name for name, each in ENDPOINTS.items() if Need.COOKIE in each.needs])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [("cookie-expired", Reason.EMPTY), ("cookie-401", Reason.AUTH), ("cookie-428", Reason.COOKIE)],
)
async def test_an_expired_cookie_shows_on_every_route_that_needs_one(asking, name, fault, reason):
    asking.world.faults["ann1"] = fault

    assert (await asking.ask(name, "ann1")).reason is reason


@pytest.mark.parametrize(
    "name",
    [
        *("fetch_creator_info_and_milestones", "tiktok_handler_user_profile", "douyin_handler_user_profile"),
        *("detect_fake_views", "fetch_video_metrics", "fetch_comment_keywords", "get_creator_account_info"),
        *("get_video_detailed_stats", "get_video_audience_stats", "fetch_item_play_source", "fetch_item_overview_data"),
    ],
)
async def test_a_wrong_identity_is_told_apart_wherever_the_answer_names_anybody(asking, name):
    asking.world.faults["*"] = "wrong-identity"

    assert (await asking.ask(name, "ann1")).reason is Reason.WRONG_IDENTITY


@pytest.mark.parametrize("path", [path for path, route in ROUTES.items() if route.main])
async def test_the_main_number_of_every_route_is_in_its_answer(asking, path):
    """Otherwise the faults that spoil it would do nothing."""
    name = next(name for name, endpoint in ENDPOINTS.items() if endpoint.path == path)
    right = [str(await asking.ask(name, account)) for account in ACCOUNTS]
    asking.world.faults["*"] = "field-gone"

    spoilt = [str(await asking.ask(name, account)) for account in ACCOUNTS]

    assert sum(one != other for one, other in zip(right, spoilt, strict=True)) >= len(ACCOUNTS) / 2
