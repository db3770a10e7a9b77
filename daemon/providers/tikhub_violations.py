"""TikHub, TikTok-Creator API: the violation records of a shop creator's account, one set of series a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import Every
from daemon.providers.answer import Asked, Failure, Reading, Reason, SeriesKey
from daemon.providers.endpoint import Page, Parameter
from daemon.providers.payload import amount, by_id, flag, instant, sequence, state, table, text
from daemon.providers.tikhub import whole
from daemon.providers.tikhub_shop import shop_route
from rules.values import NO_LABELS, Labels, Metric, Record, Subject, Unit

_METRICS = (
    Metric("violations_active", Subject.ACCOUNT, Unit.COUNT, "violation records in force"),
    Metric("violations_total", Subject.ACCOUNT, Unit.COUNT, "violation records in all, as the platform counts them"),
    Metric("violation_active", Subject.ACCOUNT, Unit.STATE, "this violation record is in force", ("record",)),
    Metric("appeal_open", Subject.ACCOUNT, Unit.STATE, "this record can be appealed and was not yet", ("record",)),
    Metric(
        "appeal_deadline",
        Subject.ACCOUNT,
        Unit.TIMESTAMP,
        "until when this record can be appealed; only while an appeal is open",
        ("record",),
    ),
)
_WORDS = {
    "reason": "violation_reason",
    "detail": "violation_detail",
    "suggestion": "violation_suggestion",
    "policy_url": "policy_url",
    "type": "violation_type",
}
_Row = Mapping[str, object]


def more(page: object) -> bool:
    """Say whether the list goes on after this page."""
    return flag(table(page).get("has_more")) is True


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:  # noqa: ARG001 - the shape of every read
    """Return every record once. A list that may miss a record is none: what it misses would read as struck."""
    lists = [table(page).get("records") for page in pages]
    if not lists or not all(isinstance(one, list) for one in lists):
        return Failure(Reason.BAD_PAYLOAD, "a page of the violation list holds no records field")
    total = amount(table(pages[0]).get("total"))
    if total and not lists[0]:
        return Failure(Reason.BAD_PAYLOAD, "the violation list is empty, though it counts records")
    found = by_id([row for one in lists for row in sequence(one)], "record_id")
    if "" in found:
        return Failure(Reason.BAD_PAYLOAD, "a record of the violation list has no id")
    values = _counts(found.values(), total)
    for record_id, row in found.items():
        values |= _series(row, (("record", record_id),))
    records = tuple(_record(record_id, row) for record_id, row in found.items())
    return Reading(values, records, payload=whole(pages))


def _counts(rows: Iterable[_Row], total: float | None) -> dict[SeriesKey, float | None]:
    active = [_is_active(row) for row in rows]
    return {
        ("violations_active", NO_LABELS): None if None in active else float(active.count(True)),
        ("violations_total", NO_LABELS): total,
    }


def _series(row: _Row, labels: Labels) -> dict[SeriesKey, float | None]:
    is_open = _appeal_is_open(row)
    values = {
        ("violation_active", labels): state(_is_active(row)),
        ("appeal_open", labels): state(is_open),
    }
    if is_open is not False:
        deadline = instant(row.get("appeal_valid_time"))
        values["appeal_deadline", labels] = deadline.timestamp() if deadline else None
    return values


def _is_active(row: _Row) -> bool | None:
    status = amount(row.get("record_status"))
    return None if status is None else status == 1


def _appeal_is_open(row: _Row) -> bool | None:
    allowed, appealed = flag(row.get("can_appeal")), amount(row.get("appeal_status"))
    if allowed is False or (appealed is not None and appealed != 0):
        return False
    return None if allowed is None or appealed is None else True


def _record(record_id: str, row: _Row) -> Record:
    info = table(row.get("violation_info"))
    words = {word: text(info.get(field)) for word, field in _WORDS.items()}
    words["enforcement"] = _enforcement(row.get("enforcement_title"))
    words["violation_time"] = _iso(row.get("violation_time"))
    deadline = "" if _appeal_is_open(row) is False else _iso(row.get("appeal_valid_time"))
    return Record("violation", record_id, words | ({"appeal_deadline": deadline} if deadline else {}))


def _enforcement(title: object) -> str:
    """Return what was done to the account: the document has a text in one language and a list in the other."""
    return text(title) or "; ".join(filter(None, map(text, sequence(title))))


def _iso(seconds: object) -> str:
    time = instant(seconds)
    return time.isoformat() if time else ""


def _page(_asked: Sequence[Asked], page: Page) -> Mapping[str, object]:
    return {"page": page.number}


VIOLATION_LIST = replace(
    shop_route(
        "get_account_violation_list",
        Subject.ACCOUNT,
        (Parameter("page", "the page, counted from 1", required=False),),
        _page,
        freshness="current; the time range is the platform's own",
        cadence=Every(timedelta(hours=6)),
        metrics=_METRICS,
        read=read,
    ),
    more=more,
    vital=True,
)
