"""Douyin-Creator-V2 API: the videos and live sessions of an account, and how one video is found and watched.

What no document describes is served without invented fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from daemon.simulator.bodies import Body
from daemon.simulator.library import Clip
from daemon.simulator.query import Query, read_ms, write_ms

EXPORT_HEADER = (
    "作品ID",
    "作品名称",
    "发布时间",
    "播放量",
    "点赞量",
    "评论量",
    "分享量",
    "收藏量",
    "审核状态",
    "可见性",
)
"""The columns of the export: the document names what they hold, and not what they are called."""

_BEIJING = timezone(timedelta(hours=8))
_DONE: Body = {"status_code": 0, "status_msg": ""}
_MOST_EXPORTED = 1000
_NEVER_LIVE = 0.2
_LIVE_EVERY = timedelta(days=3)
_PLAYS = {
    "views": "play_count",
    "likes": "digg_count",
    "comments": "comment_count",
    "shares": "share_count",
    "favorites": "collect_count",
}


# --- lists of videos -------------------------------------------------------------------------------------------------


def list_items(query: Query) -> Body:
    """``fetch_item_list``: one page, the newest first; the cursor is when the last one was published, in ms."""
    end = int(query.params["end_time"])
    before = min(end, int(query.params.get("cursor") or end + 1) - 1)
    clips = _clips(query, query.params["start_time"], str(before))
    page = clips[: min(100, int(query.params["count"]))]
    cursor = write_ms(page[-1].published) if page else 0
    return {"has_more": len(clips) > len(page), "cursor": cursor, "items": [_item(query, one.video_id) for one in page]}


def show_items(query: Query) -> Body:
    """``fetch_item_overview_data``: only the blocks are documented; those that the list has are filled as there."""
    blocks: Body = {name: {} for name in query.params["fields"].split(",")}
    rows = [blocks | _item(query, one) for one in query.who if query.world.shows(one, to_owner=True)]
    return {"items": [{key: row[key] for key in ("item_id", *blocks)} for row in rows], **_DONE}


def export_items(query: Query) -> list[Body]:
    """``fetch_item_list_download``: the rows of the sheet, 1000 at most."""
    clips = _clips(query, query.params["min_cursor"], query.params["max_cursor"])
    return [_exported(query, clip) for clip in clips[:_MOST_EXPORTED]]


def _clips(query: Query, start_ms: str, end_ms: str) -> list[Clip]:
    return query.world.library(query.subject, read_ms(start_ms), min(read_ms(end_ms), query.at))


def _item(query: Query, video: str) -> Body:
    counts = query.world.counts(video, query.at, query.account)
    return {
        "item_id": video,
        "metrics": {key: counts[kind] for kind, key in _PLAYS.items()},
        "review": {"status": 2},
        "visibility": {"is_public": query.world.shows(video, to_owner=False)},
    }


def _exported(query: Query, clip: Clip) -> Body:
    counts = query.world.counts(clip.video_id, query.at, query.account)
    public = query.world.shows(clip.video_id, to_owner=False)
    published = f"{clip.published.astimezone(_BEIJING):%Y-%m-%d %H:%M:%S}"
    cells = (*(counts[kind] for kind in _PLAYS), "通过", "公开" if public else "私密")
    return dict(zip(EXPORT_HEADER, (clip.video_id, "模拟作品", published, *cells), strict=True))


# --- what an account publishes ---------------------------------------------------------------------------------------


def show_verticals(query: Query) -> Body:
    """``fetch_item_analysis_involved_vertical``: the fields of an account."""
    verticals = ["动物", "美食", "旅游"]
    return {"primary_verticals": verticals[: 1 + int(query.between(0, 3, "verticals"))], **_DONE}


def show_undocumented(query: Query) -> Body:
    """The two analyses whose answers no document describes."""
    return {"primary_verticals": query.params["primary_verticals"], **_DONE}


def list_lives(query: Query) -> Body:
    """``fetch_live_room_history_list``: the document leaves open how deep the list lies, so both occur by turns."""
    rows = [*_rooms(query)][: int(query.params["limit"])]
    inner: Body = {"code": 0, "componentID": "", "data": {"series": rows}, "meta": ""}
    return inner if query.world.is_literal(query.subject) else {"code": 0, "data": inner}


def _rooms(query: Query) -> Iterator[Body]:
    """The sessions of the asked days, the newest first; one account in five never was LIVE."""
    days = (datetime.strptime(query.params[key], "%Y-%m-%d") for key in ("start_date", "end_date"))  # noqa: DTZ007 - a date
    since, until = (day.replace(tzinfo=_BEIJING) for day in days)
    end = min(until + timedelta(days=1), query.at)
    first, start = int(since.timestamp() // _LIVE_EVERY.total_seconds()), int(_LIVE_EVERY.total_seconds())
    lives = query.between(0, 1, "live") >= _NEVER_LIVE
    for number in range(int(end.timestamp()) // start, first - 1, -1) if lives else ():
        began = datetime.fromtimestamp(number * start + int(query.between(0, start / 2, "began", number)), _BEIJING)
        length = timedelta(seconds=int(query.between(65, 9_000, "length", number)))
        if since <= began and began + length <= end:
            yield _room(query, number, began, length)


def _room(query: Query, number: int, began: datetime, length: timedelta) -> Body:
    """All numbers are strings, the length is Chinese words (documented)."""
    watched = int(query.between(100, 20_000, "watched", number))
    seconds = int(length.total_seconds())
    hours, rest = divmod(seconds, 3600)
    words = (f"{hours}小时" if hours else "") + f"{rest // 60}分钟{rest % 60}秒"
    counts = {
        "clientCommentUcntTd": watched // 40,
        "liveConsumeUcnt": watched // 300,
        "liveFansConsumeUcntTd": watched // 500,
        "liveNewFollowUcnt": watched // 90,
        "liveServerWatchDurationTdPavg": round(query.between(0.3, 3, "stayed", number), 4),
        "pcu": watched // 15,
        "playStatus": 4,
        "roomLiveEarnScore": watched // 7,
        "serverLikeCntTd": watched // 2,
        "serverWatchUcntTdDirect": watched // 3,
        "watchCnt": watched,
    }
    return {
        **{name: str(count) for name, count in counts.items()},
        "coverUri": "https://example.invalid/live.jpg",
        "startTime": f"{began:%Y-%m-%d %H:%M:%S}",
        "endTime": f"{began + length:%Y-%m-%d %H:%M:%S}",
        "liveDurationWithoutPause": words,
        "roomID": query.world.nature.digits("room", query.subject, number),
        "roomTitle": "一场模拟直播",
    }


# --- one video -------------------------------------------------------------------------------------------------------


def show_portrait(query: Query) -> Body:
    """``fetch_item_audience_portrait``: shares are fractions, 100 is the platform's mean of a TGI."""
    male = query.between(0.3, 0.7, "male")
    home = query.between(0.1, 0.4, "home")
    return {
        "active": _shares({"2": 0.1, "3": 0.15, "4": 0.7, "-1": 0.05}),
        "gender": _compared({"male": male, "female": 1 - male}, {"male": 0.55, "female": 0.45}),
        "province": _compared({"浙江": home, "广东": 0.5 * home}, {"浙江": 0.06, "广东": 0.11}),
        "age": _compared({"18-23": 0.35, "24-30": 0.4, "31-40": 0.25}, {"18-23": 0.2, "24-30": 0.3, "31-40": 0.5}),
        "career": [],
        "city_level": {"ratio_list": [], "tgi_list": []},
        "new_user": [],
        **_DONE,
    }


