"""Whose refusal a 401 is: of the API key, or of the cookie that was sent with it. The answer is the same.

A call without a cookie has but the key to be refused, and ``get_user_info`` is one. So the first 401 to a cookie is
the cookie's, and the key's own answer is waited for before another is believed.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from daemon.policy import POLICY
from daemon.providers.answer import Blames, Failure, Reason
from daemon.providers.endpoint import Endpoint, Provider

WORD = "get_user_info"
"""The endpoint by which a provider says of the key itself whether it accepts it."""

_NOBODY = ""  # whose cookie was sent with a call that proves that it is the key
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_ACCEPTED = {None, Reason.SCOPE, Reason.BALANCE} | {
    reason for reason, policy in POLICY.items() if policy.blames is Blames.TARGET
}
_OF_COOKIE = Failure(Reason.COOKIE, "401, and the key is accepted elsewhere: the cookie has probably expired")
_OF_KEY = Failure(Reason.AUTH, "401 to more than one: the provider does not accept the API key")
_OPEN = Failure(Reason.SERVER, f"401, and not only here: {WORD} will tell whether it is the key or the cookies")


class Keys:
    """Remembers who was refused with 401 since the provider accepted the key last."""

    def __init__(self) -> None:
        self._accepted: defaultdict[Provider, datetime] = defaultdict(lambda: _BEGINNING)
        self._refused: defaultdict[Provider, dict[str, datetime]] = defaultdict(dict)

    def note(self, endpoint: Endpoint, reason: Reason | None, at: datetime) -> None:
        """Take in how a call that was made at ``at`` ended (None: with numbers), and that AUTH is the key's own.

        What costs nothing may be answered to everybody, so it proves nothing for a key.
        """
        if reason is Reason.AUTH:
            self._refused[endpoint.provider][_NOBODY] = at
        elif reason in _ACCEPTED and endpoint.cost_usd:
            self._accepted[endpoint.provider] = max(at, self._accepted[endpoint.provider])

    def blame(self, provider: Provider, account: str, at: datetime, *, has_word: bool) -> Failure:
        """What a 401 to a call with the account's cookie comes to; ``has_word`` says that ``WORD`` is asked, too."""
        before = self._open(provider)
        self._refused[provider][account] = at
        if _NOBODY in before or (not has_word and before - {account}):
            return _OF_KEY
        return _OPEN if has_word and before else _OF_COOKIE

    def doubting(self, account: str) -> list[Provider]:
        """The providers of which nothing tells yet whether the account's last 401 was the key's."""
        return [provider for provider in self._refused if account in self._open(provider)]

    def _open(self, provider: Provider) -> set[str]:
        return {who for who, at in self._refused[provider].items() if at > self._accepted[provider]}
