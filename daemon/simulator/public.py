"""What needs no cookie: profiles, a video's totals and keywords, the demonstration, and the key's own account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from daemon.simulator.bodies import Body
from daemon.simulator.nature import DAY
from daemon.simulator.query import Query

BALANCE_USD = Decimal(50)
"""What the key's account holds before the first call."""

DEMO = "demo"
"""Whose profile the demonstration shows."""

_KINDS = {"video_views": "views", "likes": "likes", "comments": "comments", "favorites": "favorites"}
_KEY_LASTS = timedelta(days=300)


def show_tiktok_profile(query: Query) -> Body:
    """``tiktok/app/v3/handler_user_profile``: exact counters; 0 followers and likes where they are hidden."""
    return {"status_code": 0, "status_msg": "", "user": _user(query)}


def show_douyin_profile(query: Query) -> Body:
    """``douyin/web/handler_user_profile``, and its second version."""
    user = _user(query)
    more = {
        "short_id": "0",
        "max_follower_count": user["follower_count"],
        "mplatform_followers_count": user["follower_count"],
        "favoriting_count": 0,
        "is_ban": False,
        "is_block": False,
        "aweme_count_correction_threshold": -1,
    }
    extra = {"fatal_item_ids": [], "logid": "", "now": int(query.at.timestamp() * 1000)}
    return {"extra": extra, "log_pb": {"impr_id": ""}, "status_code": 0, "status_msg": None, "user": user | more}


def _user(query: Query) -> Body:
    person = query.world.person(query.subject)
    return {
        "uid": person.uid,
        "sec_uid": person.sec_uid,
        "unique_id": person.handle,
        "nickname": person.handle.title(),
        "follower_count": query.world.followers(query.subject, query.at),
        "following_count": int(query.between(3, 900, "following")),
        "aweme_count": len(query.world.library(query.subject, query.world.started - 90 * DAY, query.at)),
        "total_favorited": query.world.likes(query.subject, query.at),
        "secret": int(query.world.scenario(query.subject).hidden),
    }


def show_demo(query: Query) -> Body:
    """``demo/tiktok/web/fetch_user_profile``: one fixed user; ``stats`` is rounded, ``statsV2`` exact and text."""
    followers, likes = query.world.followers(DEMO, query.at), query.world.likes(DEMO, query.at)
    exact = {"diggCount": 0, "followerCount": followers, "followingCount": 176, "friendCount": 53}
    exact |= {"heart": likes, "heartCount": likes, "videoCount": 1605}
    person = query.world.person(DEMO)
    user = {"id": person.uid, "uniqueId": person.handle, "secUid": person.sec_uid, "nickname": person.handle.title()}
    return {
        "extra": {"fatal_item_ids": [], "logid": "", "now": int(query.at.timestamp() * 1000)},
        "log_pb": {"impr_id": ""},
        "shareMeta": {"desc": "", "title": ""},
        "statusCode": 0,
        "status_code": 0,
        "status_msg": "",
        "userInfo": {
            "stats": {name: _rounded(count) for name, count in exact.items()},
            "statsV2": {name: str(count) for name, count in exact.items()},
            "user": {**user, "signature": "", "verified": False, "privateAccount": False, "secret": False},
        },
    }


def _rounded(count: int) -> int:
    """As the web shows it: from 10,000 on in hundreds."""
    return count if count < 10_000 else round(count, -2)


def show_totals(query: Query) -> Body:
    """``fetch_video_metrics``; by turns with the growth of each of the 14 days after publication."""
    counts = query.world.counts(query.subject, query.at)
    summary = {"title": "Overview", "content": "This post received more comments per view than most other posts."}
    totals = {key: {"value": counts[kind]} for key, kind in _KINDS.items()}
    if query.world.is_literal(query.subject):
        return {"item_id": query.subject, **totals, "video_summary": summary}
    growth = {f"{key}_14_days": {"interval": 1, "value": _first_days(query, kind)} for key, kind in _KINDS.items()}
    known = {key: {**total, "message": None} for key, total in totals.items()}
    return {"item_id": query.subject, **known, **growth, "video_summary": {**summary, "summary_type": 1}}


def _first_days(query: Query, kind: str) -> list[Body]:
    """The growth of every day of the first 14 that is over."""
    born = query.world.born(query.subject)
    days = [born + number * DAY for number in range(15)]
    totals = [query.world.counts(query.subject, day)[kind] for day in days if day <= query.at]
    return [
        {"value": after - before, "message": {"timestamp": int(day.timestamp())}}
        for day, before, after in zip(days, totals, totals[1:], strict=False)
    ]


def show_comments(query: Query) -> Body:
    """``fetch_comment_keywords``: comments of other people, with their names."""
    nature, posted = query.world.nature, int(query.world.born(query.subject).timestamp())

    def comment(word: str, number: int) -> Body:
        author = nature.digits("author", query.subject, word, number)
        return {
            "cid": nature.digits("comment", query.subject, word, number),
            "comment_author": {"nick_name": f"viewer {author[-4:]}", "uid": author},
            "create_date": posted + 3600 * (number + 1),
            "digg_count": int(nature.between(0, 50, "digg", query.subject, word, number)),
            "text": f"I like the {word}",
        }

    sizes = {word: 1 + int(query.between(0, 4, word)) for word in ("dance", "song", "recipe")}
    rows = [{"key_word": word, "comments": [comment(word, n) for n in range(size)]} for word, size in sizes.items()]
    return {"item_id": query.subject, "key_words": rows}


def show_key(query: Query) -> Body:
    """``get_user_info``: the key, and what its account has left to spend."""
    return {
        "api_key_data": {
            "api_key_name": "simulated",
            "api_key_scopes": ["/api/v1/tiktok/", "/api/v1/douyin/", "/api/v1/tikhub/user/"],
            "created_at": f"{query.world.started - 60 * DAY:%Y-%m-%dT%H:%M:%S}",
            "expires_at": f"{query.world.started + _KEY_LASTS:%Y-%m-%dT%H:%M:%S}",
            "api_key_status": 1,
        },
        "user_data": {
            "email": "nobody@example.invalid",
            "balance": float(max(Decimal(), BALANCE_USD - query.spent_usd)),
            "free_credit": 0.0,
            "email_verified": True,
            "account_disabled": False,
            "is_active": True,
        },
    }
