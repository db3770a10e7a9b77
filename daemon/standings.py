"""What is known of each target besides its numbers, and what follows for its calls: may it be asked, and when next.

It changes on the writer's thread only; any thread may look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from daemon.budget import rank
from daemon.cadence import Cadence, Daily, Standing, Values, slowest
from daemon.config import Config
from daemon.cookies import FRESH, CookieState, Line, after, may_ask, probing_order
from daemon.kept import keep
from daemon.keys import WORD, Keys
from daemon.paces import Paces, carrier
from daemon.plan import cadence_of
from daemon.policy import POLICY
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Blames, Failure, Reading, Reason, Videos
from daemon.providers.endpoint import Endpoint, Need
from daemon.purse import Purse
from daemon.recent import Watch
from daemon.schedule import UNPLANNED, Turn, gone_due, next_due, next_turn, phase_of, retry_due
from daemon.sight import Sight, proof_of, step
from daemon.watchlist import Watchlist
from rules.values import Subject
from storage.records import Claim, Remembered

NOTHING: Values = {}


class Standings:
    """The cookies of accounts, the sights of videos, the money of providers, and the turns that follow.

    ``acquitted`` are lines that need a cookie and were refused, or had no data, while it worked for others: they accuse
    it no more until they bring numbers. ``accusers`` are those that have accused a suspect cookie, by its account.
    """

    def __init__(self, config: Config, watchlist: Watchlist, purse: Purse) -> None:
        self.watchlist, self.purse = watchlist, purse
        self._cadences = _cadences(config)
        self.asked: frozenset[str] = frozenset()
        self._lines: Mapping[str, Sequence[Line]] = {}
        self.keys = Keys()
        self.cookies: dict[str, CookieState] = {}
        self.accusers: dict[str, set[Line]] = {}
        self.acquitted: set[Line] = set()
        self.sights: dict[str, Sight] = {}
        self.suspects: set[str] = set()

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make what is known what it is now. Polls must not teach anything meanwhile."""
        self.purse.keep(undo)
        keep(undo, self, "watchlist", "_cadences", "asked", "_lines")
        keep(undo, self, "cookies", "accusers", "acquitted", "sights", "suspects")

    def adopt(self, config: Config, watchlist: Watchlist) -> None:
        """Go on by another configuration. What is known of cookies, videos and keys stays."""
        self.watchlist, self._cadences = watchlist, _cadences(config)
        self.purse.adopt(config.budgets)

    def follow(self, planned: Sequence[Remembered], keys: Collection[str] | None = None) -> None:
        """Take in which lines there are of the targets ``keys``, accounts and all their videos; None: of all."""
        endpoints = frozenset(line.endpoint for line in planned)
        self.asked = endpoints if keys is None else self.asked | endpoints
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
        best_first = {account: sorted(lines, key=_for_cookie) for account, lines in with_cookie.items()}
        others = {} if keys is None else {key: lines for key, lines in self._lines.items() if key not in keys}
        of_videos = {video: sorted(lines, key=_for_video) for video, lines in of_video.items()}
        self._lines = {**others, **best_first, **of_videos}
        lines = {(line.target, line.endpoint) for line in planned}
        self.acquitted = {line for line in self.acquitted if line in lines or not (keys is None or line[0] in keys)}

    def forget_others(self) -> None:
        """Forget the cookies of accounts and the sights of videos that are not watched any more."""
        self.cookies = {account: state for account, state in self.cookies.items() if account in self.watchlist}
        self.accusers = {account: lines for account, lines in self.accusers.items() if account in self.watchlist}
        self.sights = {video: sight for video, sight in self.sights.items() if video in self.watchlist}

    # --- may it be asked --------------------------------------------------------------------------------------

    def account_of(self, target: str, endpoint: Endpoint) -> str:
        """Whose cookie a call about the target takes; "" if it takes none."""
        return (self.watchlist[target].account or target) if Need.COOKIE in endpoint.needs else ""

    def refusal(self, target: str, endpoint: Endpoint, at: datetime) -> Failure | None:
        """Why a call that is due is not made; None if it is."""
        account, line = self.account_of(target, endpoint), (target, endpoint.name)
        if self.is_refused(account) and not may_ask(self.cookie(account), self.probe_of(account) == line, at):
            return Failure(Reason.COOKIE, "the cookie was refused: until it is renewed one line alone tries it")
        if self.is_gone(target) and self.probe_of(target) != line:
            return Failure(Reason.NOT_FOUND, "the video is gone: until it is back one line alone looks for it")
        return None

    def cookie(self, account: str) -> CookieState:
        """Where an account's cookie stands."""
        return self.cookies.get(account, FRESH)

    def is_refused(self, account: str) -> bool:
        """Whether an account's cookie was refused last, so that one line alone tries it."""
        return self.cookie(account).next_probe is not None

    def is_gone(self, target: str) -> bool:
        """Whether a video is private or removed, as far as is proven."""
        sight = self.sights.get(target)
        return sight is not None and sight.gone

    def lines_of(self, key: str) -> Sequence[Line]:
        """The lines that take an account's cookie, or that ask about a video."""
        return self._lines.get(key, ())

    def probe_of(self, key: str) -> Line | None:
        """The line by which an account's cookie, or a video, is looked at while nothing else is asked.

        The best that can be expected to answer: not about a video that is gone, and not acquitted; else the best.
        """
        lines = self._lines.get(key, ())
        heard = (line for line in lines if line not in self.acquitted)
        telling = (line for line in heard if line[0] == key or not self.is_gone(line[0]))
        return next(telling, lines[0] if lines else None)

    def probes(self, accounts: Iterable[str]) -> Iterator[tuple[Line, datetime]]:
        """The lines that alone try the refused cookies of these accounts, and when."""
        for account in accounts:
            probe, due = self.probe_of(account), self.cookie(account).next_probe
            if probe is not None and due is not None:
                yield probe, due

    # --- whose fault it is ------------------------------------------------------------------------------------

    def blame(self, target: str, endpoint: Endpoint, answer: Reading | Failure, at: datetime) -> Reading | Failure:
        """What an answer to a call that was made at ``at`` comes to, in the light of the others.

        A 401 may be the key's or the cookie's, and so may be an answer without data: the cookie's or the line's own.
        """
        account = self.account_of(target, endpoint)
        if isinstance(answer, Failure) and account:
            if answer.reason is Reason.AUTH:
                whose = self.keys.blame(endpoint.provider, account, at, has_word=WORD in self.asked)
                answer = replace(whose, billed=answer.billed)
            elif answer.reason is Reason.EMPTY and self._accuses((target, endpoint.name), account):
                answer = replace(answer, reason=Reason.COOKIE)
        self.keys.note(endpoint, answer.reason if isinstance(answer, Failure) else None, at)
        return answer

    def _accuses(self, line: Line, account: str) -> bool:
        """Whether an answer without data puts the cookie in doubt: only where a line about the account can settle it.

        Videos may have nothing to tell: they are too young, or too few have watched them.
        """
        return line not in self.acquitted and self._has_own_probe(account)

    def _has_own_probe(self, account: str) -> bool:
        probe = self.probe_of(account)
        return probe is not None and probe[0] == account

    def testimony(self, line: Line, account: str, reason: Reason | None) -> bool | None:
        """Whether the end of a call says that the account's cookie is accepted, or that it is refused (False).

        None: it says nothing, for it is the provider's failure, or the line's own story.
        """
        if reason is Reason.COOKIE:
            return None if line in self.acquitted and self.probe_of(account) != line else False
        if reason is Reason.EMPTY and (self._has_own_probe(account) or not self.is_refused(account)):
            return None
        return True if reason is None or POLICY[reason].blames is Blames.TARGET else None

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
        standing = self._standing(watch, at, values, videos, repeated)
        turn = next_turn(watch.target, name, cadence, standing)
        if turn.due is None or standing.stretch == 1:
            return turn
        # The turn after one that is put off may lie beyond the renewal, and so be put off no more.
        return replace(turn, interval=max(turn.interval, turn.due - at))

    def slowest(self, target: str, endpoint: str, at: datetime, values: Values = NOTHING) -> timedelta:
        """The longest interval that a line has, by what its answer brought: no alert, and no money spared."""
        created = self.watchlist.created(carrier(self.watchlist[target].target, endpoint))
        return slowest(self._cadences[endpoint], Standing(at, created, values))

    def paces(self) -> Paces:
        """How often lines were asked before."""
        return Paces(self._cadences, self._published)

    def _published(self, key: str) -> Iterable[datetime]:
        return self.watchlist.births([key, *self.watchlist.videos(key).values()]).values()

    def closer_turn(self, watch: Watch, at: datetime) -> datetime | None:
        """When to ask again now that an alert on the target has begun: that is no reason to ask twice for one day."""
        if self.is_gone(watch.target):
            return None
        standing = self._standing(watch, at, watch.numbers())
        return next_due(watch.target, watch.endpoint.name, self._cadences[watch.endpoint.name], standing)

    def retry(self, claim: Claim, watch: Watch, at: datetime, failure: Failure) -> Turn:
        """When to ask again after a failed attempt, or after one that was refused."""
        due = self._retry_due(claim, watch, at, failure)
        return Turn(due, UNPLANNED if due is None else max(claim.interval, due - at))

    def _retry_due(self, claim: Claim, watch: Watch, at: datetime, failure: Failure) -> datetime | None:
        endpoint, cadence = watch.endpoint, self._cadences[watch.endpoint.name]
        account = self.account_of(claim.target, endpoint)
        standing = self._standing(watch, at, watch.numbers())
        if failure.reason is Reason.COOKIE and account:
            if self.probe_of(account) == (claim.target, endpoint.name):
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
        return gone_due(self.probe_of(watch.target) == line, sight.since, at, phase_of(*line))

    def _standing(
        self, watch: Watch, at: datetime, values: Values, videos: Videos | None = None, repeated: bool = False
    ) -> Standing:
        target, endpoint = watch.target, watch.endpoint
        created = self.watchlist.newest(target, videos, at)
        stretch = self.purse.stretch(endpoint.provider, rank(endpoint, created, at))
        return Standing(
            at=at,
            created=created,
            values=values,
            repeated=repeated,
            suspect=target in self.suspects,
            stretch=stretch,
            renewal=self.purse.renewal(endpoint.provider, at) if stretch > 1 else None,  # else nothing is put off
        )


def _cadences(config: Config) -> Mapping[str, Cadence]:
    return {name: cadence_of(each, config) for name, each in ENDPOINTS.items()}


def _known(values: Values) -> Mapping[object, float]:
    return {key: value for key, value in values.items() if value is not None}


def _for_cookie(line: Line) -> tuple[object, str]:
    return probing_order(ENDPOINTS[line[1]]), line[0]


def _for_video(line: Line) -> tuple[bool, bool, Decimal, timedelta, str]:
    """The cheapest first, of those whose answer proves that everybody can see a video, or that it is not there.

    A cookie shows its owner what is private, too.
    """
    endpoint = ENDPOINTS[line[1]]
    is_owners = Need.COOKIE in endpoint.needs
    return not endpoint.tells_absence, is_owners, endpoint.cost_usd, endpoint.interval, endpoint.name
