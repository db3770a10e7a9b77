"""Every recorded answer, and every way in which an answer can fail, comes to data or to the right named reason."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.envelope import Opened, is_billed, open_answer, open_workbook
from daemon.providers.answer import Failure, Reason
from daemon.providers.endpoint import Provider
from tests.recorded import export

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = sorted(path.name for path in SAMPLES.glob("*.json"))
JSON = "application/json"

ERRORS = {
    "400": Reason.SERVER,
    "401": Reason.AUTH,
    "402": Reason.BALANCE,
    "403_balance": Reason.BALANCE,
    "403_scope": Reason.SCOPE,
    "404": Reason.BLOCKED,  # the framework's own words: the route is missing, not the subject
    "422": Reason.CLIENT,
    "429": Reason.RATE_LIMITED,
    "500": Reason.SERVER,
}
REASONS = {
    **{f"_error.{name}.json": reason for name, reason in ERRORS.items()},
    "_envelope.success.json": Reason.EMPTY,
    "keyapi._error.400.json": Reason.CLIENT,
    "keyapi._error.401.json": Reason.AUTH,
    "keyapi._error.402.json": Reason.BALANCE,
    "keyapi._error.429.json": Reason.RATE_LIMITED,
    "keyapi._error.500.json": Reason.SERVER,
    "keyapi.video_detail_analytics.empty.json": Reason.EMPTY,
    "tiktok_web.fetch_user_profile.not_found.json": Reason.NOT_FOUND,
    # The file describes an answer that is a spreadsheet.
    "douyin_creator.fetch_item_list_download.json": Reason.BAD_PAYLOAD,
}
NESTED = {"douyin_creator.fetch_author_diagnosis.json", "douyin_creator.fetch_live_room_history_list.json"}


def open_json(answer, status=200, provider=Provider.TIKHUB, content_type=JSON, retry_after=None, **expected):
    body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    return open_answer(provider, status, body, content_type=content_type, retry_after=retry_after, expected=expected)


def open_sample(name):
    provider = Provider.KEYAPI if name.startswith("keyapi.") else Provider.TIKHUB
    status = int(name.split("_error.")[1][:3]) if "_error." in name else 200
    if name.endswith("fetch_item_list_download.json"):
        return open_json(b"PK\x03\x04\x14\x00", content_type="application/vnd.ms-excel")
    return open_json((SAMPLES / name).read_bytes(), status, provider)


def held(name):
    """What the sample holds, told without the code under test."""
    answer = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    if name == "tikhub_user.get_user_info.json":
        return {key: answer[key] for key in ("api_key_data", "user_data")}
    return answer["data"]["data"] if name in NESTED else answer["data"]


@pytest.mark.parametrize("name", sorted(set(FILES) - set(REASONS)))
def test_a_recorded_success_comes_to_the_data_it_holds(name):
    assert open_sample(name) == Opened(held(name))


@pytest.mark.parametrize("name", sorted(REASONS))
def test_a_recorded_failure_comes_to_its_reason(name):
    assert name in FILES
    assert open_sample(name).reason is REASONS[name]


@pytest.mark.parametrize("name", FILES)
def test_no_sentence_of_a_provider_gets_through(name):
    opened = open_sample(name)
    said = opened.detail if isinstance(opened, Failure) else str(opened.data)

    for secret in ("SUBMITTED_KEY", "REDACTED", "cache.tikhub.io", "Discord", "will incur a charge"):
        assert secret not in said


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (400, {"detail": {"code": 400, "message": "Invalid parameter."}}, Reason.CLIENT),
        (401, "not even an object", Reason.AUTH),
        (403, {"detail": "Error 1010: browser_signature_banned", "error_code": 1010}, Reason.BLOCKED),
        (403, b"<html>Attention Required! | Cloudflare</html>", Reason.BLOCKED),
        (403, {"detail": {"message_zh": "账户余额不足"}}, Reason.BALANCE),
        (403, {"detail": "Insufficient permissions"}, Reason.SCOPE),
        (418, {}, Reason.CLIENT),
        (428, {"detail": {"code": 428}}, Reason.COOKIE),
        (302, b"", Reason.BLOCKED),
        (500, {"detail": "boom"}, Reason.SERVER),
        (502, b"<html>Bad Gateway</html>", Reason.SERVER),
        (503, b"", Reason.SERVER),
        (101, b"", Reason.EMPTY),
    ],
)
def test_a_status_has_its_reason_whatever_the_body(status, answer, reason):
    assert open_json(answer, status).reason is reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"code": 402, "data": {"a": 1}}, Reason.BALANCE),
        ({"code": 429, "data": None}, Reason.RATE_LIMITED),
        ({"detail": {"code": 401, "message": "no"}}, Reason.AUTH),
        ({"code": 200, "data": {"code": 7, "data": {"a": 1}}}, Reason.EMPTY),
        ({"code": 200, "data": {"status_code": 10221}}, Reason.NOT_FOUND),
        ({"code": 200, "data": {"statusCode": "10202", "userInfo": {}}}, Reason.NOT_FOUND),
        ({"code": 200, "data": {"code": 0, "data": {"status_code": 500}}}, Reason.SERVER),
        ({"code": 200, "data": {"status_code": 0, "status_msg": ""}}, Reason.EMPTY),
        ({"code": 200, "data": {"code": 0, "message": "ok", "data": {}}}, Reason.EMPTY),
        ({"code": 200, "data": None}, Reason.EMPTY),
        ({"code": 200, "data": []}, Reason.EMPTY),
        ({"code": 200, "data": ""}, Reason.EMPTY),
        ({"code": 200, "data": "null"}, Reason.EMPTY),
        ({"code": 200, "data": "{}"}, Reason.EMPTY),
        ({"code": 200}, Reason.EMPTY),
        ({"code": 200, "data": "{cut sho"}, Reason.BAD_PAYLOAD),
        ({"code": 200, "data": 5}, Reason.BAD_PAYLOAD),
        (b'{"code": 200, "data": {"a": 1', Reason.BAD_PAYLOAD),
        (b"", Reason.BAD_PAYLOAD),
        ([1], Reason.BAD_PAYLOAD),
    ],
)
def test_http_200_alone_is_not_a_success(answer, reason):
    assert open_json(answer).reason is reason


def test_an_html_page_with_status_200_is_named_as_one():
    failure = open_json(b"<html></html>", content_type="text/html; charset=utf-8")

    assert failure == Failure(Reason.BLOCKED, "an HTML page came instead of JSON", billed=True)


def test_data_that_is_json_in_a_string_is_opened():
    assert open_json({"code": 200, "data": '{"a": 1}'}) == Opened({"a": 1})


def test_an_envelope_in_the_envelope_is_opened():
    inner = {"code": 0, "message": "success", "data": {"a": 0}}
    assert open_json({"code": 200, "data": {"code": 200, "data": inner}}) == Opened({"a": 0})


def test_success_at_one_provider_is_none_at_the_other():
    rows = [{"video_id": "1"}]

    assert open_json({"code": 0, "data": rows}, provider=Provider.KEYAPI) == Opened(rows)
    assert open_json({"code": 200, "data": rows}, provider=Provider.KEYAPI).reason is Reason.EMPTY
    assert open_json({"data": rows}, provider=Provider.KEYAPI).reason is Reason.BAD_PAYLOAD


@pytest.mark.parametrize(
    ("provider", "status", "answer", "billed"),
    [
        (Provider.TIKHUB, 200, {"code": 200, "data": None}, True),
        (Provider.TIKHUB, 200, {"code": 400, "data": None}, True),
        (Provider.TIKHUB, 200, {"code": 200, "data": {"code": 10202}}, True),
        (Provider.TIKHUB, 200, b"{", True),
        (Provider.TIKHUB, 204, b"", False),
        (Provider.TIKHUB, 302, b"", False),
        (Provider.TIKHUB, 404, {"code": 200}, False),
        (Provider.TIKHUB, 500, b"", False),
        (Provider.KEYAPI, 200, {"code": 0, "data": None}, True),
        (Provider.KEYAPI, 200, {"code": 402}, False),
        (Provider.KEYAPI, 200, b"<html>", None),
        (Provider.KEYAPI, 500, {"code": 0}, False),
    ],
)
def test_a_failure_says_whether_it_is_on_the_bill(provider, status, answer, billed):
    assert open_json(answer, status, provider).billed is billed


@pytest.mark.parametrize("name", sorted(REASONS))
def test_of_the_recorded_failures_those_are_billed_that_came_with_200_and_code_0_at_keyapi(name):
    assert open_sample(name).billed is ("_error." not in name)


@given(st.sampled_from(Provider), st.integers(100, 599).filter(lambda status: status != 200), st.none() | st.floats())
def test_nothing_but_http_200_is_billed(provider, status, code):
    assert is_billed(provider, status, code) is False


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), (None, None), ("soon", None), ("-1", None)])
def test_the_wish_of_a_provider_to_wait_is_passed_on(header, seconds):
    assert open_json({}, 429, retry_after=header).retry_after_s == seconds


def test_an_answer_about_another_video_is_refused():
    answer = {"code": 200, "params": {"item_id": "12"}, "data": {"a": 1}}

    assert open_json(answer, item_id="11").reason is Reason.WRONG_IDENTITY
    assert open_json(answer, item_id="12") == Opened({"a": 1})
    assert open_json(answer, user_id="11") == Opened({"a": 1})
    assert open_json({"code": 200, "params": {}, "data": {"a": 1}}, item_id="11") == Opened({"a": 1})


@pytest.mark.parametrize("key", ["item_id", "ids", "user_id", "product_id"])
def test_an_echo_of_any_identity_must_be_that_of_the_request(key):
    def echo(value):
        return open_json({"code": 200, "params": {key: value}, "data": {"a": 1}}, **{key: "11"})

    assert echo("12").reason is Reason.WRONG_IDENTITY
    assert echo(12).reason is Reason.WRONG_IDENTITY
    assert [echo(value) for value in ("11", 11, "", None)] == [Opened({"a": 1})] * 4


def test_a_spreadsheet_is_opened_to_its_rows_or_is_a_bad_payload():
    assert open_workbook(export(["a", "b"], [1, "x"])) == Opened([{"a": 1, "b": "x"}])
    assert open_workbook(export(["a"])) == Opened([])
    assert open_workbook(export(["a"], *([n] for n in range(1001)))).reason is Reason.BAD_PAYLOAD
    assert open_workbook(b"PK\x03\x04\x14\x00") == Failure(
        Reason.BAD_PAYLOAD, "the spreadsheet cannot be read: it is no .xlsx file, or a damaged one"
    )


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["code", "data", "detail", "status_code", "params", "item_id", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.integers(100, 599), st.sampled_from(Provider))
def test_no_json_value_makes_it_raise(answer, status, provider):
    body = json.dumps(answer).encode()
    opened = open_answer(provider, status, body, content_type=JSON, retry_after=None, expected={"item_id": "1"})

    assert isinstance(opened, Failure) or opened.data


@given(st.binary(max_size=40))
def test_no_bytes_make_it_raise(body):
    assert isinstance(open_json(body), (Failure, Opened))


@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: {"code": 0, "data": data}])
def test_the_echo_of_a_request_inside_the_data_is_not_kept(wrap):
    inner = {"violation_score": 3, "params": {"cookie": "SECRET"}, "cache_url": "https://example.invalid/SECRET"}
    opened = open_json(orjson.dumps({"code": 200, "data": wrap(inner)}))
    assert opened.data == {"violation_score": 3}
