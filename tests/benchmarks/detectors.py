"""``python -m tests.benchmarks.detectors [NAB folder] [--quick]``: how well the detectors detect, and what they cost.

The folder may also be named by ``NAB_REALTWEETS``; without it ``../shared/data/nab-realtweets`` is tried.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from pathlib import Path

from tests.benchmarks import detectors_bought as bought
from tests.benchmarks import detectors_nab as nab
from tests.benchmarks import detectors_speed as speed
from tests.benchmarks.detectors_polls import HOUR_S, Tally
from tests.benchmarks.measure import render

ROOT = Path(__file__).parents[2]
AIM_F1, AIM_FALSE = 0.65, 5.0
CREATORS, VIDEOS, QUICK = 20, 60, 4


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    quick = "--quick" in arguments
    named = [each for each in arguments if not each.startswith("--")]
    folder = Path(named[0] if named else os.environ.get("NAB_REALTWEETS", ROOT.parent / "shared/data/nab-realtweets"))
    on_nab(folder)
    _creators(QUICK if quick else CREATORS)
    _videos(QUICK if quick else VIDEOS)
    _say("## (c) cost\n", render(speed.figures()), "", render(speed.libraries()))


def on_nab(folder: Path) -> None:
    """Part (a), or why it is left out."""
    if not (folder / "windows.json").is_file():
        _say(f"## (a) is left out: no windows.json in {folder.name}; name the folder or set NAB_REALTWEETS\n")
        return
    every = nab.read(folder)
    _say(f"## (a) NAB realTweets: {len(every)} series as counters, {len(nab.SEEDS)} seeds of polls each\n")
    asks = {
        "spike(total, 14d)": (nab.asked_spike, nab.THRESHOLDS, nab.DEFAULT),
        "the same, of any size": (nab.asked_spike_of_any_size, nab.THRESHOLDS, nab.DEFAULT),
        "surprise(total, 14d)": (nab.asked_surprise, (2.0, 3.0, 4.0, 5.0, 6.0), 6.0),
    }
    rows, left_out, best = [], [], 0.0
    for words, (ask, thresholds, default) in asks.items():
        for interval_s in nab.INTERVALS_S:
            found = nab.tallies(every, interval_s, ask, thresholds)
            every_hour = f"{interval_s / HOUR_S:g} h"
            rows += [(words, every_hour, f"{least:g}", *_scores(_at(found, least))) for least in thresholds]
            left_out += [_left_out(words, every_hour, name, *each) for name, each in nab.left_out(found).items()]
            pooled = reduce(add, (each for _, each in nab.left_out(found).values()))
            left_out.append((words, every_hour, "all", "", *_scores(pooled)))
            if ask is nab.asked_spike and interval_s == HOUR_S:
                best = _at(found, default).f1
    _table(("detector", "polled", "least", *SCORES), rows)
    _say("Threshold chosen on the other files:\n")
    _table(("detector", "polled", "file", "least", *SCORES), left_out)
    _say("Published, to compare:\n")
    _table(("what", "F1", "ours / it", "how"), [(*_anchor(each, best),) for each in nab.ANCHORS])
    _say(f"Aim: F1 of spike >= {nab.DEFAULT:g}, hourly, at least {AIM_F1}: {best:.2f}, {_met(best >= AIM_F1)}\n")


def _at(found: nab.Tallies, least: float) -> Tally:
    return nab.total(each[least] for each in found.values())


SCORES = ("recall", "precision", "F1", "false a series-day", "delay h")


def _scores(each: Tally) -> tuple[str, ...]:
    delay = "" if math.isnan(each.delay_h) else f"{each.delay_h:.1f}"
    return f"{each.recall:.2f}", f"{each.precision:.2f}", f"{each.f1:.2f}", f"{each.false / each.days:.3f}", delay


def _left_out(words: str, every_hour: str, name: str, least: float, each: Tally) -> tuple[str, ...]:
    return words, every_hour, name, f"{least:g}", *_scores(each)


def _anchor(anchor: tuple[str, float, str], ours: float) -> tuple[str, ...]:
    what, f1, how = anchor
    return what, f"{f1:.2f}", f"{ours / f1:.2f}", how


def _creators(number: int) -> None:
    for interval_s in (HOUR_S, 3 * HOUR_S):
        found = bought.judged(number, interval_s)
        every = f"{interval_s / HOUR_S:g} h"
        _say(f"## (b) generated creators, {number} of each kind, 45 days each, polled every {every}\n")
        _say("found of all events + false alerts; none are to be found where nothing, or nothing wrong, happens")
        _say("noon step: 14 days of daily numbers are too few, so most rules know nothing of it\n")
        kinds = list(next(iter(found.values())))
        rows = [(words, *(_short(of[kind]) for kind in kinds), *_false(of.values())) for words, of in found.items()]
        _table(("rule", *kinds, "false / 1,000 creator-days", f"<= {AIM_FALSE:g}"), rows)
        steps = [_all(of[kind] for kind in ("bought step", "step and decay", "sawtooth")) for of in found.values()]
        _table(
            ("rule", "recall of steps", "delay h", "recall of drips", "delay h"),
            [
                (words, f"{step.recall:.2f}", f"{step.delay_h:.1f}", f"{of['drip'].recall:.2f}", _delay(of["drip"]))
                for (words, of), step in zip(found.items(), steps, strict=True)
            ],
        )


def _delay(each: Tally) -> str:
    return "" if math.isnan(each.delay_h) else f"{each.delay_h:.1f}"


def _videos(number: int) -> None:
    _say(f"## (b) generated videos, {number} of each kind, 30 days each: inflation(likes, views, 24h) >= 6\n")
    rows = [(kind, _short(each), *_false([each])) for kind, each in bought.judged_videos(number).items()]
    _table(("kind", "found + false", "false / 1,000 video-days", f"<= {AIM_FALSE:g}"), rows)


def _short(each: Tally) -> str:
    return f"{each.found}/{each.events} + {each.false}" if each.events else f"{each.false}"


def _false(every: Iterable[Tally]) -> tuple[str, str]:
    together = _all(every)
    rate = 1000 * together.false / together.days
    return f"{rate:.1f}", _met(rate <= AIM_FALSE)


def _all(every: Iterable[Tally]) -> Tally:
    return reduce(add, every)


def _met(met: bool) -> str:
    return "yes" if met else "NO"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    every = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    every.insert(1, tuple("-" * width for width in widths))
    _say(*("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in every), "")


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
