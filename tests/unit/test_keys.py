"""Whose a 401 is: whether the key or a cookie was refused is told by what else was answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.keys import WORD, Keys
from daemon.providers import ENDPOINTS
from daemon.providers.answer import Reason
from daemon.providers.endpoint import Provider

AT = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEALTH, FANS, STATS = (
    ENDPOINTS[name]
    for name in ("get_account_health_status", "fetch_creator_info_and_milestones", "video_detail_analytics")
)


@pytest.fixture
def keys() -> Keys:
    keys = Keys()
    keys.note(HEALTH, None, AT)
    return keys


def blame(keys: Keys, account: str, minutes: float, has_word: bool = True) -> Reason:
    return keys.blame(Provider.TIKHUB, account, AT + minutes * MINUTE, has_word=has_word).reason


@pytest.mark.parametrize("has_word", [True, False])
def test_the_first_is_the_cookies(keys, has_word):
    assert blame(keys, "mei", 1, has_word) is Reason.COOKIE
    assert keys.doubting("mei") == [Provider.TIKHUB]


@pytest.mark.parametrize("account", ["mei", "ana"])
def test_another_is_nobodys_until_the_key_itself_was_asked(keys, account):
    blame(keys, "mei", 1)
    assert blame(keys, account, 2) is Reason.SERVER
    keys.note(ENDPOINTS[WORD], None, AT + 3 * MINUTE)
    assert blame(keys, account, 4) is Reason.COOKIE
    keys.note(ENDPOINTS[WORD], Reason.AUTH, AT + 5 * MINUTE)
    assert blame(keys, account, 6) is Reason.AUTH


def test_where_the_key_is_never_asked_about_another_accounts_is_the_keys_and_so_are_all_that_follow(keys):
    assert [blame(keys, who, 1, has_word=False) for who in ("mei", "mei", "ana")] == [
        Reason.COOKIE,
        Reason.COOKIE,
        Reason.AUTH,
    ]
    keys.note(HEALTH, Reason.AUTH, AT + MINUTE)
    assert blame(keys, "ana", 2, has_word=False) is Reason.AUTH


def test_a_call_without_a_cookie_that_is_refused_shows_that_it_is_the_key(keys):
    keys.note(FANS, Reason.AUTH, AT + MINUTE)
    assert [blame(keys, "mei", 2, has_word) for has_word in (True, False)] == [Reason.AUTH, Reason.AUTH]


@pytest.mark.parametrize("reason", [None, Reason.NOT_FOUND, Reason.EMPTY, Reason.SCOPE, Reason.BALANCE])
def test_whatever_a_provider_says_to_who_holds_the_key_shows_that_it_is_accepted(keys, reason):
    blame(keys, "mei", 1)
    keys.note(FANS, reason, AT + 2 * MINUTE)
    assert keys.doubting("mei") == []
    assert blame(keys, "ana", 3) is Reason.COOKIE


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.SERVER, Reason.RATE_LIMITED, Reason.BLOCKED, Reason.COOKIE])
def test_what_may_be_said_to_everybody_shows_nothing(keys, reason):
    blame(keys, "mei", 1)
    keys.note(FANS, reason, AT + 2 * MINUTE)
    assert blame(keys, "ana", 3) is Reason.SERVER


def test_a_free_answer_and_one_of_another_provider_show_nothing(keys):
    blame(keys, "mei", 1)
    keys.note(ENDPOINTS["canary"], None, AT + 2 * MINUTE)
    keys.note(STATS, None, AT + 2 * MINUTE)
    assert blame(keys, "ana", 3) is Reason.SERVER


def test_an_answer_that_comes_late_speaks_of_the_time_when_it_was_asked_for(keys):
    blame(keys, "mei", 3)
    keys.note(FANS, None, AT + 2 * MINUTE)
    assert blame(keys, "ana", 4) is Reason.SERVER
    keys.note(FANS, None, AT + 5 * MINUTE)
    keys.note(HEALTH, None, AT + 1 * MINUTE)
    assert keys.doubting("mei") == []
