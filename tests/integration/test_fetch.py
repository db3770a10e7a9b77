"""Calls over real sockets to a server that behaves well, badly, or not at all; and the rules of who is asked at all."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import httpx
import pytest

from daemon.fetch import Fetcher, Service
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Provider
from daemon.secrets import Secret
from tests.recorded import export

AT = datetime(2026, 3, 10, 8, 0, tzinfo=UTC)
TOKEN = "tk-Zx81qN-not-to-be-seen"
COOKIE = "sessionid=c00k1e-not-to-be-seen"
HEALTH = ENDPOINTS["get_account_health_status"]
ME = Asked("tiktok/account/1", AT, uid="1", video_id="11")
HEALTHY = {"code": 200, "data": {"is_show_score": True, "violation_score": 3, "risk_info": {}}}


def fetcher_to(url, token=TOKEN, timeout_s=45.0, **options):
    services = {provider: Service(url, Secret(token) if token else None, timeout_s) for provider in Provider}
    return Fetcher(services, **options)


def fetcher_in(handler, **options):
    return fetcher_to("https://api.tikhub.io", transport=httpx.MockTransport(handler), **options)


async def only_answer(fetcher, endpoint, cookie=COOKIE, at=AT):
    fetched = await fetcher.fetch(endpoint, [ME], cookie, at)
    await fetcher.close()
    return fetched.answers[ME.target_key]


def http(status, body=b"", *headers, length=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serving(answer):
    """A server on 127.0.0.1; ``answer(head, body, writer)`` writes what it likes. Yields its URL."""

    open_ends = []

    async def serve(reader, writer):
        open_ends.append((asyncio.current_task(), writer))
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                length = next((int(x[16:]) for x in head.lower().split("\r\n") if x[:16] == "content-length: "), 0)
                await answer(head, await reader.readexactly(length), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for _, writer in open_ends:
            writer.close()
        await asyncio.gather(*(task for task, _ in open_ends))


def always(raw):
    async def answer(head, body, writer):
        writer.write(raw)

    return answer


async def answer_over_tcp(answer, endpoint=HEALTH, **options):
    async with serving(answer) as url:
        return await only_answer(fetcher_to(url, **options), endpoint)


# --- over real sockets -----------------------------------------------------------------------------------------------


async def test_a_call_carries_key_cookie_and_name_and_comes_to_a_reading():
    seen = []

    async def answer(head, body, writer):
        seen.append((head, body))
        writer.write(http(200, HEALTHY))

    reading = await answer_over_tcp(answer)

    head, body = seen[0]
    assert reading.values["violation_score", ()] is None
    assert head.startswith("POST /api/v1/tiktok/creator/get_account_health_status HTTP/1.1")
    assert f"Authorization: Bearer {TOKEN}" in head
    assert "User-Agent: creatorwatch/" in head
    assert "Accept: application/json" in head
    assert json.loads(body) == {"cookie": COOKIE}


async def test_a_redirect_is_not_followed():
    heads = []

    async def answer(head, body, writer):
        heads.append(head)
        writer.write(http(302, b"", "Location: /elsewhere"))

    assert (await answer_over_tcp(answer)).reason is Reason.BLOCKED
    assert len(heads) == 1


async def test_a_huge_body_is_not_read_to_its_end():
    huge = always(http(200, b"{" + b" " * 100_000))
    packed = always(http(200, gzip.compress(b"{" + b" " * 10_000_000), "Content-Encoding: gzip"))

    assert (await answer_over_tcp(huge, body_cap=50_000)).reason is Reason.BAD_PAYLOAD
    assert (await answer_over_tcp(packed, body_cap=50_000)).reason is Reason.BAD_PAYLOAD


async def test_a_packed_body_is_unpacked():
    packed = always(http(200, gzip.compress(json.dumps(HEALTHY).encode()), "Content-Encoding: gzip"))
    assert isinstance(await answer_over_tcp(packed), Reading)


async def test_a_silent_server_is_a_timeout():
    async def silent(head, body, writer):
        await asyncio.sleep(0.2)

    assert (await answer_over_tcp(silent, timeout_s=0.05)).reason is Reason.TIMEOUT


async def test_a_server_that_answers_drop_by_drop_is_a_timeout_and_blocks_no_lane():
    patience = count()

    async def drip(head, body, writer):
        if next(patience):
            writer.write(http(200, HEALTHY))
            return
        writer.write(http(200, b"{", length=1000))
        for _ in range(150):
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(b" ")

    async with serving(drip) as url:
        fetcher = fetcher_to(url, lanes=1, timeout_s=1.0)
        first, second = [await fetcher.fetch(HEALTH, [ME], COOKIE, AT) for _ in range(2)]
        await fetcher.close()

    assert first.answers[ME.target_key].reason is Reason.TIMEOUT
    assert isinstance(second.answers[ME.target_key], Reading)


async def test_a_dropped_connection_is_a_network_failure():
    async def drop(head, body, writer):
        writer.close()

    assert (await answer_over_tcp(drop)).reason is Reason.NETWORK


async def test_a_body_cut_short_is_no_reading():
    async def cut(head, body, writer):
        writer.write(http(200, b'{"code": 200, "da', length=500))
        await writer.drain()
        writer.close()

    cut_json = always(http(200, b'{"code": 200, "da'))

    assert (await answer_over_tcp(cut)).reason is Reason.NETWORK
    assert (await answer_over_tcp(cut_json)).reason is Reason.BAD_PAYLOAD


async def test_nobody_listening_is_a_network_failure():
    async with serving(always(b"")) as url:
        pass
    assert (await only_answer(fetcher_to(url), HEALTH)).reason is Reason.NETWORK


async def test_a_cancelled_call_gives_its_lane_back():
    async def answer(head, body, writer):
        if b'"slow"' in body:
            await asyncio.sleep(0.2)
        writer.write(http(200, HEALTHY))

    async with serving(answer) as url:
        fetcher = fetcher_to(url, lanes=1)
        slow = asyncio.create_task(fetcher.fetch(HEALTH, [ME], "slow", AT))
        await asyncio.sleep(0.05)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        fetched = await asyncio.wait_for(fetcher.fetch(HEALTH, [ME], COOKIE, AT), 30)
        await fetcher.close()

    assert isinstance(fetched.answers[ME.target_key], Reading)


async def test_no_more_calls_are_under_way_than_there_are_lanes():
    under_way, most, connections = 0, 0, set()

    async def answer(head, body, writer):
        nonlocal under_way, most
        connections.add(writer.get_extra_info("peername"))
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        writer.write(http(200, HEALTHY))

    async with serving(answer) as url:
        fetcher = fetcher_to(url, lanes=3)
        done = await asyncio.gather(*(fetcher.fetch(HEALTH, [ME], COOKIE, AT) for _ in range(20)))
        await fetcher.close()

    assert all(isinstance(one.answers[ME.target_key], Reading) for one in done)
    assert (most, len(connections)) == (3, 3)


async def test_a_cookie_that_a_provider_sets_is_not_sent_back():
    heads = []

    async def answer(head, body, writer):
        heads.append(head)
        writer.write(http(200, HEALTHY, "Set-Cookie: session=of-another; Path=/"))

    async with serving(answer) as url:
        fetcher = fetcher_to(url, lanes=1)
        for _ in range(2):
            await fetcher.fetch(HEALTH, [ME], COOKIE, AT)
        await fetcher.close()

    assert len(heads) == 2
    assert "session=of-another" not in heads[1]


# --- a spreadsheet as answer -----------------------------------------------------------------------------------------

EXPORT = ENDPOINTS["fetch_item_list_download"]
SHEET = "Content-Type: application/vnd.ms-excel"


async def test_a_spreadsheet_comes_to_a_reading():
    file = export(["作品ID", "播放量"], ["7559536212910853422", 12345], ["7559536212910853423", 0])
    reading = await answer_over_tcp(always(http(200, file, SHEET)), EXPORT)

    assert reading.values == {("items_exported", ()): 2.0}
    assert reading.payload[0] == {"作品ID": "7559536212910853422", "播放量": 12345}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"PK\x03\x04 and then nothing of a spreadsheet", Reason.BAD_PAYLOAD),
        (200, {"code": 200, "data": {"url": "x"}}, Reason.BAD_PAYLOAD),
        (200, {"code": 200, "data": None}, Reason.EMPTY),
        (200, b"", Reason.BAD_PAYLOAD),
        (402, {"detail": {"code": 402}}, Reason.BALANCE),
        (500, b"PK\x03\x04", Reason.SERVER),
    ],
)
async def test_what_comes_in_place_of_a_spreadsheet_has_its_reason(status, body, reason):
    assert (await answer_over_tcp(always(http(status, body)), EXPORT)).reason is reason


async def test_a_spreadsheet_is_no_answer_where_none_was_asked_for():
    assert (await answer_over_tcp(always(http(200, export(["a"], [1]), SHEET)))).reason is Reason.BAD_PAYLOAD


async def test_a_spreadsheet_is_waited_for_longer_than_other_answers():
    async def late(head, body, writer):
        await asyncio.sleep(0.15)
        writer.write(http(200, export(["a"], [1]) if "download" in head else HEALTHY))

    assert isinstance(await answer_over_tcp(late, EXPORT, timeout_s=0.05), Reading)
    assert (await answer_over_tcp(late, timeout_s=0.05)).reason is Reason.TIMEOUT


# --- the bill --------------------------------------------------------------------------------------------------------


async def test_a_call_that_never_got_a_connection_is_not_billed(deaf):
    async with serving(always(b"")) as url:
        pass
    refused = await only_answer(fetcher_to(url), HEALTH)
    host, port = deaf.getsockname()
    without_encryption = await only_answer(fetcher_to(f"https://{host}:{port}", timeout_s=0.2), HEALTH)

    assert (refused.reason, refused.billed) == (Reason.NETWORK, False)
    assert (without_encryption.reason, without_encryption.billed) == (Reason.TIMEOUT, False)


async def test_of_a_call_that_was_sent_and_not_answered_nobody_knows_whether_it_is_billed(deaf):
    async def drop(head, body, writer):
        writer.close()

    host, port = deaf.getsockname()
    slow = await only_answer(fetcher_to(f"http://{host}:{port}", timeout_s=1.0), HEALTH)

    assert (slow.reason, slow.billed) == (Reason.TIMEOUT, None)
    assert (await answer_over_tcp(drop)).billed is None
    assert (await answer_over_tcp(always(http(200, b"{", length=1000)), timeout_s=1.0)).billed is None


@pytest.mark.parametrize(
    ("status", "body", "billed"),
    [
        (200, b"{" + b" " * 100_000, True),
        (500, b"{" + b" " * 100_000, False),
        (200, {"code": 200, "data": {"code": 0, "data": {}}}, True),
        (200, {"code": 200, "data": {"other": 1}}, True),  # it opens, and the reader finds nothing
        (428, {"detail": {"code": 428}}, False),
    ],
)
async def test_an_answer_that_came_is_billed_by_its_status_whatever_it_holds(status, body, billed):
    failure = await answer_over_tcp(always(http(status, body)), body_cap=50_000)
    assert failure.billed is billed


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_neither_key_nor_cookie_is_in_any_log_repr_or_answer(caplog):
    caplog.set_level(logging.DEBUG)
    fetcher = fetcher_in(lambda request: httpx.Response(401, json={"detail": {"message": f"no key {TOKEN}"}}))
    said = [repr(await fetcher.fetch(HEALTH, [ME], COOKIE, AT)), repr(fetcher), repr(fetcher._services)]
    async with serving(always(http(200, {"code": 200, "params": {"cookie": COOKIE}, "data": HEALTHY["data"]}))) as url:
        real = fetcher_to(url)
        said.append(repr(await real.fetch(HEALTH, [ME], COOKIE, AT)))
        await real.close()
    said.append(caplog.text)

    assert not any(secret in words for words in said for secret in (TOKEN, COOKIE))


@pytest.mark.parametrize("bad", ["line\nbreak", "ключ", "\udcff"])
async def test_a_key_or_cookie_that_cannot_be_sent_is_a_failure_that_does_not_show_it(bad):
    async with serving(always(http(200, HEALTHY))) as url:
        by_key = await only_answer(fetcher_to(url, bad + TOKEN), HEALTH)
        by_cookie = await only_answer(fetcher_to(url), HEALTH, COOKIE + bad)

    assert by_key.reason is Reason.NETWORK
    assert isinstance(by_cookie, Reading) or by_cookie.reason is Reason.NETWORK
    assert TOKEN not in repr(by_key)
    assert COOKIE not in repr(by_cookie)


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectTimeout, httpx.ReadError, httpx.DecodingError])
async def test_an_error_of_the_library_is_named_by_its_class_alone(error):
    def handler(request):
        raise error(f"about {request.headers['authorization']}")

    failure = await only_answer(fetcher_in(handler), HEALTH)

    assert failure.reason is (Reason.TIMEOUT if issubclass(error, httpx.TimeoutException) else Reason.NETWORK)
    assert TOKEN not in repr(failure)
    assert isinstance(failure, Failure)
