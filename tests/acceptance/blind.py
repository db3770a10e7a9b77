"""What the stories of blindness share: real cookies in files, and what can be seen of the daemon from outside."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

from daemon.app import App
from daemon.outside import real_outside
from daemon.providers import ENDPOINTS
from daemon.providers.endpoint import Need
from tests.acceptance.conftest import START

MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

HEALTH = "get_account_health_status"


def account(name: str, uid: str, owner: str) -> str:
    return (
        f"{{platform: tiktok, id: {name}, name: {name.title()}, uid: '{uid}', handle: {name}, owner: {owner}, "
        f"cookie: '${{file:{name}.cookie}}'}}"
    )


@asynccontextmanager
async def watching(story):
    """The daemon with the cookies of files, as people renew them."""
    app = App(story.config, real_outside(story.config, story.out, {"NONE": "a key"}), "test")
    await app.open(story.clock.now())
    story.app = app
    try:
        yield app
    finally:
        await app.close(5.0)


def renew(story, name: str, cookie: str) -> None:
    (story.config.base / f"{name}.cookie").write_text(f"sim-cookie:{cookie}", encoding="utf-8")


def known(story, metric: str) -> dict:
    """What the daemon says now: target and label values -> number."""
    rows = [(target.rpartition("/")[2], key, number) for target, key, number in story.app._recent.latest()]
    return {(target, *dict(key[1]).values()): number for target, key, number in rows if key[0] == metric}


def asked(story, endpoint: str = "", since=START) -> list:
    """The answered calls of an endpoint (of all but the free canary), as (when, whom)."""
    paths = {each.path for each in ENDPOINTS.values() if endpoint in ("", each.name) and each.name != "canary"}
    return [(call.at, call.identities) for call in story.simulator.answered if call.path in paths and call.at >= since]


def with_cookie(story, since=START) -> list:
    names = [each.name for each in ENDPOINTS.values() if Need.COOKIE in each.needs]
    return sorted(call for name in names for call in asked(story, name, since))


def firing(story) -> list[str]:
    return [row.rule for row in story.alerts() if row.level]


async def until(story, is_so, within: timedelta, every: timedelta = MINUTES) -> None:
    """Let time pass until something is so."""
    end = story.clock.now() + within
    while not is_so():
        assert story.clock.now() < end, "it never came"
        await story.live(every, every)
