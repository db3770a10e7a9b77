"""What is known of each target besides its numbers, and what follows for its calls: may it be asked, and when next.

It changes on the writer's thread only; any thread may look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.budget import rank
from daemon.cadence import Cadence, Daily, Standing, Values
from daemon.config import Config
from daemon.cookies import FRESH, CookieState, after, cheapest, may_ask
from daemon.plan import cadence_of
from daemon.policy import POLICY
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Blames, Failure, Reason, Videos
from daemon.providers.endpoint import Endpoint, Need
from daemon.purse import Purse
from daemon.recent import Watch
from daemon.schedule import gone_due, next_due, phase_of, retry_due
from daemon.sight import Sight, proof_of, step
from daemon.watchlist import Watchlist
from rules.values import Subject
from storage.records import Claim, Remembered

UNPLANNED = timedelta(days=30)
"""The interval of a line that has no turn any more: its numbers stay known for a while."""


@dataclass(frozen=True, slots=True)
class Turn:
    """When a line is due next (None: never by itself), and the time between its turns now."""

    due: datetime | None
    interval: timedelta


Line = tuple[str, str]
"""The key of a target, and the name of an endpoint that is asked about it."""


class Standings:
    """The cookies of accounts, the sights of videos, the money of providers, and the turns that follow."""

    def __init__(self, config: Config, watchlist: Watchlist, purse: Purse) -> None:
        self.watchlist, self.purse = watchlist, purse
        self._cadences: Mapping[str, Cadence] = {name: cadence_of(each, config) for name, each in ENDPOINTS.items()}
        self.asked: frozenset[str] = frozenset()
        self._lines: Mapping[str, Sequence[Line]] = {}
        self._probes: Mapping[str, Line] = {}
        self.cookies: dict[str, CookieState] = {}
        self.sights: dict[str, Sight] = {}
        self.suspects: set[str] = set()

    def follow(self, planned: Sequence[Remembered]) -> None:
        """Take in which lines there are, and choose the probes among them."""
        self.asked = frozenset(line.endpoint for line in planned)
        with_cookie: dict[str, list[Line]] = {}
        of_video: dict[str, list[Line]] = {}
        for line in planned:
            endpoint = ENDPOINTS[line.endpoint]
            if endpoint.subject is not self.watchlist[line.target].target.subject:
                continue  # it is carried
            account = self.account_of(line.target, endpoint)
            if account:
                with_cookie.setdefault(account, []).append((line.target, line.endpoint))
            if endpoint.subject is Subject.VIDEO:
                of_video.setdefault(line.target, []).append((line.target, line.endpoint))
        self._lines = {**with_cookie, **of_video}
        self._probes = {account: _cookie_probe(lines) for account, lines in with_cookie.items()} | {
            video: min(lines, key=_price) for video, lines in of_video.items()
        }

    # --- may it be asked --------------------------------------------------------------------------------------

    def account_of(self, target: str, endpoint: Endpoint) -> str:
        """Whose cookie a call about the target takes; "" if it takes none."""
        return (self.watchlist[target].account or target) if Need.COOKIE in endpoint.needs else ""

    def refusal(self, target: str, endpoint: Endpoint, at: datetime) -> Failure | None:
        """Why a call that is due is not made; None if it is."""
        account = self.account_of(target, endpoint)
        if account and not may_ask(self.cookie(account), self._probes.get(account) == (target, endpoint.name), at):
            return Failure(Reason.COOKIE, "the cookie was refused: until it is renewed one line alone tries it")
        if self.is_gone(target) and self._probes.get(target) != (target, endpoint.name):
            return Failure(Reason.NOT_FOUND, "the video is gone: until it is back one line alone looks for it")
        return None

    def cookie(self, account: str) -> CookieState:
        """Where an account's cookie stands."""
        return self.cookies.get(account, FRESH)

    def is_gone(self, target: str) -> bool:
        """Whether a video is private or removed, as far as is proven."""
        sight = self.sights.get(target)
        return sight is not None and sight.gone

    def lines_of(self, key: str) -> Sequence[Line]:
        """The lines that take an account's cookie, or that ask about a video."""
        return self._lines.get(key, ())

    def probe_of(self, key: str) -> Line | None:
        """The line by which an account's cookie, or a video, is looked at while nothing else is asked."""
        return self._probes.get(key)

    # --- when next --------------------------------------------------------------------------------------------

    def next_turn(self, watch: Watch, at: datetime, values: Values, videos: Videos | None = None) -> Turn:
        """When to ask again after an answer that brought ``values``, and perhaps named ``videos`` of an account.

        ``watch`` holds the values of the answer before.
        """
        name, cadence = watch.endpoint.name, self._cadences[watch.endpoint.name]
        if self.is_gone(watch.target) and not watch.endpoint.tells_absence:
            due = self._gone_due(watch, self.sights[watch.target], at)
            return Turn(due, UNPLANNED if due is None else due - at)
        repeated = isinstance(cadence, Daily) and _known(values) == watch.numbers()
        standing = self._standing(watch.target, watch.endpoint, at, values, repeated)
        standing = replace(standing, created=self.watchlist.newest(watch.target, videos, at))
        due = next_due(watch.target, name, cadence, standing)
        if due is None:
            return Turn(None, UNPLANNED)
        afterwards = next_due(watch.target, name, cadence, replace(standing, at=due, repeated=False))
        return Turn(due, UNPLANNED if afterwards is None else afterwards - due)

    def closer_turn(self, watch: Watch, at: datetime) -> datetime | None:
        """When to ask again now that an alert on the target has begun: that is no reason to ask twice for one day."""
        if self.is_gone(watch.target):
            return None
        standing = self._standing(watch.target, watch.endpoint, at, watch.numbers())
        return next_due(watch.target, watch.endpoint.name, self._cadences[watch.endpoint.name], standing)

    def retry(self, claim: Claim, watch: Watch, at: datetime, failure: Failure) -> Turn:
        """When to ask again after a failed attempt, or after one that was refused."""
        due = self._retry_due(claim, watch, at, failure)
        return Turn(due, UNPLANNED if due is None else max(claim.interval, due - at))

    def _retry_due(self, claim: Claim, watch: Watch, at: datetime, failure: Failure) -> datetime | None:
        endpoint, cadence = watch.endpoint, self._cadences[watch.endpoint.name]
        account = self.account_of(claim.target, endpoint)
        standing = self._standing(claim.target, endpoint, at, watch.numbers())
        if failure.reason is Reason.COOKIE and account:
            if self._probes.get(account) == (claim.target, endpoint.name):
                return after(self.cookie(account), accepted=False, at=at).next_probe
            return next_due(claim.target, endpoint.name, cadence, standing)
        sight = self.sights.get(claim.target)
        if sight is not None and POLICY[failure.reason].blames is Blames.TARGET:
            proof = proof_of(endpoint, failure.reason)
            sight = sight if proof is None else step(sight, proof, at)
            due = self._gone_due(watch, sight, at) if sight.gone else None
            if due is not None or self.is_gone(claim.target):
                return due
        return retry_due(claim.target, endpoint.name, cadence, standing, failure, claim.failures + 1)

    def _gone_due(self, watch: Watch, sight: Sight, at: datetime) -> datetime | None:
        line = (watch.target, watch.endpoint.name)
        return gone_due(self._probes.get(watch.target) == line, sight.since, at, phase_of(*line))

    def _standing(
        self, target: str, endpoint: Endpoint, at: datetime, values: Values, repeated: bool = False
    ) -> Standing:
        created = self.watchlist.created(target)
        return Standing(
            at=at,
            created=created,
            values=values,
            repeated=repeated,
            suspect=target in self.suspects,
            stretch=self.purse.stretch(endpoint.provider, rank(endpoint, created, at)),
            renewal=self.purse.renewal(endpoint.provider, at),
        )


def _known(values: Values) -> Mapping[object, float]:
    return {key: value for key, value in values.items() if value is not None}


def _cookie_probe(lines: Sequence[Line]) -> Line:
    best = cheapest(ENDPOINTS[name] for _, name in lines)
    return min(line for line in lines if best is None or line[1] == best.name)


def _price(line: Line) -> tuple[bool, bool, Decimal, timedelta, str]:
    """The cheapest first, of those whose answer proves that everybody can see a video, or that it is not there.

    A cookie shows its owner what is private, too.
    """
    endpoint = ENDPOINTS[line[1]]
    is_owners = Need.COOKIE in endpoint.needs
    return not endpoint.tells_absence, is_owners, endpoint.cost_usd, endpoint.interval, endpoint.name
