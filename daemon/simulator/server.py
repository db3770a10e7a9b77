"""The simulated providers over HTTP, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as WebRoute

from daemon.simulator.catalogue import ROUTES
from daemon.simulator.faults import OF_COOKIES, REFUSALS, RETRY_AFTER_S, damage, falsify
from daemon.simulator.query import Query
from daemon.simulator.routes import Problem, Route
from daemon.simulator.sheet import write_rows
from daemon.simulator.speech import KeyApi, Parameters, Refusal
from daemon.simulator.world import World

_HANG_S = 60.0
_KEPT_CALLS = 200_000
_EXCEL = "application/vnd.ms-excel"


class Call(NamedTuple):
    """One answered call: the identities it named, joined by commas, and what it cost. Never a cookie or key."""

    at: datetime
    path: str
    identities: str
    status: int
    cost_usd: Decimal


@dataclass(slots=True)
class Site:
    """What the routes share: the world, the clock, the accepted keys and the record of what was asked.

    ``calls`` counts every whole call of a documented path, the refused ones too. ``answered`` keeps the newest 200,000
    with their answers. ``spent_usd`` is what TikHub billed. All three know a call from when it came, however late its
    answer is, and also if nobody waits for it. ``closing`` ends the waits of late answers.
    """

    world: World
    now: Callable[[], datetime]
    tokens: frozenset[str] | None = None
    calls: Counter[str] = field(default_factory=Counter)
    answered: deque[Call] = field(default_factory=lambda: deque(maxlen=_KEPT_CALLS))
    spent_usd: Decimal = Decimal()
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, route: Route, request: Request) -> Response:
        """One call, from its parameters to its bill and its bytes."""
        params, at = {**route.defaults, **await _read_parameters(request)}, self.now()
        problem = self._check_key(route, request, params, at) or route.check(params, at)
        query = self._query(route, params, at)
        fault = "" if problem else self._fault(route, query)
        response = _refuse(problem) if problem else self._respond(fault, route, query)
        self._note(route, query, response.status_code)
        await self._wait(request, {"slow": self.world.slow_s, "timeout": _HANG_S}.get(fault, 0))
        return response

    def _note(self, route: Route, query: Query, status: int) -> None:
        """Count and bill a call, without a pause in between: whoever looks finds both or neither."""
        cost_usd = route.cost_usd if status == 200 else Decimal()
        self.calls[route.path] += 1
        self.spent_usd += Decimal() if isinstance(route.speech, KeyApi) else cost_usd
        named = ",".join(route.identities(query.params))
        self.answered.append(Call(query.at, route.path, named, status, cost_usd))

    def _fault(self, route: Route, query: Query) -> str:
        fault = self.world.fault([*route.identities(query.params), query.account, *route.names])
        return "" if fault in OF_COOKIES and not route.cookie else fault

    def _respond(self, fault: str, route: Route, query: Query) -> Response:
        if fault in REFUSALS and not (fault == "not-found" and isinstance(route.speech, KeyApi)):
            return _refuse(route.refuse(REFUSALS[fault], query.params, query.at))
        if not self._finds(route, query):
            return _refuse(route.refuse(REFUSALS["not-found"], query.params, query.at))
        return self._speak(fault, route, query)

    def _query(self, route: Route, params: Parameters, at: datetime) -> Query:
        identify, who = self.world.people.identify, route.identities(params)
        known = who if route.is_about_videos else [identify(one) for one in who]
        return Query(self.world, known, identify(route.account(params)), params, at, self.spent_usd)

    def _finds(self, route: Route, query: Query) -> bool:
        """Whether the platform shows whom the call is about. Of a batch, it is the answer that leaves out some."""
        if query.account and self.world.scenario(query.account).gone:
            return False
        if isinstance(route.speech, KeyApi) or not query.who:
            return True
        if route.is_about_videos:
            return any(self.world.shows(one, to_owner=route.cookie) for one in query.who)
        return not self.world.scenario(query.subject).gone

    def _check_key(self, route: Route, request: Request, params: Parameters, at: datetime) -> Problem | None:
        """A refusal that quotes the submitted key, as TikHub's does."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme == "Bearer" and key and (self.tokens is None or key in self.tokens):
            return None
        english = f"Invalid API token. The API token you submitted is {key}."
        return route.refuse(
            Refusal(401, english, f"无效的API令牌。您提交的API令牌为 {key}。", "apiKey is null"), params, at
        )

    def _speak(self, fault: str, route: Route, query: Query) -> Response:
        """HTTP 200 with the numbers of whom it is about, or with what the fault makes of that."""
        if fault == "inner-code":
            return damage(fault, orjson.dumps(route.speech.fail_inside(route.path, query.params, query.at)))
        if fault == "wrong-identity":
            query = _mistake(route, query)
        data = falsify(fault, route.cookie, route.main, route.answer(query))
        if route.header and isinstance(data, list):
            return damage(fault, write_rows(route.header, data), _EXCEL)
        return damage(fault, orjson.dumps(route.speech.succeed(route.path, query.params, data, query.at)))

    async def _wait(self, request: Request, seconds: float) -> None:
        """Let time pass, unless the client hangs up or the server closes."""
        if not seconds:
            return
        ends = [asyncio.ensure_future(request.receive()), asyncio.ensure_future(self.closing.wait())]
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()


