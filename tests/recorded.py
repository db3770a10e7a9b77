"""The recorded answers of tests/samples, each with the endpoint that reads it, and whom it was asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import openpyxl

from daemon.envelope import Opened, open_answer, open_workbook
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Asked
from daemon.providers.endpoint import Form, Platform

SAMPLES = Path(__file__).parent / "samples"
AT = datetime(2026, 4, 20, 8, 0, tzinfo=UTC)
SEC_UID = "MS4wLjABAAAA…"

SHOP_VIDEO, PRODUCT = "7496499484705246507", "1731050202505515549"
PUBLIC_VIDEO, KEYAPI_VIDEO, DOUYIN_VIDEO = "7502551047378832671", "7117191641181555995", "7559536212910853422"

FAMILIES = {"tiktok_creator", "douyin_creator", "tiktok_analytics"}
OTHERS = {
    "tiktok_app.handler_user_profile": "tiktok_handler_user_profile",
    "douyin_web.handler_user_profile": "douyin_handler_user_profile",
    "tiktok_web.fetch_user_profile": "canary",
    "tikhub_user.get_user_info": "get_user_info",
    "keyapi.video_detail_analytics": "video_detail_analytics",
}
UNREAD = {
    "_envelope.success": "the envelope alone; tests/unit/test_envelope.py opens it",
    "keyapi.influencer_detail_analytics": "no endpoint: KeyAPI is asked about videos only",
    "keyapi.influencer_trends_analytics": "no endpoint: KeyAPI is asked about videos only",
    "keyapi.video_detail_analytics.empty": "no data; tests/unit/test_envelope.py opens it",
    "tikhub_user.get_user_daily_usage": "no endpoint: it may be billed, and its fields are documented nowhere",
    "tiktok_web.fetch_user_profile.not_found": "no data; tests/unit/test_envelope.py opens it",
}
"""Recorded answers without a reader, and why; the errors besides."""


def endpoint_of(sample):
    """The name of the endpoint that reads a recorded answer, by the name of its file without .json."""
    family, _, name = sample.removesuffix(".observed").partition(".")
    return name if family in FAMILIES else OTHERS.get(f"{family}.{name}")


FILES = sorted(path.name.removesuffix(".json") for path in SAMPLES.glob("*.json"))
READ = [name for name in FILES if name not in UNREAD and "_error." not in name]
SAMPLE_OF = {endpoint_of(name): name for name in reversed(READ)}


def page_of(sample):
    """The data of a recorded answer, opened as the daemon does."""
    endpoint = ENDPOINTS[endpoint_of(sample)]
    if endpoint.form is Form.XLSX:
        opened = open_workbook(export(["作品ID", "播放量"], [DOUYIN_VIDEO, 12345]))
    else:
        body = (SAMPLES / f"{sample}.json").read_bytes()
        kind = "application/json"
        opened = open_answer(endpoint.provider, 200, body, content_type=kind, retry_after=None, expected={})
    assert isinstance(opened, Opened), opened
    return opened.data


def answer_of(name):
    """The data of the recorded answer of an endpoint."""
    return page_of(SAMPLE_OF[name])


def export(*rows):
    """A spreadsheet file of these rows."""
    book, file = openpyxl.Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


def asked_of(name, **changes):
    """Whom the recorded answer of an endpoint is about."""
    if ENDPOINTS[name].platform is Platform.DOUYIN:
        own = {"uid": "100000000000", "sec_uid": SEC_UID, "handle": "handle", "video_id": DOUYIN_VIDEO}
    elif ENDPOINTS[name].path.startswith("/api/v1/tiktok/creator/"):
        own = {"uid": "6800000000000000001", "video_id": SHOP_VIDEO, "options": {"product_id": PRODUCT}}
    else:
        video = KEYAPI_VIDEO if name == "video_detail_analytics" else PUBLIC_VIDEO
        own = {"uid": "107955", "handle": "tiktok", "video_id": video}
    return replace(Asked("a target", AT, **own), **changes)


def read(name, *pages, **changes):
    """What an endpoint makes of opened pages."""
    return ENDPOINTS[name].read(list(pages), asked_of(name, **changes))


def read_sample(sample, **changes):
    """What is read of a recorded answer."""
    return read(endpoint_of(sample), page_of(sample), **changes)


def plain(reading):
    """The values of a reading by name and label values."""
    return {(name, *(value for _, value in labels)): value for (name, labels), value in reading.values.items()}


def declared(name):
    """The labels that the series of each metric of an endpoint have: those about videos also name the video."""
    endpoint = ENDPOINTS[name]
    return {
        metric.name: tuple(sorted((*metric.labels, *(("video",) if metric.subject is not endpoint.subject else ()))))
        for metric in endpoint.metrics
    }
