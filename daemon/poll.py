"""Poll: due lines of the plan in, finished polls out. Asks nothing that may not be asked now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple

import orjson
import structlog

from daemon.ended import Ended
from daemon.fetch import Fetched, Fetcher
from daemon.pace import Pace
from daemon.policy import POLICY, STOPPED_PROBE, Retry
from daemon.providers.answer import Asked, Blames, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.purse import settled, so_far
from daemon.recent import Recent
from daemon.schedule import FILL_AHEAD
from daemon.secrets import Secret, Unresolved
from daemon.standings import Standings
from daemon.watchlist import Cookies, asked_about
from rules.values import Subject
from storage.records import POLLED, Attempt, Claim, Polled, Settled
from storage.store import Store

LEASE = timedelta(minutes=5)
"""Longer than any call takes, paging included. What is not committed by then is due again.

The leases of a process that has ended are the next one's to end, at once (``Store.take_over``).
"""

RATE_LIMIT_PAUSE_S, MAX_PAUSE_S = 10.0, 3_600.0
"""How long a provider is left alone that asks for less without saying for how long; and at the longest."""

Run = Callable[[Callable[[], None]], Awaitable[None]]

BROKEN = Failure(Reason.BAD_PAYLOAD, "reading the answer failed, see the log")
UNKEPT = Failure(Reason.BAD_PAYLOAD, "the answer cannot be kept: it is nested too deeply")

VIDEO = "video"
"""The label by which the answer about an account tells its videos apart."""

log = structlog.get_logger("creatorwatch.poll")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: an endpoint, the targets it names and what is asked of each, and its row in the ledger.

    ``cookie`` is the one that the targets share. With a ``refusal`` nothing is sent, and nothing is spent.
    """

    endpoint: Endpoint
    claims: tuple[Claim, ...]
    asked: tuple[Asked, ...] = ()
    cookie: Secret | Unresolved | None = None
    ledger_id: int = 0
    refusal: Failure | None = None


class Reply(NamedTuple):
    """What a call came to. Without ``settled`` the ledger keeps what was written before."""

    call: Call
    at: datetime
    fetched: Fetched
    settled: Settled | None


