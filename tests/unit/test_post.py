"""Letters on their way, in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from daemon.post import Letter, Post
from rules.digest import Digest
from rules.telling import news
from rules.values import News
from storage.bundles import AT_MOST
from tests.told import a_story

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def letter(thing, stand=1, told=0, after_s=0, bundle="", hold_s=0, wait_s=0, channel="a"):
    """A letter that is written so many seconds after NOW, and held for so many."""
    at = NOW + after_s * SECOND
    story = a_story(thing, news=news(told, stand) or News.FIRED, told=told, stand=stand)
    wait = wait_s * SECOND
    return Letter(channel, "r", thing, (), story, at, at + hold_s * SECOND + wait, bundle, wait)


def delivered(*letters):
    """What comes of letters: the channel, how many seconds after NOW, and about what each message is."""
    post, sent = Post(), []
    for each in sorted(letters, key=lambda each: each.at):
        sent += post.hand_over(each.at)
        post.add([each], each.at)
    sent += post.hand_over()
    return [(each.channel, (each.at - NOW) / SECOND, " ".join(own.target for own in each.letters)) for each in sent]


def test_a_letter_of_no_bundle_is_a_message_at_once():
    assert delivered(letter("x"), letter("y"), letter("x", channel="b")) == [
        ("a", 0, "x"),
        ("a", 0, "y"),
        ("b", 0, "x"),
    ]


def test_a_bundle_waits_until_nothing_was_added_for_its_wait_but_not_longer_than_ten_times_that():
    several = [letter(str(turn), after_s=turn * 55, bundle="group g", wait_s=60) for turn in range(12)]
    assert delivered(*several) == [("a", 600, "0 1 2 3 4 5 6 7 8 9 10"), ("a", 665, "11")]


def test_bundles_of_other_names_and_channels_do_not_wait_for_each_other():
    own = letter("x", bundle="group g", wait_s=60)
    others = [letter("y", after_s=30, bundle="group h", wait_s=60), letter("z", 1, 0, 30, "group g", 0, 60, "b")]
    assert delivered(own, *others) == [("a", 60, "x"), ("a", 90, "y"), ("b", 90, "z")]


def test_what_is_held_comes_at_its_hour_as_one_message():
    held = [letter(thing, after_s=turn, bundle="quiet n", hold_s=100 - turn) for turn, thing in enumerate("xyz")]
    assert delivered(*held) == [("a", 100, "x y z")]


def test_a_letter_that_goes_takes_along_what_was_held_of_the_same_thing_and_tells_the_whole_way():
    post = Post()
    post.add([letter("x", 1, bundle="quiet n", hold_s=900), letter("y", bundle="quiet n", hold_s=900)], NOW)
    post.add([letter("x", 2, told=1, after_s=60)], NOW + 60 * SECOND)
    passed, held = post.hand_over()
    assert [each.target for each in passed.letters] == ["x", "x"]
    assert (passed.parcel.content.told, passed.parcel.content.stand, passed.parcel.content.news) == (0, 2, News.FIRED)
    assert ([each.target for each in held.letters], held.at) == (["y"], NOW + 900 * SECOND)


def test_what_came_and_went_while_it_was_held_is_told_as_that():
    post = Post()
    post.add([letter("x", 1, bundle="quiet n", hold_s=900)], NOW)
    post.add([letter("x", 0, told=1, after_s=60, bundle="quiet n", hold_s=840)], NOW + 60 * SECOND)
    (sent,) = post.hand_over()
    assert isinstance(sent.parcel.content, Digest)


@st.composite
def some_letters(draw):
    found, stood = [], {}
    kinds = st.sampled_from([("", 0, 0), ("quiet n", 500, 0), ("group g", 0, 60), ("digest d", 3_600, 0)])
    steps = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 300), st.integers(0, 3), kinds)
    after_s = 0
    for channel, thing, later_s, stand, (bundle, hold_s, wait_s) in draw(st.lists(steps, max_size=20)):
        after_s += later_s
        told = stood.get((channel, thing), 0)
        found.append(letter(thing, stand, told, after_s, bundle, hold_s, wait_s, channel))
        stood[channel, thing] = stand
    return found


@given(some_letters())
def test_each_letter_is_in_one_message_no_later_than_it_may_be_and_a_thing_is_told_in_order(letters):
    post, sent = Post(), []
    for each in letters:
        sent += post.hand_over(each.at)
        post.add([each], each.at)
    sent += post.hand_over()
    assert sum(len(each.letters) for each in sent) == len(letters)
    assert [each.at for each in sent] == sorted(each.at for each in sent)
    for each in sent:
        latest = [max(own.at + AT_MOST * own.wait, own.due) for own in each.letters]
        assert all(own.at <= each.at <= last for own, last in zip(each.letters, latest, strict=True))
    for place in {(each.channel, each.target) for each in letters}:
        told = [own.at for each in sent for own in each.letters if (own.channel, own.target) == place]
        assert told == sorted(told), place
