"""What answers tell besides numbers: whether cookies work, which videos there are, who accounts say they are."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daemon.cookies import FRESH, CookieState, Line, Validity, after
from daemon.keys import WORD
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Ids, Reading, Reason, Videos
from daemon.recent import Recent
from daemon.sight import Proof, Sight, Visibility, judge_list, proof_of, step
from daemon.standings import Standings
from daemon.watchlist import cookie_key, provider_key
from rules.values import NO_LABELS, Labels, Subject
from storage.records import FoundVideo, Identity, Listing, Noted
from storage.records import Sight as StoredSight

_MUTE = frozenset({Reason.EMPTY, Reason.SCOPE})
"""So end calls that cannot tell whether the cookie works: there is no data, or the key may not ask for it."""

SECOND_LIST = timedelta(minutes=1)
"""After the first list of an account: its videos are watched by then (``daemon.watch``), and get their numbers."""


@dataclass(frozen=True, slots=True)
class End:
    """How one poll ended: whom it was about, what it brought, or why it brought nothing."""

    target: str
    endpoint: str
    at: datetime
    reason: Reason | None
    reading: Reading | None


@dataclass(slots=True)
class Lesson:
    """What a group of polls taught: new cookie states and sights, and what is to be stored of all that.

    ``answered`` are the lines that brought numbers; ``first_lists`` those of them that named an account's first videos.
    ``mute`` are the lines that need a cookie and could say nothing of it, ``accusers`` those that were refused, by its
    account.
    """

    cookies: dict[str, CookieState] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)
    ids: dict[str, Identity] = field(default_factory=dict)
    answered: set[Line] = field(default_factory=set)
    first_lists: list[Line] = field(default_factory=list)
    mute: set[Line] = field(default_factory=set)
    accusers: defaultdict[str, set[Line]] = field(default_factory=lambda: defaultdict(set))

    @property
    def noted(self) -> Noted:
        """What is to be stored."""
        rows = [StoredSight(key, sight.state.value, sight.proofs, sight.since) for key, sight in self.sights.items()]
        return Noted(self.listings, self.ids, rows)


def learn(standings: Standings, ends: Iterable[End]) -> Lesson:
    """What follows from the ends of polls. Changes nothing: the same ends teach the same until they are taken in."""
    lesson = Lesson()
    for end in ends:
        _learn_of_cookie(standings, lesson, end)
        _learn_of_video(standings, lesson, end)
        if end.reading is not None:
            _learn_of_reading(standings, lesson, end, end.reading)
    return lesson


def recall(standings: Standings, ends: Iterable[End]) -> Lesson:
    """What the newest polls before a start say of cookies and keys, the oldest first; sights are stored."""
    lesson = Lesson()
    for end in ends:
        standings.keys.note(ENDPOINTS[end.endpoint], end.reason, end.at)
        _learn_of_cookie(standings, lesson, end)
    return lesson


def _learn_of_cookie(standings: Standings, lesson: Lesson, end: End) -> None:
    account, line = standings.account_of(end.target, ENDPOINTS[end.endpoint]), (end.target, end.endpoint)
    if account and end.reason in _MUTE:
        lesson.mute.add(line)
    accepted = standings.testimony(line, account, end.reason) if account else None
    if accepted is None:
        return
    if not accepted:
        lesson.accusers[account].add(line)
    known = lesson.cookies.get(account) or standings.cookies.get(account)
    state = after(known or FRESH, accepted, end.at)
    if state != known:
        lesson.cookies[account] = state


def _learn_of_video(standings: Standings, lesson: Lesson, end: End) -> None:
    endpoint = ENDPOINTS[end.endpoint]
    proof = proof_of(endpoint, end.reason) if endpoint.subject is Subject.VIDEO else None
    if proof is not None:
        _prove(standings, lesson, end.target, proof, end.at)


def _learn_of_reading(standings: Standings, lesson: Lesson, end: End, reading: Reading) -> None:
    lesson.answered.add((end.target, end.endpoint))
    if reading.videos is not None:
        _learn_of_list(standings, lesson, end, reading.videos)
    if reading.ids is not None:
        _learn_ids(standings, lesson, end, reading.ids)


def _learn_of_list(standings: Standings, lesson: Lesson, end: End, videos: Videos) -> None:
    keys = standings.watchlist.videos(end.target)
    known = {video_id: standings.watchlist.created(key) for video_id, key in keys.items()}
    hidden = {video.video_id for video in videos.found if video.private}
    seen, missing = judge_list(known, videos, end.at)
    for video_id in sorted(seen):
        _prove(standings, lesson, keys[video_id], Proof.PRIVATE if video_id in hidden else Proof.SEEN, end.at)
    for video_id in sorted(missing):
        _prove(standings, lesson, keys[video_id], Proof.MISSING, end.at)
    watched = standings.watchlist[end.target]
    if watched.discover is not None:
        found = tuple(FoundVideo(video.video_id, video.created, video.title) for video in videos.found)
        lesson.listings.append(Listing(end.target, watched.target.platform, found, end.at))
        if found and not standings.watchlist.named(end.target):
            lesson.first_lists.append((end.target, end.endpoint))


def _prove(standings: Standings, lesson: Lesson, video: str, proof: Proof, at: datetime) -> None:
    told = lesson.sights.get(video)
    if told is not None and (proof is not Proof.SEEN or told.state is Visibility.RESTORED):
        return  # polls that end together are one proof, and that it is back is seen by all
    known = told or standings.sights.get(video)
    before = known or Sight(Visibility.PUBLIC, 0, at)
    sight = step(before, proof, at)
    if known is None or sight is not before:
        lesson.sights[video] = sight


def _learn_ids(standings: Standings, lesson: Lesson, end: End, ids: Ids) -> None:
    known = standings.watchlist[end.target]
    if (ids.uid or known.uid, ids.sec_uid or known.sec_uid, ids.handle or known.handle) != (
        known.uid,
        known.sec_uid,
        known.handle,
    ):
        lesson.ids[end.target] = Identity(ids.uid, ids.sec_uid, ids.handle, end.at)


def recalled(rows: Iterable[StoredSight]) -> dict[str, Sight]:
    """The sights that are stored, by the key of the video."""
    return {row.target: Sight(Visibility(row.state), row.proofs, row.since) for row in rows}


def take_in(
    standings: Standings, lesson: Lesson, at: datetime, is_blind: Callable[[Line], bool] = lambda _line: True
) -> list[tuple[Line, datetime]]:
    """Let a stored lesson count; the lines that are due earlier by it, and when.

    A cookie that was refused is probed soon; once it is accepted, all that needs it and was not seen meanwhile is asked
    at once (``is_blind``: a slip is no reason to repeat what was seen in spite of it), and so is all about a video that
    is back. The list that named an account's first videos is asked again when they are watched.
    """
    accepted = [account for account, state in lesson.cookies.items() if state.next_probe is None]
    resumed = [account for account in accepted if standings.is_refused(account)]
    standings.cookies |= lesson.cookies
    standings.sights |= lesson.sights
    acquitted = _acquit(standings, lesson)
    back = [video for video, sight in lesson.sights.items() if sight.state is Visibility.RESTORED]
    again = [line for video in back for line in standings.lines_of(video)]
    again += [line for account in resumed for line in standings.lines_of(account) if is_blind(line)]
    wakes = [(line, at + SECOND_LIST) for line in lesson.first_lists]
    wakes += [(line, at) for line in again if line not in lesson.answered | acquitted]
    return wakes + list(_probes(standings, lesson, at))


def _acquit(standings: Standings, lesson: Lesson) -> set[Line]:
    """Believe those no more that accused a cookie which was accepted at the second look; those lines.

    They have their regular turn: were they asked again at once, one that has no data would have the cookie looked at,
    and so itself be asked, without end.
    """
    acquitted: set[Line] = set()
    for account in lesson.accusers.keys() | lesson.cookies.keys():
        accusers = standings.accusers.pop(account, set()) | lesson.accusers.get(account, set())
        state = standings.cookie(account).state
        if state is Validity.SUSPECT:
            standings.accusers[account] = accusers
        elif state is Validity.VALID:
            acquitted |= accusers - lesson.answered
    standings.acquitted |= acquitted | lesson.mute
    standings.acquitted -= lesson.answered
    return acquitted


def _probes(standings: Standings, lesson: Lesson, at: datetime) -> Iterator[tuple[Line, datetime]]:
    """The lines that try refused cookies, where the lesson may have changed when or which; and the key's own word."""
    lines = lesson.mute | {(video, "") for video in lesson.sights if video in standings.watchlist}
    owners = {standings.watchlist[target].account or target for target, _ in lines}
    yield from standings.probes(owners | lesson.cookies.keys())
    for account in lesson.cookies:
        for provider in standings.keys.doubting(account):
            yield (provider_key(provider), WORD), at


def show_cookie(recent: Recent, account: str, state: Validity, at: datetime) -> bool:
    """Write where rules read it what is thought of an account's cookie; whether that is news."""
    accepted = {Validity.VALID: 1.0, Validity.SUSPECT: math.nan, Validity.EXPIRED: 0.0}[state]
    said = {"cookie_ok": accepted, "cookie_suspect": float(state is Validity.SUSPECT)}
    cookie = cookie_key(account)
    news = [recent.state(cookie, name, NO_LABELS, at.timestamp(), value) for name, value in said.items()]
    return any(news)


_STATES: Mapping[Visibility, Labels] = {each: (("state", each.value),) for each in Visibility}


def show(recent: Recent, standings: Standings, lesson: Lesson, at: datetime) -> set[str]:
    """Write the states of videos where rules read them; the targets of which that is news."""
    at_s = at.timestamp()
    touched = set()
    for video in lesson.sights:
        own = standings.sights[video].state
        for each, labels in _STATES.items():
            if recent.state(video, "video_state", labels, at_s, float(own is each)):
                touched.add(video)
    return touched
