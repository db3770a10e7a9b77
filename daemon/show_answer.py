"""What ``creatorwatch fetch`` prints: one answer, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from daemon import show
from daemon.budget import say_usd
from daemon.once import Answered
from daemon.providers.answer import Failure, Found, Ids, Reading, SeriesKey, Videos
from rules.wording import say_number, say_time


def answer_facts(answered: Answered, with_payload: bool) -> Mapping[str, Any]:
    """An answer as it is printed in JSON. ``cost_usd`` is the most it may have cost; an unknown number is null."""
    answer = answered.answer
    return {
        "endpoint": answered.endpoint.name,
        "target": answered.target.key,
        "at": answered.at.isoformat(),
        "source": "simulator" if answered.simulated else "provider",
        "calls": answered.calls,
        "cost_usd": say_usd(answered.cost_usd),
        "seconds": round(answered.seconds, 3),
        **({"failure": _failure_facts(answer)} if isinstance(answer, Failure) else _reading_facts(answered, answer)),
        **({"payload": answer.payload} if with_payload and isinstance(answer, Reading) else {}),
    }


def answer(answered: Answered, with_payload: bool) -> None:
    """Print an answer: its series, records, videos and ids, and what it cost; and, if wanted, what they came from.

    Of a failure only what it cost: why is said by the caller.
    """
    show.line(f"{answered.endpoint.name} about {answered.target.name} ({answered.target.key})")
    if isinstance(answered.answer, Reading):
        _reading(answered, answered.answer)
    calls = "1 call" if answered.calls == 1 else f"{answered.calls} calls"
    show.line(f"{calls}, {say_usd(answered.cost_usd)} USD at most, {answered.seconds:.1f} s; nothing of it is stored")
    if with_payload and isinstance(answered.answer, Reading):
        show.as_json(answered.answer.payload)


def _reading(answered: Answered, reading: Reading) -> None:
    units = {metric.name: metric.unit for metric in answered.endpoint.metrics}
    rows = [
        (_named(key), say_number(number, units[key[0]]), units[key[0]].value) for key, number in reading.values.items()
    ]
    show.table(("series", "value", "unit"), rows)
    if reading.records:
        words = [(each.kind, each.id, _pairs(each.words)) for each in reading.records]
        show.table(("record", "id", "words"), words)
    if reading.videos is not None:
        _videos(reading.videos)
    if reading.ids is not None:
        show.line(f"ids: {_pairs(asdict(reading.ids))}")


def _videos(videos: Videos) -> None:
    rows = [
        (
            each.video_id,
            say_time(each.created) if each.created else "unknown",
            "yes" if each.private else "",
            each.title,
        )
        for each in videos.found
    ]
    show.table(("video", "published", "private", "title"), rows)
    whole = f"all since {say_time(videos.since)}" if videos.since else "there may be others"
    show.line(f"videos: {len(videos.found)}, {whole}")


def _failure_facts(failure: Failure) -> Mapping[str, str]:
    return {"reason": failure.reason.value, "detail": failure.detail}


def _reading_facts(answered: Answered, reading: Reading) -> Mapping[str, Any]:
    units = {metric.name: metric.unit for metric in answered.endpoint.metrics}
    return {
        "series": [
            {"metric": metric, "labels": dict(labels), "value": number, "unit": units[metric]}
            for (metric, labels), number in reading.values.items()
        ],
        "records": [{"kind": each.kind, "id": each.id, "words": dict(each.words)} for each in reading.records],
        "videos": _videos_facts(reading.videos),
        "ids": _ids_facts(reading.ids),
    }


def _videos_facts(videos: Videos | None) -> Mapping[str, Any] | None:
    if videos is None:
        return None
    return {"since": _iso(videos.since), "found": [_found_facts(each) for each in videos.found]}


def _found_facts(found: Found) -> Mapping[str, Any]:
    return {**asdict(found), "created": _iso(found.created)}


def _ids_facts(ids: Ids | None) -> Mapping[str, str] | None:
    return None if ids is None else asdict(ids)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _named(key: SeriesKey) -> str:
    metric, labels = key
    return show.series(metric, (f"{name}={value}" for name, value in labels))


def _pairs(words: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {text}" for name, text in words.items() if text)
