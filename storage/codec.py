"""Values to columns and back: times, labels, states and evidence as JSON text, numbers as bytes."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

import orjson

from rules.values import NO_PAST, Evidence, Farthest, Firing, Flaps, Labels, Ok, Past, Rising, State, Unit
from storage.records import SeriesKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
NEVER_MS = 253_370_764_800_000
"""The year 9999: due, but not in our time. NULL would say that the line has left the plan."""

MICROUSD = Decimal("0.000001")


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch, rounded down. A naive datetime raises TypeError."""
    return (at - EPOCH) // MILLISECOND


def from_ms(at_ms: int) -> datetime:
    """The inverse of ``to_ms``, exact."""
    return EPOCH + timedelta(milliseconds=at_ms)


def from_ms_or_none(at_ms: int | None) -> datetime | None:
    """As ``from_ms``; None stays None."""
    return None if at_ms is None else from_ms(at_ms)


def to_microusd(usd: Decimal) -> int:
    """Millionths of a dollar, rounded up: spend is never made smaller than it may be."""
    return int((usd / MICROUSD).to_integral_value(ROUND_CEILING))


def from_microusd(microusd: int) -> Decimal:
    """The inverse of ``to_microusd``, exact."""
    return microusd * MICROUSD


def to_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """Compact JSON text with sorted keys, so that equal values have equal texts."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def from_json(text: str) -> Any:  # noqa: ANN401 - whatever JSON can say
    """The inverse of ``to_json``."""
    return orjson.loads(text)


def labels_to_json(labels: Labels) -> str:
    """Labels in the order of their names, whatever order they come in."""
    return to_json(sorted(labels))


def labels_from(pairs: Iterable[Sequence[str]]) -> Labels:
    """Labels from the lists that JSON made of them."""
    return tuple((name, value) for name, value in pairs)


def members_to_json(members: Sequence[SeriesKey]) -> str:
    """The ordered series of a sample row."""
    return to_json(members)


def members_from_json(text: str) -> tuple[SeriesKey, ...]:
    """The inverse of ``members_to_json``."""
    return tuple((metric, labels_from(pairs)) for metric, pairs in from_json(text))


def numbers_to_bytes(values: Iterable[float | None]) -> bytes:
    """Little-endian float64; None becomes NaN: asked and not known."""
    numbers = array("d", [math.nan if value is None else value for value in values])
    return _little_endian(numbers).tobytes()


def numbers_from_bytes(data: bytes) -> array[float]:
    """The inverse of ``numbers_to_bytes``, with NaN for what was not known."""
    numbers = array("d")
    numbers.frombytes(data)
    return _little_endian(numbers)


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def evidence_to_json(evidence: Sequence[Evidence]) -> str:
    """The numbers behind a transition. A number that is not finite becomes null."""
    return to_json([[e.metric, e.labels, e.value, e.unit] for e in evidence])


def evidence_from_json(text: str) -> tuple[Evidence, ...]:
    """The inverse of ``evidence_to_json``."""
    return tuple(
        Evidence(metric, labels_from(labels), value, Unit(unit)) for metric, labels, value, unit in from_json(text)
    )


def state_to_json(state: State) -> str:
    """A state with its own times, in milliseconds."""
    match state:
        case Ok():
            return to_json({"is": "ok"})
        case Rising():
            return to_json({"is": "rising", **_rising_fields(state)})
        case Firing():
            return to_json({"is": "firing", **_firing_fields(state)})


def _rising_fields(state: Rising) -> Mapping[str, object]:
    return {
        "level": state.level,
        "since_ms": to_ms(state.since),
        "seen_ms": to_ms(state.seen),
        "polled_ms": to_ms(state.polled),
        "polls": state.polls,
        "blind": state.blind,
    }


def _firing_fields(state: Firing) -> Mapping[str, object]:
    return {
        "level": state.level,
        "since_ms": to_ms(state.since),
        "seen_ms": to_ms(state.seen),
        "peak": state.peak,
        "rising": None if state.rising is None else _rising_fields(state.rising),
        "easing_ms": None if state.easing is None else to_ms(state.easing),
        **({} if state.farthest is None else {"farthest": list(state.farthest)}),
    }


def state_from_json(text: str) -> State:
    """The inverse of ``state_to_json``, exact to the millisecond."""
    fields = from_json(text)
    match fields["is"]:
        case "rising":
            return _rising(fields)
        case "firing":
            return _firing(fields)
        case _:
            return Ok()


def _rising(fields: Mapping[str, Any]) -> Rising:
    return Rising(
        level=fields["level"],
        since=from_ms(fields["since_ms"]),
        seen=from_ms(fields["seen_ms"]),
        polled=from_ms(fields.get("polled_ms", fields["seen_ms"])),  # before it was noted, each look was counted
        polls=fields["polls"],
        blind=fields["blind"],
    )


def _firing(fields: Mapping[str, Any]) -> Firing:
    return Firing(
        level=fields["level"],
        since=from_ms(fields["since_ms"]),
        seen=from_ms(fields["seen_ms"]),
        peak=fields["peak"],
        rising=None if fields["rising"] is None else _rising(fields["rising"]),
        easing=from_ms_or_none(fields["easing_ms"]),
        farthest=Farthest(*fields["farthest"]) if "farthest" in fields else None,
    )


def past_to_json(past: Past) -> str:
    """What is remembered of an alert, in as few words as there are; "" for nothing."""
    if past == NO_PAST:
        return ""
    flaps = None if past.flaps is None else [to_ms(past.flaps.stirred), past.flaps.peak]
    told = {"stood_ms": past.stood, "heard_ms": past.heard, "reminded_ms": past.reminded}
    return to_json(
        {
            "begun_ms": list(map(to_ms, past.begun)),
            "flaps": flaps,
            "first": past.first,
            "held": past.held,
            **{name: to_ms(at) for name, at in told.items() if at is not None},
            **({"escalated_s": past.escalated.total_seconds()} if past.escalated else {}),
        }
    )


def past_from_json(text: str) -> Past:
    """The inverse of ``past_to_json``, exact to the millisecond."""
    if not text:
        return NO_PAST
    fields = from_json(text)
    flaps = None if fields["flaps"] is None else Flaps(from_ms(fields["flaps"][0]), fields["flaps"][1])
    return Past(
        tuple(map(from_ms, fields["begun_ms"])),
        flaps,
        fields["first"],
        fields["held"],
        from_ms_or_none(fields.get("stood_ms")),
        from_ms_or_none(fields.get("heard_ms")),
        from_ms_or_none(fields.get("reminded_ms")),
        timedelta(seconds=fields.get("escalated_s", 0)),
    )
