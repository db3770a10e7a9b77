"""Whether a video can be seen: public, private, removed or restored. Pure.

One answer that says a video is gone may be a slip, and two are believed; one that shows it is believed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from daemon.providers.answer import Reason, Videos
from daemon.providers.endpoint import Endpoint

PROOFS = 2
"""So many proofs in a row, and a video counts as gone."""

MARGIN = timedelta(hours=1)
"""So far from both ends of a list the absence of a video proves nothing: clocks differ, and lists lag (own choice)."""


class Visibility(StrEnum):
    """The states. RESTORED is the first sighting after it was gone, and ends with the next one."""

    PUBLIC = "public"
    PRIVATE = "private"
    REMOVED = "removed"
    RESTORED = "restored"


class Proof(StrEnum):
    """What one answer proves: the video was there, its author hides it, or it is not there."""

    SEEN = "seen"
    PRIVATE = "private"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Sight:
    """A video's visibility. ``proofs`` counts those in a row that it is gone, while ``state`` does not say so.

    ``since`` is when the state began; a video of which nothing is known is PUBLIC since it became known.
    """

    state: Visibility
    proofs: int
    since: datetime

    @property
    def gone(self) -> bool:
        """Whether the video cannot be seen, so that asking about it is wasted."""
        return self.state in (Visibility.PRIVATE, Visibility.REMOVED)


def step(sight: Sight, proof: Proof, at: datetime) -> Sight:
    """The visibility after one more proof; the same object where nothing changed.

    What is gone needs no second proof of how: REMOVED becomes PRIVATE by one flag that says so, and PRIVATE stays, for
    a private video is not found either.
    """
    if proof is Proof.SEEN:
        return _seen(sight, at)
    told = Visibility.PRIVATE if proof is Proof.PRIVATE else Visibility.REMOVED
    if sight.state in (told, Visibility.PRIVATE):
        return sight
    if sight.gone or sight.proofs + 1 == PROOFS:
        return Sight(told, 0, at)
    return replace(sight, proofs=sight.proofs + 1)


def _seen(sight: Sight, at: datetime) -> Sight:
    if sight.gone:
        return Sight(Visibility.RESTORED, 0, at)
    if sight.state is Visibility.RESTORED:
        return Sight(Visibility.PUBLIC, 0, at)
    return replace(sight, proofs=0) if sight.proofs else sight


def proof_of(endpoint: Endpoint, reason: Reason | None) -> Proof | None:
    """What the end of a poll about one video proves; ``reason`` is None if it brought numbers. None: nothing.

    A store that lags (``tells_absence`` is false) has no rows of some videos that are there, and still has those of
    some that are gone: it proves nothing either way.
    """
    if not endpoint.tells_absence:
        return None
    if reason is None:
        return Proof.SEEN
    return Proof.MISSING if reason is Reason.NOT_FOUND else None


def judge_list(
    known: Mapping[str, datetime | None], videos: Videos, at: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """Which of an account's known videos a list of ``at`` shows, and which it proves missing: (seen, missing) ids.

    ``known`` maps video id to publication. Missing is only what was published within the complete part of the list,
    ``MARGIN`` away from both of its ends; a video of unknown publication never is. A list that is nowhere complete may
    lag, and so may still name what is gone: it proves nothing either way.
    """
    if videos.since is None:
        return frozenset(), frozenset()
    found = {video.video_id for video in videos.found}
    seen = frozenset(found & known.keys())
    first, last = videos.since + MARGIN, at - MARGIN
    unseen = ((video_id, known[video_id]) for video_id in known.keys() - found)
    return seen, frozenset(video_id for video_id, created in unseen if created and first <= created <= last)
