"""Poll: due lines of the plan in, finished polls out. Asks nothing that may not be asked now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

import orjson
import structlog

from daemon.fetch import Fetched, Fetcher, Pace
from daemon.judge import Ended
from daemon.policy import POLICY, STOPPED_PROBE, Retry, cost_of
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.recent import Recent
from daemon.schedule import FILL_AHEAD
from daemon.secrets import Secret
from daemon.standings import Standings
from daemon.watchlist import Cookies
from rules.values import Subject
from storage.records import POLLED, Attempt, Claim, Polled, Settled
from storage.store import Store

LEASE = timedelta(minutes=5)
"""Longer than any call takes, paging included: a poll that a dead process leased is due again after it."""

RATE_LIMIT_PAUSE_S, MAX_PAUSE_S = 10.0, 3_600.0
"""How long a provider is left alone that asks for less without saying for how long; and at the longest."""

Run = Callable[[Callable[[], None]], Awaitable[None]]

VIDEO = "video"
"""The label by which the answer about an account tells its videos apart."""

log = structlog.get_logger("creatorwatch.poll")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to be made: an endpoint, the targets it names, and its row in the ledger.

    With a ``refusal`` nothing is sent, and nothing is spent.
    """

    endpoint: Endpoint
    claims: tuple[Claim, ...]
    ledger_id: int = 0
    refusal: Failure | None = None


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
        lease, limit = at + LEASE, calls * endpoint.batch
        claims = self._store.claim(endpoint.name, at, lease, self._owner, limit)
        missing = -len(claims) % endpoint.batch
        if not missing:
            return claims
        ahead = min(claim.interval for claim in claims) * FILL_AHEAD
        return claims + self._store.claim(endpoint.name, at, lease, self._owner, missing, ahead)

    def _calls(self, endpoint: Endpoint, claims: Sequence[Claim], at: datetime) -> Iterator[Call]:
        asked: dict[str, list[Claim]] = {}
        for claim in claims:
            refusal = self._standings.refusal(claim.target, endpoint, at)
            if refusal is not None:
                yield Call(endpoint, (claim,), refusal=refusal)
            else:
                asked.setdefault(self._standings.account_of(claim.target, endpoint), []).append(claim)
        for together in asked.values():
            yield from (Call(endpoint, batch) for batch in _batches(together, endpoint.batch))

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

    async def poll(self, call: Call, at: datetime) -> list[Ended]:
        """Make one call and say what it came to for each target. Never raises: a paid call must come to something.

        Targets that have left the plan are not asked about.
        """
        watched = tuple(claim for claim in call.claims if claim.schedule_id in self._recent.watches)
        if not watched:
            return []
        call = replace(call, claims=watched)
        try:
            return await self._ask(call, at)
        except Exception:
            log.exception("a poll broke", endpoint=call.endpoint.name)
            broken = Failure(Reason.BAD_PAYLOAD, "reading the answer failed, see the log")
            return self._came_to(call, dict.fromkeys(_targets(call), broken), at, None)

    async def _ask(self, call: Call, at: datetime) -> list[Ended]:
        if call.refusal is not None:
            ended = self._came_to(call, dict.fromkeys(_targets(call), call.refusal), at, None)
            return [replace(each, asked=False) for each in ended]
        cookie = self._cookie(call)
        if isinstance(cookie, Failure):
            nothing = Settled(call.ledger_id, 0, call.endpoint.cost_usd * 0, cookie.reason.value)
            return self._came_to(call, dict.fromkeys(_targets(call), cookie), at, nothing)
        asked = [self._asked(claim, at) for claim in call.claims]
        fetched = await self._fetcher.fetch(call.endpoint, asked, cookie, at, partial(self._write_page_down, call))
        self._heed(call.endpoint, fetched.answers.values(), at)
        return self._came_to(call, fetched.answers, at, _settled(call, fetched), fetched.seconds)

    async def _write_page_down(self, call: Call, page: int) -> None:
        """A further page is a call of its own, so it is in the ledger before it is sent."""
        provider, usd = call.endpoint.provider, call.endpoint.cost_usd

        def write() -> None:
            self._store.settle_calls([Settled(call.ledger_id, page, usd * page, None)])
            self._standings.purse.reserve(provider, usd)

        await self._run(write)

    def _heed(self, endpoint: Endpoint, answers: Iterable[Reading | Failure], at: datetime) -> None:
        """A provider that wants less is left alone for a while; one that only a person can bring back is but probed.

        Its word about itself may come although it refuses all else, and ends no such stop.
        """
        for answer in answers:
            if not isinstance(answer, Failure):
                self._paces[endpoint].go_on()
                if endpoint.subject is not Subject.PROVIDER:
                    self._paces[endpoint.provider].go_on()
            elif answer.reason is Reason.RATE_LIMITED:
                wait_s = min(answer.retry_after_s or RATE_LIMIT_PAUSE_S, MAX_PAUSE_S)
                self._paces[endpoint.provider].pause(at.timestamp() + wait_s)
            elif POLICY[answer.reason].retry is Retry.STOPPED:
                stopped = endpoint if answer.reason is Reason.SCOPE else endpoint.provider
                self._paces[stopped].stop(at.timestamp(), STOPPED_PROBE.total_seconds())

    def _asked(self, claim: Claim, at: datetime) -> Asked:
        watched = self._standings.watchlist[claim.target]
        return Asked(
            target_key=claim.target,
            at=at,
            uid=watched.uid,
            sec_uid=watched.sec_uid,
            handle=watched.handle,
            video_id=watched.video_id,
            last=self._recent.watches[claim.schedule_id].last(),
            options=watched.options,
        )

    def _cookie(self, call: Call) -> str | Failure:
        if Need.COOKIE not in call.endpoint.needs:
            return ""
        cookie = self._cookies(self._standings.watchlist[call.claims[0].target])
        if isinstance(cookie, Secret):
            return cookie.reveal()
        return Failure(Reason.COOKIE, "no cookie" if cookie is None else cookie.text)

    # --- what it came to --------------------------------------------------------------------------------------

    def _came_to(
        self,
        call: Call,
        answers: Mapping[str, Reading | Failure],
        at: datetime,
        settled: Settled | None,
        seconds: float = 0.0,
    ) -> list[Ended]:
        ended = [
            each
            for claim in call.claims
            for each in self._ended(call.endpoint, claim, answers[claim.target], at, seconds)
        ]
        return [replace(ended[0], settled=settled), *ended[1:]]

    def _ended(
        self, endpoint: Endpoint, claim: Claim, answer: Reading | Failure, at: datetime, seconds: float
    ) -> Iterator[Ended]:
        payload = b"" if isinstance(answer, Failure) else _as_json(answer.payload)
        if payload is None:
            answer = Failure(Reason.BAD_PAYLOAD, "the answer cannot be kept: it is nested too deeply")
        if isinstance(answer, Failure):
            turn = self._standings.retry(claim, self._recent.watches[claim.schedule_id], at, answer)
            failed = Polled(claim.schedule_id, at, answer.reason.value, turn.due, interval=turn.interval)
            yield Ended(claim.target, endpoint.name, failed, answer.detail, seconds)
            return
        own, videos = _by_video(endpoint, answer.values)
        turn = self._standings.next_turn(self._recent.watches[claim.schedule_id], at, own, answer.videos)
        polled = Polled(
            schedule_id=claim.schedule_id,
            at=at,
            outcome=POLLED,
            due=turn.due,
            values=own,
            payload=payload,
            records=answer.records,
            interval=turn.interval,
        )
        yield Ended(claim.target, endpoint.name, polled, seconds=seconds, reading=answer)
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


def _settled(call: Call, fetched: Fetched) -> Settled:
    """What a call cost, or may have cost: each page is a call, and the last one decides about itself alone."""
    failures = [answer for answer in fetched.answers.values() if isinstance(answer, Failure)]
    failure = failures[0] if len(failures) == len(fetched.answers) else None
    cost_usd = cost_of(failure, call.endpoint.cost_usd, fetched.calls)
    return Settled(call.ledger_id, fetched.calls, cost_usd, POLLED if failure is None else failure.reason.value)


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
