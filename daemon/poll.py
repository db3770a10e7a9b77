"""Poll: due lines of the plan in, finished polls out. Asks nothing that may not be asked now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import orjson

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

FILL_AHEAD = 0.25
"""A call that names several targets is filled with those due within this part of their interval."""

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

    def claim(self, at: datetime, free: int) -> list[Call]:
        """Lease the due polls that may be asked now: at most ``free`` calls, within every pace."""
        calls: list[Call] = []
        now_s = at.timestamp()
        for endpoint, pace in self._endpoints.items():
            shared = self._providers[endpoint.provider]
            ready = min(pace.ready(now_s), shared.ready(now_s), free - len(calls))
            if ready > 0:
                own = [Call(endpoint, claims) for claims in _batches(self._due(endpoint, at, ready), endpoint.batch)]
                pace.take(now_s, len(own))
                shared.take(now_s, len(own))
                calls += own
        return calls

    def _due(self, endpoint: Endpoint, at: datetime, calls: int) -> list[Claim]:
        lease, limit = at + LEASE, calls * endpoint.batch
        claims = self._store.claim(endpoint.name, at, lease, self._owner, limit)
        missing = -len(claims) % endpoint.batch
        if not missing:
            return claims
        ahead = at + min(claim.interval for claim in claims) * FILL_AHEAD
        return claims + self._store.claim(endpoint.name, ahead, lease, self._owner, missing)

    async def poll(self, call: Call, at: datetime) -> list[Ended]:
        """Make one call and say what it came to for each target."""
        asked = {claim.target: self._asked(claim, at) for claim in call.claims}
        cookie = self._cookie(call)
        if isinstance(cookie, Failure):
            return [self._ended(call.endpoint, claim, cookie, at, 0.0) for claim in call.claims]
        fetched = await self._fetcher.fetch(call.endpoint, list(asked.values()), cookie, at)
        return [
            self._ended(call.endpoint, claim, fetched.answers[claim.target], at, fetched.seconds)
            for claim in call.claims
        ]

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
            payload=orjson.dumps(answer.payload),
            records=answer.records,
        )
        return Ended(claim.target, endpoint.name, polled, seconds=seconds)


def _batches(claims: Sequence[Claim], size: int) -> Iterator[tuple[Claim, ...]]:
    rest = iter(claims)
    while batch := tuple(islice(rest, size)):
        yield batch
