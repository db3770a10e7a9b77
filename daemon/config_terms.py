"""From what the file says of channels to what is agreed with each: how fast it is sent messages, and who stands in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from daemon.blame import Blame
from daemon.config_models import ChannelModel, Readers
from daemon.marked import Where
from daemon.patience import Rate, Terms
from rules.models import RuleModel
from rules.routes import OPERATORS_OWN
from rules.spelling import did_you_mean, quoted

__all__ = ["Terms", "clients_of", "keep_from_clients", "staff", "terms"]


def clients_of(ways: Mapping[str, ChannelModel]) -> frozenset[str]:
    """The channels that clients read."""
    return frozenset(name for name, model in ways.items() if model.audience is Readers.CLIENTS)


def staff(names: Collection[str], clients: Collection[str]) -> tuple[str, ...]:
    """The channels that are not for clients; all of them if all are."""
    return tuple(name for name in names if name not in clients) or tuple(names)


def keep_from_clients(
    operators: Sequence[str],
    rules: Iterable[tuple[Where, RuleModel]],
    ways: Mapping[str, ChannelModel],
    blame: Blame,
) -> None:
    """Blame who names a channel of clients for what is the operators' business: it would hear nothing of it."""
    clients = clients_of(ways)
    named: list[tuple[Where, str]] = [(("operators", position), name) for position, name in enumerate(operators)]
    for where, model in rules:
        if model.on in OPERATORS_OWN:
            named += [((*where, "to", position), name) for position, name in enumerate(model.to or ())]
    for where, name in named:
        if name in clients:
            blame.add(where, f"{name} is for clients, who hear nothing of cookies, providers and the daemon")


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
