"""The daemon's own pages, for this host: /metrics, /healthz, /readyz; and /a/, which a proxy may show to others."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Generator, Mapping

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from daemon.link_pages import HEADERS, Page
from daemon.links import PATH

RenderMetrics = Callable[[str], tuple[bytes, str]]
"""(the Accept header) -> (the page, its content type). Called in a thread."""

Ready = Callable[[], tuple[bool, Mapping[str, object]]]
"""() -> (whether the daemon does its work, the facts or reasons). Called on the event loop: it must not block."""

Follow = Callable[[str, bool], Awaitable[Page | None]]
"""(a token of a link, whether what it says is to be done) -> the page; None where there are no links."""

_GRACE_S = 3
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)  # q=0 is "not gzip" (RFC 9110)
_INDEX = """<!doctype html>
<html lang="en"><title>creatorwatch</title><h1>creatorwatch</h1>
<ul>
<li><a href="/metrics">/metrics</a>: numbers for Prometheus
<li><a href="/healthz">/healthz</a>: answers while the daemon runs
<li><a href="/readyz">/readyz</a>: whether it does its work, and if not, why
</ul></html>
"""


def build(render_metrics: RenderMetrics, ready: Ready, follow: Follow) -> Starlette:
    """The pages. None of them shows a secret, and only a link that is posted to changes anything."""

    async def metrics(request: Request) -> Response:
        headers = request.headers
        return await asyncio.to_thread(
            _metrics_page, render_metrics, headers.get("accept", ""), headers.get("accept-encoding", "")
        )

    async def readyz(_request: Request) -> Response:
        is_ready, facts = ready()
        return JSONResponse({"ready": is_ready, **facts}, 200 if is_ready else 503)

    async def link(request: Request) -> Response:
        page = await follow(request.path_params["token"], request.method == "POST")  # chat services get what they see
        if page is None:
            return PlainTextResponse("Not Found", 404)
        return HTMLResponse(page.html, page.status, HEADERS)

    return Starlette(
        routes=[
            Route("/", _index),
            Route("/metrics", metrics),
            Route("/healthz", _healthz),
            Route("/readyz", readyz),
            Route(f"{PATH}{{token}}", link, methods=["GET", "POST"]),
        ]
    )


async def _index(_request: Request) -> Response:
    return HTMLResponse(_INDEX)


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


def _metrics_page(render: RenderMetrics, accept: str, accept_encoding: str) -> Response:
    """Renders and packs in one go: 200,000 series are 30 MB, and neither step may hold up the event loop."""
    body, content_type = render(accept)
    headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
    if _GZIP.search(accept_encoding):
        body, headers["Content-Encoding"] = gzip.compress(body, compresslevel=1, mtime=0), "gzip"
    return Response(body, headers=headers)


class WebServer:
    """Serves an application on a loopback address, in the running event loop."""

    def __init__(self, app: Starlette) -> None:
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and say where: "http://127.0.0.1:9109". Port 0 takes a free one. Requests are answered from now on.

        ``ValueError`` for an address that other machines could reach; ``OSError`` in words for a port that is taken.
        """
        listener = _listen(host, port)
        self._serving = asyncio.create_task(self._server.serve([listener]))
        address, bound = listener.getsockname()[:2]
        return f"http://[{address}]:{bound}" if ":" in address else f"http://{address}:{bound}"

    async def stop(self) -> None:
        """Finish the requests being answered (at most 3 s) and close the port. Harmless when never started."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: the daemon has its own plan for Ctrl-C."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    if not address.is_loopback:
        raise ValueError(f"{host} can be reached from other machines; the pages have no password, so use 127.0.0.1")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        return socket.create_server((str(address), port), family=family)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