class Poller:
    """Claims due polls and asks the providers."""

    def __init__(
        self,
        store: Store,
        recent: Recent,
        fetcher: Fetcher,
        paces: Mapping[Endpoint | Provider, Pace],
        standings: Standings,
        cookies: Cookies,
        owner: str,
        run: Run,
    ) -> None:
        """``run`` does work on the writer's thread."""
        self._store, self._recent, self._fetcher, self._paces = store, recent, fetcher, paces
        self._standings, self._cookies, self._owner, self._run = standings, cookies, owner, run
        self._endpoints = [each for each in paces if isinstance(each, Endpoint)]
        self._turn = 0

    # --- what may be asked now, on the writer's thread --------------------------------------------------------

    def claim(self, at: datetime, free: Mapping[Provider, int]) -> list[Call]:
        """Lease the due polls that may be asked now: within every pace and budget, and ``free`` calls of each provider.

        They are written into the ledger before they are sent. Each turn begins with another endpoint, so that none can
        take all of a provider's pace for itself.
        """
        calls: list[Call] = []
        left = dict(free)
        self._turn += 1
        first = self._turn % max(1, len(self._endpoints))
        for endpoint in self._endpoints[first:] + self._endpoints[:first]:
            if endpoint.name not in self._standings.asked:
                continue
            own = self._claim(endpoint, at, left[endpoint.provider])
            left[endpoint.provider] -= len(own)
            calls += own
        return self._written_down(calls, at)

    def _claim(self, endpoint: Endpoint, at: datetime, free: int) -> list[Call]:
        now_s = at.timestamp()
        paces = self._paces_of(endpoint)
        purse = self._standings.purse
        affordable = purse.affordable(endpoint.provider, endpoint.cost_usd, endpoint.vital)
        ready = min(free, affordable, *(pace.ready(now_s) for pace in paces))
        if ready <= 0:
            return []
        calls = list(self._calls(endpoint, self._due(endpoint, at, ready), at))
        sent = [call for call in calls if call.refusal is None]
        for pace in paces:
            pace.take(now_s, len(sent))
        purse.reserve(endpoint.provider, endpoint.cost_usd * len(sent))
        return calls

    def _paces_of(self, endpoint: Endpoint) -> Sequence[Pace]:
        """A provider's word about itself is asked for a few times an hour, and also while it refuses all else."""
        own = self._paces[endpoint]
        return (own,) if endpoint.subject is Subject.PROVIDER else (own, self._paces[endpoint.provider])

    def _due(self, endpoint: Endpoint, at: datetime, calls: int) -> list[Claim]:
        """What is to be asked about now, in so many calls at most, and what fills these up."""
        if Need.COOKIE not in endpoint.needs or endpoint.batch == 1:
            claims = self._store.claim(endpoint.name, at, at + LEASE, self._owner, calls * endpoint.batch)
            return claims + self._fill(endpoint, claims, at)
        # A call takes the cookie of one account, so each of these may need a call of its own.
        claims = self._store.claim(endpoint.name, at, at + LEASE, self._owner, calls)
        by_account: dict[str, list[Claim]] = {}
        for claim in claims:
            by_account.setdefault(self._standings.account_of(claim.target, endpoint), []).append(claim)
        for account, own in by_account.items():
            claims += self._fill(endpoint, own, at, self._standings.watchlist.videos(account).values())
        return claims

    def _fill(
        self, endpoint: Endpoint, claims: Sequence[Claim], at: datetime, beside: Collection[str] | None = None
    ) -> list[Claim]:
        """What is due soon, and fits into the last call about these."""
        missing = -len(claims) % endpoint.batch
        if not missing:
            return []
        ahead = min(claim.interval for claim in claims) * FILL_AHEAD
        return self._store.claim(endpoint.name, at, at + LEASE, self._owner, missing, ahead, beside)

    def _calls(self, endpoint: Endpoint, claims: Sequence[Claim], at: datetime) -> Iterator[Call]:
        asked: dict[str, list[Claim]] = {}
        for claim in claims:
            refusal = self._standings.refusal(claim.target, endpoint, at)
            if refusal is not None:
                yield Call(endpoint, (claim,), refusal=refusal)
            else:
                asked.setdefault(self._standings.account_of(claim.target, endpoint), []).append(claim)
        for together in asked.values():
            yield from (self._call(endpoint, batch, at) for batch in _batches(together, endpoint.batch))

    def _call(self, endpoint: Endpoint, claims: tuple[Claim, ...], at: datetime) -> Call:
        watched = [self._standings.watchlist[claim.target] for claim in claims]
        last = [self._recent.watches[claim.schedule_id].last() for claim in claims]
        asked = tuple(asked_about(each, at, numbers) for each, numbers in zip(watched, last, strict=True))
        return Call(endpoint, claims, asked, self._cookies(watched[0]) if Need.COOKIE in endpoint.needs else None)

    def _written_down(self, calls: Sequence[Call], at: datetime) -> list[Call]:
        sent = [call for call in calls if call.refusal is None]
        attempts = [
            Attempt(
                provider=call.endpoint.provider.value,
                endpoint=call.endpoint.name,
                targets=len(call.claims),
                cost_usd=call.endpoint.cost_usd,
                schedule_ids=tuple(claim.schedule_id for claim in call.claims),
            )
            for call in sent
        ]
        ids = self._store.open_calls(attempts, at) if attempts else []
        refused = [call for call in calls if call.refusal is not None]
        return refused + [replace(call, ledger_id=each) for call, each in zip(sent, ids, strict=True)]

    # --- asking, on the event loop ----------------------------------------------------------------------------

    async def poll(self, call: Call, at: datetime) -> Reply:
        """Make one call. Never raises: a paid call must come to something."""
        if call.refusal is not None:
            return Reply(call, at, _unsent(call, call.refusal), None)
        try:
            fetched = await self._ask(call, at)
        except Exception:
            log.exception("a poll broke", endpoint=call.endpoint.name)
            return Reply(call, at, Fetched(dict.fromkeys(_targets(call), BROKEN), calls=1, seconds=0.0), None)
        return Reply(call, at, fetched, settled(call.ledger_id, call.endpoint, fetched))

    async def _ask(self, call: Call, at: datetime) -> Fetched:
        if isinstance(call.cookie, Unresolved):
            return _unsent(call, Failure(Reason.COOKIE, call.cookie.text))
        cookie = "" if call.cookie is None else call.cookie.reveal()
        return await self._fetcher.fetch(call.endpoint, call.asked, cookie, at, partial(self._write_page_down, call))

    async def _write_page_down(self, call: Call, page: int) -> None:
        """A further page is a call of its own, so it is in the ledger before it is sent."""
        provider, usd = call.endpoint.provider, call.endpoint.cost_usd

        def write() -> None:
            self._store.settle_calls([so_far(call.ledger_id, call.endpoint, page)])
            self._standings.purse.reserve(provider, usd)

        await self._run(write)

    # --- what it came to, on the writer's thread --------------------------------------------------------------

    def take_in(self, reply: Reply) -> list[Ended]:
        """What a call came to for each target, but for those that have left the plan meanwhile."""
        call, blame = reply.call, self._standings.blame
        watched = [claim for claim in call.claims if claim.schedule_id in self._recent.watches]
        answers = {claim.target: reply.fetched.answers[claim.target] for claim in watched}
        if reply.fetched.calls:
            answers = {key: blame(key, call.endpoint, answer, reply.at) for key, answer in answers.items()}
            self._heed(call.endpoint, answers.values(), reply.at)
        return [each for claim in watched for each in self._came_to(reply, claim, answers[claim.target])]

    def _heed(self, endpoint: Endpoint, answers: Iterable[Reading | Failure], at: datetime) -> None:
        """A provider that wants less is left alone for a while; one that only a person can bring back is but probed.

        That it is back is shown by whatever it answers about a target. Its word about itself may come although it
        refuses all else, and ends no such stop.
        """
        for answer in answers:
            if not isinstance(answer, Failure) or POLICY[answer.reason].blames is not Blames.PROVIDER:
                self._paces[endpoint].go_on()
                if endpoint.subject is not Subject.PROVIDER:
                    self._paces[endpoint.provider].go_on()
            elif answer.reason is Reason.RATE_LIMITED:
                wait_s = min(answer.retry_after_s or RATE_LIMIT_PAUSE_S, MAX_PAUSE_S)
                self._paces[endpoint.provider].pause(at.timestamp() + wait_s)
            elif POLICY[answer.reason].retry is Retry.STOPPED:
                stopped = endpoint if answer.reason is Reason.SCOPE else endpoint.provider
                self._paces[stopped].stop(at.timestamp(), STOPPED_PROBE.total_seconds())

    def _came_to(self, reply: Reply, claim: Claim, answer: Reading | Failure) -> list[Ended]:
        """An answer that breaks this code must not take along those that came with it."""
        if isinstance(answer, Failure):
            return [self._failed(reply, claim, answer)]
        try:
            return list(self._seen(reply, claim, answer))
        except Exception:
            log.exception("a poll broke", endpoint=claim.endpoint, target=claim.target)
            return [self._failed(reply, claim, BROKEN)]

    def _failed(self, reply: Reply, claim: Claim, failure: Failure) -> Ended:
        turn = self._standings.retry(claim, self._recent.watches[claim.schedule_id], reply.at, failure)
        polled = Polled(
            schedule_id=claim.schedule_id,
            at=reply.at,
            outcome=failure.reason.value,
            due=turn.due,
            interval=turn.interval,
            sent=reply.fetched.calls > 0,
        )
        told = reply.call.refusal is None
        return Ended(claim.target, claim.endpoint, polled, failure.detail, reply.fetched.seconds, asked=told)

    def _seen(self, reply: Reply, claim: Claim, reading: Reading) -> Iterator[Ended]:
        payload, endpoint = _as_json(reading.payload), reply.call.endpoint
        if payload is None:
            yield self._failed(reply, claim, UNKEPT)
            return
        own, videos = _by_video(endpoint, reading.values)
        turn = self._standings.next_turn(self._recent.watches[claim.schedule_id], reply.at, own, reading.videos)
        polled = Polled(
            schedule_id=claim.schedule_id,
            at=reply.at,
            outcome=POLLED,
            due=turn.due,
            values=own,
            payload=payload,
            records=reading.records,
            interval=turn.interval,
        )
        yield Ended(claim.target, endpoint.name, polled, seconds=reply.fetched.seconds, reading=reading)
        yield from self._carried(endpoint, polled, claim.target, videos)

    def _carried(
        self, endpoint: Endpoint, carrier: Polled, account: str, videos: Mapping[str, Mapping[SeriesKey, float | None]]
    ) -> Iterator[Ended]:
        """The polls of the account's videos that this answer makes unnecessary."""
        keys = self._standings.watchlist.videos(account)
        for video_id, values in videos.items():
            key = keys.get(video_id)
            line = None if key is None else self._recent.line(key, endpoint.name)
            if key is not None and line is not None:
                told = replace(carrier, schedule_id=line, due=None, values=values, payload=None, records=())
                yield Ended(key, endpoint.name, replace(told, carrier=carrier.schedule_id))


def _by_video(
    endpoint: Endpoint, values: Mapping[SeriesKey, float | None]
) -> tuple[Mapping[SeriesKey, float | None], Mapping[str, Mapping[SeriesKey, float | None]]]:
    """The numbers of the account itself, and those of its videos, each without the label that names it."""
    about_videos = {metric.name for metric in endpoint.metrics if metric.subject is not endpoint.subject}
    if not about_videos or endpoint.subject is not Subject.ACCOUNT:
        return values, {}
    own: dict[SeriesKey, float | None] = {}
    videos: dict[str, dict[SeriesKey, float | None]] = {}
    for (metric, labels), value in values.items():
        if metric not in about_videos:
            own[metric, labels] = value
        else:
            rest = tuple(label for label in labels if label[0] != VIDEO)
            videos.setdefault(dict(labels)[VIDEO], {})[metric, rest] = value
    return own, videos


def _targets(call: Call) -> list[str]:
    return [claim.target for claim in call.claims]


def _unsent(call: Call, why: Failure) -> Fetched:
    return Fetched(dict.fromkeys(_targets(call), why), calls=0, seconds=0.0)


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
