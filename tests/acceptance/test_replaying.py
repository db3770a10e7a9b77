"""What a daemon did is what a backtest by the same rules says of what it stored."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from daemon.backtest import History, Period, run
from daemon.tally import added
from storage.store import Store
from tests.acceptance.blind import DAYS, HOURS, known
from tests.acceptance.conftest import START
from tests.acceptance.test_living import MEI, every
from tests.acceptance.test_muting import LIST

VIRAL = (
    '  - {name: viral, on: video, when: "shop_listed_video_views >= 1000000", on_first_sight: tell, '
    "promote: {at_least: 3, share: 30%}, to: [managers]}\n"
)
RICH = (
    '  - {name: rich, on: provider, when: "balance_usd > 0 and weekday() == 3", on_first_sight: tell, '
    "inhibits: ['*'], to: [operators]}\n"
)
ON = START + 1_000 * DAYS
"""When an alert ends that is still on."""


def lived(story):
    """Each alert that the daemon had: (rule, target, begun, ended, highest level); and each letter about one."""
    with closing(Store.open(story.config.database, readonly=True)) as store:
        rows = store.alerts(1_000)
        posted = [(row.rule, each.channel, each.created) for row in rows for each in store.posted(row.id, ON)]
    return sorted((row.rule, row.target, row.opened, row.closed or ON, row.peak) for row in rows), sorted(posted)


def replayed(story):
    """The same, as a backtest says it."""
    with closing(Store.open(story.config.database, readonly=True)) as store:
        history = History([story.config], store, Period(START, story.clock.now()))
        tally = added((each.journals[0] for each in run(history, (), story.config.database, 1)), START)
    alerts = [(each.rule, each.target, each.began, each.ended or ON, each.peak) for each in tally.incidents]
    return sorted(alerts), sorted((each.rule, each.channel, each.at) for each in tally.told)


def go_viral(story, videos):
    """So many of the newest that are known."""
    newest = sorted(video for video, *_ in known(story, "shop_listed_video_views"))[-videos:]
    story.world.scenarios.update(dict.fromkeys(newest, "viral-video"))


async def test_a_backtest_says_what_the_daemon_did_of_videos_that_come_and_go_and_what_was_muted(tell):
    mei = MEI[:-1] + ", discover: {newer_than: 4d, at_most: 10}}"
    story = await tell(mei, scenarios={"mei": "calm"}, rules=VIRAL + RICH, speed=6.0)
    every(story, 3 * HOURS, LIST)
    async with story.daemon():
        await story.live(1 * DAYS)
        go_viral(story, 1)
        await story.live(2 * DAYS)
        go_viral(story, 4)
        await story.live(3 * DAYS)
    alerts, letters = lived(story)
    assert replayed(story) == (alerts, letters)
    assert Counter(rule for rule, *_ in alerts) == {"rich": 1, "viral": 5, "viral-of-account": 1}
    (_, _, wednesday, thursday, _), (_, _, first, _, _), *_, (_, _, begun, ended, _) = alerts
    told = {rule: [at for about, _, at in letters if about == rule] for rule in ("viral", "viral-of-account")}
    assert wednesday < first < thursday == told["viral"][0] < begun
    assert [begun, ended] == told["viral-of-account"]
