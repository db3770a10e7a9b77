"""References to secrets: what they come to, when they do not, and who gets to see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.secrets import (
    HIDDEN,
    Redactor,
    Secret,
    Unresolved,
    is_reference,
    misspelt,
    plain_password,
    plain_token,
    resolve,
)

ENV = {"TOKEN": "abc-0123456789-xyz", "EMPTY": "", "LINES": "a\nb", "ENDED": "value\n"}


def revealed(ref: str, base: Path = Path()) -> str:
    found = resolve(ref, ENV, base)
    assert isinstance(found, Secret), found
    return found.reveal()


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        ("${TOKEN}", "abc-0123456789-xyz"),
        ("${TOKEN:-other}", "abc-0123456789-xyz"),
        ("${MISSING:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${MISSING:-}", ""),
        ("${ENDED}", "value"),
        ("json://${TOKEN}@${MISSING:-127.0.0.1}/x", "json://abc-0123456789-xyz@127.0.0.1/x"),
        ("console://", "console://"),
        ("$TOKEN {TOKEN}", "$TOKEN {TOKEN}"),
    ],
)
def test_a_reference_comes_to_what_it_names(ref: str, text: str):
    assert revealed(ref) == text


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("${MISSING}", "the environment variable MISSING is not set"),
        ("${EMPTY}", "the environment variable EMPTY is not set"),
        ("${LINES}", "the environment variable LINES has line breaks or control characters inside"),
        ("${file:none}", "there is no file none"),
        ("${file:.}", "there is no file ."),
        ("${file:empty}", "the file empty is empty"),
        ("${file:lines}", "the file lines has line breaks or control characters inside"),
        ("${file:latin}", "the file latin is not UTF-8 text"),
        ("${file:large}", "the file large is larger than 64 KiB"),
        ("${TO KEN}", "a reference is misspelt: write ${NAME}, ${NAME:-default} or ${file:path}"),
        ("${TOKEN", "a reference is misspelt: write ${NAME}, ${NAME:-default} or ${file:path}"),
    ],
)
def test_what_is_not_there_is_said_in_words(ref: str, why: str, tmp_path: Path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "lines").write_text("hunter2\nhunter2")
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "large").write_text("x" * 70_000)
    assert resolve(ref, ENV, tmp_path) == Unresolved(why)


def test_a_file_is_relative_to_its_base_and_read_anew_each_time(tmp_path: Path):
    (tmp_path / "cookies").mkdir()
    cookie = tmp_path / "cookies" / "alice"
    cookie.write_text("sessionid=1\n")
    assert revealed("${file:cookies/alice}", tmp_path) == "sessionid=1"
    cookie.write_text("sessionid=2\r\n")
    assert revealed("${file:cookies/alice}", tmp_path) == "sessionid=2"
    assert revealed(f"${{file:{cookie}}}") == "sessionid=2"


def test_a_secret_shows_itself_to_nobody():
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} " + "%s %r" % (secret, secret)  # noqa: UP031 - a way to print it
    assert str(secret) == repr(secret) == HIDDEN


def test_a_revealed_secret_is_hidden_as_it_is_and_as_urls_and_json_write_it():
    redactor = Redactor()
    secret = Secret('se/cret "1"', redactor=redactor)
    assert redactor.redact('se/cret "1"') == 'se/cret "1"'
    secret.reveal()
    assert (
        redactor.redact('a se/cret "1" b se%2Fcret%20%221%22 c {"k": "se/cret \\"1\\""}')
        == 'a *** b *** c {"k": "***"}'
    )


def test_the_long_words_of_a_secret_are_hidden_too_but_no_ids_and_no_short_ones():
    redactor = Redactor()
    Secret("json://abcdefghij0123456789@host/7460937381265411370", redactor=redactor).reveal()
    assert redactor.redact("abcdefghij0123456789 of host, 7460937381265411370") == "*** of host, 7460937381265411370"
    Secret("abc", redactor=redactor).reveal()
    assert redactor.redact("abc") == "abc"


def test_a_secret_within_another_does_not_leave_a_rest():
    redactor = Redactor()
    for secret in ("inner-part", "outer-inner-part-outer"):
        Secret(secret, redactor=redactor).reveal()
    assert redactor.redact("x outer-inner-part-outer y") == "x *** y"


def test_a_default_is_no_secret_and_a_resolved_part_is():
    redactor = Redactor()
    Secret("console://fallback", (), redactor).reveal()
    assert redactor.redact("console://fallback") == "console://fallback"


@pytest.mark.parametrize("ref", ["${A}", "${file:x}", "${file:/a/b c}", "${A:-}"])
def test_one_reference_without_a_plain_default_is_a_reference(ref: str):
    assert is_reference(ref)
    assert misspelt(ref) is None


@pytest.mark.parametrize("ref", ["${A:-b}", "a${A}", "${A}${B}", "$A", "", "${A-b}"])
def test_anything_beside_one_reference_is_not_a_reference(ref: str):
    assert not is_reference(ref)


@pytest.mark.parametrize(
    "url",
    [
        "console://",
        "json://me@127.0.0.1:80/a?b=c",
        "mailto://me:${P}@example.com",
        "${A}",
        "json://h/?token=${T}",
        "slack://${A}/b/c",
    ],
)
def test_a_url_without_a_plain_secret_passes(url: str):
    assert plain_password(url) is None
    assert plain_token(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "json://me:pw@h",
        "jsons://:pw@h",
        "json://h?PASSWORD=x",
        "json://h?a=b&%74oken=x",
        "json://a:${P:-pw}@h",
        "json://a:x${P}@h",
    ],
)
def test_a_plain_password_is_found_and_not_quoted(url: str):
    assert "pw" not in str(plain_password(url))
    assert plain_password(url) is not None


@pytest.mark.parametrize("url", ["discord://1/abc", "TGRAM://1:abc/2", "${A:-slack://a/b/c}", "slack://${A:-abc}/b"])
def test_a_plain_token_in_a_path_is_found(url: str):
    assert plain_token(url) is not None
