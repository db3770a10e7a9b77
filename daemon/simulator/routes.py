"""The documented routes that the simulator answers, and how a call of each must look."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from daemon.simulator.bodies import Body
from daemon.simulator.query import Query
from daemon.simulator.speech import KeyApi, Parameters, Refusal, Speech, TikHub
from daemon.simulator.world import name_account

BATCH = 10
"""Videos that one call of KeyAPI may name."""

BASE_USD = Decimal("0.001")
"""The price of one call of most routes; only HTTP 200 is billed."""

Answer = Callable[[Query], object]

Problem = tuple[int, Body]
"""Status and body of the refusal of a malformed call."""

_VIDEO_NAMES = frozenset({"item_id", "item_ids", "ids", "video_ids"})
_TIKHUB = TikHub()


@dataclass(frozen=True, slots=True)
class Route:
    """One documented route.

    ``named`` are the parameters that may say whom the call is about, the strongest first; without any it is about
    whoever the ``cookie`` logs in, or about nobody. ``shapes`` are patterns of other parameters; one without a default
    is required. ``main`` is the key of the answer's main number, which some faults spoil. ``header`` makes it a sheet.
    """

    method: str
    path: str
    answer: Answer
    named: tuple[str, ...] = ()
    cookie: bool = False
    shapes: Mapping[str, str] = field(default_factory=dict)
    defaults: Parameters = field(default_factory=dict)
    main: str = ""
    cost_usd: Decimal = BASE_USD
    name: str = ""
    speech: Speech = _TIKHUB
    header: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """What a fault of this route can be given to: the endpoint's own name, and the end of its path."""
        tail = self.path.rpartition("/")[2]
        return self.name or tail, tail

    @property
    def is_about_videos(self) -> bool:
        """Whether it is asked about videos, and not about accounts."""
        return not _VIDEO_NAMES.isdisjoint(self.named)

    def namer(self, params: Parameters) -> str:
        """The parameter that says whom this call is about."""
        return next((name for name in self.named if params.get(name)), self.named[0] if self.named else "cookie")

    def account(self, params: Parameters) -> str:
        """Whom the cookie logs in; "" without one."""
        cookie = params.get("cookie", "") if self.cookie else ""
        return name_account(cookie) if cookie else ""

    def identities(self, params: Parameters) -> list[str]:
        """Whom the call is about; empty if it does not say."""
        if not self.named:
            return [self.account(params)] if self.account(params) else []
        named = params.get(self.namer(params), "")
        return [name for one in named.strip("[]").split(",") if (name := one.strip(" '\""))]

    def refuse(self, refusal: Refusal, params: Parameters, at: datetime) -> Problem:
        """A refusal in the provider's words."""
        return refusal.status, self.speech.refuse(refusal, self.path, params, at)

    def check(self, params: Parameters, at: datetime) -> Problem | None:
        """What is wrong with the parameters: KeyAPI says it with HTTP 400, TikHub with 422."""
        if isinstance(self.speech, KeyApi):
            return self._check_batch(params, at)
        required = (("cookie",) if self.cookie else ()) + self.named[:1]
        missing = next((name for name in required if not params.get(name)), "")
        if missing and not (missing in self.named and self.identities(params)):
            return self._invalid(missing, "Field required", "missing")
        for name, pattern in self.shapes.items():
            if name not in params:
                return self._invalid(name, "Field required", "missing")
            if not re.fullmatch(pattern, params[name]):
                return self._invalid(name, f"String should match pattern '{pattern}'", "string_pattern_mismatch")
        return None

    def _check_batch(self, params: Parameters, at: datetime) -> Problem | None:
        count, name = len(self.identities(params)), self.named[0]
        words = f"At most {BATCH} {name}" if count else f"Missing required parameter: {name}"
        return None if 1 <= count <= BATCH else self.refuse(Refusal(400, words, words, words), params, at)

    def _invalid(self, parameter: str, message: str, kind: str) -> Problem:
        place = "body" if self.method == "POST" else "query"
        return 422, {"detail": [{"loc": [place, parameter], "msg": message, "type": kind}]}
