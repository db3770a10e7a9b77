"""The answers' longer parts, spelled as the providers document them. Numbers come in, nothing is decided here."""

from __future__ import annotations

from collections.abc import Mapping

Body = dict[str, object]

NOT_COLLECTED = -99999
"""What KeyAPI shows for a number that it does not have."""

_OFFENCES = (
    ("Misleading functionality", "Remove the claim and edit the caption", "Video violation"),
    ("Irrelevant promotional content", "Show the product that is linked", "Video violation"),
    ("Unoriginal or low-quality content", "Publish content of your own making", "Video violation"),
    ("Exaggerated product effect", "State only effects that can be proven", "LIVE violation"),
    ("Redirecting traffic off platform", "Remove the contact details from the screen", "LIVE violation"),
    ("Prohibited product promotion", "Remove the product from the showcase", "Showcase violation"),
)
_LENIENCE = {"entertainment": 0.9, "product": 1.1, "verified_large": 0.8}


def show_health(score: int) -> Body:
    """The account health of a score: up to 48 it counts violation points, above it is a health rating."""
    return {
        "risk_info": {
            "risk_level_text": "Healthy" if score < 9 or score > 150 else "At risk",
            "light_color": "rgba(0, 0, 0, 1)",
            "dark_color": "rgba(255, 255, 255, 1)",
        },
        "vio_score_rule_learn_url": "https://example.invalid/rules",
        "is_show_score": True,
        "violation_score": score,
        "creator_status": 0,
    }


def show_offence(number: int, content_id: str) -> Body:
    """The words of the ``number``-th violation; they repeat."""
    reason, suggestion, kind = _OFFENCES[number % len(_OFFENCES)]
    return {
        "violation_reason": reason,
        "violation_detail": f"Found in content {content_id}",
        "violation_suggestion": suggestion,
        "policy_url": "https://example.invalid/policy",
        "violation_type": kind,
    }


def show_milestone(order: int, title: str, literal: bool) -> Body:
    """One milestone of a creator; its texts are plain where ``literal``, else objects."""
    return {
        "milestone": order,
        "milestone_month_day": "10/4",
        "milestone_title": title if literal else {"value": title},
        "milestone_year": str(2020 + order),
    }


def show_engagement(views: int, reactions: Mapping[str, int]) -> Body:
    """Totals of a video and their ratios to its views, as fractions."""
    totals = {f"total_{kind}": count for kind, count in reactions.items()}
    ratios = {f"{kind.removesuffix('s')}_ratio": round(count / max(views, 1), 5) for kind, count in reactions.items()}
    return {"total_views": views, **totals, "engagement_rates": ratios}


def show_judgement(score: float, views: int, category: str) -> Body:
    """The fake-view blocks of a score (0 to 100); above 50 it is suspicious."""
    percent = round(0.7 * score, 1)
    fake, suspicious = int(views * percent / 100), score > 50
    return {
        "fake_view_analysis": {
            "fake_score": score,
            "confidence_level": "High" if suspicious else "Minimal",
            "estimated_fake_views": fake,
            "fake_view_percentage": percent,
            "is_suspicious": suspicious,
            "main_detection_reason": "Statistical View Anomalies",
            "component_scores": _component_scores(score, _LENIENCE.get(category, 1.0)),
        },
        "traffic_pool": _traffic_pool(expected=4 if suspicious else 5, organic=views - fake),
        "suspicious_features": ["Suspicious: views rise faster than likes"] if suspicious else [],
        "recommendations": {
            "action": "investigate" if suspicious else "no_action",
            "risk_level": "high" if suspicious else "low",
            "potential_revenue_impact": "moderate" if suspicious else "minimal",
            "suggested_steps": ["Include in routine monitoring"],
        },
    }


def _component_scores(score: float, lenience: float) -> Body:
    return {
        "engagement_score": round(min(100.0, score * lenience), 1),
        "distribution_score": round(0.9 * score, 1),
        "consistency_score": 0,
        "creator_credibility_score": 0,
        "content_authenticity_score": 34.0,
        "follower_correlation_score": round(0.8 * score, 1),
        "racing_mechanism_score": 0,
        "fan_growth_score": round(0.5 * score),
    }


def _traffic_pool(expected: int, organic: int) -> Body:
    ranges = {4: "10K-100K", 5: "100K-700K"}
    return {
        "current_tier": 5,
        "current_tier_name": "5th-Level Traffic Pool",
        "expected_tier": expected,
        "expected_tier_name": f"{expected}th-Level Traffic Pool",
        "current_views_range": ranges[5],
        "expected_views_range": ranges[expected],
        "estimated_organic_views": organic,
    }


def show_video(video_id: str, user_id: str, created_s: int, counts: Mapping[str, int]) -> Body:
    """A row of KeyAPI: the documented texts around ``counts``."""
    return {
        "create_time": str(created_s),
        "created_by_ai": "false",
        "data_size": "1049064",
        "duration": 40,
        "height": "1024",
        "ratio": "720p",
        "reflow_cover": f"https://example.invalid/cover/{video_id}.webp",
        "region": "",
        "sales_flag": 1,
        **counts,
        "unique_id": f"creator.{user_id[-6:]}",
        "user_id": user_id,
        "video_desc": "a simulated video",
        "video_id": video_id,
        "width": "576",
    }
