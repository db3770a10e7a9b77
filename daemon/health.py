"""Who can be seen at all: what the ends of polls say of providers, endpoints, accounts and videos."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

from daemon.kept import keep
from daemon.policy import POLICY
from daemon.providers.answer import Blames, Reason
from daemon.providers.endpoint import Endpoint, Need, Provider
from daemon.recent import Recent, Watch
from daemon.watchlist import provider_key
from rules.values import NO_LABELS, Labels, Record, Subject, Window

REFUSALS = frozenset({Reason.AUTH, Reason.BALANCE})
"""What the provider answers to whoever it serves no more, whatever is asked."""

PATIENCE = 5
"""Failures in a row after which a target is blind, although others are answered: the provider is not to blame then."""

PATIENCE_FOR_ABSENCE = 8
"""The same for rows that a provider may not have collected yet."""


class Look(NamedTuple):
    """How a poll ended: ``reason`` is None if it brought numbers, ``detail`` says why not in words.

    What was not ``sent``, because it is known that it would be in vain, shows nobody: it says why, and no more.
    """

    schedule_id: int
    at_s: float
    reason: Reason | None
    detail: str = ""
    sent: bool = True


@dataclass(slots=True)
class _Sight:
    """Of one line: whose fault it is that the target was not seen at the last look that says something of it.

    None if it was seen, or was not looked at yet (then ``looked`` is False).
    """

    failures: int = 0
    looked: bool = False
    blamed: Blames | None = None


class Health:
    """Writes the states of providers, accounts and videos into the windows of ``recent``."""

    def __init__(self, recent: Recent, fails: Callable[[str, str], bool] = lambda _target, _endpoint: False) -> None:
        """``fails`` says of a target and an endpoint whether so many fail together that it is not this one's fault."""
        self._recent, self._fails = recent, fails
        self._sights: dict[int, _Sight] = {}
        self._of_target: dict[str, dict[int, _Sight]] = {}
        self._asked: dict[Provider, set[str]] = {provider: set() for provider in Provider}
        self._unanswered: dict[Provider, set[str]] = {provider: set() for provider in Provider}
        self._failures: dict[str, dict[str, Record]] = {}

    def keep(self, undo: ExitStack) -> None:
        """Let ``undo`` make it follow the lines that it follows now. Polls must not be noted meanwhile."""
        keep(undo, self, "_sights", "_of_target", "_asked")
        self._of_target = {target: dict(sights) for target, sights in self._of_target.items()}
        self._asked = {provider: set(endpoints) for provider, endpoints in self._asked.items()}

    def watch(self, schedule_id: int, failures: int = 0) -> None:
        """Begin to follow a line of the plan that ``recent`` watches."""
        watch = self._recent.watches[schedule_id]
        sight = self._sights[schedule_id] = _Sight(failures)
        self._of_target.setdefault(watch.target, {})[schedule_id] = sight
        self._asked[watch.endpoint.provider].add(watch.endpoint.name)

    def unwatch(self, schedule_id: int, target: str) -> None:
        """Forget a line that has left the plan."""
        self._sights.pop(schedule_id, None)
        self._of_target.get(target, {}).pop(schedule_id, None)

    def forget_others(self, targets: Container[str]) -> None:
        """Forget what is known of others than these."""
        self._of_target = {key: sights for key, sights in self._of_target.items() if key in targets}
        self._failures = {key: failures for key, failures in self._failures.items() if key in targets}

    def failures(self, target: str) -> list[Record]:
        """Why the target, or the provider, is not seen: a record for each endpoint that failed last."""
        return list(self._failures.get(target, {}).values())

    def note(self, looks: Sequence[Look]) -> set[str]:
        """Take in how the polls of a group ended; the targets of which something new can be said."""
        touched: set[str] = set()
        answers: dict[Provider, dict[str, Look]] = {}
        for look in looks:
            watch = self._recent.watches[look.schedule_id]
            self._remember_failure(watch.target, watch.endpoint.name, look)
        sent = [look for look in looks if look.sent]
        for look in sent:
            endpoint = self._recent.watches[look.schedule_id].endpoint
            own = answers.setdefault(endpoint.provider, {})
            if endpoint.name not in own or not _blames(look.reason, Blames.PROVIDER):
                own[endpoint.name] = look
        for provider, own in answers.items():
            touched |= self._note_provider(provider, own)
        for look in sent:
            touched |= self._note_target(look)
        return touched

    # --- accounts and videos ----------------------------------------------------------------------------------

    def _note_target(self, look: Look) -> set[str]:
        watch, sight = self._recent.watches[look.schedule_id], self._sights[look.schedule_id]
        answered = look.reason is None or _blames(look.reason, Blames.COOKIE)
        sight.failures = 0 if answered else sight.failures + 1
        if watch.endpoint.subject is Subject.PROVIDER:
            return set()
        blamed = None
        if look.reason is not None:
            blamed = self._blamed(watch, sight, look.reason)
            if blamed is None or blamed is Blames.PROVIDER:
                return set()
        sight.looked, sight.blamed = True, blamed
        found = {each.blamed for each in self._of_target[watch.target].values() if each.looked}
        seen = "visible" if watch.endpoint.subject is Subject.ACCOUNT else "video_visible"
        fine, mine = Blames.TARGET not in found, blamed is Blames.TARGET
        return {watch.target} if self._state(watch.target, seen, NO_LABELS, look.at_s, fine, mine) else set()

    def _blamed(self, watch: Watch, sight: _Sight, reason: Reason) -> Blames | None:
        """Who is to blame for a failure; None if it says nothing of anybody yet.

        Whether a video is gone is proven elsewhere (``daemon.sight``).
        """
        endpoint = watch.endpoint
        proven_elsewhere = reason is Reason.NOT_FOUND and endpoint.subject is Subject.VIDEO
        if proven_elsewhere or self._fails(watch.target, endpoint.name):
            return None
        if reason is Reason.EMPTY and (not endpoint.tells_absence or Need.COOKIE in endpoint.needs):
            seen = Need.COOKIE in endpoint.needs and self._is_seen(watch.target, sight)
            return Blames.TARGET if sight.failures >= PATIENCE_FOR_ABSENCE and not seen else None
        blamed = POLICY[reason].blames
        alone = reason not in REFUSALS and sight.failures >= PATIENCE
        if blamed is Blames.PROVIDER and alone and self._answers_others(endpoint):
            return Blames.TARGET
        return blamed

    def _is_seen(self, target: str, beside: _Sight) -> bool:
        """Whether a target is seen by another line: then one that needs its cookie may just have nothing to tell."""
        others = (sight for sight in self._of_target[target].values() if sight is not beside)
        return any(sight.looked and sight.blamed is None for sight in others)

    def _answers_others(self, endpoint: Endpoint) -> bool:
        view = self._recent.view(provider_key(endpoint.provider))
        up = view.get("endpoint_up", {}).get((("endpoint", endpoint.name),))
        return up is not None and up.values[-1] == 1.0

    # --- providers --------------------------------------------------------------------------------------------

    def _note_provider(self, provider: Provider, answers: Mapping[str, Look]) -> set[str]:
        target = provider_key(provider)
        refusal = next((look for look in answers.values() if look.reason in REFUSALS), None)
        if refusal is not None:
            # One cause, one message: what a person has to mend is not told as an outage besides.
            self._remember_failure(target, "key", refusal)
            return {target} if self._state(target, "key_accepted", NO_LABELS, refusal.at_s, fine=False) else set()
        changed = self._note_key(target, answers.values())
        for name, look in answers.items():
            # What is asked of the provider about itself has nobody else to blame.
            own = self._recent.watches[look.schedule_id].endpoint.subject is Subject.PROVIDER
            fine = look.reason is None or not (own or _blames(look.reason, Blames.PROVIDER))
            changed |= self._state(target, "endpoint_up", (("endpoint", name),), look.at_s, fine)
            self._remember_failure(target, name, look._replace(reason=None if fine else look.reason))
        newest_s = max(look.at_s for look in answers.values())
        unanswered = self._unanswered[provider]
        if any(not _blames(look.reason, Blames.PROVIDER) for look in answers.values()):
            unanswered.clear()
            back = self._state(target, "provider_up", NO_LABELS, newest_s, fine=True)
            if back:
                self._doubt(target, newest_s, answers.keys())
            return {target} if changed or back else set()
        unanswered.update(answers)
        if len(unanswered) >= min(2, len(self._asked[provider])):
            changed |= self._state(target, "provider_up", NO_LABELS, newest_s, fine=False)
        return {target} if changed else set()

    def _note_key(self, target: str, answers: Iterable[Look]) -> bool:
        """A key is accepted by answers about targets: not by failures of the provider, nor by what is free for all."""
        accepted = [
            look.at_s
            for look in answers
            if not _blames(look.reason, Blames.PROVIDER) and self._recent.watches[look.schedule_id].endpoint.cost_usd
        ]
        if not accepted:
            return False
        self._failures.setdefault(target, {}).pop("key", None)
        return self._state(target, "key_accepted", NO_LABELS, max(accepted), fine=True)

    def _doubt(self, target: str, at_s: float, asked: Collection[str]) -> None:
        """A provider is back: of the endpoints that failed and were not asked again yet, nothing is known."""
        for ((_, name),), window in self._recent.view(target)["endpoint_up"].items():
            if name not in asked and window.values[-1] == 0.0:
                window.add(at_s, math.nan)

    def _state(self, target: str, metric: str, labels: Labels, at_s: float, fine: bool, mine: bool = True) -> bool:
        """Note a 0/1 state; whether that is news: a change, or one more failure that is this look's own (``mine``)."""
        window = self._recent.view(target).setdefault(metric, {}).setdefault(labels, Window())
        if window.times_s and window.values[-1] == float(fine) and (fine or not mine):
            return False
        self._recent.repeat(window, at_s, float(fine))
        return True

    def _remember_failure(self, target: str, endpoint: str, look: Look) -> None:
        failures = self._failures.setdefault(target, {})
        failures.pop(endpoint, None)
        if look.reason is not None:
            words = {"endpoint": endpoint, "reason": look.reason.value, "detail": look.detail}
            failures[endpoint] = Record("failure", endpoint, words)


def _blames(reason: Reason | None, whom: Blames) -> bool:
    return reason is not None and POLICY[reason].blames is whom
