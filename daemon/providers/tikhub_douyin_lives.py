"""TikHub, Douyin-Creator-V2 API: the live sessions of a Douyin account, one set of series a session.

Numbers come as strings, times as Beijing clock time without a zone, the length as Chinese words (provider document).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.endpoint import Page, Parameter
from daemon.providers.payload import amount, by_id, instant, number, table, tally, text
from daemon.providers.tikhub import first, lacks
from daemon.providers.tikhub_douyin import BEIJING, NOON, Column, creator_route, metrics_of, tabulate
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

_LISTED = timedelta(days=30)
_MOST = 400
_LENGTH = re.compile(r"(?:(\d{1,4})小时)?(?:(\d{1,4})分钟)?(?:(\d{1,4})秒)?", re.ASCII)


def _moment(value: object) -> float | None:
    """Return the seconds since 1970 of a Beijing clock time."""
    try:
        local = datetime.strptime(text(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
    except ValueError:
        return None
    time = instant(local.timestamp())
    return time.timestamp() if time else None


def _length_s(value: object) -> float | None:
    """Return the seconds of a length as in "1小时1分钟5秒"; each part may be missing, not all."""
    found = _LENGTH.fullmatch(text(value))
    if not found or not found[0]:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _of_room(name: str, unit: Unit, meaning: str) -> Metric:
    return Metric(name, Subject.ACCOUNT, unit, meaning, ("room",))


_COLUMNS = (
    Column(_of_room("live_room_started", Unit.TIMESTAMP, "when this session began"), "startTime", _moment),
    Column(_of_room("live_room_ended", Unit.TIMESTAMP, "when this session ended"), "endTime", _moment),
    Column(
        _of_room("live_room_duration_s", Unit.SECONDS, "its length without pauses"),
        "liveDurationWithoutPause",
        _length_s,
    ),
    Column(_of_room("live_room_status", Unit.COUNT, "4 = ended; other codes are undocumented"), "playStatus", number),
    Column(_of_room("live_room_views", Unit.COUNT, "times this session was entered"), "watchCnt", amount),
    Column(_of_room("live_room_viewers", Unit.COUNT, "users who came directly"), "serverWatchUcntTdDirect", amount),
    Column(_of_room("live_room_peak_viewers", Unit.COUNT, "most users at one time"), "pcu", amount),
    Column(
        _of_room("live_room_average_watch", Unit.SCORE, "mean time watched, in a unit that is undocumented"),
        "liveServerWatchDurationTdPavg",
        amount,
    ),
    Column(_of_room("live_room_likes", Unit.COUNT, "likes in this session"), "serverLikeCntTd", amount),
    Column(_of_room("live_room_commenters", Unit.COUNT, "users who commented"), "clientCommentUcntTd", amount),
    Column(_of_room("live_room_new_followers", Unit.COUNT, "users who followed"), "liveNewFollowUcnt", amount),
    Column(_of_room("live_room_consumers", Unit.COUNT, "users who consumed"), "liveConsumeUcnt", amount),
    Column(_of_room("live_room_fan_consumers", Unit.COUNT, "followers who consumed"), "liveFansConsumeUcntTd", amount),
    Column(
        _of_room("live_room_earn_score", Unit.SCORE, "earnings in the platform's score"), "roomLiveEarnScore", amount
    ),
)
_ROOMS = Metric("live_rooms", Subject.ACCOUNT, Unit.COUNT, "live sessions of the past 30 days, 400 at most")
_WORDS = {"title": "roomTitle", "started": "startTime", "ended": "endTime", "duration": "liveDurationWithoutPause"}


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return every session. The document leaves open how deep the list lies, so each depth is accepted."""
    data = first(pages)
    while "series" not in data and isinstance(data.get("data"), dict):
        data = table(data["data"])
    rows = data.get("series")
    if not isinstance(rows, list):
        return lacks("list of live sessions")
    rooms = by_id(rows, "roomID")
    return Reading(
        {(_ROOMS.name, NO_LABELS): tally(rooms)} | tabulate(rows, {"room": "roomID"}, _COLUMNS),
        tuple(_record(room, row) for room, row in rooms.items() if room),
        payload=data,
    )


def _record(room: str, row: Mapping[str, object]) -> Record:
    return Record("live_room", room, {word: text(row.get(field)) for word, field in _WORDS.items()})


def _past_month(asked: Sequence[Asked], _page: Page) -> Mapping[str, object]:
    today = asked[0].at.astimezone(BEIJING).date()
    return {
        "start_date": (today - _LISTED).isoformat(),
        "end_date": today.isoformat(),
        "limit": _MOST,
        "need_living": 1,
        "download": 0,
    }


LIVE_HISTORY = creator_route(
    "fetch_live_room_history_list",
    Subject.ACCOUNT,
    (
        Parameter("start_date", "the first day, YYYY-MM-DD"),
        Parameter("end_date", "the last day, YYYY-MM-DD"),
        Parameter("limit", "sessions, 400 at most", required=False),
        Parameter("need_living", "1: also the session that is on", required=False),
        Parameter("download", "0: no file", required=False),
    ),
    _past_month,
    freshness="1 to 2 hours behind; the past 30 days",
    cadence=NOON,
    metrics=(*metrics_of(_COLUMNS), _ROOMS),
    read=read,
)
