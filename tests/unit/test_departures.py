"""Until when a video was followed: what follows from when it was published and found is what the daemon's list does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.config import Config, load
from daemon.departures import BEFORE_ALL, NEVER, left_at, retired_at
from daemon.providers import ENDPOINTS, METRICS
from daemon.watchlist import Watchlist
from storage.records import Discovered, Remembered

NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = """\
accounts: [{platform: tiktok, id: mei, uid: "1", discover: {newer_than: 10d, at_most: 3}}]
videos: [{platform: tiktok, id: "3", account: mei}]
channels: {console: {url: "console://"}}
"""


def config(folder, discover=None):
    path = folder / "rules.yaml"
    path.write_text(FILE if discover is None else FILE.replace("{newer_than: 10d, at_most: 3}", discover))
    found = load(path, {}, METRICS, ENDPOINTS)
    assert isinstance(found, Config), found
    return found


def watched(own, discovered, at):
    watchlist = Watchlist(own, ())
    watchlist.renew({}, [each for each in discovered if each.found <= at], at)
    return set(watchlist.videos("tiktok/account/mei").values())


MOMENTS = st.integers(0, 40 * 24).map(lambda hours: NOW + hours * HOUR)
VIDEOS = st.lists(st.tuples(MOMENTS, st.integers(0, 12 * 24), st.booleans()), max_size=12)


@given(VIDEOS, MOMENTS)
def test_a_video_is_followed_while_it_is_on_the_list_of_what_the_daemon_watches(tmp_path_factory, videos, at):
    own, at = config(tmp_path_factory.getbasetemp()), at + HOUR / 2
    found = [
        Discovered("tiktok/account/mei", str(number), "", published if known else None, when, when)
        for number, (published, hours, known) in enumerate(videos)
        for when in [published + hours * HOUR]
    ]
    ever = Watchlist(config(tmp_path_factory.getbasetemp(), "{newer_than: 365d, at_most: 10000}"), ())
    ever.renew({}, found, NOW + 60 * DAY)
    until = retired_at(own, found, ever)
    keys = {each.video_id: ever.videos("tiktok/account/mei")[each.video_id] for each in found}
    followed = {key for each in found if (key := keys[each.video_id]) in until and each.found <= at < until[key]}
    assert followed | {"tiktok/video/3"} == watched(own, found, at)


def test_when_a_line_left_the_plan_its_last_number_was_not_known_any_more():
    line = Remembered(7, "tiktok/account/mei", "any", 2 * HOUR, "polled", NOW, 0)
    assert left_at(line, {7}) == NEVER
    assert left_at(line, {8}) == NOW + 6 * HOUR


def test_a_line_that_left_the_plan_and_was_never_asked_was_in_it_at_no_time():
    assert left_at(Remembered(7, "tiktok/account/mei", "any", HOUR, None, None, 0), ()) == BEFORE_ALL
