"""TikHub, TikTok-Creator API: the health of a shop creator's account.

One field, ``violation_score``, carries two schemes: violation points (0 is best, 24 is the end; what the provider's
document describes) and the Creator Health Rating, which TikTok Shop put in their place (0-1000, new accounts have 200,
0 is the end). Read in the wrong scheme, a healthy account is a banned one, so the scheme is decided before the number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from daemon.cadence import Near, Values
from daemon.providers.answer import Asked, Failure, Reading
from daemon.providers.payload import amount, flag, inner, number, state, text, within
from daemon.providers.tikhub import first, lacks, nothing
from daemon.providers.tikhub_shop import shop_route
from rules.values import NO_LABELS, Metric, Record, Subject, Unit

POINTS, RATING = 0.0, 1.0
_CONFIGURED = {"points": POINTS, "chr": RATING}
_MOST_POINTS = 48
"""No points scheme goes higher (sellers: 48, creators: 24)."""
_MOST_CREATOR_POINTS = 24
_HALF_WAY, _FIRST_THRESHOLD = 6, 9
_MOST_RATING = 1000
_MOST_FALL = 100
"""A rating that falls further, to what could be points, may be points (own choice)."""
_START_RATING, _NEAR_CUT = 200, 160
"""An account begins with 200; at 150 its traffic is cut."""

_METRICS = (
    Metric("violation_score", Subject.ACCOUNT, Unit.POINTS, "violation points; known only on the points scheme"),
    Metric("health_rating", Subject.ACCOUNT, Unit.SCORE, "Creator Health Rating, 0-1000; known only on that scheme"),
    Metric("health_scheme", Subject.ACCOUNT, Unit.STATE, "0 = violation points, 1 = Creator Health Rating"),
    Metric("health_scheme_unclear", Subject.ACCOUNT, Unit.STATE, "a score came, and its scheme cannot be told"),
    Metric("score_shown", Subject.ACCOUNT, Unit.STATE, "the platform shows the score to the creator"),
    Metric("creator_status", Subject.ACCOUNT, Unit.COUNT, "0 = normal; other codes are undocumented"),
)
_FIELDS = frozenset({"risk_info", "is_show_score", "violation_score", "creator_status"})


def scheme(score: float | None, risk_level: str, asked: Asked) -> float | None:
    """Return POINTS, RATING or None (unclear) for a score: the setting, else the number, else what it was before."""
    configured = _CONFIGURED.get(asked.options.get("health_scheme", "auto"))
    if configured is not None:
        return configured
    before, rating = (asked.last.get((name, NO_LABELS)) for name in ("health_scheme", "health_rating"))
    if score is None:
        return before
    if score > _MOST_POINTS:
        return POINTS if before == POINTS and score > _MOST_RATING else RATING
    if score <= _MOST_CREATOR_POINTS and risk_level == "Healthy":
        return POINTS  # so low a rating is not healthy
    plunged = rating is not None and rating - score > _MOST_FALL and score <= _MOST_CREATOR_POINTS
    return None if plunged else before


def read(pages: Sequence[object], asked: Asked) -> Reading | Failure:
    """Return the account's scores in their scheme; a hidden score (``is_show_score`` false) is unknown."""
    data = first(pages)
    if not _FIELDS & data.keys():
        return lacks("field of the account health document")
    risk_level = text(inner(data, "risk_info.risk_level_text"))
    values = {(name, NO_LABELS): value for name, value in _numbers(data, risk_level, asked).items()}
    return Reading(values, _records(data, risk_level), payload=data)


def _numbers(data: Mapping[str, object], risk_level: str, asked: Asked) -> dict[str, float | None]:
    shown = flag(data.get("is_show_score"))
    score = None if shown is False else amount(data.get("violation_score"))
    kind = scheme(score, risk_level, asked)
    unclear = kind is None and score is not None
    # On one scheme there is no series of the other: what was said of points has ended when an account has a rating.
    scores: Mapping[float | None, Mapping[str, float | None]] = {
        POINTS: {"violation_score": within(score, 0, _MOST_POINTS)},
        RATING: {"health_rating": within(score, 0, _MOST_RATING)},
        None: {"violation_score": None, "health_rating": None},
    }
    return {
        **scores[kind],
        "health_scheme": kind,
        "health_scheme_unclear": state(unclear) if unclear or kind is not None else None,
        "score_shown": state(shown),
        "creator_status": number(data.get("creator_status")),
    }


def urgency(values: Values) -> int:
    """Return how near harm an account is: 2 at a threshold or close to it, 1 with points against it, else 0."""
    points = values.get(("violation_score", NO_LABELS)) or 0.0
    rating = values.get(("health_rating", NO_LABELS))
    rating = _START_RATING if rating is None else rating
    if points >= _FIRST_THRESHOLD or rating <= _NEAR_CUT:
        return 2
    return 1 if points >= _HALF_WAY or rating < _START_RATING else 0


def _records(data: Mapping[str, object], risk_level: str) -> tuple[Record, ...]:
    if not risk_level:
        return ()
    words = {"text": risk_level, "rules_url": text(data.get("vio_score_rule_learn_url"))}
    return (Record("health", "risk_level", words),)


ACCOUNT_HEALTH = replace(
    shop_route(
        "get_account_health_status",
        Subject.ACCOUNT,
        (),
        nothing,
        freshness="current; the score covers the past 90 days",
        cadence=Near(timedelta(hours=2), (timedelta(hours=1), timedelta(minutes=30)), urgency),
        metrics=_METRICS,
        read=read,
    ),
    recalls=frozenset({"health_scheme", "health_rating"}),
    vital=True,
)
