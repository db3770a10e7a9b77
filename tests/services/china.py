"""The robots of Feishu, DingTalk and WeCom. All three say no with a 200.

Where no source stands beside an error code, it is a stand-in: that it is not 0 is what counts.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from daemon.clock import SystemClock
from tests.services.web import Answer, Asked, Service

FEISHU_TOKEN = "0a1b2c3d-feishu-token"
FEISHU_URL = f"feishu://{FEISHU_TOKEN}"
DINGTALK_TOKEN, DINGTALK_SECRET = "0a1b2c3ddingtalktoken", "SEC0a1b2c3d"
DINGTALK_URL = f"dingtalk://{DINGTALK_SECRET}@{DINGTALK_TOKEN}/"
WECOM_KEY = "0a1b2c3d-wecom-key"
WECOM_URL = f"wecombot://{WECOM_KEY}"

FEISHU_MAX_REQUEST = 20 * 1024  # feishu.py of apprise
DINGTALK_MAX_REQUEST = 20_000  # dingtalk.py of apprise
WECOM_MAX = {
    "text": 2048,
    "markdown": 4096,
}  # docs.zhuonian.xyz/api/wecom-webhook.html; github.com/dromara/domain-admin#82
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Said:
    """As a person sees it; ``calls`` says that it wakes up everybody."""

    text: str
    title: str = ""
    calls: bool = False


class Feishu(Service):
    host = "open.feishu.cn"

    def busy(self, seconds: int) -> Answer:
        return feishu(11232, "frequency limited")  # github.com/openclaw/openclaw/issues/70879

    def answer(self, asked: Asked) -> Answer:
        if asked.path.rstrip("/") != f"/open-apis/bot/v2/hook/{FEISHU_TOKEN}":
            return feishu(19001, "param invalid: incoming webhook access token invalid")
        if len(asked.body) > FEISHU_MAX_REQUEST:
            return feishu(9499, "Bad Request")
        got = asked.json
        text = got.get("content", {}).get("text", "")
        if got.get("msg_type") != "text" or not text:
            return feishu(9499, "Bad Request")
        self.accepted.append(Said(text, calls='<at user_id="all">' in text))
        return Answer(200, {"code": 0, "data": {}, "msg": "success"})


def feishu(code: int, why: str) -> Answer:
    return Answer(200, {"code": code, "data": {}, "msg": why})


class DingTalk(Service):
    host = "oapi.dingtalk.com"

    def busy(self, seconds: int) -> Answer:
        return errcode(130101, "send too fast, exceed 20 times per minute")

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/robot/send" or asked.query.get("access_token") != DINGTALK_TOKEN:
            return errcode(300005, "token is not exist")
        if not is_signed(asked.query.get("timestamp", ""), asked.query.get("sign", "")):
            return errcode(310000, "sign not match")
        if len(asked.body) > DINGTALK_MAX_REQUEST:
            return errcode(460101, "message too long, exceed 20000 bytes")
        got = asked.json
        kind = got.get("msgtype", "")
        inner = got.get(kind, {})
        text, title = inner.get("content") or inner.get("text", ""), inner.get("title", "")
        if not text or (kind == "markdown" and not title):
            return errcode(400401, "miss param")
        self.accepted.append(Said(text, title, bool(got.get("at", {}).get("isAtAll"))))
        return Answer(200, {"errcode": 0, "errmsg": "ok"})


def is_signed(timestamp: str, sign: str) -> bool:
    """By the robot's secret, within an hour of now."""
    if not timestamp.isdigit() or abs(SystemClock().now().timestamp() * 1000 - int(timestamp)) > HOUR_MS:
        return False
    digest = hmac.new(DINGTALK_SECRET.encode(), f"{timestamp}\n{DINGTALK_SECRET}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(sign, base64.b64encode(digest).decode())


class WeCom(Service):
    host = "qyapi.weixin.qq.com"

    def busy(self, seconds: int) -> Answer:
        return errcode(45009, "api freq out of limit")

    def answer(self, asked: Asked) -> Answer:
        if asked.path != "/cgi-bin/webhook/send" or asked.query.get("key") != WECOM_KEY:
            return errcode(93000, "invalid webhook url")
        got = asked.json
        kind = got.get("msgtype", "")
        text = got.get(kind, {}).get("content", "") if kind in WECOM_MAX else ""
        if not text:
            return errcode(40008, "invalid message type")
        if len(text.encode()) > WECOM_MAX[kind]:
            return errcode(40058, f"{kind}.content exceed max length {WECOM_MAX[kind]}")
        self.accepted.append(Said(text, calls="<@all>" in text))
        return Answer(200, {"errcode": 0, "errmsg": "ok"})


def errcode(code: int, why: str) -> Answer:
    return Answer(200, {"errcode": code, "errmsg": why})
