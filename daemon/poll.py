"""Poll: due lines of the plan in, finished polls out. Asks nothing that may not be asked now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import orjson
import structlog

from daemon.config import Watched
from daemon.fetch import Fetcher, Pace
from daemon.judge import Ended
from daemon.providers.answer import Asked, Failure, Reading, Reason
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.recent import Recent
from daemon.schedule import next_due, retry_due
from daemon.secrets import Secret, Unresolved
from storage.records import POLLED, Claim, Polled
from storage.store import Store

LEASE = timedelta(minutes=5)
"""Longer than any call takes, paging included: a poll that a dead process leased is due again after it."""

RATE_LIMIT_PAUSE_S, MAX_PAUSE_S = 10.0, 3_600.0
"""How long a provider is left alone that asks for less without saying for how long; and at the longest."""

FILL_AHEAD = 0.25
"""A call that names several targets is filled with those due within this part of their interval."""

log = structlog.get_logger("creatorwatch.poll")

Cookies = Callable[[str], Secret | Unresolved | None]
"""A target's cookie as it is now: None if it has none, Unresolved if its reference leads nowhere."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: an endpoint and the targets it names."""

    endpoint: Endpoint
    claims: tuple[Claim, ...]


class Poller:
    """Claims due polls and asks the providers."""

    def __init__(
        self,
        store: Store,
        recent: Recent,
        fetcher: Fetcher,
        endpoints: Mapping[Endpoint, Pace],
        providers: Mapping[Provider, Pace],
        watched: Mapping[str, Watched],
        cookies: Cookies,
        owner: str,
    ) -> None:
        self._store, self._recent, self._fetcher = store, recent, fetcher
        self._endpoints, self._providers = endpoints, providers
        self._watched, self._cookies, self._owner = watched, cookies, owner
        self._turn = 0

    def claim(self, at: datetime, free: Mapping[Provider, int]) -> list[Call]:
        """Lease the due polls that may be asked now: within every pace, and ``free`` calls of each provider at most.

        Each turn begins with another endpoint, so that none can take all of a provider's pace for itself.
        """
        calls: list[Call] = []
        left = dict(free)
        self._turn += 1
        order = list(self._endpoints)
        first = self._turn % max(1, len(order))
        for endpoint in order[first:] + order[:first]:
            own = self._claim(endpoint, at, left[endpoint.provider])
            left[endpoint.provider] -= len(own)
            calls += own
        return calls

    def _claim(self, endpoint: Endpoint, at: datetime, free: int) -> list[Call]:
        now_s = at.timestamp()
        paces = (self._endpoints[endpoint], self._providers[endpoint.provider])
        ready = min(free, *(pace.ready(now_s) for pace in paces))
        if ready <= 0:
            return []
        calls = [Call(endpoint, claims) for claims in _batches(self._due(endpoint, at, ready), endpoint.batch)]
        for pace in paces:
            pace.take(now_s, len(calls))
        return calls

    def _due(self, endpoint: Endpoint, at: datetime, calls: int) -> list[Claim]:
        lease, limit = at + LEASE, calls * endpoint.batch
        claims = self._store.claim(endpoint.name, at, lease, self._owner, limit)
        missing = -len(claims) % endpoint.batch
        if not missing:
            return claims
        ahead = min(claim.interval for claim in claims) * FILL_AHEAD
        return claims + self._store.claim(endpoint.name, at, lease, self._owner, missing, ahead)

    async def poll(self, call: Call, at: datetime) -> list[Ended]:
        """Make one call and say what it came to for each target. Never raises: a paid call must come to something."""
        try:
            return await self._ask(call, at)
        except Exception:
            log.exception("a poll broke", endpoint=call.endpoint.name)
            broken = Failure(Reason.BAD_PAYLOAD, "reading the answer failed, see the log")
            return [self._ended(call.endpoint, claim, broken, at, 0.0) for claim in call.claims]

    async def _ask(self, call: Call, at: datetime) -> list[Ended]:
        asked = {claim.target: self._asked(claim, at) for claim in call.claims}
        cookie = self._cookie(call)
        if isinstance(cookie, Failure):
            return [self._ended(call.endpoint, claim, cookie, at, 0.0) for claim in call.claims]
        fetched = await self._fetcher.fetch(call.endpoint, list(asked.values()), cookie, at)
        self._heed(call.endpoint.provider, fetched.answers.values(), at)
        return [
            self._ended(call.endpoint, claim, fetched.answers[claim.target], at, fetched.seconds)
            for claim in call.claims
        ]

    def _heed(self, provider: Provider, answers: Iterable[Reading | Failure], at: datetime) -> None:
        """A provider that wants less is asked nothing by anybody until it wants more."""
        for answer in answers:
            if isinstance(answer, Failure) and answer.reason is Reason.RATE_LIMITED:
                wait_s = min(answer.retry_after_s or RATE_LIMIT_PAUSE_S, MAX_PAUSE_S)
                self._providers[provider].pause(at.timestamp() + wait_s)

    def _asked(self, claim: Claim, at: datetime) -> Asked:
        watched = self._watched[claim.target]
        return Asked(
            target_key=claim.target,
            at=at,
            uid=watched.uid,
            handle=watched.handle,
            video_id=watched.video_id,
            last=self._recent.watches[claim.schedule_id].last(),
            options=watched.options,
        )

    def _cookie(self, call: Call) -> str | Failure:
        if Need.COOKIE not in call.endpoint.needs:
            return ""
        cookie = self._cookies(call.claims[0].target)
        if isinstance(cookie, Secret):
            return cookie.reveal()
        return Failure(Reason.COOKIE, "no cookie" if cookie is None else cookie.text)

    def _ended(
        self, endpoint: Endpoint, claim: Claim, answer: Reading | Failure, at: datetime, seconds: float
    ) -> Ended:
        place = (claim.target, endpoint.name, claim.interval, at)
        payload = b"" if isinstance(answer, Failure) else _as_json(answer.payload)
        if payload is None:
            answer = Failure(Reason.BAD_PAYLOAD, "the answer cannot be kept: it is nested too deeply")
        if isinstance(answer, Failure):
            due = retry_due(*place, answer, claim.failures + 1)
            failed = Polled(claim.schedule_id, at, answer.reason.value, due)
            return Ended(claim.target, endpoint.name, failed, answer.detail, seconds)
        polled = Polled(
            schedule_id=claim.schedule_id,
            at=at,
            outcome=POLLED,
            due=next_due(*place),
            values=answer.values,
            payload=payload,
            records=answer.records,
        )
        return Ended(claim.target, endpoint.name, polled, seconds=seconds)


def _as_json(payload: object) -> bytes | None:
    """The evidence as it is kept; None for what JSON readers take and writers do not."""
    try:
        return orjson.dumps(payload)
    except TypeError:  # orjson's word for "nested too deeply" too
        return None


def _batches(claims: Sequence[Claim], size: int) -> Iterator[tuple[Claim, ...]]:
    rest = iter(claims)
    while batch := tuple(islice(rest, size)):
        yield batch
