"""What answers tell besides numbers: whether cookies work, which videos there are, who accounts say they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from daemon.cookies import FRESH, CookieState, Validity, after
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Ids, Reading, Reason, Videos
from daemon.recent import Recent
from daemon.sight import Proof, Sight, Visibility, judge_list, proof_of, step
from daemon.standings import Line, Standings
from rules.values import NO_LABELS, Labels, Subject
from storage.records import FoundVideo, Identity, Listing, Noted
from storage.records import Sight as StoredSight

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
    """

    cookies: dict[str, CookieState] = field(default_factory=dict)
    sights: dict[str, Sight] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)
    ids: dict[str, Identity] = field(default_factory=dict)
    answered: set[Line] = field(default_factory=set)
    first_lists: list[Line] = field(default_factory=list)

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
    """What the newest polls before a start say of cookies, the oldest first; sights are stored."""
    lesson = Lesson(sights=dict(standings.sights))
    for end in ends:
        _learn_of_cookie(standings, lesson, end)
    return lesson


def _learn_of_cookie(standings: Standings, lesson: Lesson, end: End) -> None:
    account = standings.account_of(end.target, ENDPOINTS[end.endpoint])
    if account and end.reason in (None, Reason.COOKIE):
        known = lesson.cookies.get(account) or standings.cookies.get(account)
        state = after(known or FRESH, end.reason is None, end.at)
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


def take_in(standings: Standings, lesson: Lesson, at: datetime) -> list[tuple[Line, datetime]]:
    """Let a stored lesson count; the lines that are due earlier by it, and when.

    A cookie that was refused is probed soon; once it is accepted, all that needs it is asked at once, and so is all
    about a video that is back. The list that named an account's first videos is asked again when they are watched.
    """
    wakes = [(line, at + SECOND_LIST) for line in lesson.first_lists]
    for account, state in lesson.cookies.items():
        before, probe = standings.cookie(account), standings.probe_of(account)
        standings.cookies[account] = state
        if state.next_probe is not None and probe is not None:
            wakes.append((probe, state.next_probe))
        elif before.state is not Validity.VALID:
            wakes += [(line, at) for line in standings.lines_of(account) if line not in lesson.answered]
    for video, sight in lesson.sights.items():
        standings.sights[video] = sight
        if sight.state is Visibility.RESTORED:
            wakes += [(line, at) for line in standings.lines_of(video) if line not in lesson.answered]
    return wakes


def show_cookie(recent: Recent, account: str, state: Validity, at: datetime) -> bool:
    """Write where rules read it what is thought of an account's cookie; whether that is news."""
    accepted = {Validity.VALID: 1.0, Validity.SUSPECT: math.nan, Validity.EXPIRED: 0.0}[state]
    said = {"cookie_ok": accepted, "cookie_suspect": float(state is Validity.SUSPECT)}
    news = [recent.state(account, name, NO_LABELS, at.timestamp(), value) for name, value in said.items()]
    return any(news)


def show(recent: Recent, standings: Standings, lesson: Lesson, at: datetime) -> set[str]:
    """Write the states of videos where rules read them; the targets of which that is news."""
    at_s = at.timestamp()
    touched = set()
    for video in lesson.sights:
        own = standings.sights[video].state
        for each in Visibility:
            labels: Labels = (("state", each.value),)
            if recent.state(video, "video_state", labels, at_s, float(own is each)):
                touched.add(video)
    return touched
