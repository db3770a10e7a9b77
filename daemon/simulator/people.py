"""Who is who: an account's uid, its handle, its sec_uid, and the name that its cookie logs in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

_SEALED = "MS4wLjABAAAA"  # how every sec_uid begins
_NAMELESS = "creator."
_SPELLED = 25


@dataclass(frozen=True, slots=True)
class Person:
    """The three names of one account, each found from each other."""

    uid: str
    handle: str
    sec_uid: str


class People:
    """An account's identity is its uid, or its handle where only that was ever given.

    ``handles`` maps any other name of an account (handle, sec_uid, the name its cookie logs in) to its identity; the
    first that is no sec_uid is the handle of a uid. Whoever is not in it has names that are derived from one another.
    """

    def __init__(self, handles: Mapping[str, str]) -> None:
        self._identity = dict(handles)
        self._given: dict[str, tuple[str, ...]] = {}
        for name, identity in handles.items():
            self._given[identity] = (*self._given.get(identity, ()), name)

    def identify(self, name: str) -> str:
        """The identity behind any name of an account."""
        known = self._identity.get(name, name)
        for prefix in (_SEALED, _NAMELESS):
            if known.startswith(prefix) and known.removeprefix(prefix).isdecimal():
                known = known.removeprefix(prefix)
        return _unspell(known)

    def describe(self, identity: str) -> Person:
        """The names of an account."""
        given = self._given.get(identity, ())
        handle = next((name for name in given if not name.startswith(_SEALED)), "")
        sec_uid = next((name for name in given if name.startswith(_SEALED)), "")
        if identity.isdecimal():
            return Person(identity, handle or _NAMELESS + identity, sec_uid or _SEALED + identity)
        if identity.startswith(_SEALED):
            uid = str(7 * 10**18 + int.from_bytes(hashlib.sha256(identity.encode()).digest()[:7]))
            return Person(uid, handle or _NAMELESS + uid, identity)
        uid = _spell(identity)
        return Person(uid, identity, sec_uid or _SEALED + uid)

    def names(self, name: str) -> tuple[str, ...]:
        """Every name of the account that has this one, this one first."""
        identity = self.identify(name)
        person = self.describe(identity)
        return (name, identity, *self._given.get(identity, ()), person.uid, person.handle, person.sec_uid)


def _spell(handle: str) -> str:
    """A uid that holds a handle in digits; it is longer than any real one."""
    return f"9{int.from_bytes(handle.encode()):0{_SPELLED - 1}}"


def _unspell(name: str) -> str:
    """The handle in such a uid; any other name as it is."""
    if not (name.isdecimal() and len(name) >= _SPELLED and name.startswith("9")):
        return name
    code = int(name[1:])
    return code.to_bytes((code.bit_length() + 7) // 8).decode("utf-8", "replace") or name
