from __future__ import annotations

import asyncio
import contextlib
import gzip
import signal
import socket
import threading

import httpx
import pytest

from daemon.web import WebServer, build

PAGE = b"creatorwatch_polls_total 1\n" * 100


def render(accept):
    return PAGE, f"text/plain; seen={accept}"


def is_ready():
    return True, {"polled_age_s": 3}


async def no_links(token, acts):
    return None


@pytest.fixture
async def serve():
    """Starts the pages on a free port and gives a client for them."""
    async with contextlib.AsyncExitStack() as opened:

        async def start(render=render, ready=is_ready, follow=no_links):
            server = WebServer(build(render, ready, follow))
            url = await server.start("127.0.0.1", 0)
            opened.push_async_callback(server.stop)
            return await opened.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))

        yield start


@pytest.fixture
async def client(serve):
    return await serve()


async def test_metrics_are_rendered_for_the_accept_header(client):
    answer = await client.get("/metrics", headers={"Accept": "anything", "Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; seen=anything"
    assert answer.content == PAGE


@pytest.mark.parametrize(("accepted", "packed"), [("gzip, br", True), ("gzip;q=0", False), ("br", False), ("", False)])
async def test_metrics_are_packed_only_for_who_accepts_it(client, accepted, packed):
    async with client.stream("GET", "/metrics", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert (answer.headers.get("content-encoding") == "gzip") is packed
    assert (gzip.decompress(raw) if packed else raw) == PAGE


async def test_the_loop_answers_while_metrics_are_being_rendered(serve):
    release = threading.Event()

    def slow(accept):
        release.wait(5)
        return PAGE, "text/plain"

    client = await serve(render=slow)
    scrape = asyncio.create_task(client.get("/metrics"))
    await asyncio.sleep(0)
    healthz = await client.get("/healthz")
    unfinished = not scrape.done()
    release.set()
    answer = await scrape
    assert (healthz.status_code, unfinished, answer.content) == (200, True, PAGE)


async def test_a_daemon_at_work_is_ready_and_says_how_it_is(client):
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "polled_age_s": 3})


async def test_a_daemon_that_does_not_work_says_503_and_why(serve):
    client = await serve(ready=lambda: (False, {"reasons": ["no poll yet"]}))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reasons": ["no poll yet"]})


async def test_the_first_page_names_the_others_and_there_are_no_more(client):
    index = (await client.get("/")).text
    assert all(f'href="{path}"' in index for path in ("/metrics", "/healthz", "/readyz"))
    assert (await client.get("/secrets")).status_code == 404
    assert (await client.post("/metrics")).status_code == 405


async def test_a_port_that_is_taken_is_named_in_the_error():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            await WebServer(build(render, is_ready, no_links)).start("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
async def test_an_address_that_others_could_reach_is_refused(host):
    with pytest.raises(ValueError, match=host):
        await WebServer(build(render, is_ready, no_links)).start(host, 0)


async def test_signals_stay_the_daemons_own(client):
    assert (await client.get("/healthz")).status_code == 200
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_stopping_closes_the_port():
    server = WebServer(build(render, is_ready, no_links))
    url = httpx.URL(await server.start("localhost", 0))
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.host, url.port), timeout=1)


async def test_stopping_what_never_started_is_harmless():
    server = WebServer(build(render, is_ready, no_links))
    await server.stop()
    assert server._serving is None
