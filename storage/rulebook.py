"""Since when the rules of the book have been in force, by their names; what they judged was seen since then."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, select, update

from storage import codec
from storage.database import among, write
from storage.tables import rules


def begun(connection: Connection) -> Mapping[str, datetime]:
    """Since when the rules are in force that are."""
    return {row.name: codec.from_ms(row.begun_ms) for row in connection.execute(select(rules))}


def begin(connection: Connection, names: Collection[str], at_ms: int) -> None:
    """Make these the rules in force. One that left begins anew."""
    connection.execute(delete(rules).where(rules.c.name.not_in(among(names))))
    before = begun(connection)
    write(connection, insert(rules), [{"name": name, "begun_ms": at_ms} for name in names if name not in before])


def antedate(connection: Connection, begun: Mapping[str, datetime]) -> None:
    """Let rules have been in force since then, if that is earlier than what is written."""
    rows = [{"named": name, "earlier_ms": codec.to_ms(at)} for name, at in begun.items()]
    write(connection, _ANTEDATE, rows)


_EARLIER: BindParameter[int] = bindparam("earlier_ms")
_IS_LATER = rules.c.begun_ms > _EARLIER
_ANTEDATE = update(rules).where(rules.c.name == bindparam("named"), _IS_LATER).values(begun_ms=_EARLIER)
