"""Links that act: whoever changes one has none."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.links import GOOD_FOR, LONGEST_URL, Action, Invalid, Links, Ticket, key_fault, url_fault
from daemon.scribe import Scribe, Voice
from daemon.secrets import Secret, Unresolved
from rules.values import News
from rules.wording import Markup
from rules.words import Language
from tests.told import a_story

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LINKS = Links("https://alerts.example.com", Secret("a key of sixteen characters or more", hidden=()))
TICKETS = st.builds(
    Ticket,
    st.sampled_from(Action),
    st.integers(1, 2**63 - 1),
    st.integers(1, 255),
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=10),
    st.just(NOON + GOOD_FOR),
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(TICKETS)
def test_a_token_says_what_the_ticket_said(ticket):
    assert LINKS.ticket(LINKS.token(ticket), NOON) == ticket


@given(TICKETS, st.data())
def test_a_token_of_which_any_letter_was_changed_is_refused(ticket, data):
    token = LINKS.token(ticket)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(LETTERS.replace(token[place], "")))
    assert LINKS.ticket(token[:place] + other + token[place + 1 :], NOON) is Invalid.WRONG


@pytest.mark.parametrize("name", ["", "a", "ab"])
def test_a_token_has_no_other_spelling(name):
    """The last letter of most lengths has bits that stand for nothing."""
    token = LINKS.token(Ticket(Action.SILENCE, 12, 1, name, NOON + GOOD_FOR))
    others = [token[:-1] + letter for letter in LETTERS if letter != token[-1]] + [
        f"{token}=",
        f"{token[:9]} {token[9:]}",
    ]
    assert {LINKS.ticket(other, NOON) for other in others} == {Invalid.WRONG}


@given(TICKETS, st.data())
def test_a_token_that_is_not_whole_or_has_more_is_refused(ticket, data):
    token = LINKS.token(ticket)
    cut = data.draw(st.integers(0, len(token) - 1))
    more = data.draw(st.text(st.sampled_from(LETTERS + "=%\n."), min_size=1, max_size=5))
    assert {LINKS.ticket(each, NOON) for each in (token[:cut], token + more, more + token)} == {Invalid.WRONG}


@given(st.text(max_size=200))
def test_what_is_no_token_is_refused(text):
    assert LINKS.ticket(text, NOON) is Invalid.WRONG


@given(TICKETS)
def test_a_token_of_another_key_is_refused(ticket):
    others = Links("https://alerts.example.com", Secret("another key of sixteen characters", hidden=()))
    assert LINKS.ticket(others.token(ticket), NOON) is Invalid.WRONG


def test_a_link_is_good_for_a_week():
    token = LINKS.token(Ticket(Action.SILENCE, 12, 1, "managers", NOON + GOOD_FOR))
    assert LINKS.ticket(token, NOON + GOOD_FOR - timedelta(seconds=1)) != Invalid.OLD
    assert LINKS.ticket(token, NOON + GOOD_FOR) is Invalid.OLD


@given(TICKETS, st.text(max_size=300))
def test_a_link_fits_into_a_text_message_whatever_its_channel_is_called(ticket, name):
    address = "https://alerts.example.com/" + "a" * (LONGEST_URL - 27)
    assert url_fault(address) is None
    token = Links(address, Secret("0" * 16, hidden=())).token(
        replace(ticket, channel=name.encode(errors="replace").decode())
    )
    assert len(f"{address}/a/{token}") < 200


def test_a_message_has_a_link_for_each_thing_that_can_be_done_at_the_level_that_it_tells():
    found = dict(LINKS.of(a_story(stand=-2), 12, "managers", NOON))
    tickets = [LINKS.ticket(url.rpartition("/")[2], NOON) for url in found.values()]
    assert list(found) == ["link.acknowledge", "link.silence"]
    assert tickets == [Ticket(action, 12, 2, "managers", NOON + GOOD_FOR) for action in Action]
    assert all(url.startswith("https://alerts.example.com/a/") for url in found.values())


def test_what_is_over_has_no_links_nor_has_what_clients_read():
    clients = Links("https://alerts.example.com/", Secret("0" * 16, hidden=()), frozenset({"brand"}))
    assert list(LINKS.of(a_story(stand=0, news=News.RESOLVED), 12, "managers", NOON)) == []
    assert list(clients.of(a_story(stand=1), 12, "brand", NOON)) == []
    assert len(list(clients.of(a_story(stand=1), 12, "managers", NOON))) == 2


@pytest.mark.parametrize(
    ("markup", "written"),
    [
        (Markup.TEXT, "Acknowledge: https://alerts.example.com/a/"),
        (Markup.MARKDOWN, "- **Acknowledge**: <https://alerts.example.com/a/"),
        (Markup.HTML, '<b>Silence for 4 h</b>: <a href="https://alerts.example.com/a/'),
    ],
)
def test_a_message_ends_in_its_links_in_every_markup(markup, written):
    message = Scribe({}, {}, links=LINKS).write([a_story(stand=1)], "managers", markup, NOON, alert_id=12)
    assert written in message.body
    assert "Silence for 4 h" in message.body.rstrip().splitlines()[-1]


def test_a_message_about_several_alerts_or_without_links_in_force_has_none():
    linked, bare = Scribe({}, {}, links=LINKS), Scribe({}, {})
    assert "https://" not in linked.write([a_story(stand=1)], "managers", Markup.TEXT, NOON).body
    assert "https://" not in bare.write([a_story(stand=1)], "managers", Markup.TEXT, NOON, alert_id=12).body
    assert (
        "https://" not in linked.then({}, {}).write([a_story(stand=1)], "managers", Markup.TEXT, NOON, alert_id=12).body
    )


def test_links_are_in_the_language_of_the_channel():
    scribe = Scribe({"china": Voice(Language.ZH)}, {}, links=LINKS)
    body = scribe.write([a_story(stand=1)], "china", Markup.TEXT, NOON, alert_id=12).body
    assert re.findall(r"(?m)^(.+)\uff1ahttps://", body) == ["确认收到", "静默 4 小时"]


@pytest.mark.parametrize(
    "url",
    [
        "https://alerts.example.com",
        "https://alerts.example.com/",
        "https://example.com:8443/watch",
        "https://[2001:db8::1]",
    ],
)
def test_an_address_may_have_a_port_and_a_path(url):
    assert url_fault(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://alerts.example.com", "https://"),
        ("alerts.example.com", "such as https://alerts.example.com"),
        ("https://me:secret@example.com", "without a user name"),
        ("https://example.com/?a=1", "query"),
        ("https://example.com/#a", "fragment"),
        ("https://example.com:99999", "such as"),
        ('https://example.com/">', "such as"),
        ("https://", "such as"),
        ("", "such as"),
        ("https://example.com/" + "a" * LONGEST_URL, "80 characters at most"),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_words_that_do_not_quote_it(url, words):
    fault = url_fault(url)
    assert words in fault
    assert "secret" not in fault


def test_a_short_key_is_refused_and_one_that_is_not_there_is_not():
    assert key_fault(Secret("0" * 16, hidden=())) is None
    assert key_fault(Unresolved("it is not there")) is None
    assert "less than 16 characters" in key_fault(Secret("hunter2-hunter2", hidden=()))