def _shares(groups: dict[str, float]) -> list[Body]:
    return [{"key": key, "value": value} for key, value in groups.items()]


def _compared(groups: dict[str, float], usual: dict[str, float]) -> Body:
    indices = {key: 100 * share / usual[key] for key, share in groups.items()}
    return {"ratio_list": _shares(groups), "tgi_list": _shares(indices)}


def show_others(query: Query) -> Body:
    """``fetch_item_audience_others``: followers ("1") against others ("0"), and interests."""
    fans = query.between(0.05, 0.5, "fans")
    words = {"美食": 0.35, "旅游": 0.28, "生活": 0.22, "娱乐": 0.15}
    return {
        "audience_distribution": {"fan_list": _shares({"1": fans, "0": 1 - fans})},
        "audience_keyword": {"keyword_list": [{"keyword": word, "value": value} for word, value in words.items()]},
        **_DONE,
    }


def show_sources(query: Query) -> Body:
    """``fetch_item_play_source``: fractions of all plays."""
    home = query.between(0.5, 0.9, "home")
    shares = {"homepage_hot": home, "familiar": 0.6 * (1 - home), "search": 0.4 * (1 - home)}
    rows = [{"app_id": 1128, "history_difference": 0.0, "key": key, "value": value} for key, value in shares.items()]
    return {"play_source": rows, **_DONE}


def show_keywords(query: Query) -> Body:
    """``fetch_item_search_keyword``: ``percentage`` is a percent."""
    total = query.world.counts(query.subject, query.at, query.account)["views"] // 50
    shares = {"搞笑视频": 50.0, "热门音乐": 30.0, "舞蹈教学": 20.0}
    rows = [{"keyword": w, "count": int(total * share / 100), "percentage": share} for w, share in shares.items()]
    return {"keywords": rows, "total_count": total, **_DONE}


def show_trend(query: Query) -> Body:
    """``fetch_item_watch_trend``: who still watches at mm:ss, of this video and of similar authors."""
    kept = query.between(0.9, 0.97, "kept")
    curves = {"current_item": kept, "similar_author": 0.94}
    trend = {
        name: [{"key": f"00:{second:02}", "value": round(share**second, 4)} for second in range(30)]
        for name, share in curves.items()
    }
    return {"analysis_trend": trend, **_DONE}


def show_danmaku(query: Query) -> Body:
    """``fetch_item_danmaku_analysis``: when the bullet comments come, and their words; percentages are percents."""
    total = query.world.counts(query.subject, query.at, query.account)["comments"]
    shares = {5: 25.0, 12: 45.0, 18: 30.0}
    words = {"哈哈哈": 8, "精彩": 5, "学到了": 3}
    return {
        "bullet_distribution": [
            {"time_point": at, "count": int(total * share / 100), "percentage": share} for at, share in shares.items()
        ],
        "hot_words": [{"word": w, "count": total * n // 100, "sentiment": "positive"} for w, n in words.items()],
        "total_count": total,
        "peak_time": 12,
        **_DONE,
    }
