"""Until when lines were in the plan: the daemon follows a video no longer than ``discover`` says, and so does a replay.

When a line left is not stored. Of a video it follows from when it was published and when newer ones were found; any
other line, and a video that was taken out sooner, has left when its last number was not known any more.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter

from daemon.config import Config, Discover
from daemon.recent import STALE_AFTER_INTERVALS
from daemon.watchlist import Watchlist
from storage.records import Discovered, Remembered

NEVER = datetime.max.replace(tzinfo=UTC)
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


def left_at(line: Remembered, planned: Collection[int]) -> datetime:
    """When a line left the plan; ``planned`` are those (their ids) that are in it now."""
    if line.schedule_id in planned:
        return NEVER
    return BEFORE_ALL if line.polled is None else line.polled + STALE_AFTER_INTERVALS * line.interval


def retired_at(config: Config, found: Iterable[Discovered], known: Watchlist) -> Mapping[str, datetime]:
    """When each video that was found, and that ``config`` does not name, was too old or one too many; by its key.

    ``known`` tells the keys of videos, and when they were published.
    """
    listed: dict[str, list[tuple[datetime, str, datetime]]] = {}
    for video in found:
        key = known.videos(video.account).get(video.video_id)
        if key is not None:
            published = known.created(key) or video.found
            listed.setdefault(video.account, []).append((published, key, video.found))
    named = {each.target.key: each.discover for each in config.targets}
    ends = [end for account, own in listed.items() if (how := named.get(account)) for end in wanted_until(own, how)]
    return {key: at for key, at in ends if key not in named}


def wanted_until(
    videos: Iterable[tuple[datetime, str, datetime]], discover: Discover
) -> Iterator[tuple[str, datetime]]:
    """Until when each video of an account is young enough and among the newest.

    Of each: when it was published, its key, when it was found.
    """
    newer: list[datetime] = []  # when the newer ones were found: as many, the earliest first, as leave it no place
    for published, key, found in sorted(videos, key=itemgetter(0), reverse=True):
        crowded = newer[-1] if len(newer) == discover.at_most else NEVER
        yield key, min(published + discover.newer_than, crowded)
        insort(newer, found)
        del newer[discover.at_most :]
