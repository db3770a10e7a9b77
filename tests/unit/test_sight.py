"""Whether a video is there: what proves that it is gone, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.providers import ENDPOINTS
from daemon.providers.answer import Found, Reason, Videos
from daemon.sight import Proof, Sight, Visibility, judge_list, proof_of, step

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NEW = Sight(Visibility.PUBLIC, 0, T0)
SEEN, PRIVATE, MISSING = Proof.SEEN, Proof.PRIVATE, Proof.MISSING


def states(*proofs: Proof) -> list[str]:
    sight, found = NEW, []
    for hours, proof in enumerate(proofs, 1):
        sight = step(sight, proof, T0 + hours * HOUR)
        found.append(sight.state.value)
    return found


@pytest.mark.parametrize(
    ("proofs", "found"),
    [
        ([MISSING, MISSING], ["public", "removed"]),
        ([PRIVATE, PRIVATE], ["public", "private"]),
        ([MISSING, SEEN, MISSING], ["public", "public", "public"]),
        ([MISSING, SEEN, MISSING, MISSING], ["public", "public", "public", "removed"]),
        ([MISSING, PRIVATE], ["public", "private"]),
        ([PRIVATE, MISSING], ["public", "removed"]),
        ([MISSING, MISSING, SEEN, SEEN], ["public", "removed", "restored", "public"]),
        ([PRIVATE, PRIVATE, SEEN, MISSING, MISSING], ["public", "private", "restored", "restored", "removed"]),
        ([PRIVATE, PRIVATE, MISSING, MISSING], ["public", "private", "private", "private"]),
        ([MISSING, MISSING, PRIVATE], ["public", "removed", "private"]),
    ],
)
def test_worked_examples(proofs, found):
    assert states(*proofs) == found


def test_a_state_has_begun_with_the_proof_that_settled_it():
    assert step(step(NEW, MISSING, T0 + HOUR), MISSING, T0 + DAY).since == T0 + DAY
    assert step(NEW, MISSING, T0 + HOUR).since == T0


@pytest.mark.parametrize("proof", [SEEN, MISSING, PRIVATE])
def test_a_proof_of_what_is_known_is_no_news(proof):
    sight = NEW
    for hours in range(3):
        sight = step(sight, proof, T0 + hours * HOUR)
    assert step(sight, proof, T0 + DAY) is sight


@given(st.lists(st.sampled_from(Proof), max_size=30))
def test_a_video_is_gone_exactly_when_it_was_missed_twice_since_it_was_last_seen(proofs):
    sight, missed = NEW, 0
    for proof in proofs:
        sight, missed = step(sight, proof, T0), 0 if proof is SEEN else missed + 1
        assert sight.gone == (missed >= 2)
        assert sight.proofs == (1 if missed == 1 else 0)


LIVE, LAGGING = ENDPOINTS["detect_fake_views"], ENDPOINTS["video_detail_analytics"]


@pytest.mark.parametrize(
    ("endpoint", "reason", "proof"),
    [
        (LIVE, None, SEEN),
        (LIVE, Reason.NOT_FOUND, MISSING),
        (LIVE, Reason.EMPTY, None),
        (LIVE, Reason.TIMEOUT, None),
        (LAGGING, Reason.EMPTY, None),
        (LAGGING, Reason.NOT_FOUND, None),
        (LAGGING, None, None),
    ],
)
def test_a_poll_proves_something_only_where_the_source_is_up_to_date(endpoint, reason, proof):
    assert proof_of(endpoint, reason) is proof


def listed(*ids: str, since: datetime | None = T0 - 30 * DAY) -> Videos:
    return Videos(tuple(Found(video_id) for video_id in ids), since)


def test_a_video_is_missing_only_from_the_complete_part_of_a_list():
    known = {
        "there": T0 - DAY,
        "hidden": None,
        "lost": T0 - DAY,
        "too old": T0 - 40 * DAY,
        "at the edge": T0 - 30 * DAY + HOUR / 2,
        "unknown age": None,
        "too new": T0 - HOUR / 2,
    }
    seen, missing = judge_list(known, listed("there", "hidden", "a stranger"), T0)
    assert seen == {"there", "hidden"}
    assert missing == {"lost"}


def test_a_list_that_did_not_end_or_that_lags_proves_nothing_either_way():
    seen, missing = judge_list({"a": T0 - DAY, "b": T0 - DAY}, listed("a", since=None), T0)
    assert (seen, missing) == (frozenset(), frozenset())


video_ids = st.sampled_from("abcdefgh")
ages = st.none() | st.integers(0, 60 * 24).map(lambda hours: T0 - hours * HOUR)


@given(st.dictionaries(video_ids, ages), st.sets(video_ids), st.none() | st.integers(0, 60))
def test_no_video_is_both_seen_and_missing_and_none_that_was_listed_is_missing(known, found, days):
    since = None if days is None else T0 - days * DAY
    seen, missing = judge_list(known, listed(*found, since=since), T0)
    assert seen == (frozenset() if since is None else found & known.keys())
    assert not missing & found
    assert missing <= known.keys()
