from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from daemon.simulator.server import Simulator
from daemon.simulator.world import World

STARTED = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
CREATOR = "/api/v1/tiktok/analytics/fetch_creator_info_and_milestones"


def make(faults=None, port=0):
    return Simulator(World(started=STARTED, faults=faults or {}), lambda: STARTED, port)


@asynccontextmanager
async def client(base_url):
    key = {"Authorization": "Bearer whatever"}
    async with httpx.AsyncClient(base_url=base_url, headers=key, trust_env=False, verify=False, timeout=60) as opened:
        yield opened


async def test_signals_stay_with_the_program_and_any_key_will_do_where_none_is_named():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    simulator = make()

    async with client(await simulator.start()) as asking:
        answer = await asking.get(CREATOR, params={"user_id": "1"})
        during = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    await simulator.stop()

    assert answer.status_code == 200
    assert during == before


async def test_closing_does_not_wait_for_an_answer_that_hangs():
    simulator = make(faults={"*": "timeout"})

    async with client(await simulator.start()) as asking:
        hanging = asyncio.create_task(asking.get(CREATOR, params={"user_id": "1"}))
        while not simulator.calls[CREATOR]:
            assert not hanging.done()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(30):  # the answer would come after 60 s
            await simulator.stop()
        assert (await hanging).status_code == 200


async def test_a_taken_port_is_an_os_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await make(port=taken.getsockname()[1]).start()


async def test_it_can_be_stopped_before_it_was_asked_anything():
    simulator = make()
    base_url = await simulator.start()

    await simulator.stop()

    async with client(base_url) as asking:
        with pytest.raises(httpx.ConnectError):
            await asking.get(CREATOR)


async def test_it_answers_hundreds_of_calls_at_once():
    simulator = make()

    try:
        async with client(await simulator.start()) as asking:
            answers = await asyncio.gather(*(asking.get(CREATOR, params={"user_id": str(n)}) for n in range(300)))
    finally:
        await simulator.stop()

    assert [answer.json()["data"]["user_id"] for answer in answers] == [str(n) for n in range(300)]
    assert simulator.calls == {CREATOR: 300}
