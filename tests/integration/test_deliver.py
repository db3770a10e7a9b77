"""Delivery: what a channel is sent that fails, that may not be sent so much, or that takes no long messages."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from daemon.courier import NotSent, Sent
from daemon.deliver import GIVE_UP_AFTER
from daemon.packing import MAX_ENTRIES
from daemon.patience import JITTER, WAITS, Rate, Terms
from daemon.replies import Undelivered
from daemon.scribe import Scribe
from daemon.statements import LANGUAGE
from rules.digest import FLOOD, LATE
from rules.selectors import compile_selector
from rules.silences import Silence
from storage.records import Status
from tests.delivered import BUSY, HOUR, MINUTE, REFUSED, SECOND, T0, Bench, Service


@pytest.fixture
def chat():
    return Service()


@pytest.fixture
def mail():
    return Service("mail", "E-Mail")


@pytest.fixture
def bench(tmp_path, chat):
    bench = Bench(tmp_path / "watch.db", chat)
    yield bench
    bench.store.close()


# --- a channel that fails ------------------------------------------------------------------------------------------


async def test_a_message_that_is_late_says_by_how_much_and_what_the_service_answered(bench, chat):
    chat.fail(BUSY)
    bench.move("a", 2, T0)
    await bench.at(T0)
    chat.work()
    await bench.at(T0 + 42 * MINUTE)
    assert chat.titles == ["▲ HIGH: a (delayed 42 min: Telegram 429)"]


async def test_news_that_waited_for_a_daemon_that_was_not_there_says_only_how_late_it_is(bench, chat):
    bench.move("a", 2, T0)
    await bench.at(T0 + 3 * HOUR)
    assert chat.titles == ["▲ HIGH: a (delayed 3 h)"]


async def test_news_that_is_on_time_says_nothing_of_earlier_failures(bench, chat):
    chat.fail()
    bench.move("a", 2, T0)
    await bench.at(T0)
    chat.work()
    await bench.at(T0 + MINUTE)
    bench.move("b", 2, T0 + HOUR)
    await bench.at(T0 + HOUR)
    assert chat.titles == ["▲ HIGH: a", "▲ HIGH: b"]


async def test_what_piled_up_while_a_channel_was_away_is_one_message(bench, chat):
    chat.fail()
    for number in range(500):
        bench.move(f"n{number}", 1 + number % 3, T0)
    for minute in range(42):
        await bench.at(T0 + minute * MINUTE)
    assert len(chat.tried) == sum(sum(WAITS[:n], timedelta(0)) * (1 - JITTER) <= 41 * MINUTE for n in range(7))
    bench.move("n0", 0, T0 + 40 * MINUTE)
    chat.work()
    assert await bench.at(T0 + 42 * MINUTE + WAITS[-1]) == 501
    [title] = chat.titles
    assert title.startswith("While Telegram could not be reached for ")
    assert title.endswith(": 499 still on, 1 came and went")
    assert bench.store.counts().outbox_waiting == 0


async def test_a_channel_that_fails_is_tried_by_one_message_at_a_time(bench, chat):
    chat.fail()
    for name in "abcd":
        bench.move(name, 2, T0)
    await bench.at(T0)
    assert len(chat.tried) == 1
    assert await bench.at(T0 + WAITS[0] * (1 - JITTER) - SECOND) == 0
    await bench.at(T0 + WAITS[0] * (1 + JITTER))
    assert len(chat.tried) == 2
    chat.work()
    await bench.at(T0 + MINUTE)
    assert sorted(chat.titles) == [f"▲ HIGH: {name}" for name in "abcd"]


async def test_a_channel_that_worked_again_is_left_alone_for_a_few_seconds_when_it_fails_anew(bench, chat):
    bench.move("a", 2, T0)
    chat.fail()
    for hour in range(5):
        await bench.at(T0 + hour * HOUR)
    chat.work()
    await bench.at(T0 + 5 * HOUR)
    chat.fail()
    bench.move("b", 2, T0 + 6 * HOUR)
    await bench.at(T0 + 6 * HOUR)
    assert await bench.at(T0 + 6 * HOUR + WAITS[0] * (1 + JITTER)) == 1


async def test_groups_that_piled_up_are_one_message_too(bench, chat):
    chat.fail()
    for number in range(20):
        bench.move(f"n{number}", 2, T0, due=T0 + MINUTE, bundle=f"group n{number}", wait=MINUTE)
    await bench.at(T0 + MINUTE)
    chat.work()
    await bench.at(T0 + 40 * MINUTE)
    assert chat.titles == ["While Telegram could not be reached for 39 min: 20 still on"]


async def test_many_groups_that_waited_for_more_and_go_in_time_were_not_held_up(bench, chat):
    for number in range(FLOOD + 1):
        bench.move(f"n{number}", 2, T0, due=T0 + 2 * LATE, bundle=f"group n{number}", wait=2 * LATE)
    await bench.at(T0 + 2 * LATE)
    assert sorted(chat.titles) == [f"▲ HIGH: n{number}" for number in range(FLOOD + 1)]


async def test_what_was_held_and_is_taken_along_makes_nothing_late(bench, chat):
    for number in range(FLOOD + 1):
        bench.move(f"n{number}", 2, T0, due=T0 + 8 * HOUR, bundle="quiet nights")
        bench.move(f"n{number}", 3, T0 + HOUR)
    await bench.at(T0 + HOUR)
    assert sorted(chat.titles) == [f"▲ CRITICAL: n{number}" for number in range(FLOOD + 1)]


async def test_a_channel_is_left_alone_for_as_long_as_its_service_asks(bench, chat):
    chat.fail(NotSent(Undelivered.BUSY, 3, 600.0, 429))
    bench.move("a", 2, T0)
    await bench.at(T0)
    bench.move("b", 2, T0 + MINUTE)
    assert await bench.at(T0 + 599 * SECOND) == 0
    assert await bench.at(T0 + 661 * SECOND) > 0


async def test_a_message_that_is_refused_does_not_hold_up_the_next_for_long(bench, chat):
    chat.answer = lambda message: REFUSED if "bad" in message.title else Sent(5)
    bench.move("bad", 2, T0)
    bench.move("good", 2, T0)
    await bench.at(T0)
    await bench.at(T0 + 12 * SECOND)
    assert chat.titles == ["▲ HIGH: good"]
    bench.move("better", 2, T0 + HOUR)
    await bench.at(T0 + HOUR)
    await bench.at(T0 + HOUR + 12 * SECOND)
    assert chat.titles == ["▲ HIGH: good", "▲ HIGH: better"]


async def test_a_message_that_was_refused_for_hours_does_not_hold_up_the_next_for_long_either(bench, chat):
    chat.answer = lambda message: REFUSED if "bad" in message.title else Sent(5)
    bench.move("bad", 2, T0)
    for minute in range(120):
        await bench.at(T0 + minute * MINUTE)
    tried = len(chat.tried)
    bench.move("good", 2, T0 + 2 * HOUR)
    await bench.at(T0 + 2 * HOUR)
    await bench.at(T0 + 2 * HOUR + 12 * SECOND)
    assert chat.titles == ["▲ HIGH: good"]
    assert tried < 12


def refusing(word):
    return lambda message: REFUSED if word in message.title + message.body else Sent(5)


@pytest.mark.parametrize("held", [{}, {"due": T0 + HOUR, "bundle": "quiet nights"}])
async def test_one_thing_that_is_refused_keeps_nobody_from_the_others_of_its_message(bench, chat, held):
    chat.fail()
    for number in range(40):
        bench.move("bad" if number == 7 else f"n{number:02}", 2, T0, **held)
    await bench.at(T0)
    chat.answer = refusing("bad")
    for second in range(0, 900, 5):
        await bench.at(T0 + HOUR + second * SECOND)
    told = {story.headline[0] for _, message, _ in chat.got for story in message.stories}
    assert len(told) == bench.store.counts().outbox_waiting + 38 == 39
    assert len(chat.got) <= 16


async def test_a_service_that_refuses_everything_is_not_asked_more_often_because_there_is_more_to_tell(bench, chat):
    chat.fail(REFUSED)
    for number in range(400):
        bench.move(f"n{number:03}", 2, T0, due=T0 + MINUTE, bundle="digest daily")
    for minute in range(24 * 60):
        await bench.at(T0 + minute * MINUTE)
    assert len(chat.tried) < 500


async def test_what_a_service_asks_for_begins_when_it_answers(bench, chat):
    chat.fail(NotSent(Undelivered.BUSY, 1_500, 1.0, 429))
    chat.takes_s = 1.5
    bench.move("a", 2, T0)
    await bench.at(T0, steps=1)
    assert await bench.at(T0 + 2 * SECOND, steps=1) == 0


# --- letters that die ----------------------------------------------------------------------------------------------


async def days(bench, number, begin=T0):
    at = begin
    while at <= begin + number * GIVE_UP_AFTER + HOUR:
        await bench.at(at)
        at += 10 * MINUTE
    return at


@pytest.fixture
def pair(tmp_path, chat, mail):
    bench = Bench(tmp_path / "pair.db", chat, mail, terms={"chat": Terms(fallback="mail")})
    yield bench
    bench.store.close()


async def test_what_could_not_be_told_for_a_day_is_told_by_the_channel_that_stands_in_and_its_end_too(pair, chat, mail):
    chat.fail(REFUSED)
    pair.move("a", 2, T0)
    at = await days(pair, 1)
    assert mail.titles == ["▲ HIGH: a (could not be told to chat)"]
    assert pair.alerts["a"].told == {"mail": 2}
    pair.move("a", 0, at, "chat", "mail")
    await pair.at(at)
    assert mail.titles[1:] == ["✔ RESOLVED: a"]


async def test_who_stands_in_is_told_the_same_once(pair, chat, mail):
    chat.fail()
    pair.move("a", 2, T0)
    at = await days(pair, 1)
    pair.move("a", 2, at)
    await days(pair, 1, at)
    assert (len(mail.titles), pair.store.counts().outbox_dead) == (1, 2)


async def test_that_an_end_could_not_be_told_is_told_by_who_stands_in_though_nobody_there_knew_of_it(pair, chat, mail):
    pair.move("a", 2, T0)
    await pair.at(T0)
    chat.fail()
    pair.move("a", 0, T0 + MINUTE)
    await days(pair, 1, T0 + MINUTE)
    assert mail.titles == ["✔ RESOLVED: a (could not be told to chat)"]
    assert [alert.told.get("chat") for alert in pair.store.live_alerts()] == [2]


async def test_what_came_and_went_while_it_could_not_be_told_is_told_as_that_by_who_stands_in(pair, chat, mail):
    chat.fail()
    pair.move("a", 2, T0)
    pair.move("a", 0, T0 + MINUTE)
    await days(pair, 1)
    assert mail.titles == ["✔ Came and went: HIGH: a (could not be told to chat)"]


async def test_all_that_waited_a_day_for_a_channel_is_one_message_to_who_stands_in(pair, chat, mail):
    chat.fail()
    for number in range(30):
        pair.move(f"n{number}", 2, T0)
    await days(pair, 1)
    assert mail.titles == ["Several alerts: 30 still on (could not be told to chat)"]
    assert pair.store.counts().outbox_waiting == 0


@pytest.mark.parametrize(
    ("heard", "died", "after", "title", "step"),
    [
        (0, 2, 3, "▲ CRITICAL: a", "none → critical"),
        (2, 3, 1, "▼ WARNING: a", "high → warning"),
        (2, 0, 1, "▼ WARNING: a", "high → warning"),
    ],
)
async def test_what_comes_after_news_that_was_given_up_is_told_to_who_never_had_that(
    pair, chat, heard, died, after, title, step
):
    pair.move("a", heard, T0)
    await pair.at(T0)
    chat.fail()
    pair.move("a", died, T0 + MINUTE)
    await bench_until(pair, T0 + MINUTE, T0 + 12 * HOUR)
    pair.move("a", after, T0 + 12 * HOUR)
    at = await days(pair, 1)
    chat.work()
    await pair.at(at + HOUR)
    assert pair.store.counts().outbox_dead == 1
    assert chat.titles[-1].startswith(title)
    assert chat.got[-1][1].body == f"Level: {step}"


async def test_a_letter_that_is_new_to_a_channel_that_has_failed_for_long_is_tried_for_a_day_too(pair, chat):
    chat.fail()
    pair.move("a", 2, T0)
    at = await days(pair, 1)
    pair.move("b", 2, at)
    await bench_until(pair, at, at + GIVE_UP_AFTER - HOUR)
    assert pair.store.counts().outbox_dead == 1
    await bench_until(pair, at + GIVE_UP_AFTER - HOUR, at + GIVE_UP_AFTER + HOUR)
    assert pair.store.counts().outbox_dead == 2


async def bench_until(bench, at, end):
    while at <= end:
        await bench.at(at)
        at += 10 * MINUTE


# --- how much a channel is sent ------------------------------------------------------------------------------------


async def test_no_channel_is_sent_more_than_its_rate_in_any_span_of_that_length(tmp_path, chat):
    bench = Bench(tmp_path / "watch.db", chat, terms={"chat": Terms(Rate.read("3/min"))})
    for number in range(8):
        bench.move(f"n{number}", 2, T0)
    for seconds in range(0, 200, 5):
        await bench.at(T0 + seconds * SECOND)
    sent = [at for at, _, _ in chat.got]
    assert len(sent) == 8
    assert all(later - earlier >= MINUTE for earlier, later in zip(sent, sent[3:], strict=False))
    bench.store.close()


async def test_a_rate_is_kept_also_after_a_message_that_took_longer_than_its_span(tmp_path, chat):
    bench = Bench(tmp_path / "watch.db", chat, terms={"chat": Terms(Rate.read("1/s"))})
    for number in range(6):
        bench.move(f"n{number}", 2, T0, due=T0, bundle=f"group n{number}")
    chat.takes_s = 1.1
    await bench.at(T0, steps=1)
    assert len(chat.got) == 1
    bench.store.close()


async def test_a_long_digest_is_told_in_numbered_parts_each_with_its_own_receipts(bench, chat):
    chat.room = 800
    for number in range(40):
        bench.move(f"n{number:02}", 2, T0, due=T0 + HOUR, bundle="quiet nights")
    answers = iter([Sent(5), BUSY])
    chat.answer = lambda _message: next(answers)
    await bench.at(T0 + HOUR, steps=1)
    [_, refused] = chat.tried
    assert chat.titles == ["Held during nights: 40 still on (1/3)"]
    assert refused[1].title.endswith("(2/3)")
    assert bench.store.counts().outbox_waiting == 26
    chat.work()
    await bench.at(T0 + HOUR + MINUTE)
    assert [title[-5:] for title in chat.titles] == ["(1/3)", "(1/2)", "(2/2)"]
    told = [line.strip() for _, message, _ in chat.got for line in message.body.splitlines() if "HIGH" in line]
    assert len(set(told)) == len(told) == 40


async def test_however_little_a_channel_takes_all_things_of_a_digest_are_told_in_the_order_of_its_parts(bench, chat):
    chat.room = 300
    for number in range(100):
        bench.move(f"n{number:03}", 1 + number % 3, T0, due=T0 + HOUR, bundle="digest daily")
    await bench.at(T0 + HOUR, steps=1)
    lines = [line for _, message, _ in chat.got for line in message.body.splitlines()]
    assert sorted(re.findall(r"n\d{3}", "".join(lines))) == [f"n{number:03}" for number in range(100)]
    assert not [line for line in lines if line.startswith("and ")]
    assert all(len(message.body) <= 300 for _, message, _ in chat.got)
    numbers = [tuple(map(int, re.findall(r"\d+", title)[-2:])) for title in chat.titles]
    assert numbers == [(part, len(numbers)) for part in range(1, len(numbers) + 1)]
    assert bench.store.counts().outbox_waiting == 0


async def test_a_message_tells_no_more_than_five_hundred_things_however_much_a_channel_takes(bench, chat):
    for number in range(MAX_ENTRIES + 1):
        bench.move(f"n{number:03}", 2, T0, due=T0 + HOUR, bundle="digest daily")
    await bench.at(T0 + HOUR, steps=1)
    assert [message.title[-5:] for _, message, _ in chat.got] == ["(1/2)", "(2/2)"]


async def test_at_the_end_the_parts_that_were_not_begun_are_left_for_the_next_time(bench, chat):
    chat.room = 300
    for number in range(30):
        bench.move(f"n{number:02}", 2, T0, due=T0 + HOUR, bundle="digest daily")
    answer, ending = chat.answer, []

    def ends(message):
        ending.append(asyncio.ensure_future(bench.deliverer.end()))
        return answer(message)

    chat.answer = ends
    await bench.at(T0 + HOUR, steps=1)
    await ending[0]
    told = re.findall(r"n\d\d", "".join(message.body for _, message, _ in chat.got))
    assert 5 <= len(told) <= 10  # of six parts the first, or the one after it too
    assert bench.store.counts().outbox_waiting == 30 - len(told)


@pytest.mark.parametrize(
    ("room", "parts", "last"), [(10**6, 1, "(a launch)"), (1_200, 3, "  10 in all"), (500, 7, "  10 in all")]
)
async def test_silences_that_may_be_forgotten_make_no_more_messages_of_a_digest(bench, chat, room, parts, last):
    match = compile_selector('rule == "points"', LANGUAGE)
    idle = [Silence(number, match, T0 - 480 * HOUR, T0 + 99 * HOUR, "lin", "a launch") for number in range(10)]
    bench.deliverer.adopt({"chat": chat}, Scribe({}, {}, forgotten=lambda _channel, _at: idle))
    chat.room = room
    for number in range(60):
        bench.move(f"n{number:02}", 2, T0, due=T0 + HOUR, bundle="digest daily")
    await bench.at(T0 + HOUR, steps=1)
    assert len(chat.got) == parts
    assert max(len(message.body) for _, message, _ in chat.got) <= room
    assert last in chat.got[-1][1].body.splitlines()[-1]


async def test_what_cannot_be_put_into_words_is_told_in_bare_ones_and_keeps_nobody_waiting(bench, chat):
    def forgotten(_channel, _at):
        raise KeyError("a fault of ours")

    bench.deliverer.adopt({"chat": chat}, Scribe({}, {}, forgotten=forgotten))
    for name in "ab":
        bench.move(name, 3, T0, due=T0 + HOUR, bundle="digest daily")
    bench.move("even", 2, T0 + HOUR)
    await bench.at(T0 + HOUR)
    [bare, even] = sorted((message for _, message, _ in chat.got), key=lambda each: "even" in each.title)
    assert bare.body.splitlines()[:2] == ["fired critical: r:"] * 2
    assert "its log has it" in bare.body
    assert even.title == "▲ HIGH: even"
    assert bench.store.counts().outbox_waiting == 0


# --- what goes together --------------------------------------------------------------------------------------------


async def test_what_was_held_over_night_is_one_message_with_what_became_of_it(bench, chat):
    end = T0 + 8 * HOUR
    held = {"due": end, "bundle": "quiet nights"}
    for name, levels in {"a": (2,), "b": (1, 3), "c": (2, 0), "d": (2,)}.items():
        for minute, level in enumerate(levels):
            bench.move(name, level, T0 + minute * MINUTE, **held)
    assert await bench.at(end - SECOND) == 0
    await bench.at(end)
    [(_, message, _)] = chat.got
    assert message.title == "Held during nights: 3 still on, 1 came and went"
    assert message.body.splitlines() == [
        "Still on",
        "  CRITICAL: b, none → critical, since 2026-01-01 00:00 UTC",
        "  HIGH: a, none → high, since 2026-01-01 00:00 UTC",
        "  HIGH: d, none → high, since 2026-01-01 00:00 UTC",
        "Came and went",
        "  HIGH: c, since 2026-01-01 00:00 UTC",
    ]
    assert [row.standing for row in bench.store.delivered(T0, "", False, 100)] == [Status.SENT] * 6


async def test_one_letter_that_was_held_says_until_when_and_why(bench, chat):
    bench.move("a", 2, T0, due=T0 + 8 * HOUR, bundle="quiet nights")
    await bench.at(T0 + 8 * HOUR)
    assert chat.titles == ["▲ HIGH: a (held until 08:00: nights)"]


async def test_what_may_not_wait_takes_along_what_was_held_of_the_same_thing_alone(bench, chat):
    for name in "ab":
        bench.move(name, 2, T0, due=T0 + 8 * HOUR, bundle="quiet nights")
    bench.move("a", 3, T0 + HOUR)
    await bench.at(T0 + HOUR)
    assert chat.titles == ["▲ CRITICAL: a"]
    assert "Level: none → critical" in chat.got[0][1].body
    await bench.at(T0 + 8 * HOUR)
    assert chat.titles[1:] == ["▲ HIGH: b (held until 08:00: nights)"]


async def test_what_came_and_went_before_it_could_be_told_is_told_as_that(bench, chat):
    chat.fail()
    bench.move("a", 2, T0)
    await bench.at(T0)
    bench.move("a", 0, T0 + SECOND)
    chat.work()
    await bench.at(T0 + MINUTE)
    assert chat.titles == ["✔ Came and went: HIGH: a"]