def build(world: World, now: Callable[[], datetime], tokens: frozenset[str] | None = None) -> Starlette:
    """The application. ``now`` returns aware UTC; ``tokens`` are the accepted keys (None: any that is not empty).

    Its ``state.site`` is the ``Site`` behind it.
    """
    site = Site(world, now, tokens)
    paths = [WebRoute(route.path, partial(site.answer, route), methods=[route.method]) for route in ROUTES.values()]
    app = Starlette(routes=paths, exception_handlers={HTTPException: _refuse_path})
    app.state.site = site
    return app


class Simulator:
    """The simulator in the running event loop. ``port`` 0 takes a free one.

    ``calls`` and ``answered`` are those of ``Site``. Signals stay with the program around it.
    """

    def __init__(
        self, world: World, now: Callable[[], datetime], port: int = 0, tokens: frozenset[str] | None = None
    ) -> None:
        self.world = world
        app = build(world, now, tokens)
        self._site: Site = app.state.site
        self.calls, self.answered = self._site.calls, self._site.answered
        self._port = port
        self._server = _Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False)
        )
        self._serving: asyncio.Task[None] | None = None

    @property
    def requests(self) -> list[tuple[str, str]]:
        """The path and the identities of every answered call, the oldest first."""
        return [(call.path, call.identities) for call in tuple(self.answered)]

    @property
    def spent_usd(self) -> Decimal:
        """What TikHub's calls have cost."""
        return self._site.spent_usd

    async def start(self) -> str:
        """Listen, and return the base URL. The port being taken is an ``OSError``."""
        listener = socket.create_server(("127.0.0.1", self._port))
        # Accepted sockets inherit it. asyncio sets it only on sockets whose protocol number is spelled out, and without
        # it every answer (headers, then body) waits 40 ms for the client's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Finish the open answers, cutting waits short, and close."""
        self._site.closing.set()
        self._server.should_exit = True
        if self._serving:
            await self._serving


class _Server(uvicorn.Server):
    """uvicorn takes over SIGINT and SIGTERM; this one leaves them alone."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _read_parameters(request: Request) -> dict[str, str]:
    """The parameters as strings, as the envelope echoes them; none from a body that is no JSON table."""
    body = await request.body()
    if request.method == "GET":
        return dict(request.query_params)
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return (
        {name: "" if value is None else str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    )


def _mistake(route: Route, query: Query) -> Query:
    """The same call about somebody else; its echo tells so where a parameter names whom it is about."""
    who = [f"{one}0" for one in query.who]
    params = {**query.params, route.namer(query.params): ",".join(who)} if route.named else query.params
    return replace(query, who=who, params=params)


def _refuse(problem: Problem) -> Response:
    status, body = problem
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 429 else None
    return JSONResponse(body, status, headers)


async def _refuse_path(_request: Request, error: Exception) -> Response:
    """FastAPI's words for a path or method that does not exist."""
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
    return JSONResponse({"detail": detail}, status)
