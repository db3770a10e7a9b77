"""From what the file says of channels to what is agreed with each: how fast it is sent messages, and who stands in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daemon.blame import Blame
from daemon.config_models import ChannelModel, Readers
from daemon.patience import Rate, Terms
from rules.spelling import did_you_mean, quoted

__all__ = ["Terms", "terms"]


def terms(ways: Mapping[str, ChannelModel], known: Collection[str], blame: Blame) -> Mapping[str, Terms]:
    """The terms of each channel; ``known`` are the names of all, also of those that could not be read."""
    for name, model in ways.items():
        fault = _fault(name, model.fallback, ways, known) if model.fallback else ""
        if fault:
            blame.add(("channels", name, "fallback"), fault)
    return {name: Terms(Rate.read(model.rate), model.fallback) for name, model in ways.items()}


def _fault(name: str, fallback: str, ways: Mapping[str, ChannelModel], known: Collection[str]) -> str:
    if fallback not in known:
        return f"unknown channel{quoted(fallback)}{did_you_mean(fallback, frozenset(known))}"
    chain = [name]
    while chain[-1] in ways and ways[chain[-1]].fallback:
        chain.append(ways[chain[-1]].fallback)
        if chain[-1] == name:
            return f"channels that stand in for each other in a circle: {' -> '.join(chain)}"
        if chain[-1] in chain[:-1]:
            break
    both = ways[name], ways.get(fallback)
    if both[0].audience is Readers.STAFF and both[1] is not None and both[1].audience is Readers.CLIENTS:
        return f"{fallback} is for clients: what {name} is told is not for them"
    return ""
