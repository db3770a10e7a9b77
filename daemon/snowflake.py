"""What the id of a video says of it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FIRST = datetime(2014, 1, 1, tzinfo=UTC)
"""Before it there were no videos: Douyin began in 2016, musical.ly, which became TikTok, in 2014."""


def created_of(video_id: str, at: datetime) -> datetime | None:
    """When a video was published, by its id: the bits above the lowest 32 are a Unix time in seconds.

    None if that gives a time before 2014 or after ``at``: then the id is of another kind. Good to a minute or so.

    No document says so. In the answer of KeyAPI's document the video 7117191641181555995 has the ``create_time``
    1657100315, and its id says 1657100310; both comments in TikHub's example of ``fetch_comment_keywords`` have a
    ``create_date`` less than a minute after the time in their ids.
    """
    if not re.fullmatch(r"[0-9]{1,20}", video_id):
        return None
    second = int(video_id) >> 32
    return datetime.fromtimestamp(second, UTC) if _FIRST.timestamp() <= second <= at.timestamp() else None
